"""Where functions jump: what is true at random points may be false at zero, and a slope there is a convention."""

from __future__ import annotations

import pytest
import sympy
from sympy import MatrixExpr, Rational

import derive
from derive.algebra import T, apply, hadamard
from derive.algebra import build as b
from derive.algebra.functions import FUNCTIONS, Function
from derive.algebra.nodes import Scale, t
from derive.claims.verdict.verdicts import Outcome
from derive.proof.field.reals import Reals
from derive.proof.field.truth import Truth
from derive.proof.verdict import Status

HEAD = """cell c
dims H
input x : H
state h : H = 0
param W : H x H
param v : H
"""
RELU = derive.parse(f"{HEAD}z[t] = W @ h[t-1] + x[t] + v\nh[t] = relu(z[t])\nloss[t] = norm2(h[t])\n")
TANH = derive.parse(f"{HEAD}h[t] = tanh(W @ h[t-1] + x[t] + v)\nloss[t] = norm2(h[t])\n")
FAR = derive.parse(f"{HEAD}h[t] = tanh(W @ h[t-1] + x[t])\ny[t] = relu(h[t] - 0.3)\nloss[t] = norm2(y[t])\n")
MAX = derive.parse(f"{HEAD}h[t] = maximum(W @ h[t-1], x[t])\nloss[t] = norm2(h[t])\n")
X = TANH.symbol("x", t)
ONE = b.ones(*X.shape)


def step(z: MatrixExpr) -> MatrixExpr:
    return apply("step", z)


def shifted(by: Rational) -> MatrixExpr:
    return b.subtract(X, Scale(by, ONE))


FALSE_AT_THE_JUMP = {
    "step": (b.add(step(X), step(b.negative(X))), ONE),
    "sign": (hadamard(apply("sign", X), apply("sign", X)), ONE),
    "leaky": (
        b.add(step(X), Scale(Rational(1, 2), step(b.negative(X)))),
        b.add(Scale(Rational(1, 2), ONE), Scale(Rational(1, 2), step(X))),
    ),
    "at one": (b.add(step(shifted(Rational(1))), step(b.negative(shifted(Rational(1))))), ONE),
    "at a third": (b.add(step(shifted(Rational(1, 3))), step(b.negative(shifted(Rational(1, 3))))), ONE),
    "of a state": (b.add(step(TANH.symbol("h", t)), step(b.negative(TANH.symbol("h", t)))), ONE),
}


@pytest.mark.parametrize("name", FALSE_AT_THE_JUMP)
def test_false_at_a_jump_is_false(name: str) -> None:
    verdict = TANH.prove(*FALSE_AT_THE_JUMP[name])
    assert verdict.status is Status.REFUTED
    assert verdict.counterexample is not None
    assert "given values are 0" in str(verdict.counterexample)


def test_a_counterexample_at_a_jump_can_be_computed_again() -> None:
    left, right = FALSE_AT_THE_JUMP["at a third"]
    example = TANH.prove(left, right).counterexample
    assert example is not None
    world = Truth(TANH.prover.subject, example.sizes, example.T, Reals(), example.seed, example.drawn)
    (i, j), env = example.entry, {t: example.t or 0}
    assert [Reals().context.nstr(world.value(e, env)[i][j], 50) for e in (left, right)] == [example.left, example.right]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (b.subtract(apply("relu", X), apply("relu", b.negative(X))), X),
        (b.subtract(step(X), step(b.negative(X))), apply("sign", X)),
        (hadamard(X, apply("sign", X)), apply("abs", X)),
        (step(b.negative(b.negative(X))), step(X)),
    ],
)
def test_true_at_a_jump_too(left: MatrixExpr, right: MatrixExpr) -> None:
    verdict = TANH.prove(left, right)
    assert verdict.status in (Status.CHECKED, Status.PROVED)
    assert not verdict.assumptions


def test_a_jump_that_no_drawn_value_meets_is_named() -> None:
    far = b.subtract(apply("sin", X), Scale(Rational(1, 3), ONE))
    verdict = TANH.prove(b.add(step(far), step(b.negative(far))), ONE)
    assert verdict.status is Status.CHECKED
    assert "away from the jumps: no argument of step is 0" in verdict.assumptions


