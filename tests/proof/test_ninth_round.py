"""What a ninth adversary found: models whose normal form reads other names, delays, coefficients that hide."""

from __future__ import annotations

import pytest
from sympy import MatrixExpr, Rational, symbols

import derive
from derive.algebra import MatrixSum, OrderedProduct, T, apply, hadamard
from derive.algebra import build as b
from derive.algebra.nodes import Delta, Entry, Scale, t
from derive.claims.verdict.verdicts import Outcome
from derive.proof.verdict import Status

ELMAN = derive.load("elman")
W, X0 = ELMAN.symbol("W"), ELMAN.symbol("x", 0)
m, k = symbols("m k", integer=True)

GATE = """cell c
dims H
input x : H
state h : H
param W : H x H
z[t] = W @ h[t-1] + x[t]
r[t] = sigmoid(z[t])
h[t] = r[t] * h[t-1] + sigmoid(z[t]) * x[t]
loss[t] = norm2(h[t])
"""
AGAIN = """cell c
dims H
input x : H
state h : H
param W : H x H
h[t] = tanh(W @ h[t-1] + x[t])
loss[t] = norm2(tanh(W @ h[t-1] + x[t]))
"""
OUTPUT = """cell c
dims H, O
input x : H
target y : O where sum(y) == 1
state h : H
param W : H x H
param V : O x H
h[t] = tanh(x[t] + W @ h[t-1])
"""
SOFTMAX, SIGMOID = OUTPUT + "p[t] = softmax(V @ h[t])\n", OUTPUT + "p[t] = sigmoid(V @ h[t])\n"
RE_READ = (
    SOFTMAX + "loss[t] = -dot(y[t], log(p[t])) + norm2(p[t])\n",
    SOFTMAX + "l[t] = log(p[t])\nloss[t] = -dot(y[t], l[t]) + norm2(p[t])\n",
    SOFTMAX + "q[t] = p[t]\nloss[t] = cross_entropy(y[t], q[t]) + norm2(p[t])\n",
    SOFTMAX + "loss[t] = cross_entropy(y[t], p[t]) + norm2(p[t])\n",
    SIGMOID + "loss[t] = -dot(y[t], log(p[t])) + norm2(p[t])\n",
)


def outcome(source: str, tex: str, *orders: str) -> Outcome:
    return derive.parse(source).verify(tex, orders, repair=False).outcome


def delay(n: int) -> derive.Model:
    states = "".join(f"state s{i} : H = 0\n" for i in range(n))
    chain = "".join(f"s{i}[t] = s{i - 1}[t-1]\n" for i in range(1, n))
    head = f"cell d\ndims H\ninput x : H\n{states}param W : H x H\ns0[t] = W @ x[t]\n{chain}"
    return derive.parse(f"{head}loss[t] = norm2(s{n - 1}[t])\n")


def test_what_is_written_again_is_not_read_from_a_name() -> None:
    by_r = r"\frac{\partial L}{\partial r_t} = \frac{\partial L}{\partial h_t} \odot "
    assert outcome(GATE, by_r + r"(h_{t-1} + x_t)") is Outcome.REFUTED
    assert outcome(GATE, by_r + r"h_{t-1}") in (Outcome.PROVED, Outcome.CHECKED)
    assert outcome(AGAIN, r"\frac{\partial L}{\partial h_{T-1}} = 0") in (Outcome.PROVED, Outcome.CHECKED)


@pytest.mark.parametrize("source", RE_READ)
def test_a_loss_reads_what_the_model_says_it_reads(source: str) -> None:
    assert outcome(source, r"\frac{\partial L}{\partial p_t} = 2 p_t") is Outcome.REFUTED
    true = r"\frac{\partial L}{\partial p_t} = 2 p_t - y_t \oslash p_t"
    assert outcome(source, true) in (Outcome.CHECKED, Outcome.PROVED)


COMPLEMENT = """cell c
dims H
input x : H
state h : H
param W : H x H
z[t] = sigmoid(W @ h[t-1] + x[t])
k[t] = 1 - z[t]
h[t] = k[t] * h[t-1] + z[t] * tanh(x[t])
loss[t] = norm2(h[t]) - 0.1 * sum(log(k[t]))
"""


