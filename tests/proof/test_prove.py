"""Verdicts: what is proved, checked, refuted, ill-formed and open, and on what grounds."""

from __future__ import annotations

import pytest
from sympy import Identity, MatMul, MatrixExpr, MatrixSymbol, Symbol, symbols

import derive
from derive.algebra import (
    MatrixSum,
    OrderedProduct,
    T,
    Timed,
    apply,
    diag,
    hadamard,
    matmul,
    ones,
    outer,
    power,
    t,
    transpose,
)
from derive.algebra import build as b
from derive.algebra.nodes import Delta
from derive.errors import InputError, ShapeError
from derive.proof.agreement import Agreement
from derive.proof.checker import check
from derive.proof.field.reals import Reals
from derive.proof.field.truth import Truth
from derive.proof.verdict import Status, Verdict
from tests.calculus.models import TEXTS
from tests.proof.writings import WRITINGS, column, error, model, slope

j, k, m = symbols("j k m", integer=True)
elman = model("elman")


@pytest.mark.parametrize("name", WRITINGS)
def test_one_gradient_in_many_writings(name: str) -> None:
    found, left, right = WRITINGS[name]()
    verdict = found.prove(left, right)
    assert verdict.status is Status.PROVED, verdict
    assert verdict.least == 0
    assert len(verdict.instances) >= 2
    assert all(i.bits >= 100 and i.T >= 3 for i in verdict.instances)
    assert len({tuple(i.sizes.items()) for i in verdict.instances}) >= 2
    assert check(verdict.certificate or "")["left"] == f"dL/d{name.split()[1].rstrip(':')}".replace(
        "dL/dh", "dL/dh[-1]"
    )


def test_writings_are_proved_against_one_another() -> None:
    makers = [make() for name, make in WRITINGS.items() if name.startswith("elman W")]
    (_, _, first), *others = makers
    assert len(others) >= 5
    for found, _, other in others:
        assert found.prove(other, first).status is Status.PROVED


# --- Recursions, with a free t -------------------------------------------------------------------


def test_a_step_of_the_recursion_for_every_t() -> None:
    W, V = elman.symbol("W"), elman.symbol("V")
    later = hadamard(elman.cotangent("h", t + 1), slope(elman.symbol("h", t + 1)))
    right = b.add(matmul(transpose(V), error(elman, t)), matmul(transpose(W), later))
    assert elman.prove(elman.cotangent("h"), right).status is Status.PROVED
    by_z = b.add(matmul(transpose(V), error(elman, t)), matmul(transpose(W), elman.cotangent("z_h", t + 1)))
    assert elman.prove(elman.cotangent("h"), by_z).status is Status.PROVED
    wrong = b.add(matmul(transpose(V), error(elman, t)), matmul(W, elman.cotangent("z_h", t + 1)))
    assert elman.prove(elman.cotangent("h"), wrong).status is Status.REFUTED


def test_dx_at_every_step() -> None:
    product = OrderedProduct(
        matmul(transpose(elman.symbol("W")), diag(slope(elman.symbol("h", m)))), m, t + 1, j, "ascending"
    )
    term = matmul(
        transpose(elman.symbol("U")),
        diag(slope(elman.symbol("h", t))),
        product,
        transpose(elman.symbol("V")),
        error(elman, j),
    )
    assert elman.prove(elman.cotangent("x"), MatrixSum(term, j, t, T - 1)).status is Status.PROVED
    verdict = elman.prove(elman.cotangent("x"), MatrixSum(term, j, t + 1, T - 1))
    assert verdict.status is Status.REFUTED
    assert verdict.counterexample is not None
    assert verdict.counterexample.t is not None


