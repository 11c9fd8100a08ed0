"""Time: what an index means, and an order of evaluation within a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from derive.language import syntax as s
from derive.language.graph import components, cycle, topological
from derive.language.report import Report, Span
from derive.language.table import Table

DEEPEST_LAG = 8


@dataclass(frozen=True)
class Time:
    """t + offset, T + offset, or the number offset where the anchor is empty."""

    anchor: str
    offset: int

    def __str__(self) -> str:
        if not self.anchor:
            return str(self.offset)
        return self.anchor + (f"{self.offset:+d}" if self.offset else "")


def time_of(index: s.Node | None) -> Time | None:
    """The time in the brackets; t where there are none; None for anything that is no time."""
    match index:
        case None:
            return Time("t", 0)
        case s.Name(name="t" | "T" as anchor, index=None):
            return Time(anchor, 0)
        case s.Number(value=value) if value.is_Integer:
            return Time("", int(value))
        case s.Negative(arg=s.Number(value=value)) if value.is_Integer:
            return Time("", -int(value))
        case s.Sum(terms=((1, s.Name(name="t" | "T" as anchor, index=None)), (sign, s.Number(value=value)))):
            return Time(anchor, sign * int(value)) if value.is_Integer else None
    return None


@dataclass(frozen=True)
class Use:
    """One well-formed reference to a name with an equation, at t + offset."""

    name: str
    offset: int
    span: Span


Uses = Mapping[str, Sequence[Use]]  # by the name of the equation in which they stand


def uses_of(body: s.Node, table: Table) -> list[Use]:
    """The references of an expression to states and results, at times relative to t.

    A name on a line that could not be read counts as one: whatever hangs on it is not judged.
    """
    found = []
    for node in s.names(body):
        entry, time = table.entries.get(node.name), time_of(node.index)
        if entry is None and node.name in table.doubtful:
            found.append(Use(node.name, 0, node.span))
        if entry is None or entry.kind not in ("state", "result") or time is None:
            continue
        if time.anchor != "t":  # a single step, in the total loss: its equation comes first
            found.append(Use(node.name, 0, node.span))
            continue
        if abs(time.offset) > DEEPEST_LAG or (entry.kind == "state" and node.index is None):
            continue  # an error, reported where the expression is read
        if entry.kind == "state" or time.offset == 0:
            found.append(Use(node.name, time.offset, node.span))
    return found


def order(uses: Uses, report: Report) -> tuple[str, ...]:
    """Equations in an order in which they can be evaluated within a step, else as in the file.

    A cycle is reported; its names come in file order, so that the others can still be checked.
    """
    needs = {name: [u.name for u in found if u.offset == 0 and u.name in uses] for name, found in uses.items()}
    for component in components(needs):
        inside = set(component)
        if len(component) > 1 or component[0] in needs[component[0]]:
            _report_cycle(cycle(min(component, key=list(uses).index), needs, inside), uses, report)
            for name in component:
                needs[name] = [n for n in needs[name] if n not in inside]
    return topological(needs)


def _report_cycle(path: list[str], uses: Uses, report: Report) -> None:
    use = next(u for u in uses[path[0]] if u.name == path[1] and u.offset == 0)
    help = f"a value of the step before breaks the cycle: a state, read as {use.name}[t-1]"
    if len(path) == 2:
        message = f"'{path[0]}' needs its own value of the same step"
    else:
        shown = path if len(path) <= 9 else [*path[:4], "...", *path[-4:]]
        message = f"a cycle within one step: {' needs '.join(shown)}"
    report.error("E0504", use.span, message, help)
