"""Scalars to evaluate with: residues modulo a prime, with or without degrees; real numbers of 50 digits.

A domain knows numbers and the primitive functions.  Everything above it, equations, dual numbers,
sums and products, is written once, for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, Protocol, TypeAlias

from sympy import Expr, Rational, Symbol, pi

from derive.algebra.nodes import NONEMPTY, B, T
from derive.errors import UnsupportedError

Scalar: TypeAlias = Any  # an int, a number of mpmath, or a residue with its degrees
Rows: TypeAlias = list[list[Scalar]]


class Domain(Protocol):
    """One kind of scalar."""

    zero: Scalar
    one: Scalar

    @property
    def worn(self) -> bool:
        """Has it seen so much that the next claim needs a fresh one?"""
        ...

    def same(self, a: Scalar, b: Scalar) -> bool: ...
    def add(self, a: Scalar, b: Scalar) -> Scalar: ...
    def mul(self, a: Scalar, b: Scalar) -> Scalar: ...
    def dot(self, u: Sequence[Scalar], v: Sequence[Scalar]) -> Scalar: ...

    def inverse(self, a: Scalar) -> Scalar:
        """1/a.

        Raises:
            ZeroDivisionError: a is zero; other values may do better.
        """
        ...

    def rational(self, p: int, q: int) -> Scalar: ...
    def root_of_two(self) -> Scalar: ...
    def root_of_pi(self) -> Scalar: ...
    def draw(self, rng: Random, positive: bool) -> Scalar: ...
    def onehot(self, rng: Random, length: int) -> list[Scalar]: ...

    def primitive(self, name: str, z: Scalar) -> Scalar:
        """A function that is not made of others: exp, tanh, step …"""
        ...

    def keeps(self, relation: str, values: Sequence[Scalar], bound: Scalar) -> bool:
        """Do the values stand in that relation to the bound?  True where there is no order to tell."""
        ...

    def relate_log(self, a: Scalar, log: Scalar) -> None:
        """Take note that the logarithm of `a` is `log`."""
        ...


def coefficient(e: Expr, domain: Domain, numbers: Mapping[Symbol, Rational], steps: int) -> Scalar:
    """A scalar coefficient: numbers, sizes, T, roots of 2 and π.  1/T counts as 0 when T = 0."""
    if isinstance(e, Rational):
        return domain.rational(int(e.p), int(e.q))
    if e == T:
        return domain.rational(steps, 1)
    if e == NONEMPTY:
        return domain.rational(int(steps > 0), 1)
    if e == B:
        return domain.one  # one sequence
    if e == pi:
        return domain.mul(domain.root_of_pi(), domain.root_of_pi())
    if e in numbers:
        return coefficient(numbers[e], domain, numbers, steps)
    if e.is_Add or e.is_Mul:
        join: Callable[[Scalar, Scalar], Scalar] = domain.add if e.is_Add else domain.mul
        first, *rest = (coefficient(a, domain, numbers, steps) for a in e.args)
        for a in rest:
            first = join(first, a)
        return first
    if e.is_Pow:
        return _power(e, domain, numbers, steps)
    raise UnsupportedError(f"no exact value is known for {e}")


def _power(e: Expr, domain: Domain, numbers: Mapping[Symbol, Rational], steps: int) -> Scalar:
    base, exponent = e.args
    if e.base == T and steps == 0:
        return domain.zero
    if exponent.is_Integer:
        a = coefficient(base, domain, numbers, steps)
    elif (2 * exponent).is_Integer and base in (2, pi):
        a = domain.root_of_two() if base == 2 else domain.root_of_pi()
        exponent = 2 * exponent
    else:
        raise UnsupportedError(f"no exact value is known for {e}")
    return power(domain, a, int(exponent))


def power(domain: Domain, a: Scalar, n: int) -> Scalar:
    """a to an integer power."""
    if n < 0:
        a, n = domain.inverse(a), -n
    result = domain.one
    while n:  # by squaring
        result = domain.mul(result, a) if n & 1 else result
        n >>= 1
        a = domain.mul(a, a) if n else a
    return result