def test_the_lstm_by_hand_with_its_gates_eliminated() -> None:
    """dc and dh of one step from those of the next, as one writes them by hand; then dL/dW_f from dc alone."""
    lstm = model("lstm")
    f, i, o, g, c = (lambda at, name=name: lstm.symbol(name, at) for name in "fiogc")
    dc, dh = (lambda at, name=name: lstm.cotangent(name, at) for name in "ch")

    def sigma(a: MatrixExpr) -> MatrixExpr:
        return hadamard(a, b.subtract(ones(a.shape[0]), a))

    def back(name: str, through: MatrixExpr) -> MatrixExpr:
        return matmul(transpose(lstm.symbol(name)), through)

    s = t + 1
    by_hand = b.add(hadamard(dh(t), o(t), slope(apply("tanh", c(t)))), hadamard(f(s), dc(s)))
    assert lstm.prove(dc(t), by_hand).status is Status.PROVED
    eliminated = b.add(
        matmul(transpose(lstm.symbol("V")), error(lstm, t)),
        back("W_f", hadamard(dc(s), c(t), sigma(f(s)))),
        back("W_i", hadamard(dc(s), g(s), sigma(i(s)))),
        back("W_g", hadamard(dc(s), i(s), slope(g(s)))),
        back("W_o", hadamard(dh(s), apply("tanh", c(s)), sigma(o(s)))),
    )
    assert lstm.prove(dh(t), eliminated).status is Status.PROVED
    wrong = b.add(hadamard(dh(t), o(t), slope(apply("tanh", c(t)))), hadamard(f(t), dc(s)))
    verdict = lstm.prove(dc(t), wrong)  # f_t for f_{t+1}
    assert verdict.status is Status.REFUTED
    assert verdict.counterexample is not None
    assert verdict.counterexample.T == 2


# --- Relations that words or the field do not know ------------------------------------------------

FUNCTIONS = """
cell functions
dims H, I
input x : I
target y : H
state h : H
param W : H x H
param U : H x I
h[t] = tanh(W @ h[t-1] + U @ x[t])
loss[t] = squared_error(y[t], h[t])
"""


def z() -> MatrixExpr:
    return matmul(elman.symbol("U"), elman.symbol("x"))


TRUE_RELATIONS = [
    ("sigmoid(-z)", lambda: (apply("sigmoid", b.negative(z())), ones(z().shape[0]) - apply("sigmoid", z()))),
    ("silu", lambda: (apply("silu", z()), hadamard(z(), apply("sigmoid", z())))),
    ("tanh odd", lambda: (apply("tanh", b.negative(z())), b.negative(apply("tanh", z())))),
    ("relu and step", lambda: (apply("relu", z()), hadamard(z(), apply("step", z())))),
    ("sin cos", lambda: (power(apply("sin", z()), 2) + power(apply("cos", z()), 2), ones(z().shape[0]))),
]


@pytest.mark.parametrize(("name", "sides"), TRUE_RELATIONS, ids=[n for n, _ in TRUE_RELATIONS])
def test_true_relations_are_checked(name: str, sides) -> None:  # type: ignore[no-untyped-def]
    verdict = elman.prove(*sides())
    assert verdict.status in (Status.CHECKED, Status.PROVED), verdict
    assert verdict.instances


def test_a_true_relation_that_nothing_knows_is_open() -> None:
    a, c = z(), matmul(elman.symbol("W"), elman.symbol("h", t - 1))
    left = apply("exp", b.add(a, c))
    verdict = elman.prove(left, hadamard(apply("exp", a), apply("exp", c)))
    assert verdict.status is Status.OPEN
    assert "agree to 50 digits" in verdict.reason
    assert elman.prove(left, hadamard(apply("exp", a), apply("exp", a))).status is Status.REFUTED
    double = apply("tanh", b.scale(2, a))
    assert elman.prove(double, b.scale(2, apply("tanh", a))).status is Status.REFUTED


def test_assumptions_are_stated_only_where_they_are_used() -> None:
    total = matmul(ones(1, elman.symbol("y").shape[0]), elman.symbol("y"))
    one = elman.prove(total, ones(1))
    assert one.status is Status.PROVED
    assert one.assumptions == ("sum(y) == 1",)
    soft = matmul(ones(1, elman.symbol("yhat").shape[0]), elman.symbol("yhat"))
    assert elman.prove(soft, ones(1)).assumptions == ()
    loose = derive.parse(TEXTS["elman"].replace(" where sum(y) == 1", ""))
    assert loose.prove(matmul(ones(1, total.args[1].shape[0]), loose.symbol("y")), ones(1)).status is Status.REFUTED


