"""The Program of a cell that was read: boundaries, outputs, assumptions, warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from derive.language import syntax as s
from derive.language.declarations import Supposed
from derive.language.directions import Course, courses
from derive.language.equations import STEP_LOSS, TOTAL, Equations
from derive.language.table import KIND_TEXT, Table
from derive.language.words import FUNCTION_NAMES
from derive.program import ONCE, Assumption, Builder, Program, Variable


def assemble(
    found: Equations, supposed: Sequence[Supposed], outputs: Sequence[s.Word], table: Table, builder: Builder
) -> Program | None:
    """The program; None where the report holds an error."""
    states = [name for name, entry in table.entries.items() if entry.kind == "state"]
    ways = courses(states, found.uses, table.report)
    listed = _listed(outputs, table)
    assumptions = [_assumption(one, ways, table) for one in supposed]
    if table.report.errors:
        return None
    assert len(found.written) == len(found.read) - (STEP_LOSS in found.read), "an equation got lost"
    _warn_of_unused(listed, ways, table)
    _add_boundaries(ways, table, builder)
    last = (STEP_LOSS, TOTAL)
    builder.equations = {n: e for n, e in found.read.items() if n not in last}
    builder.equations |= {n: found.read[n] for n in last if n in found.read}
    builder.variables = _sorted_variables(table, builder.variables)
    return builder.program(
        outputs=tuple(listed or _default_outputs(found, table)),
        total=TOTAL if TOTAL in found.read else "",
        assumptions=tuple(a for a in assumptions if a is not None),
    )


def _listed(outputs: Sequence[s.Word], table: Table) -> list[str]:
    """The names of the `output` statements, results and states only."""
    listed: list[str] = []
    for word in outputs:
        name, span = word.name, word.span
        if name in listed:
            table.report.error("E0402", span, f"'{name}' is an output already", "list it once")
        elif name in FUNCTION_NAMES and name not in table.entries:
            table.report.error("E0410", span, f"'{name}' is a function, not an output")
        elif (entry := table.get(name, span)) is not None and entry.kind not in ("state", "result"):
            message = f"'{name}' is {KIND_TEXT[entry.kind]}, not an output"
            help = "kernels return results and states; the loss is always returned"
            table.report.error("E0410", span, message, help)
        listed.append(name)
    return listed


def _default_outputs(found: Equations, table: Table) -> list[str]:
    """The results that no other equation uses, the loss aside; if there is none, the states."""
    used = {node.name for name, eq in found.written.items() if name != STEP_LOSS for node in s.names(eq.body)}
    results = [n for n, e in table.entries.items() if e.kind == "result"]
    return [n for n in results if n not in used] or [n for n, e in table.entries.items() if e.kind == "state"]


def _assumption(one: Supposed, ways: Mapping[str, Course], table: Table) -> Assumption | None:
    """An assumption as the program keeps it; a boundary value must be there."""
    lag = one.lag
    if lag is None:
        left = f"sum({one.name})" if one.measure == "sum" else one.name
        return Assumption(one.name, one.measure, one.relation, one.value, f"{left} {one.relation} {one.shown}")
    way = ways.get(one.name)
    if way is None:  # the state has errors of its own
        return None
    if table.entries[one.name].zero:
        message = f"'{one.name}' starts at 0 by its declaration"
        table.report.error("E0602", one.span, message, "leave the assumption out")
    elif way.backward != one.ahead or lag > max(1, way.lags):
        first = "T" if way.backward else "-1"
        message = f"'{one.name}' has no such initial value"
        help = f"it runs {'backward' if way.backward else 'forward'} in time: the nearest one is {one.name}[{first}]"
        table.report.error("E0602", one.span, message, help)
    index = f"T+{lag - 1}" if one.ahead and lag > 1 else "T" if one.ahead else f"-{lag}"
    return Assumption(one.name, one.measure, one.relation, one.value, f"{one.name}[{index}] == {one.shown}", lag)


def _add_boundaries(ways: Mapping[str, Course], table: Table, builder: Builder) -> None:
    """Direction and boundary values of the states: one for each lag, at least one."""
    for state, way in ways.items():
        v = builder.variables[state]
        boundary: tuple[str | None, ...] = (None,) * max(1, way.lags)
        if not table.entries[state].zero:
            boundary = tuple(builder.fresh(f"{state}_init{k}") for k in range(1, len(boundary) + 1))
            for name in boundary:
                builder.declare(Variable(str(name), "initial", v.shape, ONCE, of=state))
        builder.variables[state] = replace(v, initial=boundary, backward=way.backward)


def _sorted_variables(table: Table, variables: Mapping[str, Variable]) -> dict[str, Variable]:
    """As in the file; then the total and the boundary values."""
    order = [n for n in table.entries if n in variables]
    order += [n for n in variables if n not in table.entries]
    return {n: replace(variables[n], tex=table.entries[n].tex if n in table.entries else "") for n in order}


def _warn_of_unused(listed: Sequence[str], ways: Mapping[str, Course], table: Table) -> None:
    for name, entry in table.entries.items():
        if entry.kind == "state":
            if not ways[name].lags:
                message = f"the state '{name}' is never read at another step"
                table.report.warn("W0103", entry.span, message, "without its declaration it is a result")
        elif entry.kind != "loss" and name not in table.used and (entry.kind != "result" or listed):
            help = "delete it, or list it with 'output'" if entry.kind == "result" else "delete it"
            table.report.warn("W0101", entry.span, f"'{name}' is {KIND_TEXT[entry.kind]} that nothing uses", help)
