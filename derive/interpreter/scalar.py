"""Elementwise functions by their scalar definitions, on arrays of any dtype."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache, reduce
from typing import Any

import numpy as np
import sympy
from sympy import Expr, Symbol
from sympy.codegen.cfunctions import expm1, log1p
from sympy.core.relational import Relational

from derive.algebra.functions import FUNCTIONS
from derive.errors import UnsupportedError

Array = np.ndarray[Any, Any]


def apply_function(name: str, args: list[Array], numbers: list[float]) -> Array:
    """An elementwise function by its scalar definition; piecewise ones branch on the real part.

    At a kink the slope is 0: what comes out there does not move.
    """
    symbols, numerals, definition = _definition(name)
    values: dict[Expr, Any] = dict(zip(symbols, args, strict=True)) | dict(zip(numerals, numbers, strict=True))
    with np.errstate(all="ignore"):  # a branch that is not taken may overflow
        result = np.asarray(scalar_value(definition, values))
    if FUNCTIONS[name].smooth or not np.iscomplexobj(result):
        return result
    return np.where(gap(args).real == 0, result.real, result)


def gap(args: list[Array]) -> Array:
    """How far a function that is not smooth is from its kink: at 0, or where two arguments are equal."""
    return args[0] - args[1] if len(args) == 2 else args[0]


@cache
def _definition(name: str) -> tuple[tuple[Symbol, ...], tuple[Symbol, ...], Expr]:
    entry = FUNCTIONS[name]
    symbols = sympy.symbols(f"z0:{entry.arity}")
    numerals = sympy.symbols(f"n0:{entry.parameters}")
    return symbols, numerals, sympy.sympify(entry.scalar(*symbols, *numerals), strict=True)


_UNARY: dict[Any, Callable[[Any], Any]] = {
    sympy.exp: np.exp,
    sympy.log: np.log,
    sympy.tanh: np.tanh,
    sympy.sin: np.sin,
    sympy.cos: np.cos,
    expm1: np.expm1,
    log1p: np.log1p,
    sympy.Abs: np.abs,
    sympy.erf: lambda z: _erf(z),  # noqa: PLW0108 - it is defined below
}


def scalar_value(e: Expr, values: Mapping[Expr, Any]) -> Any:
    """A scalar expression, with numbers or arrays for some of its parts."""
    if e in values:
        return values[e]
    if e.is_number:
        return float(e)
    if isinstance(e, sympy.Add):
        return sum((scalar_value(a, values) for a in e.args[1:]), scalar_value(e.args[0], values))
    if isinstance(e, sympy.Mul):
        return math.prod((scalar_value(a, values) for a in e.args[1:]), start=scalar_value(e.args[0], values))
    if isinstance(e, sympy.Pow):
        return _power(scalar_value(e.base, values), scalar_value(e.exp, values))
    if isinstance(e, sympy.Piecewise):
        return _piecewise(e, values)
    if isinstance(e, sympy.Max):
        return reduce(np.maximum, (scalar_value(a, values) for a in e.args))
    return _UNARY[e.func](scalar_value(e.args[0], values))


def _power(base: Any, exponent: float) -> Any:
    if exponent != int(exponent) and 2 * exponent == int(2 * exponent):
        return _power(np.sqrt(base), 2 * exponent)
    n = abs(int(exponent))
    if n != abs(exponent):
        raise UnsupportedError(f"a power must be an integer or half of one, not {exponent}")
    result = 1.0
    for _ in range(n):  # repeated products keep the tiny imaginary part of a complex step exact
        result = result * base
    return 1 / result if exponent < 0 else result


def _piecewise(e: sympy.Piecewise, values: Mapping[Expr, Any]) -> Any:
    result = None
    for value, condition in reversed(e.args):
        branch = scalar_value(value, values)
        result = branch if result is None else np.where(_condition(condition, values), branch, result)
    return result


def _condition(c: Any, values: Mapping[Expr, Any]) -> Any:
    if not isinstance(c, Relational):
        return bool(c)
    left, right = (np.real(scalar_value(a, values)) for a in c.args)
    compare = {">": np.greater, "<": np.less, ">=": np.greater_equal, "<=": np.less_equal}
    return compare[c.rel_op](left, right)


_real_erf = np.vectorize(math.erf, otypes=[float])


def _erf(z: Array) -> Array:
    """erf(x + iy) = erf(x) + iy·2/√π·exp(−x²), right to first order in y."""
    x = np.real(z)
    value = _real_erf(x)
    return value + 1j * np.imag(z) * 2 / math.sqrt(math.pi) * np.exp(-x * x) if np.iscomplexobj(z) else value
