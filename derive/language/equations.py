"""Equations: what each defines, in which order they are read, and the checks on their two sides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from sympy import MatrixExpr

from derive.algebra.nodes import SumOver
from derive.algebra.shapes import is_scalar, same, shape_text
from derive.language import syntax as s
from derive.language.declarations import tex_of
from derive.language.expressions import Translator
from derive.language.objective import TotalTranslator
from derive.language.report import Report
from derive.language.table import KIND_TEXT, Entry, Table
from derive.language.timing import Use, order, time_of, uses_of
from derive.language.values import as_array
from derive.program import SEQUENCE, SHARED, Builder, Variable

STEP_LOSS, TOTAL = "loss", "L"


@dataclass
class Equations:
    """The equations of a cell: as written by name, further ones of the same name, and as read."""

    written: dict[str, s.Equation] = field(default_factory=dict)
    others: list[s.Equation] = field(default_factory=list)
    read: dict[str, MatrixExpr] = field(default_factory=dict)
    uses: dict[str, list[Use]] = field(default_factory=dict)

    @property
    def total(self) -> bool:
        """Is the loss given as a total, `loss = …`?"""
        return STEP_LOSS in self.written and self.written[STEP_LOSS].index is None


def define(statements: Iterable[s.Statement], table: Table) -> Equations:
    """Enter the results; one equation for each state and result, and at most one loss."""
    found = Equations()
    for statement in statements:
        if isinstance(statement, s.Equation):
            if _defines(statement, found, table):
                found.written[statement.name.name] = statement
            else:
                found.others.append(statement)
    if table.heads <= table.entries.keys():  # else a line that could not be read may be the equation
        _check_states(found, table)
    return found


def _check_states(found: Equations, table: Table) -> None:
    for name, entry in table.entries.items():
        if entry.kind == "state" and name not in found.written and name not in table.doubtful:
            help = f"write {name}[t] = ..., with {name}[t-1] on the right side"
            if f"{name}_t" in found.written:
                help = f"a time index stands in brackets: {name}[t] = ..., not {name}_t = ..."
            table.report.error("E0409", entry.span, f"the state '{name}' has no equation", help)


def _defines(equation: s.Equation, found: Equations, table: Table) -> bool:
    name, span, report = equation.name.name, equation.name.span, table.report
    if name in found.written:
        line = found.written[name].span.line
        report.error("E0402", span, f"'{name}' has an equation already, on line {line}", "one equation for each name")
        return False
    entry = table.entries.get(name)
    if entry is None and name in table.doubtful:
        return False
    if entry is not None and entry.kind not in ("state", "result", "loss"):
        help = "an equation defines a state or a name that is not declared"
        report.error("E0408", span, f"'{name}' is {KIND_TEXT[entry.kind]} and cannot have an equation", help)
        return False
    if not _left_side_fits(equation, entry, report):
        table.doubtful.add(name)
        return False
    tex = tex_of(equation.tex, report)
    if entry is None:
        kind = "loss" if name == STEP_LOSS else "result"
        return table.add(Entry(name, kind, span, tex=tex))
    if tex and entry.tex and equation.tex:
        report.error("E0402", equation.tex.span, f"'{name}' has a TeX name already", "give it once")
    table.entries[name] = replace(entry, tex=entry.tex or tex)
    return True


def _left_side_fits(equation: s.Equation, entry: Entry | None, report: Report) -> bool:
    """Is the left side name[t], or the name alone where it is no state?"""
    name, index = equation.name.name, equation.index
    time = time_of(index)
    if index is not None and (time is None or time.anchor != "t" or time.offset):
        help = f"write {name}[t] = ... and shift the times on the right side"
        report.error("E0508", index.span, f"an equation says what '{name}' is at step t", help)
        return False
    if index is None and entry is not None and entry.kind == "state":
        span = equation.name.span
        report.error("E0505", span, f"the state '{name}' needs a time", f"write {name}[t] = ...")
    return True


def read_equations(found: Equations, table: Table, builder: Builder) -> None:
    """Read the right sides, results before what needs them, and fill `found.read` and `found.uses`."""
    for name, equation in found.written.items():
        found.uses[name] = uses_of(equation.body, table)
    plain, total = Translator(table, builder), TotalTranslator(table, builder)
    for name in order(found.uses, table.report):
        equation = found.written[name]
        if name == STEP_LOSS and found.total:
            value = total.total(equation.body)
            if value is not None:
                found.read[TOTAL] = value
        else:
            _read(name, equation, plain, found)
    for equation in found.others:
        plain.value(equation.body)
    if STEP_LOSS in found.read:
        found.read[TOTAL] = SumOver(builder.ref(STEP_LOSS), "tb")
    if TOTAL in found.read:
        one = found.read[TOTAL].shape
        builder.declare(Variable(TOTAL, "total", one, SHARED))


def _read(name: str, equation: s.Equation, translator: Translator, found: Equations) -> None:
    """Read one equation; a result gets its shape from it."""
    table, value = translator.table, translator.value(equation.body)
    if value is None:
        return
    body, entry = as_array(value), table.entries[name]
    span = equation.body.span
    if entry.kind == "loss" and not is_scalar(body.shape):
        help = "reduce it with sum, mean, dot or a loss function"
        table.report.error("E0307", span, f"the loss is a scalar, this is {shape_text(body.shape)}", help)
        return
    if entry.kind == "state":
        if entry.shape is not None and not same(entry.shape, body.shape):
            message = f"'{name}' is {shape_text(entry.shape)}, its equation gives {shape_text(body.shape)}"
            help = "a number fills an array only through an operator or ones(H), zeros(H)"
            table.report.error("E0304", span, message, help)
            return
    else:
        shape = (body.shape[0].expand(), body.shape[1].expand())
        table.entries[name] = replace(entry, shape=shape)
        builder = translator.builder
        builder.declare(Variable(name, "result", shape, SEQUENCE, tex=entry.tex))
    found.read[name] = body
