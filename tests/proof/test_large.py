"""Deep nests, huge numbers and long certificates end in an answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from time import process_time, sleep

import pytest
from sympy import (
    Identity,
    MatAdd,
    MatrixExpr,
    Rational,
    factorial,
    symbols,
)

import derive
from derive.algebra import MatrixSum, OrderedProduct, T, apply, diag, matmul, ones
from derive.algebra import build as b
from derive.algebra.build import add, scale
from derive.algebra.nodes import Blocks, Concat, Kronecker, Pad, Scale
from derive.proof.automaton.equality import decide
from derive.proof.budget import Budget, OutOfBudget
from derive.proof.checker import CertificateError, check, digest
from derive.proof.verdict import Status
from tests.proof.elman import E, W, h


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


def test_a_certificate_of_endless_fractions_or_without_assumptions() -> None:
    proof = json.loads(E.prove(h(0), h(0)).certificate or "")
    endless = dict(proof)
    states = proof["left"]["states"] + proof["right"]["states"]
    numbers = [Fraction(1, 10**990 + n) for n in range(1, 80)]
    endless["basis"] = [[[0, 1]] for _ in numbers]
    endless["coordinates"] = {**proof["coordinates"], "start": [[i, str(f)] for i, f in enumerate(numbers)]}
    endless["digest"] = digest(endless)
    assert states >= 1
    with pytest.raises(CertificateError, match="denominator"):
        check(json.dumps(endless))
    silent = {**proof, "claim": {**proof["claim"], "assumptions": "none"}}
    silent["digest"] = digest(silent)
    with pytest.raises(CertificateError, match="assum"):
        check(json.dumps(silent))


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


@pytest.mark.parametrize(("names", "factor"), [("exp exp exp exp", 100), ("exp exp sin", 10**6), ("exp exp exp", 17)])
def test_huge_numbers_end_in_an_answer(names: str, factor: int) -> None:
    model = derive.parse(BLOCK)
    e = scale(factor, model.symbol("x", 0))
    for name in names.split():
        e = apply(name, e)
    assert model.prove(e, add(e, model.symbol("x", 0))).status is Status.OPEN


ELMAN = derive.load("elman")


X0, HIDDEN = ELMAN.symbol("x", 0), ELMAN.symbol("W").shape[0]


def nested(n: int, wrap: Callable[[MatrixExpr], MatrixExpr]) -> MatrixExpr:
    e = X0
    for _ in range(n):
        e = wrap(e)
    return e


HUGE: dict[str, Callable[[], MatrixExpr]] = {
    "T^(10^9)": lambda: Scale(T ** (10**9), X0),
    "1/T^(10^8)": lambda: Scale(1 / T ** (10**8), X0),
    "H!": lambda: Scale(factorial(10**6 * HIDDEN), X0),
    "an identity": lambda: Identity(HIDDEN**40),
    "a diagonal": lambda: diag(ones(HIDDEN**9)),
    "rows of zeros": lambda: Pad(X0, HIDDEN**30, HIDDEN**40),
    "products of entries": lambda: nested(11, lambda e: Kronecker(e, X0)),
    "blocks in blocks": lambda: nested(30, lambda e: Blocks(1, 1, e)),
    "stacks in stacks": lambda: nested(40, Concat),
}


@pytest.mark.parametrize("name", HUGE)
def test_what_is_huge_takes_no_time(name: str) -> None:
    start, e = process_time(), HUGE[name]()
    assert ELMAN.prove(e, e).status is not Status.REFUTED
    assert process_time() - start < 5


RECURRENT = ELMAN.symbol("W")


m, k = symbols("m k", integer=True)


def test_certificates_print_every_digit() -> None:
    big, s = 10**28, MatrixSum(ELMAN.symbol("x", k), k, 0, 0)
    verdict = ELMAN.prove(Scale(big + 1, X0), b.add(Scale(big, X0), s))
    assert verdict.status is Status.PROVED
    assert str(big + 1) in (verdict.certificate or "")
    third = Rational(1, 3)
    left = Scale(third, OrderedProduct(RECURRENT, m, 0, 1, "ascending"))
    right = Scale(3, OrderedProduct(Scale(third, RECURRENT), m, 0, 1, "ascending"))
    verdict = ELMAN.prove(left, right)
    assert verdict.status is Status.PROVED
    assert "(W / 3)" in (verdict.certificate or "")
