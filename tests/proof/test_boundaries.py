"""Gradients of initial states, and states before the first step and after the last."""

from __future__ import annotations

from sympy import MatrixExpr, symbols

import derive
from derive.algebra import MatrixSum, T, matmul, transpose
from derive.algebra import build as b
from derive.claims.verdict.verdicts import Outcome
from derive.proof.automaton.equality import decide
from derive.proof.automaton.weighted import Equal
from derive.proof.budget import Budget
from derive.proof.verdict import Status
from derive.proof.words.items import NotInClass
from tests.proof.elman import E, W

k = symbols("k", integer=True)


def test_the_gradient_of_an_initial_state_has_one_value() -> None:
    before, start = E.cotangent("h", -1), E.gradient("h").symbol
    assert E.prove(before, b.zeros(before.shape)).status is Status.REFUTED
    assert E.prove(before, start).status is Status.PROVED
    assert E.prove(before, matmul(transpose(W), E.cotangent("z_h", 0))).status is Status.PROVED
    shifted = MatrixSum(E.cotangent("h", k - 1), k, 0, T - 1)
    inside = MatrixSum(E.cotangent("h", k), k, 0, T - 2)
    assert E.prove(shifted, inside).status is Status.REFUTED
    assert E.prove(shifted, b.add(inside, before)).status is Status.CHECKED
    late = MatrixSum(E.cotangent("h", k + 1), k, 0, T - 1)  # nothing comes back from step T
    assert E.prove(late, MatrixSum(E.cotangent("h", k), k, 1, T - 1)).status is Status.PROVED


def refuses(cell: derive.Model, left: MatrixExpr, right: MatrixExpr) -> bool:
    """Do the automata, asked alone, not call the sides equal?"""
    try:
        return not isinstance(decide(cell.prover.reader, left, right, 1, False, Budget(20)).result, Equal)
    except NotInClass:
        return True


def test_the_gradient_before_a_state_that_starts_at_zero_is_not_zero() -> None:
    cell = derive.parse(
        "cell c\ndims H\ninput x : H\nstate h : H = 0\nparam W : H x H\nh[t] = tanh(W @ h[t-1] + x[t])\n"
        "loss[t] = norm2(h[t])\n"
    )
    before = cell.cotangent("h", -1)
    assert refuses(cell, before, b.zeros(before.shape))
    assert cell.prove(before, b.zeros(before.shape)).status is Status.REFUTED


def test_the_gradient_after_the_end_of_a_state_that_runs_backward() -> None:
    cell = derive.load("bidirectional")
    after, start = cell.cotangent("g", T), cell.gradient("g").symbol
    assert cell.prove(after, start).status is Status.PROVED
    assert cell.prove(cell.cotangent("g", -1), b.zeros(after.shape)).status is Status.PROVED


MATRIX = """cell outer_state

dims H
input x : H
input u : 1
state A : H x H
param W : H x H

A[t] = W @ A[t-1] + outer(x[t], x[t])
loss[t] = u[t] * norm2(A[t])
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


BACKWARD = MATRIX.replace("A[t-1]", "A[t+1]").replace("outer_state", "outer_back")


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


def outcome(source: str, tex: str, *orders: str) -> Outcome:
    return derive.parse(source).verify(tex, orders, repair=False).outcome


def test_a_claim_about_the_state_before_the_first_is_not_proved_for_the_others_alone() -> None:
    factor = "(T-1)*(T-2)*(T-3)*(T-4)"
    head = "cell c\ndims H\ninput x : H\nstate h : H\nh[t] = tanh(x[t])\ny[t] = h[t-1] * x[t]\n"
    source = f"{head}loss = {factor}*sum(y[0])\n"
    assert outcome(source, r"\frac{\partial L}{\partial h_k} = 0") is Outcome.REFUTED