def test_the_models_slope_at_a_kink_is_no_counterexample() -> None:
    z, dz, dh = RELU.symbol("z", t), RELU.cotangent("z", t), RELU.cotangent("h", t)
    by_the_rule = RELU.prove(dz, hadamard(step(z), dh))
    assert by_the_rule.status in (Status.PROVED, Status.CHECKED)
    assert not by_the_rule.assumptions
    other = RELU.prove(dz, hadamard(b.subtract(ONE, step(b.negative(z))), dh))  # a slope of 1 at 0
    assert other.status is Status.CHECKED
    assert "away from the jumps: no argument of relu, step is 0" in other.assumptions
    assert RELU.prove(dz, dh).status is Status.REFUTED


def test_a_tie_is_a_jump_of_the_slopes() -> None:
    m = MAX.symbol("h", t)
    both = b.add(step(b.subtract(m, X)), step(b.subtract(X, m)))
    assert MAX.prove(hadamard(both, b.subtract(m, X)), b.subtract(m, X)).status is Status.CHECKED
    assert MAX.gradient("W").prove().status is Status.PROVED


def test_every_double_sum_keeps_its_proof() -> None:
    for model in (RELU, MAX, FAR):
        verdict = model.gradient("W").prove()
        assert verdict.status is Status.PROVED
        assert not verdict.assumptions


@pytest.mark.parametrize(
    ("tex", "outcome"),
    [
        (r"\operatorname{step}(x_t) + \operatorname{step}(-x_t) = \mathbf{1}", Outcome.REFUTED),
        (r"\operatorname{relu}'(x_t) + \operatorname{relu}'(-x_t) = \mathbf{1}", Outcome.REFUTED),
        (r"\operatorname{sign}(x_t) \odot \operatorname{sign}(x_t) = \mathbf{1}", Outcome.REFUTED),
        (r"\operatorname{relu}'(x_t) = \operatorname{step}(x_t)", None),
        (r"\frac{\partial L}{\partial z_t} = \frac{\partial L}{\partial h_t} \odot \operatorname{relu}'(z_t)", None),
    ],
)
def test_claims(tex: str, outcome: Outcome | None) -> None:
    judgement = RELU.verify(tex, repair=False)
    assert judgement.outcome in ((outcome,) if outcome else (Outcome.PROVED, Outcome.CHECKED))
    if outcome is Outcome.REFUTED:
        assert judgement.counterexample is not None


def test_a_claim_that_fails_at_kinks_only_says_so() -> None:
    tex = r"\frac{\partial L}{\partial z_t} = \frac{\partial L}{\partial h_t} \odot (1 - \operatorname{step}(-z_t))"
    judgement = RELU.verify(tex, repair=False)
    assert judgement.outcome is Outcome.CHECKED
    assert judgement.verdict is not None
    assert any("away from the jumps" in a for a in judgement.verdict.assumptions)


@pytest.mark.parametrize("entry", FUNCTIONS.values(), ids=lambda e: e.name)
def test_a_function_that_jumps_says_so(entry: Function) -> None:
    if entry.arity != 1 or entry.domain[0] == 0:
        return
    z, small = sympy.symbols("z", real=True), Rational(1, 10**6)
    numbers = [Rational(2)] * entry.parameters
    above, below = (sympy.N(entry.scalar(z, *numbers).subs(z, s * small)) for s in (1, -1))
    assert entry.jumps == (abs(above - below) > Rational(1, 100))


def test_the_last_step() -> None:
    """T is in no way special: the sides differ at T = 1 already."""
    example = TANH.prove(Scale(T, FALSE_AT_THE_JUMP["step"][0]), Scale(T, ONE)).counterexample
    assert example is not None
    assert example.T == 1


def test_a_jump_where_quantities_cancel_is_named() -> None:
    """At x = 2, y = 1 it says 0 = 2; hardly a drawn value comes there but all zeros, where it is true."""
    cell = derive.parse(
        "cell two\ndims H\ninput x, y : H\nstate h : H\nh[t] = relu(x[t]) + h[t-1]\nloss[t] = norm2(h[t])\n"
    )
    claim = r"(\mathrm{relu}'(x_t-2y_t)+\mathrm{relu}'(2y_t-x_t))\odot x_t = x_t"
    found = cell.verify(claim, ["time 0..T-1"], repair=False)
    assert found.status == "checked"
    assert "away from the jumps" in found.readings[0].verdict.assumptions[0]
