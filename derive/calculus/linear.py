"""Expressions that are linear in column references, as matrices.

An adjoint equation is linear in the cotangents it reads; its matrix is a transposed Jacobian.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import TypeAlias

from sympy import HadamardProduct, Identity, MatAdd, MatMul, MatrixExpr, OneMatrix, Transpose

from derive.algebra import build as b
from derive.algebra.nodes import Concat, Diag, Pad, Scale, Slice, is_reference
from derive.algebra.shapes import is_scalar
from derive.errors import UnsupportedError
from derive.program import operands, rebuild, references

NO_MATRIX = "what comes back from a step is not a matrix times a column: the recursion says it better"
Matrix: TypeAlias = "MatrixExpr | None"  # None is a zero matrix
MatrixOf: TypeAlias = "Callable[[MatrixExpr], Matrix]"


def linear(e: MatrixExpr, matrix_of: MatrixOf, columns: object) -> Matrix:
    """M with e = M y, where `matrix_of` gives the M of each reference (None if it does not depend on y).

    `columns` is the number of columns of M, the length of y.

    Raises:
        UnsupportedError: e is not a column, or not linear in a way that a matrix shows.
    """
    if is_reference(e):
        return matrix_of(e)
    parts = [linear(_base(a), matrix_of, columns) for a in operands(e)]
    if all(p is None for p in parts):
        return None
    if isinstance(e, MatAdd):
        return sum_of(p for p in parts if p is not None)
    if isinstance(e, Scale) and parts[0] is not None:
        return b.scale(e.coefficient, parts[0])
    moving = [i for i, p in enumerate(parts) if p is not None]
    if isinstance(e, Concat):
        filled = [
            b.zeros((a.shape[0], columns)) if p is None else p  # type: ignore[arg-type]
            for a, p in zip(e.args, parts, strict=True)
        ]
        return Concat(*filled)
    if isinstance(e, (Slice, Pad)):
        return e.func(parts[0], *e.args[1:])
    if len(moving) == 1 and isinstance(e, HadamardProduct):
        fixed = [a for i, a in enumerate(e.args) if i != moving[0]]
        return diagonal_times(b.hadamard(*fixed), parts[moving[0]])  # type: ignore[arg-type]
    if len(moving) == 1 and isinstance(e, MatMul):
        return _product(e, moving[0], parts[moving[0]], matrix_of, columns)
    raise UnsupportedError(NO_MATRIX)


def _base(a: MatrixExpr) -> MatrixExpr:
    return a.arg if isinstance(a, Transpose) else a


def _product(e: MatMul, i: int, inner: Matrix, matrix_of: MatrixOf, columns: object) -> Matrix:
    """A x = A M y; a scalar uᵀ v with y in u is vᵀ u."""
    if isinstance(e.args[i], Transpose):
        if is_scalar(e.shape):
            return linear(b.matmul(*(b.transpose(a) for a in reversed(e.args))), matrix_of, columns)
        raise UnsupportedError(NO_MATRIX)
    after = [a for a in e.args[i + 1 :] if not (isinstance(a, OneMatrix) and is_scalar(a.shape))]
    if after or inner is None:
        raise UnsupportedError(NO_MATRIX)
    return b.matmul(*e.args[:i], inner) if i else inner


def diagonal_times(d: MatrixExpr, m: MatrixExpr) -> MatrixExpr:
    """diag(d) M, with neighbouring diagonals merged."""
    if isinstance(d, OneMatrix):
        return m
    if d.shape[1] != 1:  # a row: its diagonal would stand on the other side
        raise UnsupportedError(NO_MATRIX)
    c, m = b.split(m)
    k, d = b.split(d)
    factors = list(m.args) if isinstance(m, MatMul) else [] if isinstance(m, Identity) else [m]
    if factors and isinstance(factors[0], Diag):
        d, factors = b.hadamard(d, factors[0].arg), factors[1:]
    if isinstance(m, MatAdd):
        return b.scale(c * k, sum_of(diagonal_times(d, x) for x in m.args))
    return b.scale(c * k, b.matmul(Diag(d), *factors))


def sum_of(terms: Iterable[MatrixExpr]) -> MatrixExpr:
    """A sum; diagonal matrices that share factors become one: diag(z ⊙ h) − diag(z ⊙ n) = diag(z ⊙ (h − n))."""
    flat = [x for a in terms for x in (a.args if isinstance(a, MatAdd) else (a,))]
    diagonals = [x for x in flat if isinstance(b.split(x)[1], Diag)]
    shared = _shared([_factors(x) for x in diagonals])
    if len(diagonals) < 2 or not shared:
        return b.add(*flat)
    rests = [
        b.scale(b.split(x)[0], b.hadamard(*_without(_factors(x), shared), OneMatrix(*shared[0].shape)))
        for x in diagonals
    ]
    one = Diag(b.hadamard(*shared, b.add(*rests)))
    first = diagonals[0]
    return b.add(*(one if x is first else x for x in flat if x is first or x not in diagonals))


def _factors(x: MatrixExpr) -> list[MatrixExpr]:
    """The factors of the vector on a diagonal."""
    d = b.split(x)[1].arg
    return list(d.args) if isinstance(d, HadamardProduct) else [d]


def _shared(lists: Sequence[list[MatrixExpr]]) -> list[MatrixExpr]:
    """The factors that are in every list, as often as in each of them."""
    if not lists:
        return []
    found, others = list[MatrixExpr](), [list(x) for x in lists[1:]]
    for a in lists[0]:
        if all(a in x for x in others):
            found.append(a)
            for x in others:
                x.remove(a)
    return found


def _without(factors: list[MatrixExpr], shared: list[MatrixExpr]) -> list[MatrixExpr]:
    left = list(factors)
    for a in shared:
        left.remove(a)
    return left


def spread(e: MatrixExpr, moves: Callable[[str], bool]) -> list[MatrixExpr]:
    """The terms of an expression, its products multiplied out over sums in which a name moves."""
    if not any(moves(r.name) for r in references(e)) or is_reference(e):
        return [e]
    if isinstance(e, MatAdd):
        return [x for a in e.args for x in spread(a, moves)]
    if isinstance(e, (Scale, Transpose, Slice, Pad, HadamardProduct, MatMul)):
        choices = [spread(a, moves) for a in operands(e)]
        if any(len(c) > 1 for c in choices):
            return [_again(e, parts) for parts in product(*choices)]
    return [e]


def _again(e: MatrixExpr, parts: Sequence[MatrixExpr]) -> MatrixExpr:
    if isinstance(e, HadamardProduct):
        return b.hadamard(*parts)
    if isinstance(e, MatMul):
        return b.matmul(*parts)
    return b.scale(e.coefficient, parts[0]) if isinstance(e, Scale) else rebuild(e, parts)
