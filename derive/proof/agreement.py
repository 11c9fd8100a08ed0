"""Do two sides agree at given sizes?  Exactly, in the field; and in real numbers, for a counterexample."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, TypeVar

from sympy import MatrixExpr, Symbol

from derive.algebra.nodes import T, Timed, t
from derive.program import Program, references
from derive.proof.budget import Budget, OutOfBudget
from derive.proof.coefficients import Coefficients
from derive.proof.field.bounded import SURE, Bounded
from derive.proof.field.domain import Domain, Rows, Scalar
from derive.proof.field.galois import Galois
from derive.proof.field.indices import Indices
from derive.proof.field.points import ANY, POSITIVE, Points
from derive.proof.field.reals import DIGITS, Reals
from derive.proof.field.rules import Env
from derive.proof.field.truth import Subject, Truth
from derive.proof.verdict import Counterexample, Instance

WORLDS = ((3, 0), (3, 1))  # T, and the order of sizes, at which a proof must agree with the field
LATEST = 40  # T at which both sides are still evaluated
LARGER = -1  # sizes at which a polynomial that vanishes for small ones does not
HIGHER = 12  # sizes tried beyond the least, so that a factor H - 2 hides nothing
TRIES = 40  # draws until values are found at which everything is defined
SAME = 1e-20  # relative: what 50 digits leave of two equal numbers, and much to spare
Value = TypeVar("Value")
Entry: TypeAlias = "tuple[int, int]"


class Agreement:
    """Compares sides over one model; worlds are kept, so that many claims share the truth."""

    def __init__(self, subject: Subject):
        self.subject = subject
        self._worlds: dict[tuple[object, ...], Truth] = {}
        self.least = subject.normal.least_steps  # below it the model says nothing
        self.depth = _depth(subject.reading)
        self.coefficients = Coefficients(subject.reading.equations.values())
        self._indices = Indices((T, *subject.names.sizes, *subject.names.numbers))

    def sizes(self, shift: int, *sides: MatrixExpr) -> dict[str, int]:
        """Distinct sizes from 2 on (from 6 on for LARGER), in an order that `shift` turns round.

        Args:
            sides: no coefficient in them that depends on sizes is zero at these.

        Raises:
            OutOfBudget: there are none among those that are tried.
        """
        symbols = self.subject.names.sizes
        least = 6 if shift == LARGER else 2 + shift if len(symbols) == 1 else 2
        factors = list(self.coefficients(symbols, *sides))
        for first in range(least, least + HIGHER):
            values = list(range(first, first + len(symbols)))
            values = values[shift % max(1, len(values)) :] + values[: shift % max(1, len(values))]
            found = dict(zip(symbols, values, strict=True))
            if not any(c.subs(found).is_zero for c in factors):
                return {s.name: n for s, n in found.items()}
        raise OutOfBudget("a coefficient is zero at all the sizes that were tried")

    def symbols(self, shift: int) -> dict[Symbol, int]:
        """The sizes by their symbols."""
        found = self.sizes(shift)
        return {s: found[s.name] for s in self.subject.names.sizes}

    def steps(self, least: int, *sides: MatrixExpr) -> int:
        """The first T from `least` on that the model knows and at which no coefficient is zero because of T."""
        factors = list(self.coefficients((T,), *sides))
        least = max(least, self.least)
        for steps in range(least, least + HIGHER):
            if not any(c.subs(T, steps).is_zero for c in factors):
                return steps
        raise OutOfBudget("a coefficient is zero at every T that was tried")

    def vanishes(self, left: MatrixExpr, right: MatrixExpr, steps: int, sizes: Mapping[str, int]) -> bool:
        """Is a coefficient that depends on T and sizes zero there, so that agreement says little?"""
        symbols = (T, *self.subject.names.sizes)
        at = {T: steps, **{s: sizes[s.name] for s in self.subject.names.sizes}}
        return any(c.subs(at).is_zero for c in self.coefficients(symbols, left, right))

    def _truth(
        self, kind: str, sizes: Mapping[str, int], steps: int, seed: int, budget: Budget, points: Points = ANY
    ) -> Truth:
        key = (kind, tuple(sizes.values()), steps, seed, points)
        old = self._worlds.get(key)
        if old is None or old.world.domain.worn:
            old = Truth(self.subject, sizes, steps, self._domain(kind, seed), seed, points, self._indices)
            self._worlds[key] = old
        old.world.budget = budget
        return old

    def forget(self) -> None:
        """Drop what was computed: after a claim that took too much."""
        self._worlds.clear()

    def field_world(self, steps: int, shift: int, budget: Budget) -> Truth:
        """The true values at one T and set of sizes, in the field."""
        return self._truth("bounded", self.sizes(shift), steps, 1, budget)

    def field_at(self, steps: int, sizes: Mapping[str, int], budget: Budget) -> Truth:
        """One random point of the field."""
        return self._truth("field", sizes, steps, 1, budget)

    @staticmethod
    def _domain(kind: str, seed: int) -> Domain:
        if kind in ("field", "bounded"):
            return Galois(seed) if kind == "field" else Bounded(seed)
        return Reals() if kind == "reals" else Reals(3 * DIGITS)

    def _defined(self, compute: Callable[[int], Value], first: int = 1) -> tuple[int, Value]:
        """The first seed at which nothing is divided by zero or outside a domain, and what it gives.

        Raises:
            ZeroDivisionError: there is none.
        """
        last = first + TRIES - 1
        for seed in range(first, last):
            try:
                return seed, compute(seed)
            except ZeroDivisionError:
                continue
        return last, compute(last)

    def exact(
        self,
        left: MatrixExpr,
        right: MatrixExpr,
        steps: int,
        sizes: Mapping[str, int],
        budget: Budget,
        envs: Sequence[Env] | None = None,
    ) -> Instance | None:
        """Where both sides agree in the field, with error below 2^−SURE; None if they differ.

        Args:
            envs: the values of the free indices, if it is others than t at every step.
        """
        chosen = self._steps(left, right, steps) if envs is None else envs

        def compute(seed: int) -> int | None:
            truth = self._truth("bounded", sizes, steps, seed, budget)
            largest = 0
            for env in chosen:
                a, b = truth.value(left, env), truth.value(right, env)
                if not truth.world.matrices.same(a, b):
                    return None
                largest = max(largest, truth.world.domain.difference(_flat(a), _flat(b)))  # type: ignore[attr-defined]
            return truth.world.domain.bits(largest)  # type: ignore[attr-defined, no-any-return]

        bits, seed = 0, 0
        while bits < SURE:
            seed, each = self._defined(compute, seed + 1)
            if each is None:
                return None
            if not each:
                raise OutOfBudget("the degrees are too high for the field to tell")
            bits += each
        return Instance(steps, sizes, bits)

    def differ(self, left: MatrixExpr, right: MatrixExpr, steps: int, sizes: Mapping[str, int], budget: Budget) -> bool:
        """Do the sides differ in the field, at one random point?"""

        def compute(seed: int) -> bool:
            truth = self._truth("field", sizes, steps, seed, budget)
            same = truth.world.matrices.same
            return not all(same(truth.value(left, env), truth.value(right, env)) for env in envs)

        envs = self._steps(left, right, steps)
        return self._defined(compute)[1]

    def counterexample(
        self,
        left: MatrixExpr,
        right: MatrixExpr,
        steps: int,
        sizes: Mapping[str, int],
        budget: Budget,
        envs: Sequence[Env] | None = None,
        draws: int = 1,
    ) -> Counterexample | None:
        """Real values at which the sides differ; None where they agree to all digits.

        Args:
            envs: the values of the free indices, if it is others than t at every step.
            draws: how many times values are drawn.

        Raises:
            ZeroDivisionError: no values were found at which both sides are defined.
        """
        chosen = self._steps(left, right, steps) if envs is None else envs

        def compute(seed: int) -> Counterexample | None:
            points = ANY if seed % 2 else POSITIVE
            return self.compare(left, right, self._truth("reals", sizes, steps, seed, budget, points), chosen)

        seed, found = self._defined(compute)
        while found is None and seed < draws:
            try:
                seed, found = seed + 1, compute(seed + 1)
            except ZeroDivisionError:
                continue
        return found

    def real_world(self, steps: int, sizes: Mapping[str, int], seed: int, points: Points, budget: Budget) -> Truth:
        """The true values in real numbers, drawn at some points."""
        return self._truth("reals", sizes, steps, seed, budget, points)

    def compare(
        self, left: MatrixExpr, right: MatrixExpr, truth: Truth, envs: Sequence[Env] | None = None
    ) -> Counterexample | None:
        """Where the sides differ in a world of real numbers.

        Raises:
            ZeroDivisionError: a side has no value there.
        """
        world, context = truth.world, truth.world.domain.context  # type: ignore[attr-defined]
        for env in self._steps(left, right, world.steps) if envs is None else envs:
            a, b = truth.value(left, env), truth.value(right, env)
            at = _largest_difference(a, b)
            if at is not None and self._confirmed(left, right, truth, env, at):
                x, y = (context.nstr(side[at[0]][at[1]], DIGITS) for side in (a, b))
                return Counterexample(world.steps, world.sizes, world.seed, env.get(t), at, x, y, world.points)
        return None

    def _steps(self, left: MatrixExpr, right: MatrixExpr, steps: int) -> list[Env]:
        """The values of t, where the claim is about any step."""
        return [{t: k} for k in range(steps)] if t in self.free(left, right) else [{}]

    def free(self, left: MatrixExpr, right: MatrixExpr) -> frozenset[Symbol]:
        """The indices that no sum binds."""
        return self._indices.of(left) | self._indices.of(right)

    def _confirmed(
        self, left: MatrixExpr, right: MatrixExpr, truth: Truth, env: Mapping[Symbol, int], at: Entry
    ) -> bool:
        """Is the difference the same with three times the digits?  Rounding, where large numbers cancel, is not."""
        world, (i, j) = truth.world, at
        fine = self._truth("fine", world.sizes, world.steps, world.seed, world.budget, world.points)
        context = fine.world.domain.context  # type: ignore[attr-defined]
        coarse = context.mpf(truth.value(left, env)[i][j]) - context.mpf(truth.value(right, env)[i][j])
        exact = fine.value(left, env)[i][j] - fine.value(right, env)[i][j]
        return bool(exact != 0 and abs(coarse - exact) <= SAME * abs(exact))


def _depth(program: Program) -> int:
    """How many steps it may take until what happens at one shows everywhere: no delay is longer than all together."""
    longest: dict[str, int] = {}
    for e in program.equations.values():
        for r in references(e):
            if isinstance(r, Timed) and r.offset is not None:
                longest[r.name] = max(longest.get(r.name, 0), abs(r.offset))
    return sum(longest.values())


def _largest_difference(a: Rows, b: Rows) -> Entry | None:
    """The entry that differs most; None where both sides are the same but for rounding."""
    scale = max((abs(x) for x in (*_flat(a), *_flat(b))), default=0)
    worst, at = scale * SAME, None
    for i, (u, v) in enumerate(zip(a, b, strict=True)):
        for j, (x, y) in enumerate(zip(u, v, strict=True)):
            if abs(x - y) > worst:
                worst, at = abs(x - y), (i, j)
    return at


def _flat(rows: Rows) -> list[Scalar]:
    return [x for row in rows for x in row]
