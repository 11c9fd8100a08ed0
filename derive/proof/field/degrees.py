"""How likely a false equation is to pass: degrees of numerators and denominators, as one more domain.

Every drawn number and every function value is an indeterminate of its own.  The difference of the
two sides is then a rational function of them whose numerator has at most the degree computed here,
and two different arguments of a function coincide with probability at most their degree over p.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from random import Random

from derive.proof.field.domain import Scalar
from derive.proof.field.galois import PRIME


class Degrees:
    """Pairs (degree of the numerator, degree of the denominator); None is the zero polynomial."""

    zero: Scalar = None
    one: Scalar = (0, 0)

    def __init__(self) -> None:
        self.calls = 0
        self.largest_argument = 0
        self.largest_divisor = 0

    def add(self, a: Scalar, b: Scalar) -> Scalar:
        if a is None or b is None:
            return b if a is None else a
        return (max(a[0] + b[1], b[0] + a[1]), a[1] + b[1])

    def mul(self, a: Scalar, b: Scalar) -> Scalar:
        return None if a is None or b is None else (a[0] + b[0], a[1] + b[1])

    def dot(self, u: Sequence[Scalar], v: Sequence[Scalar]) -> Scalar:
        above, below = -1, 0  # of the sum so far; above < 0 for the zero polynomial
        for a, b in zip(u, v, strict=True):
            if a is not None and b is not None:
                p, q = a[0] + b[0], a[1] + b[1]
                above, below = (p, q) if above < 0 else (max(above + q, p + below), below + q)
        return None if above < 0 else (above, below)

    def inverse(self, a: Scalar) -> Scalar:
        if a is None:
            raise ZeroDivisionError
        self.largest_divisor = max(self.largest_divisor, a[0])
        return (a[1], a[0])

    def rational(self, p: int, q: int) -> Scalar:
        return (0, 0) if p else None

    def root_of_two(self) -> Scalar:
        return (0, 0)

    def root_of_pi(self) -> Scalar:
        return (1, 0)

    def draw(self, rng: Random, positive: bool) -> Scalar:
        return (1, 0)

    def onehot(self, rng: Random, length: int) -> list[Scalar]:
        return [(1, 0)] * length

    def primitive(self, name: str, z: Scalar) -> Scalar:
        """At worst: a value at −z from the value at z, sin and cos from a parameter of the circle."""
        self.calls += 1
        if z is not None:
            self.largest_argument = max(self.largest_argument, sum(z))
        return (2, 2)

    def relate_log(self, a: Scalar, log: Scalar) -> None:
        self.calls += 1
        if a is not None:
            self.largest_argument = max(self.largest_argument, sum(a))

    def bits(self, difference: int) -> int:
        """k such that a false equation passes one trial with probability below 2^−k.

        Args:
            difference: a bound of the numerator's degree of any entry of left − right.
        """
        pairs = (2 * self.calls) ** 2  # z and −z
        bad = pairs * max(1, self.largest_argument) + difference + (self.calls + 1) * self.largest_divisor
        return max(0, int(log2(PRIME) - log2(2 * bad + 1)))
