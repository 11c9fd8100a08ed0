"""Scalars made of numbers, constants, sizes and T, kept small enough that nothing explodes."""

from __future__ import annotations

from math import prod

from sympy import Add, Expr, Mul, Number, Pow, Rational, Symbol

from derive.algebra.functions import HIGHEST_POWER

_MOST_TERMS, _MOST_BITS = 1000, 1100


def fault(c: Expr) -> str:
    """Why a coefficient is too much to carry; "" if it is not."""
    if any(max(int(n.p).bit_length(), int(n.q).bit_length()) > _MOST_BITS for n in c.atoms(Rational)):
        return "the number is outside the range of floating point"
    if c.has(Pow) and any(abs(p.exp) > HIGHEST_POWER for p in c.atoms(Pow)):
        return f"a power is higher than {HIGHEST_POWER}"
    return f"written out it has more than {_MOST_TERMS} terms" if _terms(c) > _MOST_TERMS else ""


def _terms(c: Expr) -> int:
    """A bound on the number of terms after expansion."""
    match c:
        case Add():
            return sum(_terms(a) for a in c.args)
        case Mul():
            return prod(_terms(a) for a in c.args)
        case Pow():
            return int(_terms(c.base)) ** abs(int(c.exp))
    return 1


def is_zero(c: Expr, constants: dict[Symbol, Rational]) -> bool:
    """Is it zero for these values of the constants, whatever the sizes?"""
    return bool(c.xreplace(constants).expand() == 0)


def is_number(c: Expr, constants: dict[Symbol, Rational]) -> bool:
    """Does it contain numbers and constants only?"""
    return isinstance(c.xreplace(constants), Number)
