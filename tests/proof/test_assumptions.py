"""What is assumed is said, holds wherever it is tried, and is used for nothing else."""

from __future__ import annotations

import pytest
from sympy import (
    Expr,
    Integer,
    MatrixExpr,
    Rational,
    symbols,
)

import derive
from derive.algebra import MatrixSum, T, apply, hadamard, ones
from derive.algebra import build as b
from derive.algebra.build import zeros
from derive.algebra.nodes import Scale, t
from derive.proof.verdict import Status
from tests.proof.elman import SUMMED

TARGET = """
cell c
dims H, O
input x : H
target y : O{}
state h : H
param W : H x H
param V : O x H
h[t] = tanh(x[t] + W @ h[t-1])
yhat[t] = softmax(V @ h[t])
loss[t] = cross_entropy(y[t], yhat[t])
"""


@pytest.mark.parametrize(
    "stated", ["sum(y) == 1", "sum(y) == 1 and y >= 0", "y >= 0 and sum(y) == 1", "y >= 0 and y <= 1 and sum(y) == 1"]
)
def test_several_assumptions_hold_at_once(stated: str) -> None:
    M = derive.parse(TARGET.format(f" where {stated}"))
    verdict = M.gradient("V").prove()
    assert verdict.status is Status.PROVED
    assert verdict.assumptions == ("sum(y) == 1",)
    y = M.symbol("y", 0)
    true = "y >= 0" in stated
    assert M.prove(apply("abs", y), y).status is (Status.OPEN if true else Status.REFUTED)


def test_the_slope_that_an_assumption_simplified_is_not_proved_without_it() -> None:
    with_it = derive.parse(TARGET.format(" where sum(y) == 1")).gradient("W").expression
    assert derive.parse(TARGET.format("")).gradient("W").prove(with_it).status is Status.REFUTED


i, j, k, m = symbols("i j k m", integer=True)


def test_assumptions_are_listed_every_time() -> None:
    M = derive.parse(SUMMED)
    left, right = (MatrixSum(M.symbol(name, k), k, 0, T - 1) for name in "qh")
    assert [M.prove(left, right).assumptions for _ in range(2)] == [("sum(y) == 1",)] * 2


def test_a_one_hot_input_has_zeros() -> None:
    text = """
cell c
dims H
input o : H onehot
input x : H
state h : H
h[t] = x[t]
m[t] = maximum(h[t] + o[t], h[t])
loss[t] = sum(m[t]) + 0*sum(h[t-1])
"""
    M = derive.parse(text)
    left = MatrixSum(M.cotangent("h", k), k, 0, T - 1)
    assert M.prove(left, MatrixSum(ones(M.symbol("h").shape[0]), k, 0, T - 1)).status is Status.REFUTED


def test_what_is_checked_lists_its_assumptions() -> None:
    M = derive.parse(SUMMED)

    def twice(name: str) -> MatrixExpr:
        return MatrixSum(MatrixSum(M.symbol(name, 0), k, 0, T - 1), j, 0, T - 1)

    verdict = M.prove(twice("q"), twice("h"))
    assert verdict.status is Status.CHECKED
    assert verdict.assumptions == ("sum(y) == 1",)


def test_a_sum_over_zeros_of_one_hot_vectors() -> None:
    cell = derive.parse(
        "cell c\ndims H\ninput o : H onehot\ninput x : H\nstate h : H\nh[t] = x[t]\nm[t] = maximum(h[t] + o[t], h[t])\n"
        "loss[t] = sum(m[t]) + 0*sum(h[t-1])\n"
    )
    one = ones(cell.symbol("h").shape[0])
    for low in (0, 3):
        left, right = MatrixSum(cell.cotangent("h", k), k, low, T - 1), MatrixSum(one, k, low, T - 1)
        assert cell.prove(left, right).status is Status.REFUTED


