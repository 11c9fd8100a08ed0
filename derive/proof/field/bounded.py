"""Residues that carry degrees: how likely a false equation is to pass.

Every drawn number, and every function value that no relation tells, is an indeterminate of its own.  The
difference of the two sides is then a rational function of them, whose numerator has at most the
degree computed here; two different arguments of a function coincide with probability at most
their degree over p (Schwartz 1980; Zippel 1979).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from random import Random
from typing import TypeAlias

from derive.proof.field.domain import Scalar
from derive.proof.field.galois import PRIME, Galois

SURE = 100  # bits: what a fresh one gives at least, unless the claim itself is large
Degrees: TypeAlias = "tuple[int, int]"  # of the numerator, of the denominator


class Bounded:
    """Triples: a residue, the degree of its numerator (−1 for the zero polynomial), that of its denominator."""

    zero: Scalar = (0, -1, 0)
    one: Scalar = (1, 0, 0)

    def __init__(self, seed: int):
        self.residues = Galois(seed)
        self._degrees: dict[int, Degrees] = {0: (0, 0), 1: (0, 0)}  # of what functions were asked, and answered
        self.largest = 0  # degree of what a function was asked
        self.largest_divisor = self.divisors = 0

    @property
    def worn(self) -> bool:
        return self.residues.worn or self.bits(0) < SURE

    def add(self, a: Scalar, b: Scalar) -> Scalar:
        if a[1] < 0 or b[1] < 0:
            return b if a[1] < 0 else a
        above = a[1] + b[2], b[1] + a[2]
        return ((a[0] + b[0]) % PRIME, max(above), a[2] + b[2])

    def mul(self, a: Scalar, b: Scalar) -> Scalar:
        return self.zero if a[1] < 0 or b[1] < 0 else (a[0] * b[0] % PRIME, a[1] + b[1], a[2] + b[2])

    def dot(self, u: Sequence[Scalar], v: Sequence[Scalar]) -> Scalar:
        total, above, below = 0, -1, 0
        for (a, p, q), (b, r, s) in zip(u, v, strict=True):
            if p >= 0 and r >= 0:
                total, p, q = total + a * b, p + r, q + s
                above, below = (p, q) if above < 0 else (max(above + q, p + below), below + q)
        return (total % PRIME, above, below)

    def inverse(self, a: Scalar) -> Scalar:
        if a[1] < 0:
            raise ZeroDivisionError
        self.divisors += 1
        self.largest_divisor = max(self.largest_divisor, a[1])
        return (self.residues.inverse(a[0]), a[2], a[1])

    def rational(self, p: int, q: int) -> Scalar:
        return (self.residues.rational(p, q), 0, 0) if p else self.zero

    def root_of_two(self) -> Scalar:
        return (self.residues.root_of_two(), 0, 0)

    def root_of_pi(self) -> Scalar:
        return (self.residues.root_of_pi(), 1, 0)

    def draw(self, rng: Random, positive: bool) -> Scalar:
        return (self.residues.draw(rng, positive), 1, 0)

    def onehot(self, rng: Random, length: int) -> list[Scalar]:
        return [(a, 1, 0) for a in self.residues.onehot(rng, length)]

    def keeps(self, relation: str, values: Sequence[Scalar], bound: Scalar) -> bool:
        return True

    def primitive(self, name: str, z: Scalar) -> Scalar:
        """What is found by a relation, log exp z = z, has the degree of what was asked then."""
        self._note(z)
        y = self.residues.primitive(name, z[0])
        if name == "softplus":  # log σ(−z) = −softplus(z); and softplus(z) = softplus(−z) + z
            value = self.add((y, 2, 2), z)
            e, above, below = self.primitive("exp", z)  # it is log (1 + e), and less z, log (1 + 1/e)
            most = max(above, below)
            self._note(((1 + e) % PRIME, most, below))
            self._note(((1 + self.residues.inverse(e)) % PRIME, most, above))
            self._note((y, *value[1:]))
            self._note((-y % PRIME, *value[1:]))
            return (y, *value[1:])
        if name == "sigmoid":
            self.primitive("softplus", z)
            self.primitive("softplus", (-z[0] % PRIME, *z[1:]))
        if name in ("sigmoid", "tanh") and z[1] >= 0:  # by e = exp z: e / (1 + e), (e² − 1) / (e² + 1)
            _, above, below = self.primitive("exp", z)
            most = max(above, below)
            self._degrees.setdefault(y, (above, most) if name == "sigmoid" else (2 * most, 2 * most))
        if name == "exp" and y not in self._degrees:  # an indeterminate; exp(−z) = 1 / exp z
            self._degrees[y] = self._degrees.get(self.residues.inverse(y), (0, 1))[::-1]
        return (y, *self._degrees.setdefault(y, (2, 2)))  # sin and cos from a parameter of the circle

    def relate_log(self, a: Scalar, log: Scalar) -> None:
        self._note(a)
        self._note(log)
        self.residues.relate_log(a[0], log[0])

    def same(self, a: Scalar, b: Scalar) -> bool:
        return bool(a[0] == b[0])

    def _note(self, a: Scalar) -> None:
        """Remember the degrees of what may be found again."""
        above, below = max(a[1], 0), a[2]
        self.largest = max(self.largest, above + below)
        self._degrees.setdefault(a[0], (above, below))

    @staticmethod
    def difference(a: Sequence[Scalar], b: Sequence[Scalar]) -> int:
        """A bound of the degree of the numerator of any a − b."""
        return max((max(x[1] + y[2], y[1] + x[2]) for x, y in zip(a, b, strict=True)), default=0)

    def bits(self, difference: int) -> int:
        """k such that a false equation passes one trial with probability below 2^−k.

        Args:
            difference: a bound of the numerator's degree of any entry of left − right.
        """
        # Each pair of arguments differs by a polynomial of at most twice the largest degree.
        pairs = (2 * self.residues.known) ** 2 if self.residues.calls else 0
        bad = pairs * max(1, self.largest) + difference + self.divisors * self.largest_divisor
        return max(0, int(log2(PRIME) - log2(2 * bad + 1)))
