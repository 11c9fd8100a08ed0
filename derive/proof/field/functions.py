"""Elementwise functions as the field knows them: values from primitives, slopes from true relations.

Written apart from the registry's slopes, so that the one checks the other.  A slope at a kink is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from derive.errors import UnsupportedError
from derive.proof.field.domain import Domain, Scalar, power

Value: TypeAlias = Callable[..., Scalar]


class Arithmetic:
    """Operators' names for a domain's operations, and its functions by name."""

    def __init__(self, domain: Domain):
        self.domain = domain
        self.mul, self.inverse, self.one = domain.mul, domain.inverse, domain.one
        self.minus_one = domain.rational(-1, 1)
        self.half = domain.rational(1, 2)

    def add(self, *terms: Scalar) -> Scalar:
        total = terms[0]
        for a in terms[1:]:
            total = self.domain.add(total, a)
        return total

    def neg(self, a: Scalar) -> Scalar:
        return self.mul(self.minus_one, a)

    def sub(self, a: Scalar, b: Scalar) -> Scalar:
        return self.domain.add(a, self.neg(b))

    def product(self, *factors: Scalar) -> Scalar:
        result = factors[0]
        for a in factors[1:]:
            result = self.mul(result, a)
        return result

    def __call__(self, name: str, *args: Scalar) -> Scalar:
        """The value of a function at scalars (its numbers last)."""
        return relation(name).value(self, *args)

    def primitive(self, name: str, z: Scalar) -> Scalar:
        return self.domain.primitive(name, z)

    def gauss(self, z: Scalar, c: Scalar) -> Scalar:
        """exp(−c z²)."""
        return self("exp", self.neg(self.product(c, z, z)))


@dataclass(frozen=True)
class Relation:
    """`value(k, *args)` and `slopes(k, y, *args)`, one slope for each array argument; k is an `Arithmetic`."""

    value: Value
    slopes: Callable[..., list[Scalar]]


def _primitive(name: str, slope: Callable[..., Scalar]) -> Relation:
    return Relation(lambda k, z: k.primitive(name, z), lambda k, y, z: [slope(k, y, z)])


def _gelu_slope(k: Arithmetic, y: Scalar, z: Scalar) -> Scalar:
    root = k.domain.root_of_two()
    cdf = k.mul(k.half, k.add(k.one, k("erf", k.mul(z, k.inverse(root)))))
    density = k.mul(k.inverse(k.mul(root, k.domain.root_of_pi())), k.gauss(z, k.half))
    return k.add(cdf, k.mul(z, density))


def _erf_slope(k: Arithmetic, y: Scalar, z: Scalar) -> Scalar:
    return k.product(k.domain.rational(2, 1), k.inverse(k.domain.root_of_pi()), k.gauss(z, k.one))


def _silu_slope(k: Arithmetic, y: Scalar, z: Scalar) -> Scalar:
    s = k("sigmoid", z)
    return k.add(s, k.product(z, s, k.sub(k.one, s)))


def _leaky_slope(k: Arithmetic, y: Scalar, z: Scalar, a: Scalar) -> list[Scalar]:
    return [k.add(k("step", z), k.mul(a, k("step", k.neg(z))))]


def _gelu(k: Arithmetic, z: Scalar) -> Scalar:
    return k.product(k.half, z, k.add(k.one, k("erf", k.mul(z, k.inverse(k.domain.root_of_two())))))


def _elu_tail(k: Arithmetic, z: Scalar) -> Scalar:
    """exp(min(z, 0)), which is the slope of elu."""
    return k("exp", k.neg(k("relu", k.neg(z))))


RELATIONS: dict[str, Relation] = {
    "exp": _primitive("exp", lambda k, y, z: y),
    "tanh": _primitive("tanh", lambda k, y, z: k.sub(k.one, k.mul(y, y))),
    "sigmoid": _primitive("sigmoid", lambda k, y, z: k.mul(y, k.sub(k.one, y))),
    "softplus": _primitive("softplus", lambda k, y, z: k("sigmoid", z)),
    "log": _primitive("log", lambda k, y, z: k.inverse(z)),
    "sqrt": _primitive("sqrt", lambda k, y, z: k.mul(k.half, k.inverse(y))),
    "sin": _primitive("sin", lambda k, y, z: k("cos", z)),
    "cos": _primitive("cos", lambda k, y, z: k.neg(k("sin", z))),
    "erf": _primitive("erf", _erf_slope),
    "step": _primitive("step", lambda k, y, z: k.domain.zero),
    "sign": Relation(lambda k, z: k.sub(k("step", z), k("step", k.neg(z))), lambda k, y, z: [k.domain.zero]),
    "relu": Relation(lambda k, z: k.mul(z, k("step", z)), lambda k, y, z: [k("step", z)]),
    "abs": Relation(lambda k, z: k.mul(z, k("sign", z)), lambda k, y, z: [k("sign", z)]),
    "leaky_relu": Relation(
        lambda k, z, a: k.sub(k("relu", z), k.mul(a, k("relu", k.neg(z)))),
        _leaky_slope,
    ),
    "elu": Relation(
        lambda k, z: k.sub(k.add(k("relu", z), _elu_tail(k, z)), k.one),
        lambda k, y, z: [_elu_tail(k, z)],
    ),
    "gelu": Relation(_gelu, lambda k, y, z: [_gelu_slope(k, y, z)]),
    "silu": Relation(lambda k, z: k.mul(z, k("sigmoid", z)), lambda k, y, z: [_silu_slope(k, y, z)]),
    "maximum": Relation(
        lambda k, p, q: k.add(q, k("relu", k.sub(p, q))),
        lambda k, y, p, q: [k("step", k.sub(p, q)), k("step", k.sub(q, p))],
    ),
    "minimum": Relation(
        lambda k, p, q: k.sub(q, k("relu", k.sub(q, p))),
        lambda k, y, p, q: [k("step", k.sub(q, p)), k("step", k.sub(p, q))],
    ),
    "reciprocal": Relation(
        lambda k, z: k.inverse(z),
        lambda k, y, z: [k.neg(k.mul(y, y))],
    ),
}


def relation(name: str) -> Relation:
    """The entry of a function that has no parameters but numbers of the domain.

    Raises:
        UnsupportedError: there is none.
    """
    if name not in RELATIONS:
        raise UnsupportedError(f"the field knows no {name}: add it to derive.proof.field.functions")
    return RELATIONS[name]


def apply(k: Arithmetic, name: str, args: list[Scalar], numbers: list[Scalar]) -> Scalar:
    """The value of a function at scalars."""
    if name == "power":
        return power(k.domain, args[0], numbers[0])
    return relation(name).value(k, *args, *numbers)


def slopes(k: Arithmetic, name: str, y: Scalar, args: list[Scalar], numbers: list[Scalar]) -> list[Scalar]:
    """The slope with respect to each array argument, y being the value."""
    if name == "power":
        n = numbers[0]
        return [k.mul(k.domain.rational(n, 1), power(k.domain, args[0], n - 1)) if n else k.domain.zero]
    return relation(name).slopes(k, y, *args, *numbers)
