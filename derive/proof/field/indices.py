"""Which indices the value of an expression depends on, found once for every part of it."""

from __future__ import annotations

from collections.abc import Iterable

from sympy import Basic, Symbol

from derive.algebra.bound import Bound
from derive.algebra.nodes import SumOver, t

MOST = 20_000  # parts that are kept: of the formulas of several claims
NONE: frozenset[Symbol] = frozenset()


class Indices:
    """The free symbols of expressions; SymPy walks through the whole expression for each part.

    Args:
        fixed: symbols that are no indices: T and the sizes.
    """

    def __init__(self, fixed: Iterable[Symbol] = ()) -> None:
        self.fixed = frozenset(fixed)
        self._known: dict[int, tuple[Basic, frozenset[Symbol]]] = {}  # by identity: hashing is as slow as walking

    def of(self, e: Basic) -> frozenset[Symbol]:
        """The free indices of an expression."""
        if len(self._known) > MOST:
            self._known.clear()
        return self._of(e)

    def _of(self, e: Basic) -> frozenset[Symbol]:
        known = self._known.get(id(e))
        if known is None:
            known = self._known[id(e)] = (e, self._find(e))
        return known[1]

    def _find(self, e: Basic) -> frozenset[Symbol]:
        if not e.args:
            return frozenset((e,)) if isinstance(e, Symbol) and e not in self.fixed else NONE
        if isinstance(e, Bound):
            return (self._of(e.body) - {e.index}) | self._of(e.low) | self._of(e.high)
        if isinstance(e, SumOver):
            return self._of(e.arg) - {t} if "t" in e.axes else self._of(e.arg)
        return NONE.union(*map(self._of, e.args))
