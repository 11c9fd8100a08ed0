"""Matrices of dual numbers: a value, and its derivative along each of a few directions."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import chain

from derive.proof.budget import MOST_ENTRIES, MOST_PRODUCTS, OutOfBudget
from derive.proof.field.domain import Domain, Rows, Scalar
from derive.proof.field.functions import Arithmetic, apply, slopes


@dataclass(frozen=True, slots=True)
class Dual:
    """`rows` and, for each direction, its derivative; None where that is zero."""

    rows: Rows
    tangents: tuple[Rows | None, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.rows), len(self.rows[0]) if self.rows else 0

    @property
    def moves(self) -> bool:
        """Is a derivative other than zero?"""
        return any(d is not None for d in self.tangents)

    def plain(self) -> Dual:
        return Dual(self.rows)


class Matrices:
    """Operations on matrices of dual numbers over a domain."""

    def __init__(self, domain: Domain):
        self.domain = domain
        self.scalars = Arithmetic(domain)
        self.at_kinks = set[Hashable]()  # functions that were asked where they, or their slopes, jump

    @staticmethod
    def check(rows: int, cols: int) -> None:
        """Refuse large matrices.

        Raises:
            OutOfBudget: it is too large to be worth it.
        """
        if rows * cols > MOST_ENTRIES:
            raise OutOfBudget(f"a matrix of {rows} × {cols} entries")

    def same(self, a: Rows, b: Rows) -> bool:
        """Are two matrices of one shape equal?"""
        return all(map(self.domain.same, chain.from_iterable(a), chain.from_iterable(b)))

    def constant(self, rows: int, cols: int, value: Scalar) -> Dual:
        """A matrix of equal entries."""
        self.check(rows, cols)
        return Dual([[value] * cols for _ in range(rows)])

    def identity(self, n: int) -> Dual:
        self.check(n, n)
        zero, one = self.domain.zero, self.domain.one
        return Dual([[one if i == j else zero for j in range(n)] for i in range(n)])

    def add(self, *terms: Dual) -> Dual:
        """A sum; a 1×1 term is no broadcast."""
        total = terms[0]
        for a in terms[1:]:
            tangents = tuple(self._plus(u, v) for u, v in _zipped(total, a))
            total = Dual(self._sum(total.rows, a.rows), tangents)
        return total

    def _sum(self, a: Rows, b: Rows) -> Rows:
        add = self.domain.add
        return [[add(x, y) for x, y in zip(u, v, strict=True)] for u, v in zip(a, b, strict=True)]

    def _plus(self, a: Rows | None, b: Rows | None) -> Rows | None:
        return b if a is None else a if b is None else self._sum(a, b)

    def linear(self, f: Callable[[Rows], Rows], a: Dual) -> Dual:
        """A map that moves or scales entries."""
        return Dual(f(a.rows), tuple(None if d is None else f(d) for d in a.tangents))

    def bilinear(self, f: Callable[[Rows, Rows], Rows], a: Dual, b: Dual) -> Dual:
        tangents = tuple(
            self._plus(None if u is None else f(u, b.rows), None if v is None else f(a.rows, v))
            for u, v in _zipped(a, b)
        )
        return Dual(f(a.rows, b.rows), tangents)

    def matmul(self, a: Dual, b: Dual) -> Dual:
        def times(x: Rows, y: Rows) -> Rows:
            dot, columns = self.domain.dot, list(zip(*y, strict=True))
            if len(x) * len(y) * len(columns) > MOST_PRODUCTS:
                raise OutOfBudget(f"a product of {len(x)} × {len(y)} and {len(y)} × {len(columns)} entries")
            return [[dot(row, column) for column in columns] for row in x]

        return self.bilinear(times, a, b)

    def hadamard(self, a: Dual, b: Dual) -> Dual:
        def times(x: Rows, y: Rows) -> Rows:
            mul = self.domain.mul
            return [[mul(p, q) for p, q in zip(u, v, strict=True)] for u, v in zip(x, y, strict=True)]

        return self.bilinear(times, a, b)

    def scale(self, c: Scalar, a: Dual) -> Dual:
        mul = self.domain.mul
        return self.linear(lambda rows: [[mul(c, x) for x in row] for row in rows], a)

    def transpose(self, a: Dual) -> Dual:
        return self.linear(lambda rows: list(map(list, zip(*rows, strict=True))), a)

    def stack(self, parts: Sequence[Dual], beside: bool = False) -> Dual:
        """Matrices below (or beside) one another."""
        zeros = [self.constant(*a.shape, self.domain.zero).rows for a in parts]

        def join(rows: Sequence[Rows]) -> Rows:
            if beside:
                return [list(chain.from_iterable(row)) for row in zip(*rows, strict=True)]
            return list(chain.from_iterable(rows))

        directions = max((len(a.tangents) for a in parts), default=0)
        tangents = []
        for d in range(directions):
            own = [a.tangents[d] if a.tangents else None for a in parts]
            moving = any(x is not None for x in own)
            tangents.append(join([z if x is None else x for x, z in zip(own, zeros, strict=True)]) if moving else None)
        return Dual(join([a.rows for a in parts]), tuple(tangents))

    def met(self, node: Hashable, args: Sequence[Dual]) -> None:
        """Take note of a function that is not smooth where its argument is zero, or its two arguments are equal."""
        if node not in self.at_kinks:
            others = args[1].rows if len(args) > 1 else [[self.domain.zero] * len(row) for row in args[0].rows]
            if any(map(self.domain.same, chain.from_iterable(args[0].rows), chain.from_iterable(others))):
                self.at_kinks.add(node)

    def function(self, name: str, args: Sequence[Dual], numbers: list[Scalar]) -> Dual:
        """An elementwise function of arrays of one shape."""
        k, places = self.scalars, [(i, j) for i, row in enumerate(args[0].rows) for j in range(len(row))]
        values = {(i, j): apply(k, name, [a.rows[i][j] for a in args], numbers) for i, j in places}
        rows = [[values[i, j] for j in range(len(row))] for i, row in enumerate(args[0].rows)]
        if all(d is None for a in args for d in a.tangents):
            return Dual(rows)
        steep = {(i, j): slopes(k, name, values[i, j], [a.rows[i][j] for a in args], numbers) for i, j in places}
        terms = []
        for n, a in enumerate(args):
            slope = [[steep[i, j][n] for j in range(len(row))] for i, row in enumerate(a.rows)]
            terms.append(self.hadamard(Dual(slope), a).tangents)
        width = max(len(x) for x in terms)
        padded = [x or (None,) * width for x in terms]
        tangents = list(padded[0])
        for other in padded[1:]:
            tangents = [self._plus(u, v) for u, v in zip(tangents, other, strict=True)]
        return Dual(rows, tuple(tangents))


def _zipped(a: Dual, b: Dual) -> list[tuple[Rows | None, Rows | None]]:
    """The tangents of two values side by side; one that does not move has none at all."""
    n = max(len(a.tangents), len(b.tangents))
    if not n:
        return []
    return list(zip(a.tangents or (None,) * n, b.tangents or (None,) * n, strict=True))
