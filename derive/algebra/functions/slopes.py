"""Slopes of elementwise functions that take more than a line."""

from __future__ import annotations

from sympy import Expr, HadamardProduct, MatrixExpr, S, pi, sqrt

from derive.algebra import build as b
from derive.algebra.functions.node import Apply


def one(y: MatrixExpr) -> MatrixExpr:
    return b.ones(*y.shape)


def step(z: MatrixExpr) -> MatrixExpr:
    return Apply("step", z)


def leaky_slope(z: MatrixExpr, a: Expr, y: MatrixExpr) -> MatrixExpr:
    return b.add(step(z), b.scale(a, step(b.negative(z))))


def power_slope(z: MatrixExpr, n: Expr, y: MatrixExpr) -> MatrixExpr:
    return b.scale(n, power(z, int(n) - 1))


HIGHEST_POWER = 64  # of one node


def power(z: MatrixExpr, n: int) -> MatrixExpr:
    """z to an integer power, elementwise; 0, 1 and the square of a plain factor need no function.

    A power of a power is one power: written out as a product it would double with every level.
    """
    if n == 0:
        return one(z)
    if n == 1:
        return z
    c, z = b.split(z)
    return b.scale(c**n, _plain_power(z, n))


def _plain_power(z: MatrixExpr, n: int) -> MatrixExpr:
    inner, m = z, 1
    if isinstance(z, Apply) and z.name == "power":
        inner, m = z.arg, int(z.numbers[0])
    elif isinstance(z, HadamardProduct) and len(set(z.args)) == 1:
        inner, m = z.args[0], len(z.args)
    if m > 0 and 0 < m * n <= HIGHEST_POWER:
        z, n = inner, m * n
    return b.hadamard(z, z) if n == 2 and not isinstance(z, HadamardProduct) else Apply("power", z, n)


def gauss(z: MatrixExpr, c: Expr) -> MatrixExpr:
    """exp(−c z²)."""
    return Apply("exp", b.scale(-c, b.hadamard(z, z)))


def gelu_slope(z: MatrixExpr, y: MatrixExpr) -> MatrixExpr:
    cdf = b.scale(S.Half, b.add(one(z), Apply("erf", b.scale(1 / sqrt(2), z))))
    return b.add(cdf, b.hadamard(z, b.scale(1 / sqrt(2 * pi), gauss(z, S.Half))))