# --- Refutations ----------------------------------------------------------------------------------


def refuted(right: MatrixExpr) -> Verdict:
    verdict = elman.gradient("W").prove(right)
    assert verdict.status is Status.REFUTED, verdict
    assert verdict.certificate is None
    return verdict


def test_the_smallest_T_is_found() -> None:
    turned = column(elman).replace(
        lambda e: isinstance(e, OrderedProduct),
        lambda e: OrderedProduct(e.body, e.index, e.low, e.high, "descending"),
    )
    verdict = refuted(turned)
    assert verdict.counterexample is not None
    assert verdict.counterexample.T == 3  # at T ≤ 2 a product has one factor at most


def test_a_counterexample_can_be_computed_again() -> None:
    example = refuted(b.scale(2, column(elman))).counterexample
    assert example is not None
    world = Truth(elman.prover.subject, example.sizes, example.T, Reals(), example.seed, example.drawn)
    i, n = example.entry
    left = world.value(elman.gradient("W").symbol)[i][n]
    right = world.value(b.scale(2, column(elman)))[i][n]
    context = Reals().context
    assert example.left == context.nstr(left, 50)
    assert example.right == context.nstr(right, 50)
    assert abs(right - 2 * left) < 1e-45
    assert len(example.left.split(".")[1]) >= 45


def test_a_refutation_tells_the_product_that_differs() -> None:
    verdict = refuted(b.scale(2, column(elman)))
    assert verdict.word.startswith("T = 1: the product")
    assert verdict.word.endswith(
        ("has the coefficient 1 on the left, 2 on the right", "has the coefficient -1 on the left, -2 on the right")
    )


def test_the_published_formula_is_ill_formed() -> None:
    """(ŷ_j − y_j) Π Wᵀ D_m ⊗ h_{k−1}: a vector of O before a matrix of H x H."""
    back = matmul(transpose(elman.symbol("W")), diag(slope(elman.symbol("h", m))))
    product = OrderedProduct(back, m, k + 1, j, "ascending")
    with pytest.raises(ShapeError, match="needs matching inner sizes, got a vector of O and a matrix of H x H"):
        matmul(error(elman, j), product, transpose(elman.symbol("h", k - 1)))


# --- T = 0, and claims that need T ≥ 1 -------------------------------------------------------------


def test_a_claim_that_fails_at_T_zero_only_is_proved_from_one_on() -> None:
    W = elman.symbol("W")
    once = MatrixSum(Delta(W, k, 0), k, 0, T - 1)  # [k = 0] W: there is no k at T = 0
    verdict = elman.prove(once, W)
    assert verdict.status is Status.PROVED
    assert verdict.least == 1
    assert verdict.reason == "true for every T ≥ 1 and all sizes"
    assert check(verdict.certificate or "")["for"] == "every T ≥ 1 and all sizes"
    assert elman.prove(MatrixSum(Delta(W, k, 1), k, 0, T - 1), W).status is Status.REFUTED  # at T = 1


def test_a_telescope_is_checked() -> None:
    steps = MatrixSum(b.subtract(elman.symbol("h", k), elman.symbol("h", k - 1)), k, 0, T - 1)
    ends = b.subtract(elman.symbol("h", T - 1), elman.symbol("h", -1))
    assert elman.prove(steps, ends).status in (Status.PROVED, Status.CHECKED)


# --- Bad claims -----------------------------------------------------------------------------------

H = elman.symbol("h").shape[0]


