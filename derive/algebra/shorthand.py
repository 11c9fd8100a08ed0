"""What a printer may write shorter than it is built: broadcasts, totals and decimals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sympy import HadamardProduct, MatAdd, MatMul, MatrixExpr, OneMatrix, Rational, Transpose

from derive.algebra.build import transpose
from derive.algebra.nodes import Scale
from derive.algebra.shapes import is_scalar

DIGITS = 13  # of numerator and denominator: their quotient has fewer than Decimal's 28


def factors(e: MatMul) -> list[MatrixExpr]:
    """The factors of a product, without 1×1 ones."""
    return [a for a in e.args if not (isinstance(a, OneMatrix) and is_scalar(a.shape))]


def product(args: list[MatrixExpr]) -> MatrixExpr:
    return args[0] if len(args) == 1 else MatMul(*args)


def scalar_part(e: MatrixExpr) -> MatrixExpr | None:
    """The s of an array of equal entries, 1 s or 1 s 1ᵀ; None for any other expression."""
    if not isinstance(e, MatMul) or is_scalar(e.shape):
        return None
    args = factors(e)
    if isinstance(args[0], OneMatrix):  # 1 1ᵀ a is 1 (1ᵀ a)
        cols = args[0].shape[1]
        args[:1] = [OneMatrix(1, cols)] if cols != 1 else []
    if args and isinstance(args[-1], OneMatrix) and args[-1].shape[0] == 1:
        args = args[:-1]
    s = product(args) if args else None
    return s if s is not None and s != e and is_scalar(s.shape) else None


def total_part(e: MatrixExpr) -> MatrixExpr | None:
    """The A of 1ᵀ A 1, the sum of all components; None for any other expression."""
    if not isinstance(e, MatMul) or not is_scalar(e.shape):
        return None
    args = factors(e)
    left, right = isinstance(args[0], OneMatrix), isinstance(args[-1], OneMatrix)
    inner = args[1 if left else 0 : len(args) - 1 if right else None]
    if not inner or not (left or right):
        return None
    a = product(inner)
    return a if (left and right) or 1 in a.shape else None


def terms_of(e: MatAdd) -> list[MatrixExpr]:
    """The terms of a sum in their order, but that one with a plus stands first: a - b for -b + a."""
    first = next((n for n, a in enumerate(e.args) if not _is_negative(a)), 0)
    return [e.args[first], *e.args[:first], *e.args[first + 1 :]]


def _is_negative(e: MatrixExpr) -> bool:
    return isinstance(e, Scale) and not e.coefficient.is_Add and bool(e.coefficient.could_extract_minus_sign())


def column_of(e: MatrixExpr) -> MatrixExpr | None:
    """The column whose transpose a sum or an elementwise product of rows is: a + b of aᵀ + bᵀ; None if it is none."""
    if not isinstance(e, (MatAdd, HadamardProduct)) or e.shape[0] != 1 or e.shape[1] == 1:
        return None
    return transpose(e) if e.has(Transpose) and all(map(_is_turned, e.args)) else None


def _is_turned(e: MatrixExpr) -> bool:
    if isinstance(e, (MatAdd, HadamardProduct)):
        return all(map(_is_turned, e.args))
    return isinstance(e, (Transpose, OneMatrix)) or (isinstance(e, Scale) and _is_turned(e.arg))


def decimal(c: Any) -> str:
    """A rational as a finite decimal, "" where there is none: 0.1, 1e-20."""
    if not isinstance(c, Rational):
        return ""
    rest = int(c.q)
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest != 1:
        return ""
    if c.q == 1:
        return str(int(c.p))
    if max(int(abs(c.p)), int(c.q)) > 10**DIGITS:
        return ""  # a fraction is shorter, and exact
    exact = Decimal(int(c.p)) / Decimal(int(c.q))
    return format(exact, "f") if c.q <= 10**12 else f"{exact:E}".replace("E-", "e-").replace("E+", "e+")
