"""What shows late, vanishes early or hides behind a factor or a coefficient is asked for all the same."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from random import Random

import pytest
from sympy import (
    Expr,
    Integer,
    MatrixExpr,
    Rational,
    Symbol,
    symbols,
)

import derive
from derive.algebra import MatrixSum, T, apply, hadamard, matmul, ones, power
from derive.algebra import build as b
from derive.algebra.accept import accept
from derive.algebra.build import zeros
from derive.algebra.nodes import (
    Delta,
    Entry,
    Scale,
    t,
)
from derive.claims.verdict.verdicts import Outcome
from derive.proof.automaton.equality import decide
from derive.proof.automaton.weighted import Equal
from derive.proof.budget import Budget
from derive.proof.field.galois import PRIME
from derive.proof.verdict import Status
from derive.proof.words.items import NotInClass
from tests.proof.elman import E, H, U, W, h, x


def test_nothing_is_said_of_no_steps_where_a_mean_divides_by_them() -> None:
    u = matmul(W, ones(H))
    verdict = E.prove(Scale((H - 3) * (T - 1) / T, u), Scale(H - 3, b.subtract(u, Scale(1 / T, u))))
    assert verdict.status is Status.PROVED
    assert verdict.least == 1


j, k, m, a0, a1, a2, a3, a4 = symbols("j k m a0 a1 a2 a3 a4", integer=True)


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


def test_a_factor_that_vanishes_at_three_steps_hides_nothing() -> None:
    assert E.prove(Scale(T - 3, x(0)), Scale(T - 3, Scale(2, x(0)))).status is Status.REFUTED
    vanishing = 1
    for q in range(2, 30):
        vanishing *= H - q
    verdict = E.prove(Scale(vanishing, x(0)), Scale(vanishing, Scale(2, x(0))))
    assert (verdict.status, verdict.reason) == (Status.OPEN, "a coefficient is zero at all the sizes that were tried")


def test_the_field_is_asked_later_where_times_are_two_steps_from_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    left, right = MatrixSum(h(k), k, 3, T - 1), MatrixSum(h(k + 3), k, 0, T - 4)
    assert E.prove(left, right).status is Status.PROVED
    found = decide(E.prover.reader, left, right, 0, False, Budget())
    monkeypatch.setattr("derive.proof.case.decide", lambda *_: found)  # were the automata wrong …
    assert E.prove(left, MatrixSum(Scale(2, h(k)), k, 3, T - 1)).status is Status.REFUTED


@pytest.mark.parametrize("factor", [PRIME, 2**192 - 2**64 - 1])
def test_large_numbers_are_asked_of_real_ones_at_every_instance(factor: int) -> None:
    left = MatrixSum(Scale(factor, x(k)), k, 3, T - 1)
    assert E.prove(left, Scale(0, left)).status is Status.REFUTED
    assert E.prove(Scale(factor * (T - 3), x(0)), Scale(0, x(0))).status is Status.REFUTED


STEP = "cell c\ndims H\ninput x : H\nstate h : H\nparam W : H x H\nh[t] = tanh(W @ h[t-1] + x[t])\n"


@pytest.mark.parametrize(("loss", "least"), [("sum(h[3])", 4), ("sum(h[1])", 2), ("sum(h[T-2])", 2)])
def test_a_model_that_names_a_step_says_nothing_of_fewer(loss: str, least: int) -> None:
    cell = derive.parse(f"{STEP}loss = {loss}\n")
    verdict = cell.gradient("W").prove()
    assert verdict.status in (Status.PROVED, Status.CHECKED)
    assert verdict.least == least
    after = cell.cotangent("h", T)
    assert cell.prove(after, b.zeros(after.shape)).least == least
    wrong = cell.prove(cell.gradient("W").symbol, Scale(2, cell.gradient("W").expression))
    assert wrong.status is Status.REFUTED
    assert wrong.counterexample is not None
    assert least == wrong.counterexample.T


def test_a_name_that_is_read_at_one_step_only() -> None:
    cell = derive.parse(
        "cell c\ndims H\ninput x : H\nstate h : H\nh[t] = tanh(h[t-1] + x[t])\nm[t] = h[t] * x[t]\nloss = sum(m[T-2])\n"
    )
    dm = lambda i: cell.cotangent("m", i)  # noqa: E731
    whole, one = MatrixSum(dm(k), k, 0, T - 1), ones(cell.symbol("h").shape[0])
    for left, right in ((whole, dm(T - 2)), (whole, one), (dm(T - 2), one), (dm(-1), b.zeros(one.shape))):
        verdict = cell.prove(left, right)
        assert verdict.status in (Status.PROVED, Status.CHECKED)
        assert verdict.least == 2


def test_a_factor_of_steps_and_sizes_hides_nothing() -> None:
    e, factor = hadamard(E.cotangent("h", 0), E.cotangent("h", 0)), Rational(1)
    for i in E.prove(e, e).instances:
        factor *= (T - i.T) ** 2 + (H - i.sizes["H"]) ** 2
    assert E.prove(Scale(factor, e), Scale(factor, Scale(2, e))).status is Status.OPEN


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


def test_what_shows_late_is_asked_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the automata were wrong about a sum that is empty at T = 3, the field would say so."""
    true, false = late(input_of(a4), a1, a2, a3, a4), late(Scale(2, input_of(a4)), a1, a2, a3, a4)
    found = decide(Z.prover.reader, true, true, 0, False, Budget())
    monkeypatch.setattr("derive.proof.case.decide", lambda *_: found)
    assert Z.prove(true, true).status is Status.PROVED
    verdict = Z.prove(true, false)
    assert verdict.status is Status.REFUTED
    assert verdict.counterexample is not None
    assert verdict.counterexample.T == 4


