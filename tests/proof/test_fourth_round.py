"""What a fourth adversary found: demands of what vanished, captured indices, the prime, known draws, no steps."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from random import Random
from time import process_time, sleep

import pytest
from sympy import Expr, MatAdd, MatrixExpr, Rational, symbols

import derive
from derive.algebra import MatrixSum, T, apply, hadamard, matmul, ones, power
from derive.algebra import build as b
from derive.algebra.accept import accept
from derive.algebra.nodes import Pad, Scale, Slice, SumOver, t
from derive.proof.automaton.equality import decide
from derive.proof.automaton.weighted import Equal
from derive.proof.budget import Budget, OutOfBudget
from derive.proof.equation import check_equation
from derive.proof.field.galois import PRIME
from derive.proof.verdict import Status
from derive.proof.words.items import NotInClass
from tests.proof.elman import SUMMED, E, H, U, W, h, x

j, k, m = symbols("j k m", integer=True)


def z(index: Expr | int) -> MatrixExpr:
    return b.add(matmul(U, x(index)), matmul(W, h(index - 1)))


def nothing(index: Expr | int) -> MatrixExpr:
    """tanh(z) − h: zero inside the sequence, and nothing else before it."""
    return b.subtract(apply("tanh", z(index)), h(index))


def test_what_vanished_demands_for_itself_alone() -> None:
    def two(e: MatrixExpr) -> MatrixExpr:
        return MatrixSum(MatrixSum(e, j, k + 6, T - 1), k, 0, T - 1)

    good = hadamard(h(k - 6), h(j))
    left, right = two(b.add(hadamard(nothing(k - 1), h(j + 6)), good)), two(good)
    with suppress(NotInClass):
        assert not isinstance(decide(E.prover.reader, accept(left), accept(right), 0, False, Budget()).result, Equal)
    assert E.prove(left, right).status is Status.REFUTED


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


NUMBERS = {
    "the prime": (Scale(PRIME, x(0)), b.zeros(x(0).shape)),
    "half of it": (Scale((PRIME + 1) // 2, x(0)), Scale(Rational(1, 2), x(0))),
    "over it": (Scale(Rational(1, PRIME), x(0)), x(0)),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_the_prime_is_a_number_like_any_other(name: str) -> None:
    assert E.prove(*NUMBERS[name]).status in (Status.REFUTED, Status.OPEN)


def test_degrees_beyond_the_prime() -> None:
    def raised(e: MatrixExpr, times: int, then: Callable[[MatrixExpr], MatrixExpr] = lambda e: e) -> MatrixExpr:
        for _ in range(times):
            e = then(apply("power", e, 64))
        return e

    def hidden(e: MatrixExpr) -> MatrixExpr:
        return apply("log", apply("exp", e))

    right = hadamard(apply("power", raised(x(0), 10), 16), power(x(0), 2))
    for left in (raised(x(0), 32), raised(x(0), 32, hidden)):
        assert E.prove(left, right).status is Status.OPEN  # x^(2^192) = x^(2^64 + 2) modulo the prime


def test_who_knows_the_draws_proves_nothing() -> None:
    text = """
cell c
dims H
input x : H
input w : 1
state h : H
param W : H x H
h[t] = tanh(W @ h[t-1] + x[t]) * w[t]
loss[t] = norm2(h[t])
"""
    M = derive.parse(text)
    drawn = Random("1 w 0").randrange(PRIME)
    assert M.prove(M.symbol("w", 0), Scale(drawn, ones(1, 1))).status is Status.REFUTED


def test_a_mean_that_cancels_says_nothing_of_no_steps() -> None:
    verdict = E.prove(Scale(T, Scale(1 / T, matmul(W, h(-1)))), matmul(W, h(-1)))
    assert (verdict.status, verdict.least) == (Status.PROVED, 1)


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


def test_a_deep_nest_of_sums_ends() -> None:
    e = h(T)
    for n in range(22):
        e = MatrixSum(b.add(e, h(T)), symbols(f"i{n}", integer=True), 0, 0)
    start = process_time()
    E.prove(e, MatAdd(e, h(T)))
    assert process_time() - start < 12


def test_large_literal_sizes_end() -> None:
    text = "cell c\nparam W : 430 x 430\ninput x : 430\nstate h : 430\nh[t] = tanh(W @ h[t-1] + x[t])\n"
    M = derive.parse(f"{text}loss[t] = norm2(h[t])\n")
    A = M.symbol("W")
    start = process_time()
    assert M.prove(matmul(A, A, A), matmul(A, A, A)).status in (Status.OPEN, Status.PROVED)
    assert process_time() - start < 12


def test_what_is_checked_lists_its_assumptions() -> None:
    M = derive.parse(SUMMED)

    def twice(name: str) -> MatrixExpr:
        return MatrixSum(MatrixSum(M.symbol(name, 0), k, 0, T - 1), j, 0, T - 1)

    verdict = M.prove(twice("q"), twice("h"))
    assert verdict.status is Status.CHECKED
    assert verdict.assumptions == ("sum(y) == 1",)


def test_a_budget_ends_with_its_claim() -> None:
    budget = Budget(0.05)
    decide(E.prover.reader, h(0), h(0), 0, False, budget)
    budget.spend()
    start = process_time()
    while process_time() < start + 0.06:
        pass
    with pytest.raises(OutOfBudget):
        budget.spend()
    assert E.prover.reader.read(matmul(W, h(3)))


def test_what_others_do_costs_no_budget() -> None:
    budget = Budget(0.05)
    sleep(0.1)
    budget.spend()
