"""At which T and sizes an equation is evaluated: enough that no accident of small numbers makes it true."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random

from sympy import Expr, MatrixExpr

from derive.algebra.bound import MatrixSum
from derive.algebra.nodes import Entry, T, t
from derive.claims.verdict.domain import reach
from derive.proof.agreement import Agreement
from derive.proof.budget import OutOfBudget
from derive.proof.coverage import full_at

PLACES = ((3, 0), (4, 1), (2, 1), (1, 0))  # T, and the order of the sizes
FARTHEST = 64  # steps between what an equation names
MOST_NESTED = 12  # steps that nested sums are looked for at
LATER, WIDE = (5, 6), range(4, 9)  # T and sizes at which coefficients that are equal at small ones differ
MOST_DRAWN, ENOUGH = 60, 4  # sizes that are tried where an entry is not always there, and at which it is
Place = tuple[int, Mapping[str, int]]


class Places:
    """The places at which one equation is evaluated, the next one chosen by what the ones before it had to say."""

    def __init__(self, agreement: Agreement, only: int):
        self.agreement, self.only = agreement, only
        self.lacking = False  # was there a place, late enough, at which some entry was not there?
        self.found = 0
        self.more = False  # have the usual places been asked?
        self._late = 3

    def is_far(self, *sides: MatrixExpr) -> bool:
        """Does it name steps that are too far apart to be evaluated?"""
        return not self.only and self._far(*sides) > FARTHEST

    def asked(self, steps: int, has_value: bool) -> None:
        """What was found at the last place."""
        self.found += has_value
        self.lacking |= not has_value and steps >= self._late

    def of(self, left: MatrixExpr, right: MatrixExpr) -> Iterator[Place]:
        """The places, those first at which everything shows."""
        known: list[Mapping[str, int]] = []
        for steps, sizes in self._usual(left, right):
            known.append(sizes)
            yield steps, sizes
        first, self.more = self._late, True
        if self._is_delicate(left, right):
            for n, steps in enumerate(LATER):
                steps = self.only or self.agreement.steps(max(steps, first), left, right)
                yield steps, self._drawn(n, WIDE)
        if self.lacking:
            self.found = 0
            for n in range(MOST_DRAWN):
                sizes = self._drawn(n, range(2, 5 + n // 6))
                if self.found < ENOUGH and sizes not in known:
                    known.append(sizes)
                    yield first, sizes

    def _usual(self, left: MatrixExpr, right: MatrixExpr) -> Iterator[Place]:
        agreement = self.agreement
        if self.only:
            self._late = self.only
            yield from ((self.only, agreement.sizes(shift)) for shift in (0, 1))
            return
        far, known = self._far(left, right), set[object]()
        self._late = agreement.steps(max(3, far + 1 + 3 if far else 0), left, right)
        for steps, shift in PLACES:
            place = agreement.steps(max(steps, far + 1 + min(steps, 3) if far else 0), left, right)
            sizes = agreement.sizes(shift, left, right)
            if (place, tuple(sizes.items())) not in known:
                known.add((place, tuple(sizes.items())))
                yield place, sizes

    def _drawn(self, seed: int, numbers: range) -> dict[str, int]:
        """Distinct sizes without a pattern."""
        names, rng = [s.name for s in self.agreement.subject.names.sizes], Random(seed)
        pool = range(numbers.start, max(numbers.stop, numbers.start + len(names)))
        return dict(zip(names, rng.sample(pool, len(names)), strict=True))

    def _far(self, *sides: MatrixExpr) -> int:
        """How many steps more than usual are needed."""
        return max(reach(*sides), self.agreement.depth - 1, self._nested(*sides))

    def _nested(self, *sides: MatrixExpr) -> int:
        """How many steps more than usual are needed before every sum inside sums has terms."""
        free = self.agreement.free(*sides)
        closed = [e.xreplace(dict.fromkeys(free, t)) for e in sides]
        try:
            return full_at(1, MOST_NESTED, lambda: None, self.agreement.symbols(0), *closed) - 1
        except OutOfBudget:
            return 0

    def _is_delicate(self, *sides: MatrixExpr) -> bool:
        """May coefficients be equal at small T and sizes only: n W and m W + W?

        One that is a number times a power of T, in the model or the claim, is not equal to another one at two T.
        """
        sizes = self.agreement.subject.names.sizes
        own = list(self.agreement.coefficients((T, *sizes)))
        said = [c for c in self.agreement.coefficients((T, *sizes), *sides) if c not in own]
        if any(not _is_power(c) for c in own) or any(c.has(*sizes) or not _is_power(c) for c in said):
            return True
        bounds = [x for e in sides for x in e.atoms(MatrixSum)]
        if any(x.index not in x.body.free_symbols for x in bounds):  # as often as it has values
            return True
        places = [n for e in sides for x in e.atoms(Entry) for n in (x.row, x.col)]
        limits = [n for x in bounds for n in (x.low, x.high + 1)]
        return any(n.has(*sizes) and n not in sizes for n in (*places, *limits))


def _is_power(c: Expr) -> bool:
    """Is it a number times a power of one symbol?"""
    return len(c.free_symbols) <= 1 and c.as_coeff_mul()[1:] != () and not any(f.is_Add for f in c.as_ordered_factors())
