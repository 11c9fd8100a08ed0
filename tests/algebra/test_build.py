"""The smart constructors: what they drop, flatten and keep, and that the value stays the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import (
    HadamardProduct,
    Identity,
    MatAdd,
    MatMul,
    MatrixExpr,
    MatrixSymbol,
    OneMatrix,
    Rational,
    Transpose,
    ZeroMatrix,
)

from derive.algebra import build as b
from derive.algebra.functions import Apply
from derive.algebra.nodes import Blocks, Concat, Delta, Diag, Scale, Slice, Softmax, SumOver, T, Timed, number, t
from derive.errors import ShapeError
from tests.algebra.samples import H, I, M, U, W, h, s, x, y, z

ONES, ZERO = OneMatrix(H, 1), ZeroMatrix(H, 1)


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        # scale
        (lambda: b.scale(1, h), h),
        (lambda: b.scale(0, h), ZERO),
        (lambda: b.scale(3, ZERO), ZERO),
        (lambda: b.scale(2, Scale(3, h)), Scale(6, h)),
        (lambda: b.scale(Rational(1, 3), Scale(3, h)), h),
        (lambda: b.negative(b.negative(h)), h),
        # add: flat, in order, like terms merged at the place of the first
        (lambda: b.add(h), h),
        (lambda: b.add(z, h, y), MatAdd(z, h, y)),
        (lambda: b.add(b.add(z, h), y), MatAdd(z, h, y)),
        (lambda: b.add(z, b.add(h, y)), MatAdd(z, h, y)),
        (lambda: b.add(z, ZERO, h), MatAdd(z, h)),
        (lambda: b.add(ZERO, ZERO), ZERO),
        (lambda: b.add(z, h, z), MatAdd(Scale(2, z), h)),
        (lambda: b.add(z, h, b.scale(-1, z)), h),
        (lambda: b.subtract(h, h), ZERO),
        (lambda: b.subtract(h, z), MatAdd(h, Scale(-1, z))),
        (lambda: b.add(b.scale(H, z), b.scale(2, z)), Scale(H + 2, z)),
        # hadamard
        (lambda: b.hadamard(h), h),
        (lambda: b.hadamard(z, h, y), HadamardProduct(z, h, y)),
        (lambda: b.hadamard(b.hadamard(z, h), y), HadamardProduct(z, h, y)),
        (lambda: b.hadamard(z, ONES), z),
        (lambda: b.hadamard(ONES, ONES), ONES),
        (lambda: b.hadamard(Scale(2, ONES), Scale(3, ONES)), Scale(6, ONES)),
        (lambda: b.hadamard(z, ZERO, h), ZERO),
        (lambda: b.hadamard(Scale(2, z), Scale(5, h)), Scale(10, HadamardProduct(z, h))),
        (lambda: b.hadamard(z, z), HadamardProduct(z, z)),
        # matmul
        (lambda: b.matmul(W), W),
        (lambda: b.matmul(W, b.matmul(U, x)), MatMul(W, U, x)),
        (lambda: b.matmul(b.matmul(W, U), x), MatMul(W, U, x)),
        (lambda: b.matmul(W, Identity(H), h), MatMul(W, h)),
        (lambda: b.matmul(Identity(H), Identity(H)), Identity(H)),
        (lambda: b.matmul(Identity(H), h), h),
        (lambda: b.matmul(Scale(2, W), Scale(-3, h)), Scale(-6, MatMul(W, h))),
        (lambda: b.matmul(W, ZERO), ZERO),
        (lambda: b.matmul(ZeroMatrix(I, H), W, h), ZeroMatrix(I, 1)),
        (lambda: b.matmul(h, OneMatrix(1, 1)), h),
        (lambda: b.matmul(h, s), MatMul(h, s)),
        # transpose
        (lambda: b.transpose(b.transpose(W)), W),
        (lambda: b.transpose(s), s),
        (lambda: b.transpose(b.matmul(W, U)), MatMul(Transpose(U), Transpose(W))),
        (lambda: b.transpose(b.add(W, b.transpose(W))), MatAdd(Transpose(W), W)),
        (lambda: b.transpose(Scale(2, U)), Scale(2, Transpose(U))),
        (lambda: b.transpose(OneMatrix(H, I)), OneMatrix(I, H)),
        (lambda: b.transpose(ZeroMatrix(H, I)), ZeroMatrix(I, H)),
        (lambda: b.transpose(Diag(h)), Diag(h)),
        (lambda: b.transpose(Identity(H)), Identity(H)),
        (lambda: b.transpose(b.hadamard(h, z)), HadamardProduct(Transpose(h), Transpose(z))),
        (lambda: b.transpose(SumOver(M, "tb")), SumOver(Transpose(M), "tb")),
        (lambda: b.transpose(Delta(M, t, T - 1)), Delta(Transpose(M), t, T - 1)),
        (lambda: b.transpose(b.dot(h, z)), b.dot(h, z)),
        (
            lambda: b.transpose(Blocks(2, 2, W, U, ZeroMatrix(I, H), Identity(I))),
            Blocks(2, 2, Transpose(W), ZeroMatrix(H, I), Transpose(U), Identity(I)),
        ),
        (lambda: b.transpose(Blocks(1, 2, W, U)), Blocks(2, 1, Transpose(W), Transpose(U))),
        # scalars and arrays
        (lambda: b.broadcast(s, (H, 1)), MatMul(ONES, s)),
        (lambda: b.broadcast(s, (H, I)), MatMul(ONES, s, OneMatrix(1, I))),
        (lambda: b.broadcast(s, (1, I)), MatMul(s, OneMatrix(1, I))),
        (lambda: b.broadcast(s, (1, 1)), s),
        (lambda: b.broadcast(Scale(2, s), (H, 1)), Scale(2, MatMul(ONES, s))),
        (lambda: b.broadcast(Scale(2, OneMatrix(1, 1)), (H, 1)), Scale(2, ONES)),
        (lambda: b.broadcast(ZeroMatrix(1, 1), (H, I)), ZeroMatrix(H, I)),
        (lambda: b.broadcast_scalar(b.broadcast(s, (H, I))), s),
        (lambda: b.broadcast_scalar(h), None),
        (lambda: b.broadcast_scalar(MatMul(W, ONES)), None),
        (lambda: b.total(h), MatMul(OneMatrix(1, H), h)),
        (lambda: b.total(M), MatMul(OneMatrix(1, H), M, OneMatrix(I, 1))),
        (lambda: b.total(s), s),
        (lambda: b.outer(h, x), MatMul(h, Transpose(x))),
        (lambda: b.dot(h, z), MatMul(Transpose(h), z)),
        (lambda: b.dot(M, U), MatMul(OneMatrix(1, H), HadamardProduct(M, U), OneMatrix(I, 1))),
    ],
)
def test_what_is_built(got: Callable[[], MatrixExpr], expected: MatrixExpr) -> None:
    assert got() == expected


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: b.add(h, x), r"\+ needs equal shapes, got a vector of H and a vector of I"),
        (lambda: b.add(h, b.transpose(h)), "a vector of H and a matrix of 1 x H"),
        (lambda: b.hadamard(W, U), r"elementwise \* needs equal shapes"),
        (lambda: b.hadamard(ZERO, x), r"elementwise \* needs equal shapes"),
        (lambda: b.matmul(W, x), "'@' needs matching inner sizes, got a matrix of H x H and a vector of I"),
        (lambda: b.matmul(W, ZeroMatrix(I, I)), "needs matching inner sizes"),
        (lambda: b.matmul(W, Identity(I), h), "needs matching inner sizes"),
        (lambda: b.broadcast(h, (H, I)), "only a scalar is broadcast, not a vector of H"),
        (lambda: b.dot(h, x), "dot needs equal shapes"),
    ],
)
def test_what_does_not_conform(build: Callable[[], object], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        build()


def test_sizes_that_are_equal_only_after_expansion() -> None:
    one, other = Timed("p", t, H * (H + 1)), Timed("q", t, H**2 + H)
    assert b.add(one, other).args == (one, other)
    assert b.hadamard(one, other).args == (one, other)
    assert b.dot(one, other).shape == (1, 1)


def test_the_value_of_a_slope_keeps_its_order() -> None:
    # what `+` and `-` of SymPy would turn round
    e = b.subtract(b.ones(H), b.hadamard(h, h))
    assert e.args == (ONES, Scale(-1, HadamardProduct(h, h)))


# --- The value stays the same --------------------------------------------------------------------

SIZES = (1, 2, 3)
Pair = tuple[MatrixExpr, "np.ndarray[Any, Any]"]


def leaf(name: str, shape: tuple[int, int], seed: int) -> Pair:
    values = np.random.default_rng([seed, *shape, ord(name)]).integers(-3, 4, shape).astype(object)
    return MatrixSymbol(name, *shape), values


@st.composite
def pairs(draw: st.DrawFn, shape: tuple[int, int], depth: int) -> Pair:
    """An expression built by the constructors, and its value computed beside it on exact integers."""
    kinds = ["leaf"] if depth == 0 else ["leaf", "ones", "zeros", "add", "hadamard", "matmul", "scale", "transpose"]
    if depth and shape[0] == shape[1]:
        kinds.append("identity")
    if depth and shape == (1, 1):
        kinds += ["total", "dot"]
    if depth:
        kinds.append("broadcast")
    kind = draw(st.sampled_from(kinds))

    def sub(*other: int) -> Pair:
        return draw(pairs(other or shape, depth - 1))  # type: ignore[arg-type]

    match kind:
        case "leaf":
            return leaf(draw(st.sampled_from("AB")), shape, 7)
        case "ones":
            return b.ones(*shape), np.ones(shape, dtype=object)
        case "zeros":
            return b.zeros((number(shape[0]), number(shape[1]))), np.zeros(shape, dtype=object)
        case "identity":
            return Identity(shape[0]), np.eye(shape[0], dtype=int).astype(object)
        case "add":
            (e, a), (f, c), (g, d) = sub(), sub(), sub()
            return b.subtract(b.add(e, f), g), a + c - d
        case "hadamard":
            (e, a), (f, c), (g, d) = sub(), sub(), sub()
            return b.hadamard(e, f, g), a * c * d
        case "scale":
            n = draw(st.integers(-2, 2))
            e, a = sub()
            return b.scale(n, e), n * a
        case "transpose":
            e, a = sub(shape[1], shape[0])
            return b.transpose(e), a.T
        case "total":
            e, a = sub(draw(st.sampled_from(SIZES)), draw(st.sampled_from(SIZES)))
            return b.total(e), np.array([[a.sum()]], dtype=object)
        case "dot":
            other = draw(st.sampled_from(SIZES)), draw(st.sampled_from(SIZES))
            (e, a), (f, c) = sub(*other), sub(*other)
            return b.dot(e, f), np.array([[(a * c).sum()]], dtype=object)
        case "broadcast":
            e, a = sub(1, 1)
            return b.broadcast(e, tuple(map(number, shape))), np.broadcast_to(a, shape)
    n, m = draw(st.sampled_from(SIZES)), draw(st.sampled_from(SIZES))
    (e, a), (f, c), (g, d) = sub(shape[0], n), sub(n, m), sub(m, shape[1])
    return b.matmul(e, f, g), a @ c @ d


def evaluated(e: MatrixExpr) -> np.ndarray[Any, Any]:
    """By SymPy's entries, which share nothing with the constructors."""
    if isinstance(e, Scale):
        return np.array(int(e.coefficient) * evaluated(e.arg), dtype=object)
    parts = [evaluated(a) for a in e.args if isinstance(a, MatrixExpr)]
    if isinstance(e, MatrixSymbol):
        return leaf(e.name, (int(e.shape[0]), int(e.shape[1])), 7)[1]
    if isinstance(e, MatAdd):
        return np.asarray(sum(parts[1:], parts[0]))
    if isinstance(e, MatMul):
        return np.asarray(np.linalg.multi_dot(parts) if len(parts) > 1 else parts[0])
    if isinstance(e, HadamardProduct):
        return np.asarray(np.prod(np.stack(parts), axis=0))
    if isinstance(e, Transpose):
        return parts[0].T
    return np.array(e.as_explicit().tolist(), dtype=object)


