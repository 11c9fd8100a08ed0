"""Do two sides agree at given sizes?  Exactly, in the field; and in real numbers, for a counterexample."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from sympy import MatrixExpr, Symbol

from derive.algebra.nodes import t
from derive.proof.budget import Budget
from derive.proof.field.degrees import Degrees
from derive.proof.field.domain import Domain, Rows, Scalar
from derive.proof.field.galois import Galois
from derive.proof.field.reals import DIGITS, Reals
from derive.proof.field.truth import Subject, Truth
from derive.proof.verdict import Counterexample, Instance

SURE = 100  # bits
TRIES = 40  # draws until values are found at which everything is defined
SAME = 1e-20  # relative: what 50 digits leave of two equal numbers, and much to spare
RENEW = 100_000  # function values after which a shared world is drawn anew
Value = TypeVar("Value")


class Agreement:
    """Compares sides over one model; worlds are kept, so that many claims share the truth."""

    def __init__(self, subject: Subject):
        self.subject = subject
        self._worlds: dict[tuple[object, ...], Truth] = {}

    def sizes(self, shift: int) -> dict[str, int]:
        """Distinct sizes from 2 on, in an order that `shift` turns round."""
        names = [s.name for s in self.subject.names.sizes]
        values = list(range(2, 2 + len(names)))
        values = values[shift % max(1, len(values)) :] + values[: shift % max(1, len(values))]
        return dict(zip(names, values, strict=True))

    def _truth(self, kind: str, sizes: Mapping[str, int], steps: int, seed: int, positive: bool = False) -> Truth:
        key = (kind, tuple(sizes.values()), steps, seed, positive)
        old = self._worlds.get(key)
        if old is None or getattr(old.world.domain, "calls", 0) > RENEW:
            domain: Domain = {"field": lambda: Galois(seed), "degrees": Degrees, "reals": Reals}[kind]()
            self._worlds[key] = Truth(self.subject, sizes, steps, domain, seed, positive)
        return self._worlds[key]

    def _defined(self, compute: Callable[[int], Value]) -> tuple[int, Value]:
        """The first seed at which nothing is divided by zero or outside a domain, and what it gives.

        Raises:
            ZeroDivisionError: there is none.
        """
        for seed in range(1, TRIES):
            try:
                return seed, compute(seed)
            except ZeroDivisionError:
                continue
        return TRIES, compute(TRIES)

    def exact(
        self, left: MatrixExpr, right: MatrixExpr, steps: int, sizes: Mapping[str, int], budget: Budget
    ) -> Instance | None:
        """Where both sides agree in the field, with error below 2^−SURE; None if they differ."""
        bits, needed = 0, 0
        for trial in range(100):

            def differs(seed: int) -> bool:
                truth = self._truth("field", sizes, steps, 1000 * trial + seed)
                truth.world.budget = budget
                return any(truth.value(left, env) != truth.value(right, env) for env in steps_of(left, right, steps))

            if self._defined(differs)[1]:
                return None
            needed = needed or max(1, self._bits(left, right, steps, sizes, budget))
            bits += needed
            if bits >= SURE:
                break
        return Instance(steps, sizes, bits)

    def _bits(self, left: MatrixExpr, right: MatrixExpr, steps: int, sizes: Mapping[str, int], budget: Budget) -> int:
        """The error of one trial, from the degrees of both sides."""
        truth = self._truth("degrees", sizes, steps, 0)
        truth.world.budget = budget
        domain, largest = truth.world.domain, 0
        for env in steps_of(left, right, steps):
            for a, b in zip(_flat(truth.value(left, env)), _flat(truth.value(right, env)), strict=True):
                difference = domain.add(a, b)
                largest = max(largest, 0 if difference is None else sum(difference))
        return domain.bits(largest)  # type: ignore[attr-defined]

    def counterexample(
        self, left: MatrixExpr, right: MatrixExpr, steps: int, sizes: Mapping[str, int], budget: Budget
    ) -> Counterexample | None:
        """Real values at which the sides differ; None where they agree to all digits."""

        def compute(seed: int) -> tuple[Scalar, Counterexample | None]:
            truth = self._truth("reals", sizes, steps, seed, positive=seed % 2 == 0)
            truth.world.budget = budget
            found = [self._worst(truth, left, right, env) for env in steps_of(left, right, steps)]
            return max(found, key=lambda x: x[0], default=(0, None))

        for _ in range(1):
            seed, (error, example) = self._defined(compute)
            if example is not None and error > SAME:
                t_, entry, a, b = example
                return Counterexample(steps, sizes, seed, t_, entry, a, b)
        return None

    def _worst(
        self, truth: Truth, left: MatrixExpr, right: MatrixExpr, env: Mapping[Symbol, int]
    ) -> tuple[Scalar, object]:
        a, b = truth.value(left, env), truth.value(right, env)
        context = truth.world.domain.context  # type: ignore[attr-defined]
        scale = max((abs(x) for x in (*_flat(a), *_flat(b))), default=0)
        worst = max(
            ((abs(x - y), (i, j)) for i, row in enumerate(a) for j, (x, y) in enumerate(zip(row, b[i], strict=True))),
            default=(0, (0, 0)),
        )
        if not scale:
            return 0, None
        i, j = worst[1]
        shown = [context.nstr(x, DIGITS) for x in (a[i][j], b[i][j])]
        return worst[0] / scale, (env.get(t), (i, j), *shown)


def steps_of(left: MatrixExpr, right: MatrixExpr, steps: int) -> Iterator[dict[Symbol, int]]:
    """The values of t, where the claim is about any step."""
    if t in left.free_symbols | right.free_symbols:
        yield from ({t: k} for k in range(steps))
    else:
        yield {}


def _flat(rows: Rows) -> list[Scalar]:
    return [x for row in rows for x in row]