def test_the_complement_of_a_sigmoid_is_read_by_a_logarithm_too() -> None:
    """A tenth adversary: 1 - sigmoid with a name of its own."""
    by_k = r"\frac{\partial L}{\partial k_t} = \frac{\partial L}{\partial h_t} \odot h_{t-1}"
    assert outcome(COMPLEMENT, by_k) is Outcome.REFUTED
    true = outcome(COMPLEMENT, by_k + r" - \frac{1}{10} \mathbf{1} \oslash k_t")
    assert true in (Outcome.CHECKED, Outcome.PROVED)


@pytest.mark.parametrize("loss", ["cross_entropy(y[t], h[t])", "norm2(h[t]) + sum(r[t])"])
def test_papers_of_states_that_a_loss_reads_beside(loss: str) -> None:
    """A tenth adversary: no sum at the state, but a paper."""
    head = "cell c\ndims H\ninput x : H\ntarget y : H where sum(y) == 1\nstate h : H\nparam W, V : H x H\n"
    gate = "r[t] = sigmoid(W @ h[t-1] + x[t])\ng[t] = tanh(V @ (r[t] * h[t-1]) + x[t])\n"
    leaky = f"{gate}h[t] = (1 - r[t]) * h[t-1] + r[t] * g[t]\nv[t] = y[t] + h[t]\n"
    own = "h[t] = softmax(W @ h[t-1] + V @ x[t])\n" if "cross" in loss else leaky
    model = derive.parse(f"{head}{own}loss[t] = {loss}\n")
    assert "the gradient" in model.paper().latex().lower()


@pytest.mark.parametrize("source", RE_READ)
def test_a_cotangent_leaves_nothing_out(source: str) -> None:
    model = derive.parse(source)
    p, y = model.symbol("p", t), model.symbol("y", t)
    d, whole = model.cotangent("p", t), b.subtract(Scale(2, p), hadamard(y, apply("reciprocal", p)))
    assert model.prove(d, Scale(2, p)).status is Status.REFUTED
    assert model.prove(d, whole).status in (Status.CHECKED, Status.PROVED)


def test_a_claim_about_the_state_before_the_first_is_not_proved_for_the_others_alone() -> None:
    factor = "(T-1)*(T-2)*(T-3)*(T-4)"
    head = "cell c\ndims H\ninput x : H\nstate h : H\nh[t] = tanh(x[t])\ny[t] = h[t-1] * x[t]\n"
    source = f"{head}loss = {factor}*sum(y[0])\n"
    assert outcome(source, r"\frac{\partial L}{\partial h_k} = 0") is Outcome.REFUTED


def test_certificates_print_every_digit() -> None:
    big, s = 10**28, MatrixSum(ELMAN.symbol("x", k), k, 0, 0)
    verdict = ELMAN.prove(Scale(big + 1, X0), b.add(Scale(big, X0), s))
    assert verdict.status is Status.PROVED
    assert str(big + 1) in (verdict.certificate or "")
    third = Rational(1, 3)
    left = Scale(third, OrderedProduct(W, m, 0, 1, "ascending"))
    right = Scale(3, OrderedProduct(Scale(third, W), m, 0, 1, "ascending"))
    verdict = ELMAN.prove(left, right)
    assert verdict.status is Status.PROVED
    assert "(W / 3)" in (verdict.certificate or "")


@pytest.mark.parametrize("n", [5, 9])
def test_a_delay_line_hides_nothing(n: int) -> None:
    model = delay(n)
    for f in (model.symbol(f"s{n - 1}", t), model.symbol("L")):
        assert model.prove(f, b.zeros(f.shape)).status is Status.REFUTED
    assert outcome_of(model, r"\frac{\partial L_t}{\partial W} = 0") is Outcome.REFUTED


def outcome_of(model: derive.Model, tex: str, *orders: str) -> Outcome:
    return model.verify(tex, orders, repair=False).outcome


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
