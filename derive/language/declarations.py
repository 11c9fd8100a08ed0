"""Statements to entries of the table: names, sizes, shapes, clauses, assumptions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sympy import Rational

from derive.language import syntax as s
from derive.language.report import Report, Span, one_of
from derive.language.sizes import shape_of
from derive.language.table import Entry, Table
from derive.language.tex import tex_fault

_CLAUSES_OF = {
    "input": ("once", "onehot", "as", "where"),
    "target": ("once", "onehot", "as", "where"),
    "state": ("value", "as", "where"),
    "param": ("as", "where"),
    "const": ("value", "as", "where"),
}
_CLAUSE_TEXT = {"value": "a value", "as": "a TeX name", "where": "an assumption"}
FORMS = "the forms are sum(y) == 1, y >= 0 (or == <= < >) and, for a state, h[-1] == 0"


@dataclass(frozen=True)
class Supposed:
    """An assumption of a declaration; `lag` is that of a boundary value, `ahead` one after the end."""

    name: str
    measure: str
    relation: str
    value: Rational
    shown: str
    span: Span
    lag: int | None = None
    ahead: bool = False


def declare_sizes(statements: Iterable[s.Statement], table: Table) -> None:
    for statement in statements:
        if isinstance(statement, s.Dims):
            for word in statement.names:
                table.add(Entry(word.name, "size", word.span))


def declare(statement: s.Declaration, table: Table) -> list[Supposed]:
    """Enter the names of a declaration; its assumptions."""
    clauses = _clauses(statement, table.report)
    shape = shape_of(statement.shape, table)
    kind = statement.kind
    value = _value(statement, clauses.get("value"), table.report)
    if kind == "const" and "value" in clauses:
        kind = "number"
    if "onehot" in clauses and shape is not None and (shape[0] == 1 or shape[1] != 1):
        help = "a one-hot vector has one column and more than one row, as in: input x : I onehot"
        table.report.error("E0601", clauses["onehot"].span, "only a vector can be onehot", help)
    tex = tex_of(clauses["as"].tex, table.report) if "as" in clauses else ""
    flags = {flag: flag in clauses for flag in ("once", "onehot")}
    zero = statement.kind == "state" and "value" in clauses
    for word in statement.names:
        table.add(Entry(word.name, kind, word.span, shape, zero=zero, value=value, tex=tex, **flags))
    where = clauses.get("where")
    return _assumptions(statement, where, table) if where else []


def _clauses(statement: s.Declaration, report: Report) -> dict[str, s.Clause]:
    """The clauses by kind, those reported that do not fit the statement or stand there twice."""
    found: dict[str, s.Clause] = {}
    for clause in statement.clauses:
        kind, text = clause.kind, _CLAUSE_TEXT.get(clause.kind, f"'{clause.kind}'")
        if kind in found:
            report.error("E0601", clause.span, f"{text} stands here twice")
        elif kind not in _CLAUSES_OF[statement.kind]:
            fit = one_of([k for k, allowed in _CLAUSES_OF.items() if kind in allowed], "and")
            report.error("E0601", clause.span, f"{text} has no place in '{statement.kind}'", f"only in {fit}")
        elif kind == "as" and len(statement.names) > 1:
            help = "declare each name on a line of its own"
            report.error("E0601", clause.span, "one TeX name cannot serve several names", help)
        else:
            found[kind] = clause
    return found


def tex_of(text: s.Text | None, report: Report) -> str:
    """A TeX name that may be typeset; "" where there is none or it was reported."""
    if text is None:
        return ""
    if fault := tex_fault(text.text):
        help = r'for instance "\Gamma_f", "\tilde{h}", "W_{hh}" or "h^1"'
        report.error("E0207", text.span, f"this cannot be a TeX name: {fault}", help)
        return ""
    return text.text


def literal(node: s.Node) -> Rational | None:
    """The value of a number with or without a sign, else None."""
    match node:
        case s.Number(value=value):
            return value
        case s.Negative(arg=s.Number(value=value)):
            return -value
    return None


def literal_text(node: s.Node) -> str:
    """A number with its sign, as written."""
    match node:
        case s.Number(text=text):
            return text
        case s.Negative(arg=s.Number(text=text)):
            return f"-{text}"
    raise TypeError(type(node).__name__)


def _value(statement: s.Declaration, clause: s.Clause | None, report: Report) -> Rational | None:
    if clause is None or clause.value is None:
        return None
    value, span = literal(clause.value), clause.value.span
    if statement.kind == "state":
        if value != 0:
            help = "write '= 0', or nothing: then kernels take the initial value as an input"
            report.error("E0603", span, "a state starts at 0 or at a value given to the kernel", help)
        return None
    if value is None:
        report.error("E0603", span, "a constant is one number", "for instance 0.1, -3 or 1e-3")
    elif statement.shape and not _scalar(statement.shape):
        help = "leave the value out: then kernels take the array as an input"
        report.error("E0603", span, "an array constant has no value in the cell file", help)
    return Rational(1) if value is None else value  # 1: any number that causes no further error


def _scalar(shape: tuple[s.Node, ...]) -> bool:
    return all(isinstance(part, s.Number) and part.value == 1 for part in shape)


def _assumptions(statement: s.Declaration, where: s.Clause, table: Table) -> list[Supposed]:
    names = {word.name for word in statement.names}
    found = []
    for condition in where.conditions:
        supposed = _assumption(condition)
        if supposed is None:
            table.report.error("E0602", condition.span, "this form of an assumption is not known", FORMS)
        elif supposed.name not in names:
            message = f"an assumption speaks of a name of its own declaration, not of '{supposed.name}'"
            table.report.error("E0602", condition.span, message, f"here: {one_of(sorted(names))}")
        elif (supposed.lag is not None) != (statement.kind == "state"):
            table.report.error("E0602", condition.span, _boundary_text(statement.kind), FORMS)
        else:
            found.append(supposed)
    return found


def _boundary_text(kind: str) -> str:
    if kind == "state":
        return "the values of a state follow from its equation; only its initial value can be assumed"
    return "only a state has an initial value"


def _assumption(condition: s.Condition) -> Supposed | None:
    value, relation, span = literal(condition.right), condition.relation, condition.span
    if value is None:
        return None
    shown = literal_text(condition.right)
    match condition.left:
        case s.Call(function="sum", args=(s.Name(name=name, index=index),)) if relation == "==" and _now(index):
            return Supposed(name, "sum", relation, value, shown, span)
        case s.Name(name=name, index=index) if _now(index):
            return Supposed(name, "entries", relation, value, shown, span)
        case s.Name(name=name, index=s.Node() as index) if relation == "==":
            lag, ahead = _boundary(index)
            return Supposed(name, "entries", relation, value, shown, span, lag, ahead) if lag else None
    return None


def _now(index: s.Node | None) -> bool:
    return index is None or (isinstance(index, s.Name) and index.name == "t")


def _boundary(index: s.Node) -> tuple[int, bool]:
    """[-k] is k before the start; [T], [T+1] … are 1, 2 … after the end; 0 for anything else."""
    match index:
        case s.Negative(arg=s.Number(value=value)) if value.is_Integer and 1 <= value <= 8:
            return int(value), False
        case s.Name(name="T"):
            return 1, True
        case s.Sum(terms=((1, s.Name(name="T")), (1, s.Number(value=value)))) if value.is_Integer and value < 8:
            return int(value) + 1, True
    return 0, False
