"""What a seventh adversary found: initial gradients of matrices, names that print alike, 0/0, huge numbers."""

from __future__ import annotations

import pytest
from sympy import Integer, Symbol, symbols

import derive
from derive.algebra import MatrixSum, T, apply, hadamard, ones
from derive.algebra.build import add, scale, zeros
from derive.proof.verdict import Status

MATRIX = """cell outer_state

dims H
input x : H
input u : 1
state A : H x H
param W : H x H

A[t] = W @ A[t-1] + outer(x[t], x[t])
loss[t] = u[t] * norm2(A[t])
"""
BACKWARD = MATRIX.replace("A[t-1]", "A[t+1]").replace("outer_state", "outer_back")
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
COUNTDOWN = """cell countdown

dims I
input x : I
state n : 1 where n[-1] == 7
output n

n[t] = n[t-1] - 1
"""


def nested(model: derive.Model, low: int) -> object:
    """Five sums, each strictly below the one outside it: all empty for T < 5."""
    a = symbols("a1:6", integer=True)
    dA, x, u = (lambda k: model.cotangent("A", k)), (lambda k: model.symbol("x", k)), (lambda k: model.symbol("u", k))
    body = dA(a[4] - 1) * x(a[4])
    for index in a[:4]:
        body = body * u(index)
    body = MatrixSum(body, a[4], low, a[3] - 1)
    for inner, outer in ((a[3], a[2]), (a[2], a[1]), (a[1], a[0])):
        body = MatrixSum(body, inner, 0, outer - 1)
    return MatrixSum(body, a[0], 0, T - 1)


def test_the_gradient_of_an_initial_matrix_is_not_zero() -> None:
    model = derive.parse(MATRIX)
    verdict = model.prove(nested(model, 0), nested(model, 1))  # type: ignore[arg-type]
    assert verdict.status is Status.REFUTED
    assert verdict.counterexample is not None
    assert verdict.counterexample.T == 5


def mirrored(model: derive.Model, high: object) -> object:
    """The same from the other end: dL/dA[T] is the gradient of what a state that runs backward begins with."""
    a = symbols("a1:6", integer=True)
    dA, x, u = (lambda k: model.cotangent("A", k)), (lambda k: model.symbol("x", k)), (lambda k: model.symbol("u", k))
    body = dA(a[4] + 1) * x(a[4])
    for index in a[:4]:
        body = body * u(index)
    body = MatrixSum(body, a[4], a[3] + 1, high)
    for inner, outer in ((a[3], a[2]), (a[2], a[1]), (a[1], a[0])):
        body = MatrixSum(body, inner, outer + 1, T - 1)
    return MatrixSum(body, a[0], 0, T - 1)


def test_nor_is_that_of_one_that_runs_backward() -> None:
    model = derive.parse(BACKWARD)
    verdict = model.prove(mirrored(model, T - 1), mirrored(model, T - 2))  # type: ignore[arg-type]
    assert verdict.status is Status.REFUTED
    assert verdict.counterexample is not None
    assert verdict.counterexample.T == 5


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


def test_what_may_be_divided_by_zero_is_never_proved() -> None:
    countdown = derive.parse(COUNTDOWN)
    k = Symbol("k", integer=True)
    x, n = countdown.symbol("x", k), countdown.symbol("n", k)
    over = MatrixSum(x * hadamard(n, apply("reciprocal", n)), k, 0, T - 1)
    assert countdown.prove(over, MatrixSum(x, k, 0, T - 1)).status is not Status.PROVED
    p = derive.parse(BLOCK.replace("softmax(", "log_softmax(")).symbol("p")
    verdict = derive.parse(BLOCK.replace("softmax(", "log_softmax(")).prove(
        hadamard(p, apply("reciprocal", p)), ones(p.shape[0])
    )
    assert (verdict.status, verdict.every_size) == (Status.CHECKED, 0)


def test_a_division_by_what_is_positive_is_proved() -> None:
    h = derive.parse(BLOCK).symbol("h")
    e = apply("exp", h)
    verdict = derive.parse(BLOCK).prove(hadamard(e, apply("reciprocal", e)), ones(h.shape[0]))
    assert verdict.status is Status.PROVED


@pytest.mark.parametrize(("names", "factor"), [("exp exp exp exp", 100), ("exp exp sin", 10**6), ("exp exp exp", 17)])
def test_huge_numbers_end_in_an_answer(names: str, factor: int) -> None:
    model = derive.parse(BLOCK)
    e = scale(factor, model.symbol("x", 0))
    for name in names.split():
        e = apply(name, e)
    assert model.prove(e, add(e, model.symbol("x", 0))).status is Status.OPEN
