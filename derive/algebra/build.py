"""Constructors that keep expressions small: they flatten, pull numbers out and drop zeros and ones.

They never reorder what the user wrote, except that like terms of a sum are merged.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from sympy import HadamardProduct, Identity, MatAdd, MatMul, MatrixExpr, OneMatrix, S, Transpose, ZeroMatrix
from sympy.matrices.exceptions import ShapeError as SymPyShapeError

from derive.algebra.nodes import Blocks, Delta, Diag, Scale, SumOver, number
from derive.algebra.shapes import Shape, conform, is_scalar, same, shape_text
from derive.errors import ShapeError


def ones(rows: Any, cols: Any = S.One) -> OneMatrix:
    return OneMatrix(number(rows), number(cols))


def zeros(shape: Shape) -> ZeroMatrix:
    return ZeroMatrix(*shape)


def is_zero(a: MatrixExpr) -> bool:
    return isinstance(a, ZeroMatrix)


def scale(c: Any, a: MatrixExpr) -> MatrixExpr:
    """c·A."""
    c = number(c)
    if isinstance(a, Scale):
        c, a = c * a.coefficient, a.arg
    if c == 0 or is_zero(a):
        return zeros(a.shape)
    return a if c == 1 else Scale(c, a)


def split(a: MatrixExpr) -> tuple[Any, MatrixExpr]:
    """The coefficient of an expression and the rest."""
    return (a.coefficient, a.arg) if isinstance(a, Scale) else (S.One, a)


def negative(a: MatrixExpr) -> MatrixExpr:
    return scale(-1, a)


def add(*terms: MatrixExpr) -> MatrixExpr:
    """A sum in the given order; like terms are merged at the place of the first."""
    conform("+", *(a.shape for a in terms))
    flat: list[MatrixExpr] = []
    for a in terms:
        flat.extend(a.args if isinstance(a, MatAdd) else [a])
    if len(flat) == 1:
        return flat[0]
    merged: dict[MatrixExpr, Any] = {}
    for a in flat:
        if not is_zero(a):
            c, rest = split(a)
            merged[rest] = merged.get(rest, S.Zero) + c
    kept = [scale(c, a) for a, c in merged.items() if c != 0]
    if not kept:
        return zeros(terms[0].shape)
    return kept[0] if len(kept) == 1 else MatAdd(*kept)


def subtract(a: MatrixExpr, b: MatrixExpr) -> MatrixExpr:
    return add(a, negative(b))


def hadamard(*factors: MatrixExpr) -> MatrixExpr:
    """The elementwise product of factors of one shape."""
    shape = factors[0].shape
    conform("elementwise *", *(a.shape for a in factors))
    c: Any = S.One
    flat: list[MatrixExpr] = []
    for a in factors:
        k, a = split(a)
        c *= k
        if is_zero(a):
            return zeros(shape)
        if not isinstance(a, OneMatrix):
            flat.extend(a.args if isinstance(a, HadamardProduct) else [a])
    if not flat:
        return scale(c, OneMatrix(*shape))
    return scale(c, flat[0] if len(flat) == 1 else HadamardProduct(*flat))


def matmul(*factors: MatrixExpr) -> MatrixExpr:
    """The matrix product, flattened; identities and 1×1 ones disappear."""
    c: Any = S.One
    flat: list[MatrixExpr] = []
    for a in factors:
        k, a = split(a)
        c *= k
        flat.extend(a.args if isinstance(a, MatMul) else [a])
    for a, b in pairwise(flat):
        if not same((a.shape[1], S.One), (b.shape[0], S.One)):
            raise ShapeError(f"'@' needs matching inner sizes, got {shape_text(a.shape)} and {shape_text(b.shape)}")
    shape = (flat[0].shape[0], flat[-1].shape[1])
    if any(is_zero(a) for a in flat):
        return zeros(shape)
    kept = [a for a in flat if not isinstance(a, Identity) and not (isinstance(a, OneMatrix) and is_scalar(a.shape))]
    kept = _join_ones(kept or flat[:1])
    inner, kept = kept[0], kept[1:]
    c *= inner
    if len(kept) == 1:
        return scale(c, kept[0])
    try:
        return scale(c, MatMul(*kept))
    except SymPyShapeError as error:  # sizes that are equal only after expansion
        raise ShapeError(str(error)) from error


def _join_ones(factors: list[MatrixExpr]) -> list[Any]:
    """[coefficient, factors] with neighbouring ones multiplied out: 1 1ᵀ 1 = n 1."""
    c, joined = S.One, [factors[0]]
    for a in factors[1:]:
        if isinstance(a, OneMatrix) and isinstance(joined[-1], OneMatrix):
            c *= a.shape[0]
            joined[-1] = OneMatrix(joined[-1].shape[0], a.shape[1])
        else:
            joined.append(a)
    return [c, *joined]


def transpose(a: MatrixExpr) -> MatrixExpr:
    """Aᵀ, pushed inwards; a 1×1 expression is its own transpose."""
    if is_scalar(a.shape):
        return a
    match a:
        case Transpose():
            return a.arg
        case Scale():
            return scale(a.coefficient, transpose(a.arg))
        case OneMatrix() | ZeroMatrix():
            return type(a)(*reversed(a.shape))
        case Identity() | Diag():
            return a
        case MatMul():
            scalar = broadcast_scalar(a)
            if scalar is not None:  # the scalar stays as it is
                return broadcast(scalar, (a.shape[1], a.shape[0]))
            return matmul(*(transpose(x) for x in reversed(a.args)))
        case MatAdd():
            return add(*(transpose(x) for x in a.args))
        case HadamardProduct():
            return hadamard(*(transpose(x) for x in a.args))
        case SumOver() | Delta():
            return a.func(transpose(a.arg), *a.args[1:])
        case Blocks():
            n, m = a.block_rows, a.block_cols
            return Blocks(m, n, *(transpose(a.block(i, j)) for j in range(m) for i in range(n)))
    return Transpose(a)


def diag(a: MatrixExpr) -> MatrixExpr:
    """A column vector as a diagonal matrix."""
    return Diag(a)


def broadcast(s: MatrixExpr, shape: Shape) -> MatrixExpr:
    """A 1×1 expression as an array of equal entries: a product with ones."""
    if not is_scalar(s.shape):
        raise ShapeError(f"only a scalar is broadcast, not {shape_text(s.shape)}")
    if is_scalar(shape):
        return s
    c, s = split(s)
    if is_zero(s):
        return zeros(shape)
    if isinstance(s, OneMatrix):
        return scale(c, OneMatrix(*shape))
    factors = [ones(shape[0])] if shape[0] != 1 else []
    factors.append(s)
    if shape[1] != 1:
        factors.append(ones(1, shape[1]))
    return scale(c, MatMul(*factors))


def broadcast_scalar(a: MatrixExpr) -> MatrixExpr | None:
    """The s of an array of equal entries built by `broadcast`, else None."""
    if isinstance(a, MatMul):
        rest = [x for x in a.args if not isinstance(x, OneMatrix)]
        if len(rest) == 1 and is_scalar(rest[0].shape) and not is_scalar(a.shape):
            return rest[0]
    return None


def total(a: MatrixExpr) -> MatrixExpr:
    """The sum of all components, 1ᵀ A 1."""
    rows, cols = a.shape
    factors = [] if rows == 1 else [ones(1, rows)]
    factors.append(a)
    if cols != 1:
        factors.append(ones(cols))
    return matmul(*factors)


def outer(a: MatrixExpr, b: MatrixExpr) -> MatrixExpr:
    return matmul(a, transpose(b))


def dot(a: MatrixExpr, b: MatrixExpr) -> MatrixExpr:
    conform("dot", a.shape, b.shape)
    if is_scalar(a.shape):  # a product of matrices would be flattened, and double with every level
        return hadamard(a, b)
    return total(hadamard(a, b)) if a.shape[1] != 1 else matmul(transpose(a), b)
