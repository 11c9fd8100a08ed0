"""Which quantity of the model an expression is: V h_t is what the normal form calls z_yhat[t]."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr, HadamardProduct, MatAdd, MatrixExpr

from derive.algebra import build as b
from derive.algebra.functions import Apply
from derive.algebra.nodes import Timed, is_reference, t
from derive.program import Program, operands, rebuild, references


def quantity_of(value: MatrixExpr, program: Program) -> tuple[str, Expr | None] | None:
    """Its name and its step, if it is one as it stands; a row is the column transposed.

    None if a part of it stands in another equation too: what hangs on it does not hang on the one name alone.
    """
    if value.shape[0] == 1 and value.shape[1] != 1:
        value = _column(value)
    if is_reference(value):
        return value.name, value.index if isinstance(value, Timed) else None
    ordered = _sorted(value)
    for name, e in program.equations.items():
        for index in _steps(value, e):
            if ordered == _sorted(e.xreplace({t: index})):
                return None if _is_shared(name, program) else (name, index if "t" in program[name].axes else None)
    return None


def _is_shared(name: str, program: Program) -> bool:
    e = program.equations[name]
    parts = {_timeless(a) for a in (e.args if isinstance(e, MatAdd) else (e,)) if not is_reference(a)}
    others = (x for other, own in program.equations.items() if other != name for x in _inside(own))
    return any(_timeless(x) in parts for x in others)


def _inside(e: MatrixExpr) -> Iterator[MatrixExpr]:
    if not is_reference(e):
        yield e
        for a in operands(e):
            yield from _inside(a)


def _timeless(e: MatrixExpr) -> MatrixExpr:
    """With every step read as t: V h[t-1] is V h[t] a step before."""
    return _sorted(e.xreplace({r: r.xreplace({r.index: t}) for r in references(e) if isinstance(r, Timed)}))


def _sorted(e: MatrixExpr) -> MatrixExpr:
    """With the terms of sums and the factors of elementwise products in one order."""
    if is_reference(e) or not operands(e):
        return e
    parts = [_sorted(a) for a in operands(e)]
    return rebuild(e, sorted(parts, key=str) if isinstance(e, (MatAdd, HadamardProduct)) else parts)


def _column(e: MatrixExpr) -> MatrixExpr:
    """A row as the column whose transpose it is; a function of a row is that of the column, transposed."""
    if isinstance(e, Apply):
        return rebuild(e, [_column(a) for a in e.matrices])
    return b.transpose(e)


def _steps(value: MatrixExpr, e: MatrixExpr) -> Iterator[Expr]:
    """The steps at which e may be the value: those at which the first name in e that has a time is read there."""
    first = next((r for r in references(e) if isinstance(r, Timed) and r.offset is not None), None)
    if first is None:
        yield t
        return
    for r in references(value):
        if isinstance(r, Timed) and r.name == first.name:
            yield (r.index - first.offset).expand()
