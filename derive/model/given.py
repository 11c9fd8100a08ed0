"""What a caller may give: numbers and times, refused with a clear word where they are none."""

from __future__ import annotations

from math import isnan
from numbers import Real

from sympy import Expr, Symbol

from derive.algebra.nodes import number
from derive.errors import InputError


def check_seconds(given: object) -> float:
    """A limit of time.

    Raises:
        InputError: no positive number.
    """
    if not isinstance(given, Real) or isinstance(given, bool) or isnan(given) or given <= 0:
        raise InputError("seconds", "a number of seconds above 0", repr(given))
    return float(given)


def check_whole(name: str, given: object, most: int) -> int:
    """A whole number from 0 to `most`.

    Raises:
        InputError: it is none.
    """
    if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given <= most:
        raise InputError(name, f"a whole number from 0 to {most}", repr(given))
    return given


def check_index(given: object) -> Expr:
    """A time: a whole number, t, or a sum of those and of indices.

    Raises:
        InputError: it is none.
    """
    if isinstance(given, int) and not isinstance(given, bool):
        return number(given)
    if isinstance(given, Expr) and all(isinstance(s, Symbol) for s in given.free_symbols):
        return given
    raise InputError("index", "a whole number or an expression of t, T and indices", repr(given))