M, N = Z.symbol("M"), Z.symbol("N")


(LEFT, A), K = M.shape, N.shape[1]


def test_a_sum_that_is_empty_for_every_number_of_steps_is_zero() -> None:
    assert Z.prove(MatrixSum(input_of(k), k, 0, -1), zeros((K, Integer(1)))).status is Status.PROVED


def delay(n: int) -> derive.Model:
    states = "".join(f"state s{i} : H = 0\n" for i in range(n))
    chain = "".join(f"s{i}[t] = s{i - 1}[t-1]\n" for i in range(1, n))
    head = f"cell d\ndims H\ninput x : H\n{states}param W : H x H\ns0[t] = W @ x[t]\n{chain}"
    return derive.parse(f"{head}loss[t] = norm2(s{n - 1}[t])\n")


def outcome_of(model: derive.Model, tex: str, *orders: str) -> Outcome:
    return model.verify(tex, orders, repair=False).outcome


@pytest.mark.parametrize("n", [5, 9])
def test_a_delay_line_hides_nothing(n: int) -> None:
    model = delay(n)
    for f in (model.symbol(f"s{n - 1}", t), model.symbol("L")):
        assert model.prove(f, b.zeros(f.shape)).status is Status.REFUTED
    assert outcome_of(model, r"\frac{\partial L_t}{\partial W} = 0") is Outcome.REFUTED


def outcome(source: str, tex: str, *orders: str) -> Outcome:
    return derive.parse(source).verify(tex, orders, repair=False).outcome


def test_a_long_lag_hides_nothing() -> None:
    lag = "h[t] = tanh(W @ h[t-1] + V @ h[t-5] + x[t])\nloss[t] = norm2(h[t])\n"
    source = f"cell c\ndims H\ninput x : H\nstate h : H = 0\nparam W : H x H\nparam V : H x H\n{lag}"
    assert (
        outcome(source, r"\frac{\partial h_t}{\partial V} = 0", "partial total", "layout numerator") is Outcome.REFUTED
    )


@pytest.mark.parametrize("factor", ["(T-1)*(T-2)*(T-3)*(T-4)*(T-5)*(T-7)", "(H-2)*(H-3)*(H-4)*(H-6)"])
def test_coefficients_of_the_model_hide_nothing(factor: str) -> None:
    head = "cell c\ndims H\ninput x : H\nstate h : H\nparam W : H x H\nh[t] = tanh(W @ h[t-1] + x[t])\n"
    model = derive.parse(f"{head}loss[t] = {factor}*norm2(h[t])\n")
    d = model.cotangent("W")
    assert model.prove(d, Scale(2, d)).status is Status.REFUTED
    assert outcome_of(model, r"\frac{\partial L}{\partial W} = 0") is Outcome.REFUTED


ELMAN = derive.load("elman")


def test_claims_that_hide() -> None:
    a = symbols("a0:9", integer=True)

    def chain(e: MatrixExpr) -> MatrixExpr:
        for i in range(len(a) - 1, 0, -1):
            e = MatrixSum(Delta(e, a[i], a[i - 1] + 1), a[i], 0, T - 1)
        return MatrixSum(e, a[0], 0, T - 1)

    f = chain(Entry(ELMAN.symbol("x", a[-1]), 0))
    assert ELMAN.prove(f, Scale(2, f)).status is Status.REFUTED
    for n in (65, 10**9):
        x = ELMAN.symbol("x", n)
        assert ELMAN.prove(x, Scale(2, x)).status is Status.OPEN
    sums = r"\sum_{a=0}^{t}" + "".join(rf"\sum_{{{j}=0}}^{{{i}-1}}" for i, j in zip("abcd", "bcde", strict=True))
    s = sums + r"\frac{\partial h_t}{\partial h_e}"
    assert outcome_of(ELMAN, f"{s} = 2{s}", "partial total") is Outcome.REFUTED


def test_every_value_of_many_indices_is_looked_at() -> None:
    head = "cell c\ndims H\ninput x : H\nstate h : H\nparam W : H x H\nparam v : H\n"
    source = f"{head}h[t] = tanh(W @ h[t-1] + v + x[t])\nloss[t] = norm2(h[t])\n"
    tex = r"\delta_{i1}\delta_{j1}\delta_{k1}\delta_{l2}\delta_{m3} W_{ij} W_{kl} v_{m} = 0"
    assert outcome(source, tex) is not Outcome.CHECKED


def test_squares_of_a_recursion_without_one_of_its_terms() -> None:
    head = "cell c\ndims H\ninput x : H\nstate h : H\nparam W : H x H\nparam V : H x H\n"
    model = derive.parse(f"{head}h[t] = tanh(W @ h[t-1] + V @ h[t-8] + x[t])\nloss[t] = norm2(h[t])\n")
    d = model.cotangent("h", t)
    after = b.matmul(b.transpose(model.symbol("W")), model.cotangent("z_h", t + 1))
    r = b.add(Scale(2, model.symbol("h", t)), after)
    assert model.prove(hadamard(d, d), hadamard(r, r)).status is Status.REFUTED
