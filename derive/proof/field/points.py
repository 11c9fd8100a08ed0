"""Where given arrays are drawn: anywhere, or at zeros and a few whole numbers, where functions jump."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from sympy import Rational, S

from derive.proof.field.domain import Domain, Rows


@dataclass(frozen=True)
class Points:
    """The numbers that given arrays hold.

    Attributes:
        positive: positive ones only, for equations with logarithms and roots.
        zeros: the share of arrays that are all zero, and of the entries that are zero in the others.
        pool: what is not zero is one of these, where there are any.
        scale: what parameters and inputs are multiplied with; values before the first step keep their size.
    """

    positive: bool = False
    zeros: Rational = S.Zero
    pool: tuple[Rational, ...] = ()
    scale: Rational = S.One

    def draw(self, domain: Domain, rng: Random, rows: int, cols: int) -> Rows:
        """An array."""
        if self.zeros and self._none(rng):
            return [[domain.zero] * cols for _ in range(rows)]
        return [[self._entry(domain, rng) for _ in range(cols)] for _ in range(rows)]

    def _none(self, rng: Random) -> bool:
        return rng.randrange(int(self.zeros.q)) < self.zeros.p

    def _entry(self, domain: Domain, rng: Random) -> object:
        if self.zeros and self._none(rng):
            return domain.zero
        if not self.pool:
            return domain.draw(rng, self.positive)
        value = rng.choice(self.pool)
        return domain.rational(int(value.p), int(value.q))

    def __str__(self) -> str:
        if self.scale != 1:
            return f"parameters and inputs are at most {self.scale} in size"
        if self.zeros == 1:
            return "all given values are 0"
        others = f" and others of {', '.join(map(str, self.pool))}" if self.pool else ""
        return f"some given values are 0{others}" if self.zeros else ""

    def as_json(self) -> Mapping[str, object]:
        scale = {"scale": str(self.scale)} if self.scale != 1 else {}
        return {"positive": self.positive, "zeros": str(self.zeros), "pool": [str(x) for x in self.pool], **scale}


ANY, POSITIVE = Points(), Points(positive=True)
ZERO, SPARSE = Points(zeros=Rational(1)), Points(zeros=Rational(1, 3))
SMALL, LARGE = Points(scale=Rational(1, 20)), Points(scale=Rational(10))
