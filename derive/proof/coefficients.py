"""The coefficients of equations that depend on T or on sizes: where one of them vanishes, agreement says little."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import prod

from sympy import Expr, HadamardProduct, MatAdd, MatMul, MatrixExpr, S, Symbol, Transpose

from derive.algebra.nodes import Scale, SumOver
from derive.program import operands, rebuild

MOST_KNOWN = 1_000  # expressions whose coefficients are remembered


class Coefficients:
    """Those of a model, where they may vanish too, and of the sides of claims about it."""

    def __init__(self, own: Iterable[MatrixExpr]):
        self.own = tuple(own)
        self._known: dict[object, tuple[MatrixExpr, list[Expr]]] = {}

    def __call__(self, symbols: Iterable[Symbol], *sides: MatrixExpr) -> Iterator[Expr]:
        """The coefficients that depend on some symbols."""
        wanted = tuple(symbols)
        for e in (*sides, *self.own):
            key = id(e), wanted  # whether two sums are equal takes longer to find out
            if key not in self._known:
                self._known = self._known if len(self._known) < MOST_KNOWN else {}
                self._known[key] = e, _factors(e, wanted)
            yield from self._known[key][1]


def _factors(e: MatrixExpr, symbols: tuple[Symbol, ...]) -> list[Expr]:
    """The coefficients in it that depend on some symbols, those of equal terms added up."""
    found = [x.coefficient for x in e.atoms(Scale)]
    for total in e.atoms(MatAdd):
        terms: dict[MatrixExpr, Expr] = {}
        for c, rest in map(_bare, total.args):
            terms[rest] = terms.get(rest, S.Zero) + c
        found += [c.expand() for c in terms.values()] if len(terms) < len(total.args) else []
    return [c for c in found if c.free_symbols & set(symbols)]


def _bare(e: MatrixExpr) -> tuple[Expr, MatrixExpr]:
    """All numbers in a product, in sums of it too, and what is left."""
    if isinstance(e, Scale):
        c, rest = _bare(e.arg)
        return e.coefficient * c, rest
    if isinstance(e, (SumOver, Transpose, MatMul, HadamardProduct)):
        parts = [_bare(a) for a in operands(e)]
        return prod((c for c, _ in parts), start=S.One), rebuild(e, [rest for _, rest in parts])
    return S.One, e
