"""Real numbers of 50 digits, with the true functions: what a counterexample is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import ge, gt, le, lt, ne
from random import Random
from typing import Any

import mpmath

from derive.proof.budget import OutOfBudget
from derive.proof.field.domain import Rows, Scalar

DIGITS = 50
LARGEST = 4096  # bits of the integer part of an argument: its sine takes as many digits, its exponential has as many
NEAR_A_KINK = mpmath.mpf("1e-6")
NEAR = mpmath.mpf("1e-45")
_RELATIONS: dict[str, Callable[[Scalar, Scalar], bool]] = {">": gt, ">=": ge, "<": lt, "<=": le, "!=": ne}


class Reals:
    """Numbers of mpmath, in a context of our own."""

    worn = False

    def __init__(self, digits: int = DIGITS) -> None:
        context = mpmath.MPContext()
        context.dps = digits + 10  # ten digits for rounding
        self.context: Any = context
        self.zero, self.one = context.mpf(0), context.mpf(1)
        self._functions: dict[str, Callable[[Scalar], Scalar]] = {
            "exp": context.exp,
            "tanh": context.tanh,
            "sigmoid": lambda z: 1 / (1 + context.exp(-z)),
            "softplus": lambda z: context.log1p(context.exp(z)) if z < 0 else z + context.log1p(context.exp(-z)),
            "log": self._log,
            "sqrt": self._sqrt,
            "sin": context.sin,
            "cos": context.cos,
            "erf": context.erf,
            "step": self._step,
        }

    def same(self, a: Scalar, b: Scalar) -> bool:
        return bool(a == b)

    def add(self, a: Scalar, b: Scalar) -> Scalar:
        return a + b

    def mul(self, a: Scalar, b: Scalar) -> Scalar:
        return a * b

    def dot(self, u: Sequence[Scalar], v: Sequence[Scalar]) -> Scalar:
        return self.context.fdot(u, v)

    def inverse(self, a: Scalar) -> Scalar:
        return 1 / a

    def rational(self, p: int, q: int) -> Scalar:
        return self.context.mpf(p) / q

    def root_of_two(self) -> Scalar:
        return self.context.sqrt(2)

    def root_of_pi(self) -> Scalar:
        return self.context.sqrt(self.context.pi)

    def draw(self, rng: Random, positive: bool) -> Scalar:
        """A number of three decimals, at most 1 in size, not zero."""
        a = self.rational(rng.randrange(50, 1000), 1000)
        return a if positive or rng.random() < 0.5 else -a

    def onehot(self, rng: Random, length: int) -> list[Scalar]:
        at = rng.randrange(length)
        return [self.one if i == at else self.zero for i in range(length)]

    def keeps(self, relation: str, values: Sequence[Scalar], bound: Scalar) -> bool:
        if relation == "==":
            return all(abs(x - bound) <= NEAR * max(1, abs(bound)) for x in values)
        return all(_RELATIONS[relation](x, bound) for x in values)

    def primitive(self, name: str, z: Scalar) -> Scalar:
        if z and self.context.mag(z) > LARGEST:
            raise OutOfBudget(f"{name} of a number of more than {LARGEST} bits")
        return self._functions[name](z)

    def relate_log(self, a: Scalar, log: Scalar) -> None:
        pass

    def norm(self, rows: Rows, kind: str) -> Scalar:
        """The largest singular value of a matrix, the length of its entries in a row (F), or its largest row (inf)."""
        flat = [x for row in rows for x in row]
        if kind == "inf":
            return max(map(abs, flat)) if len(rows) == 1 else max(sum(map(abs, row)) for row in rows)
        if kind == "F" or len(rows) == 1 or len(rows[0]) == 1:
            return self.context.sqrt(self.context.fdot(flat, flat))
        gram = [[self.context.fdot(u, v) for v in zip(*rows, strict=True)] for u in zip(*rows, strict=True)]
        values = self.context.eigsy(self.context.matrix(gram), eigvals_only=True)
        return self.context.sqrt(max(*values, self.zero))

    def _log(self, z: Scalar) -> Scalar:
        if z <= 0:
            raise ZeroDivisionError  # outside the domain: other values may do better
        return self.context.log(z)

    def _sqrt(self, z: Scalar) -> Scalar:
        if z < 0:
            raise ZeroDivisionError
        return self.context.sqrt(z)

    def _step(self, z: Scalar) -> Scalar:
        if 0 < abs(z) < NEAR_A_KINK:
            raise ZeroDivisionError
        return self.one if z > 0 else self.zero
