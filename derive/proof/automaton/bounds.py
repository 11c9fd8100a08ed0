"""What is known of the differences between indices: a difference-bound matrix, closed by shortest paths.

(Dill 1989, "Timing assumptions and verification of finite-state concurrent systems".)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from sympy import Symbol

from derive.algebra.nodes import T
from derive.proof.words.items import Range, Time

Anchor: TypeAlias = "Symbol | None"
Constraint: TypeAlias = "tuple[Time, Time]"  # the first is at most the second


def inside(r: Range) -> tuple[Constraint, ...]:
    """low ≤ time ≤ T − 1 + high."""
    low = () if r.low is None else ((Time(None, r.low), r.time),)
    return low if r.high is None else (*low, (r.time, Time(T, r.high - 1)))


class Bounds:
    """Least and largest differences of anchors under constraints; 0 is the anchor None."""

    def __init__(self, anchors: Iterable[Anchor], constraints: Iterable[Constraint]):
        self.anchors: list[Anchor] = list(dict.fromkeys((None, T, *anchors)))
        place = {a: i for i, a in enumerate(self.anchors)}
        n = len(place)
        self._most: list[list[int | None]] = [[0 if i == j else None for j in range(n)] for i in range(n)]
        for a, b in constraints:  # a.anchor − b.anchor ≤ b.offset − a.offset
            i, j, limit = place[a.anchor], place[b.anchor], b.offset - a.offset
            known = self._most[i][j]
            self._most[i][j] = limit if known is None else min(known, limit)
        self._place = place
        self._close(n)

    def _close(self, n: int) -> None:
        most = self._most
        for k in range(n):
            for i in range(n):
                first = most[i][k]
                if first is None:
                    continue
                for j in range(n):
                    second = most[k][j]
                    if second is not None:
                        known, through = most[i][j], first + second
                        most[i][j] = through if known is None else min(known, through)

    @property
    def empty(self) -> bool:
        """Do no values of the indices keep all constraints?"""
        return any((self._most[i][i] or 0) < 0 for i in range(len(self.anchors)))

    def most(self, a: Anchor, b: Anchor) -> int | None:
        """The largest a − b; None if there is none."""
        return self._most[self._place[a]][self._place[b]]

    def least(self, a: Anchor, b: Anchor) -> int | None:
        """The least a − b; None if there is none."""
        found = self.most(b, a)
        return None if found is None else -found

    def implies(self, c: Constraint) -> bool:
        """Does every solution keep the constraint?"""
        a, b = c
        if a.anchor not in self._place or b.anchor not in self._place:
            return False
        found = self.most(a.anchor, b.anchor)
        return found is not None and found <= b.offset - a.offset