def test_one_hot_vectors_where_a_function_has_a_kink_or_no_value() -> None:
    cell = derive.parse(
        "cell c\ndims H\ninput o : H onehot\ninput x : H\nstate h : H\nh[t] = tanh(x[t] + o[t] + h[t-1])\n"
        "loss[t] = norm2(h[t])\n"
    )
    o, one = (lambda i: cell.symbol("o", i)), ones(cell.symbol("h").shape[0])
    z = b.add(o(0), o(1), o(2), Scale(-3, one))
    assert cell.prove(b.add(apply("step", z), apply("step", b.negative(z))), one).status is Status.REFUTED
    r = apply("reciprocal", o(k))
    left = MatrixSum(hadamard(o(k), r, cell.symbol("x", k)), k, 0, T - 1)
    for sides in (
        (left, MatrixSum(cell.symbol("x", k), k, 0, T - 1)),
        (MatrixSum(hadamard(o(k), r), k, 0, T - 1), Scale(T, one)),
    ):
        verdict = cell.prove(*sides)
        assert (verdict.status, verdict.reason[:14]) == (Status.OPEN, "no real values")


def test_nothing_is_checked_that_no_real_values_show() -> None:
    cell = derive.parse(
        "cell c\ndims H\ninput x, u : H\nstate h : H\nh[t] = x[t] + u[t] + 0*h[t-1]\n"
        "z[t] = exp(h[t]) - exp(x[t]) * exp(u[t])\nm[t] = relu(z[t]) - relu(-z[t])\nloss[t] = sum(m[t])\n"
    )
    assert cell.prove(cell.cotangent("z", t), ones(cell.symbol("h").shape[0])).status is Status.OPEN


@pytest.mark.parametrize(
    ("stated", "bound", "sign"), [("y <= 0.1", Rational(1, 10), 1), ("y >= 0.4", Rational(2, 5), -1)]
)
def test_no_counterexample_breaks_an_assumption(stated: str, bound: Rational, sign: int) -> None:
    cell = derive.parse(
        f"cell c\ndims H, O\ninput x : H\ntarget y : O where {stated} and sum(y) == 1\nstate h : H\nparam V : O x H\n"
        "h[t] = tanh(x[t] + h[t-1])\nyhat[t] = softmax(V @ h[t])\nloss[t] = dot(y[t], yhat[t])\n"
    )
    y = cell.symbol("y", 0)
    rest = b.scale(sign, b.subtract(Scale(bound, ones(*y.shape)), y))
    assert cell.prove(apply("abs", rest), rest).status is Status.OPEN


Z = derive.parse(
    "cell z\ndims A, K, I\nconst one = 1\ninput u : 1\ninput x : K\nstate h : K where h[-1] == 0\n"
    "param M : I x A\nparam N : A x K\n"
    "h[t] = tanh(one*h[t-1] + u[t]*x[t])\ne[t] = exp(h[t])\n"
    "loss[t] = sum(h[t]) + u[t]*sum(M) + u[t]*sum(N) + sum(e[t])\n"
)


M, N = Z.symbol("M"), Z.symbol("N")


(LEFT, A), K = M.shape, N.shape[1]


def test_what_is_assumed_is_said_of_what_is_checked_too() -> None:
    verdict = Z.prove(Z.symbol("h", -1), zeros((K, Integer(1))))
    assert verdict.status is Status.CHECKED
    assert verdict.assumptions == ("h[-1] == 0",)


def input_of(now: Expr) -> MatrixExpr:
    return Z.symbol("x", now)


def ratio(now: Expr) -> MatrixExpr:
    e = Z.symbol("e", now)
    return hadamard(e, apply("reciprocal", e), input_of(k))


def test_what_is_positive_is_so_inside_the_sequence_only() -> None:
    assert Z.prove(MatrixSum(ratio(k), k, 0, T - 1), MatrixSum(input_of(k), k, 0, T - 1)).status is Status.PROVED
    for low, shift in ((0, -1), (0, 1)):
        shifted = MatrixSum(ratio(k + shift), k, low, T - 1)
        assert Z.prove(shifted, MatrixSum(input_of(k), k, low, T - 1)).status is not Status.PROVED
