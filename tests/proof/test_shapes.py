"""Lengths, blocks and ones; what is no matrix is refused."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from sympy import (
    Identity,
    MatrixExpr,
    Symbol,
    ZeroMatrix,
    symbols,
)

import derive
from derive.algebra import Jacobian, MatrixSum, OrderedProduct, T, diag, matmul, ones, power
from derive.algebra import build as b
from derive.algebra.nodes import (
    Blocks,
    Concat,
    DiagPart,
    Loss,
    Pad,
    Scale,
    Slice,
    Softmax,
    StepGradient,
)
from derive.errors import ShapeError
from derive.proof.automaton.equality import decide
from derive.proof.automaton.weighted import Equal
from derive.proof.budget import Budget
from derive.proof.verdict import Status
from derive.proof.words.expand import first_difference
from derive.proof.words.items import NotInClass
from tests.proof.elman import E, H, I, U, V, W, h, x

d, i, j, k, m, a1, a2, a3, a4 = symbols("d i j k m a1 a2 a3 a4", integer=True)


def malformed() -> Iterator[MatrixExpr]:
    yield OrderedProduct(V, m, 0, T - 1, "ascending")
    yield matmul(Blocks(2, 2, W, W, W, U), ones(2 * H))
    yield Blocks(2, 2, W, W, W)
    yield Jacobian(Scale(2, h(0)), h(0))
    yield Jacobian(E.cotangent("h", 0), h(0))
    yield StepGradient("zzz", 0, H)
    yield StepGradient("W", 0, H)
    yield DiagPart(U)
    yield Loss("zzz", h(0), h(1))


@pytest.mark.parametrize("e", list(malformed()), ids=lambda e: type(e).__name__)
def test_what_is_malformed_is_said_to_be(e: MatrixExpr) -> None:
    verdict = E.prove(e, e)
    assert verdict.status is Status.ILL_FORMED
    assert verdict.reason


def test_a_block_row_of_zeros() -> None:
    zero = Blocks(2, 2, W, ZeroMatrix(H, I), ZeroMatrix(I, H), ZeroMatrix(I, I))
    product = OrderedProduct(zero, m, k, j - 1, "ascending")
    e = matmul(Blocks(1, 2, ZeroMatrix(H, H), U), product, Blocks(2, 1, h(j), x(j)))
    left = MatrixSum(MatrixSum(e, k, 0, j), j, 0, T - 1)
    assert E.prove(left, MatrixSum(matmul(U, x(j)), j, 0, T - 1)).status is Status.PROVED


@pytest.mark.parametrize(
    "sides",
    [
        (Slice(h(0), 0, H - 4), Slice(h(0), 1, H - 3)),
        (Pad(h(0), 1, H), b.zeros((H, 1))),
    ],
    ids=["slice", "pad"],
)
def test_lengths_that_are_no_lengths(sides: tuple[MatrixExpr, MatrixExpr]) -> None:
    verdict = E.prove(*sides)
    assert verdict.status is Status.OPEN
    assert verdict.reason


def refuses(cell: derive.Model, left: MatrixExpr, right: MatrixExpr) -> bool:
    """Do the automata, asked alone, not call the sides equal?"""
    try:
        return not isinstance(decide(cell.prover.reader, left, right, 1, False, Budget(20)).result, Equal)
    except NotInClass:
        return True


TWO = derive.parse(
    "cell c\ndims H, I\ninput x : I\nstate h : H\nparam U : H x I\nparam W : H x H\n"
    "h[t] = tanh(U @ x[t] + W @ h[t-1])\nloss[t] = norm2(h[t])\n"
)


def rows_of_ones(first: bool) -> MatrixExpr:
    """H x' or I x', as a row of ones times a product of blocks."""
    n, i = TWO.symbol("h").shape[0], TWO.symbol("x").shape[0]
    d = diag(TWO.symbol("x", m))
    body = Blocks(2, 2, ZeroMatrix(n, n), matmul(ones(n, i), d), ZeroMatrix(i, n), matmul(ones(i, i), d))
    left = (ones(1, n), ZeroMatrix(1, i)) if first else (ZeroMatrix(1, n), ones(1, i))
    right = Blocks(2, 1, ZeroMatrix(n, i), Identity(i))
    return matmul(Blocks(1, 2, *left), OrderedProduct(body, m, k, k, "ascending"), right)


@pytest.mark.parametrize("low", [0, 3, 5])
def test_the_length_of_ones_that_only_a_block_tells(low: int) -> None:
    left, right = (MatrixSum(rows_of_ones(first), k, low, T - 1) for first in (True, False))
    assert TWO.prove(left, right).status is Status.REFUTED
    assert refuses(TWO, left, right)
    reader = TWO.prover.reader
    with pytest.raises(NotInClass):
        first_difference(reader, reader.read(left), reader.read(right), 3, False, lambda: None)


@pytest.mark.parametrize("low", [0, 2, 3])
def test_ones_in_a_product_before_a_cotangent_are_no_more_factors(low: int) -> None:
    cell = derive.parse(
        "cell c\ndims H\ninput x : H\nstate h : H\nparam A, F, C : H x H\n"
        "h[t] = tanh(sum(F) * (C.T @ h[t-1]) + x[t])\nloss[t] = 0.5*norm2(h[t]) + 0*sum(A)\n"
    )
    n, A, F, C = cell.symbol("h").shape[0], *map(cell.symbol, "AFC")
    one, row = ones(n, 1), ones(1, n)
    slope = diag(b.subtract(one, power(cell.symbol("h", k + 1), 2)))
    run = OrderedProduct(matmul(A, C, one, row, F), m, k, k, "ascending")
    left = MatrixSum(matmul(slope, cell.cotangent("h", k + 1), row, run, one), k, low, T - 2)
    inner = b.subtract(matmul(one, row, A, cell.cotangent("h", k)), matmul(one, row, A, cell.symbol("h", k)))
    right = MatrixSum(inner, k, low, T - 1)
    assert refuses(cell, left, right)
    assert cell.prove(left, right).status is Status.REFUTED


def test_a_cell_with_one_size_is_asked_at_two() -> None:
    cell = derive.parse("cell a\ndims H\ninput x : H\nstate h : H\nh[t] = tanh(x[t] + h[t-1])\nloss[t] = norm2(h[t])\n")
    assert len({tuple(i.sizes.items()) for i in cell.prove(cell.symbol("h", 0), cell.symbol("h", 0)).instances}) == 2


def test_odd_input_is_refused_with_a_word() -> None:
    for make in (
        lambda: Pad(h(0), -1, H),
        lambda: Blocks(H, 1, W),
        lambda: MatrixSum(x(0), "k", 0, 1),  # type: ignore[arg-type]
        lambda: MatrixSum(x(k), k + 1, 0, 1),
    ):
        with pytest.raises(ShapeError):
            make()
    for call in (
        lambda: E.prove(x(0), x(0), seconds="a"),  # type: ignore[arg-type]
        lambda: E.prove(x(0), x(0), seconds=float("nan")),
        lambda: E.paper(unroll=-1),
        lambda: E.paper(unroll=200),
        lambda: E.symbol("x", 1.5),  # type: ignore[arg-type]
        lambda: E.symbol([]),  # type: ignore[arg-type]
        lambda: E.cotangent("h", "k"),  # type: ignore[arg-type]
    ):
        with pytest.raises(derive.InputError):
            call()


Z = derive.parse(
    "cell z\ndims A, K, I\nconst one = 1\ninput u : 1\ninput x : K\nstate h : K where h[-1] == 0\n"
    "param M : I x A\nparam N : A x K\n"
    "h[t] = tanh(one*h[t-1] + u[t]*x[t])\ne[t] = exp(h[t])\n"
    "loss[t] = sum(h[t]) + u[t]*sum(M) + u[t]*sum(N) + sum(e[t])\n"
)


M, N = Z.symbol("M"), Z.symbol("N")


(LEFT, A), K = M.shape, N.shape[1]


def late(body: MatrixExpr, *indices: Symbol) -> MatrixExpr:
    """A sum over a < b < c < d, which is empty for T < 4."""
    scalars = [Z.symbol("u", q) for q in indices]
    e = matmul(body, *scalars) if body.shape[1] == 1 else matmul(*scalars, body)
    for q, above in pairwise(indices):
        e = MatrixSum(e, q, 0, above - 1)
    return MatrixSum(e, indices[-1], 0, T - 1)


def once(body: MatrixExpr) -> MatrixExpr:
    return OrderedProduct(body, m, a4, a4, "ascending")


def rows() -> tuple[MatrixExpr, MatrixExpr]:
    """A 1ᵀ M N and K 1ᵀ M N: the ones that begin the row differ."""
    return (
        matmul(ones(1, A), once(matmul(ones(A), ones(1, LEFT), M)), N),
        matmul(ones(1, K), once(matmul(ones(K), ones(1, LEFT), M, N))),
    )


def test_ones_that_begin_a_row_have_a_length() -> None:
    left, right = (late(e, a1, a2, a3, a4) for e in rows())
    assert Z.prove(left, right).status is Status.REFUTED
    left, right = (MatrixSum(e, a4, 0, T - 1) for e in rows())
    try:
        found = decide(Z.prover.reader, left, right, 0, False, Budget())
        assert not isinstance(found.result, Equal)
    except NotInClass:
        pass


def test_what_is_no_matrix_is_refused() -> None:
    with pytest.raises(ShapeError, match="nothing"):
        Concat()
    with pytest.raises(TypeError, match="of a matrix"):
        Softmax(Symbol("z"))