@pytest.mark.parametrize(
    ("left", "right", "message"),
    [
        (elman.symbol("W"), elman.symbol("U"), "the left side is a matrix of H x H, the right side a matrix of H x I"),
        (elman.symbol("h"), Timed("g", t, H), "g[t] is no quantity of the model elman"),
        (elman.symbol("h"), elman.symbol("h", k), "the index k is not bound by a sum or a product"),
        (elman.symbol("h"), Timed("h", t, H + 1), "the left side is a vector of H, the right side a vector of H + 1"),
        (elman.symbol("h"), MatrixSymbol("h", H, 1), "h has a value per step: write h[t]"),
        (elman.symbol("W"), Timed("W", t, H, H), "W[t] has a time, but W is the same at every step"),
        (elman.symbol("W"), elman.symbol("W").I, "formulas have no inverse of a matrix"),
        (elman.symbol("W"), MatMul(elman.symbol("W"), elman.symbol("V")), "needs matching inner sizes"),
        (elman.symbol("h"), MatrixSum(elman.symbol("h"), t, 0, 2), "t is no name for the index of a sum"),
        (elman.symbol("W"), elman.symbol("W") ** Symbol("n"), "a power must be a whole number"),
    ],
)
def test_ill_formed(left: MatrixExpr, right: MatrixExpr, message: str) -> None:
    verdict = elman.prove(left, right)
    assert verdict.status is Status.ILL_FORMED
    assert message in " ".join((verdict.reason, *verdict.tried))


def test_what_is_no_formula_is_an_input_error() -> None:
    for bad in (3, "W", None, elman):
        with pytest.raises(InputError, match="a formula"):
            elman.prove(elman.symbol("W"), bad)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a quantity of the model"):
        elman.symbol("nosuch")
    with pytest.raises(InputError, match="one that has a gradient"):
        elman.cotangent("y")


def test_sympys_own_operators_are_understood() -> None:
    W, h = elman.symbol("W"), elman.symbol("h")
    by_hand = 2 * W.T * h - W.T * h
    assert elman.prove(by_hand, matmul(transpose(W), h)).status is Status.PROVED
    assert elman.prove(W * W * h, W**2 * h).status is Status.PROVED
    assert elman.prove(W * Identity(H) * h, W * h).status is Status.PROVED


# --- Outside the class ----------------------------------------------------------------------------


def test_refusals_say_why_and_the_words_decide() -> None:
    """Every pair of steps but neighbours: a bound between indices that are not neighbours in time."""
    e = hadamard(elman.symbol("h", k), elman.symbol("h", j))
    third = symbols("q", integer=True)
    term = outer(matmul(elman.symbol("W"), e), elman.symbol("h", third))
    left = MatrixSum(MatrixSum(MatrixSum(term, third, 0, k), k, 0, j), j, 0, T - 1)
    right = MatrixSum(MatrixSum(MatrixSum(term, k, third, j), third, 0, j), j, 0, T - 1)
    verdict = elman.prove(left, right)
    assert verdict.status in (Status.PROVED, Status.CHECKED)
    compound = hadamard(
        matmul(elman.symbol("W"), elman.symbol("h", k)), matmul(elman.symbol("W"), elman.symbol("h", j))
    )
    both = MatrixSum(MatrixSum(compound, k, 0, T - 1), j, 0, T - 1)
    turned = MatrixSum(MatrixSum(compound, j, 0, T - 1), k, 0, T - 1)
    found = elman.prove(both, turned)
    assert found.status is Status.CHECKED
    assert found.every_size == 5
    assert found.tried


@pytest.mark.slow
def test_what_only_the_field_can_decide_lists_where_it_did() -> None:
    fast = derive.parse(TEXTS["fast_weights"])
    (step,) = (s for s in fast.adjoint.steps if str(s.left) == "dA[t]")
    verdict = fast.prove(step.left, step.right, seconds=120)
    assert verdict.status is Status.CHECKED
    assert {i.T for i in verdict.instances} >= {1, 2, 3, 4, 5, 7}
    hurried = fast.prove(step.left, step.right, seconds=1.5)  # what was found in time stands
    assert hurried.status in (Status.CHECKED, Status.OPEN)
    assert "2^-" in verdict.reason


def test_verdicts_as_json() -> None:
    data = refuted(b.scale(2, column(elman))).as_json()
    assert data["status"] == "refuted"
    assert {"T", "sizes", "seed", "lhs", "rhs"} <= set(data["counterexample"])  # type: ignore[call-overload]
    assert elman.gradient("W").prove().as_json()["certificate"]


def test_a_prover_and_a_field_that_disagree_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """`proved` needs both: with a field that says no, a provable claim is not proved."""
    monkeypatch.setattr(Agreement, "exact", lambda *a: None)
    assert model("elman").gradient("V").prove().status is not Status.PROVED
