"""Sums that are not written: over an index that a product of entries has twice."""

from __future__ import annotations

from collections.abc import Callable

from sympy import HadamardProduct, MatAdd, MatMul, MatrixExpr, Symbol

from derive.algebra.bound import MatrixSum
from derive.algebra.build import add, hadamard, matmul, scale
from derive.algebra.functions import Apply
from derive.algebra.nodes import Entry, Scale
from derive.program import operands


def repeated(e: MatrixExpr, s: Symbol) -> MatrixExpr | None:
    """The sum over an index of entries, in the smallest product that has it twice; None where it occurs once."""
    if s not in e.free_symbols:
        return e
    match e:
        case MatAdd():
            return _rebuilt(e, s, add)
        case Scale():
            return _rebuilt(e, s, lambda a: scale(e.coefficient, a))
        case Apply():
            return _rebuilt(e, s, lambda *a: Apply(e.name, *a, *e.numbers))
        case MatrixSum():
            inner = repeated(e.body, s)
            return None if inner is None else MatrixSum(inner, *e.args[1:])
        case MatMul() | HadamardProduct():
            direct = [a for a in e.args if isinstance(a, Entry) and s in a.free_symbols]
            indirect = [a for a in e.args if not isinstance(a, Entry) and s in a.free_symbols]
            if not indirect and len(direct) > 1:
                return _summed_over(e, s, direct)
            if not direct and len(indirect) == 1:
                return _rebuilt(e, s, matmul if isinstance(e, MatMul) else hadamard)
    return None


def _rebuilt(e: MatrixExpr, s: Symbol, join: Callable[..., MatrixExpr]) -> MatrixExpr | None:
    parts = [repeated(a, s) for a in operands(e)]
    return None if any(p is None for p in parts) else join(*parts)


def _summed_over(e: MatrixExpr, s: Symbol, entries: list[MatrixExpr]) -> MatrixExpr | None:
    """Over all values of the index of its entries."""
    places = [(x.arg.shape[k], p) for x in entries for k, p in enumerate((x.row, x.col)) if s in p.free_symbols]
    if not places:
        return None
    size, place = places[0]
    low = (s - place).expand()
    if not low.is_Integer or any(n != size for n, _ in places):
        return None
    return MatrixSum(e, s, low, (low + size - 1).expand())
