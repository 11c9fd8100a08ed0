"""The coefficients of equations that depend on T or on sizes: where one of them vanishes, agreement says little."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import prod

from sympy import (
    Basic,
    Expr,
    HadamardProduct,
    MatAdd,
    MatMul,
    MatrixExpr,
    S,
    Symbol,
    Transpose,
    preorder_traversal,
)

from derive.algebra.nodes import Scale, SumOver
from derive.program import operands, rebuild

MOST_KNOWN = 1_000  # expressions whose coefficients are remembered


class Coefficients:
    """Those of a model, where they may vanish too, and of the sides of claims about it."""

    def __init__(self, own: Iterable[MatrixExpr]):
        self.own = tuple(own)
        self._known: dict[int, tuple[MatrixExpr, list[tuple[Expr, set[Basic]]]]] = {}

    def __call__(self, symbols: Iterable[Symbol], *sides: MatrixExpr) -> Iterator[Expr]:
        """The coefficients that depend on some symbols."""
        wanted = set(symbols)
        for e in (*sides, *self.own):
            if id(e) not in self._known:  # whether two sums are equal takes longer to find out
                self._known = self._known if len(self._known) < MOST_KNOWN else {}
                self._known[id(e)] = e, [(c, c.free_symbols) for c in _factors(e)]
            yield from (c for c, found in self._known[id(e)][1] if found & wanted)


def _factors(e: MatrixExpr) -> list[Expr]:
    """The coefficients in it that are no numbers, those of equal terms added up."""
    parts = list(preorder_traversal(e))
    found = [x.coefficient for x in parts if isinstance(x, Scale)]
    for total in parts:
        if isinstance(total, MatAdd):
            terms: dict[MatrixExpr, Expr] = {}
            for c, rest in map(_bare, total.args):
                terms[rest] = terms.get(rest, S.Zero) + c
            found += [c.expand() for c in terms.values()] if len(terms) < len(total.args) else []
    return [c for c in dict.fromkeys(found) if c.free_symbols]


def _bare(e: MatrixExpr) -> tuple[Expr, MatrixExpr]:
    """All numbers in a product, in sums of it too, and what is left."""
    if isinstance(e, Scale):
        c, rest = _bare(e.arg)
        return e.coefficient * c, rest
    if isinstance(e, (SumOver, Transpose, MatMul, HadamardProduct)):
        parts = [_bare(a) for a in operands(e)]
        return prod((c for c, _ in parts), start=S.One), rebuild(e, [rest for _, rest in parts])
    return S.One, e