@given(st.data())
def test_constructors_keep_the_value(data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from([(2, 3), (3, 2), (3, 1), (1, 2), (1, 1), (3, 3)]))
    e, expected = data.draw(pairs(shape, 3))
    assert tuple(e.shape) == shape
    assert (evaluated(e) == expected).all()


@given(st.data())
def test_what_is_built_is_flat_and_free_of_trivial_parts(data: st.DataObject) -> None:
    e, _ = data.draw(pairs((2, 3), 3))
    for part in [e, *e.atoms(MatAdd, MatMul, HadamardProduct, Scale)]:
        inner = [a for a in part.args if isinstance(a, MatrixExpr)]
        nested = [a for a in inner if type(a) is type(part) and isinstance(part, (MatAdd, MatMul, HadamardProduct))]
        assert not nested or b.broadcast_scalar(part) is not None  # a broadcast keeps its scalar whole
        if isinstance(part, (MatAdd, MatMul, HadamardProduct, Scale)):
            assert not any(isinstance(a, ZeroMatrix) for a in inner)
        if isinstance(part, MatMul):
            assert not any(isinstance(a, Scale) for a in inner)
        if isinstance(part, MatAdd):
            rests = [b.split(a)[1] for a in inner]
            assert len(set(rests)) == len(rests)


@given(st.data())
def test_laws_of_the_transpose(data: st.DataObject) -> None:
    e, a = data.draw(pairs((2, 3), 2))
    f, c = data.draw(pairs((3, 2), 2))
    assert (evaluated(b.transpose(b.matmul(e, f))) == (a @ c).T).all()
    assert (evaluated(b.matmul(b.transpose(f), b.transpose(e))) == (a @ c).T).all()
    assert (evaluated(b.transpose(b.transpose(e))) == a).all()


@given(st.data())
def test_distributivity(data: st.DataObject) -> None:
    (e, a), (f, c) = data.draw(pairs((2, 3), 2)), data.draw(pairs((2, 3), 2))
    g, d = data.draw(pairs((3, 2), 2))
    left, right = b.matmul(b.add(e, f), g), b.add(b.matmul(e, g), b.matmul(f, g))
    assert (evaluated(left) == evaluated(right)).all()
    assert (evaluated(left) == (a + c) @ d).all()


def test_other_nodes_stay_under_a_transpose() -> None:
    for e in (Softmax(h), Concat(h, x), Slice(h, 0, 2), Apply("tanh", U)):
        assert b.transpose(e) == Transpose(e)
        assert b.transpose(b.transpose(e)) == e
