"""What is an index, and what is none."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from sympy import (
    Expr,
    Float,
    Integer,
    MatAdd,
    MatrixExpr,
    Rational,
    Symbol,
    ZeroMatrix,
    oo,
    symbols,
)

import derive
from derive.algebra import MatrixSum, T, apply, hadamard, matmul, ones, power
from derive.algebra import build as b
from derive.algebra.accept import accept
from derive.algebra.build import zeros
from derive.algebra.nodes import (
    Scale,
    SumOver,
    t,
)
from derive.proof.equation import check_equation
from derive.proof.verdict import Status
from tests.proof.elman import E, H, U, W, h, x

d, j, k, m, a0, a1, a2, a3, a4 = symbols("d j k m a0 a1 a2 a3 a4", integer=True)


@pytest.mark.parametrize("index", [H, Symbol("_level_1", integer=True), Symbol("T", integer=True, nonnegative=True)])
def test_what_is_no_index(index: Symbol) -> None:
    left = MatrixSum(power(x(index), 2), index, 0, T - 1)
    assert E.prove(left, MatrixSum(power(x(k), 2), k, 0, T - 1)).status is Status.ILL_FORMED


def test_no_symbol_equals_the_placeholder_of_an_index() -> None:
    level = Symbol("_level_1", integer=True)
    one, two = (MatrixSum(hadamard(x(k), x(n)), k, 0, T - 1) for n in (level, k))
    assert one != two
    assert accept(MatAdd(one, Scale(-1, two))) != ZeroMatrix(*x(0).shape)


def test_the_step_of_a_sum_over_steps_is_not_free() -> None:
    left, right = SumOver(E.symbol("h", t), "t"), MatrixSum(h(k), k, 0, T - 1)
    verdict = E.prove(left, right)
    assert (verdict.status, verdict.least) == (Status.PROVED, 0)
    assert E.gradient("W").prove(E.adjoint.program.equations["dW"]).status is Status.PROVED


def z(index: Expr | int) -> MatrixExpr:
    return b.add(matmul(U, x(index)), matmul(W, h(index - 1)))


SUM = SumOver(hadamard(h(t), h(k)), "t")


EQUATIONS = {
    "captured": (SUM, SumOver(power(h(t), 2), "t"), Status.REFUTED),
    "a sum over steps beside a free index": (SUM, hadamard(h(k), SumOver(h(t), "t")), Status.CHECKED),
    "m from 1 on": (apply("tanh", z(m - 1)), h(m - 1), Status.CHECKED),
    "an index free and bound": (
        b.add(h(k), MatrixSum(h(k), k, 0, T - 1)),
        b.add(h(k), MatrixSum(h(j), j, 0, T - 1)),
        Status.CHECKED,
    ),
}


@pytest.mark.parametrize("name", EQUATIONS)
def test_free_indices_of_an_equation(name: str) -> None:
    left, right, status = EQUATIONS[name]
    assert check_equation(E.prover, left, right, (j, k, m)).status is status


def test_a_sum_between_two_bounds() -> None:
    text = """
cell c
dims H, O
input x : H
target y : O where y >= 0 and y <= 0.5 and sum(y) == 1
state h : H
param V : O x H
h[t] = tanh(x[t] + h[t-1])
yhat[t] = softmax(V @ h[t])
loss[t] = cross_entropy(y[t], yhat[t])
"""
    M = derive.parse(text)
    y = M.symbol("y", 0)
    rest = b.subtract(Scale(Rational(1, 2), ones(y.shape[0])), y)
    assert M.prove(apply("abs", rest), rest).status is not Status.REFUTED


def test_a_constant_is_no_index() -> None:
    cell = derive.parse(
        "cell leak\ndims H\nconst a = 0.9\ninput x : H\nstate h : H\nh[t] = a*h[t-1] + tanh(x[t])\n"
        "loss[t] = norm2(h[t])\n"
    )
    side = Scale(Symbol("a", real=True), cell.symbol("x", 0))
    assert check_equation(cell.prover, side, side, (j, k, m)).status is Status.PROVED


BLOCK = """cell block

dims I, H, O
input x : I
state h : H
param U : H x I
param W : H x H
param V : O x H
output p

h[t] = tanh(U @ x[t] + W @ h[t-1])
p[t] = softmax(V @ h[t])
"""


@pytest.mark.parametrize("name", ["T", "t", "H", "I"])
def test_an_index_that_prints_like_something_else_is_refused(name: str) -> None:
    model = derive.parse(BLOCK)
    fake = Symbol(name, integer=True, prime=True)
    verdict = model.prove(MatrixSum(model.symbol("x", fake), fake, 0, T - 1), zeros((Symbol("I"), Integer(1))))
    assert verdict.status is Status.ILL_FORMED


def test_two_indices_of_one_name_are_refused() -> None:
    model = derive.parse(BLOCK)
    k, other = Symbol("k", integer=True), Symbol("k")
    inner = MatrixSum(hadamard(model.symbol("x", k), model.symbol("x", other)), other, 0, T - 1)
    e = MatrixSum(inner, k, 0, T - 1)
    assert model.prove(e, e).status is Status.ILL_FORMED


Z = derive.parse(
    "cell z\ndims A, K, I\nconst one = 1\ninput u : 1\ninput x : K\nstate h : K where h[-1] == 0\n"
    "param M : I x A\nparam N : A x K\n"
    "h[t] = tanh(one*h[t-1] + u[t]*x[t])\ne[t] = exp(h[t])\n"
    "loss[t] = sum(h[t]) + u[t]*sum(M) + u[t]*sum(N) + sum(e[t])\n"
)


def input_of(now: Expr) -> MatrixExpr:
    return Z.symbol("x", now)


def late(body: MatrixExpr, *indices: Symbol) -> MatrixExpr:
    """A sum over a < b < c < d, which is empty for T < 4."""
    scalars = [Z.symbol("u", q) for q in indices]
    e = matmul(body, *scalars) if body.shape[1] == 1 else matmul(*scalars, body)
    for q, above in pairwise(indices):
        e = MatrixSum(e, q, 0, above - 1)
    return MatrixSum(e, indices[-1], 0, T - 1)


@pytest.mark.parametrize(
    "body", [lambda q: apply("leaky_relu", input_of(a4), q), lambda q: matmul(ones(1, q), apply("tanh", ones(q)))]
)
def test_an_index_is_no_size_and_no_number_of_a_function(body: Callable[[Symbol], MatrixExpr]) -> None:
    e = body(a1)
    verdict = Z.prove(late(e, a1, a2, a3, a4), late(e, a0, a1, a3, a4))
    assert verdict.status is Status.ILL_FORMED
    assert "depends on an index" in verdict.reason


@pytest.mark.parametrize(("a", "b"), [(Float(0.3), Float(0.1) + Float(0.2)), (oo, 2 * oo)])
def test_numbers_that_print_alike_are_refused(a: Expr, b: Expr) -> None:
    left, right = (late(Scale(c, input_of(a4)), a1, a2, a3, a4) for c in (a, b))
    assert Z.prove(left, right).status not in (
        Status.PROVED,
        Status.CHECKED,
    )
