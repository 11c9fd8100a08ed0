"""Directions in time: which states run backward, how far each is read back, what fits no order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from derive.language.graph import components
from derive.language.report import Report
from derive.language.timing import Time, Use, Uses


@dataclass(frozen=True)
class Course:
    """How a state runs, and how many boundary values are read."""

    backward: bool
    lags: int


def courses(states: Sequence[str], uses: Uses, report: Report) -> dict[str, Course]:
    """Direction and deepest lag of every state; report what cannot be computed in any order."""
    result: dict[str, Course] = {}
    for state in states:
        reads = [u for found in uses.values() for u in found if u.name == state]
        reached = _through_results(state, uses, set(states))
        if any(u.name not in uses for u in reached) or state not in uses:
            continue  # an equation is missing: that is reported, and nothing follows from it
        own = [u for u in reached if u.offset]
        backward = _direction(state, own, [u for u in reads if u.offset], report)
        if backward is None:
            continue
        for use in reads:
            if use.offset and (use.offset > 0) != backward:
                _report_wrong_way(use, backward, report)
        result[state] = Course(backward, max((abs(u.offset) for u in reads), default=0))
    _check_equations(uses, result, report)
    if not any(d.code.startswith("E05") for d in report.errors):
        _check_loops(uses, report)
    return result


def _through_results(state: str, uses: Uses, states: set[str]) -> list[Use]:
    """What the equation of a state reads of states, directly or through results."""
    found, seen, todo = [], {state}, [state]
    while todo:
        for use in uses.get(todo.pop(), ()):
            if use.name in states or use.name not in uses:
                found.append(use)
            elif use.name not in seen:
                seen.add(use.name)
                todo.append(use.name)
    return found


def _direction(state: str, own: list[Use], reads: list[Use], report: Report) -> bool | None:
    """Does the state run backward?  None where that was reported, at the read that is alone."""
    deciding = own or reads
    ahead = [u for u in deciding if u.offset > 0]
    if not ahead or len(ahead) == len(deciding):
        return bool(ahead)
    behind = [u for u in deciding if u.offset < 0]
    odd = ahead[0] if len(ahead) <= len(behind) else behind[0]
    what = f"the equation of '{state}' needs" if own else f"'{state}' is read at"
    message = f"{what} both the past, {_shown(behind[0])}, and the future, {_shown(ahead[0])}"
    mirrored = f"{odd.name}[{Time('t', -odd.offset)}]"
    help = f"write {mirrored}, or one state for each direction, and combine them in a result"
    report.error("E0503", odd.span, message, help)
    return None


def _shown(use: Use) -> str:
    return f"{use.name}[{Time('t', use.offset)}]"


def _report_wrong_way(use: Use, backward: bool, report: Report) -> None:
    if backward:
        message = f"'{use.name}' runs backward in time: its past, {_shown(use)}, is not there yet"
        help = f"write {use.name}[t] or {use.name}[t+1]"
    else:
        message = f"a look into the future: '{use.name}' runs forward in time, and {_shown(use)} is not there yet"
        help = f"write {use.name}[t] or {use.name}[t-1]; a state whose own equation reads it at [t+1] runs backward"
    report.error("E0502", use.span, message, help)


def _check_equations(uses: Uses, found_: Mapping[str, Course], report: Report) -> None:
    """No single equation may read both ways, the loss included."""
    for found in uses.values():
        offsets = [u for u in found if u.offset and u.name in found_ and (u.offset > 0) == found_[u.name].backward]
        ahead = [u for u in offsets if u.offset > 0]
        if ahead and len(ahead) < len(offsets):
            behind = next(u for u in offsets if u.offset < 0)
            message = f"one equation reads the past, {_shown(behind)}, and the future, {_shown(ahead[0])}"
            help = "give each a result of its own, and combine them at [t]"
            report.error("E0503", max(behind.span, ahead[0].span), message, help)


def _check_loops(uses: Uses, report: Report) -> None:
    """In a recurrence of several equations all distances in time must have one sign."""
    edges = {name: [u.name for u in found if u.name in uses] for name, found in uses.items()}
    for component in components(edges):
        inside = set(component)
        reads = [u for name in component for u in uses[name] if u.name in inside and u.offset]
        ahead = [u for u in reads if u.offset > 0]
        if ahead and len(ahead) < len(reads):
            behind = next(u for u in reads if u.offset < 0)
            message = f"one recurrence needs both the past, {_shown(behind)}, and the future, {_shown(ahead[0])}"
            help = f"it goes through {', '.join(sorted(inside))}: cut it"
            report.error("E0503", max(behind.span, ahead[0].span), message, help)
