"""The Program of a cell that was read: boundaries, outputs, assumptions, warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from derive.language import syntax as s
from derive.language.declarations import FORMS, Supposed
from derive.language.directions import Course, courses
from derive.language.equations import STEP_LOSS, TOTAL, Equations
from derive.language.report import one_of
from derive.language.table import KIND_TEXT, Table
from derive.language.words import FUNCTION_NAMES
from derive.program import ONCE, Assumption, Builder, Program, Variable


def assemble(
    found: Equations, supposed: Sequence[Supposed], outputs: Sequence[s.Word], table: Table, builder: Builder
) -> Program | None:
    """The program; None where the report holds an error."""
    states = [name for name, e in table.entries.items() if e.kind == "state"]
    ways = courses(states, found.uses, table.report)
    listed = _outputs(outputs, table)
    assumptions = [_assumption(one, ways, table) for one in supposed]
    if not found.written and not found.others and not table.doubtful and table.entries:
        any_span = next(iter(table.entries.values())).span
        help = "write what each state and result is at step t, as in h[t] = tanh(W @ h[t-1] + U @ x[t])"
        table.report.error("E0409", any_span, "the cell has no equation", help)
    if table.report.errors:
        return None
    _warn_of_unused(listed, bool(outputs), ways, table)
    _add_boundaries(ways, table, builder)
    _sort_variables(found, table, builder)
    return builder.program(
        outputs=tuple(listed) if outputs else _default_outputs(found, table),
        total=TOTAL if TOTAL in found.read else "",
        assumptions=tuple(a for a in assumptions if a is not None),
    ).__class__(**_fields(builder, found, outputs, listed, assumptions, table))
