"""What the normal form reads under names of its own is what the model says."""

from __future__ import annotations

import pytest

import derive
from derive.algebra import apply, hadamard
from derive.algebra import build as b
from derive.algebra.nodes import Scale, t
from derive.claims.verdict.verdicts import Outcome
from derive.proof.verdict import Status

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


def outcome(source: str, tex: str, *orders: str) -> Outcome:
    return derive.parse(source).verify(tex, orders, repair=False).outcome


def test_what_is_written_again_is_not_read_from_a_name() -> None:
    by_r = r"\frac{\partial L}{\partial r_t} = \frac{\partial L}{\partial h_t} \odot "
    assert outcome(GATE, by_r + r"(h_{t-1} + x_t)") is Outcome.REFUTED
    assert outcome(GATE, by_r + r"h_{t-1}") in (Outcome.PROVED, Outcome.CHECKED)
    assert outcome(AGAIN, r"\frac{\partial L}{\partial h_{T-1}} = 0") in (Outcome.PROVED, Outcome.CHECKED)


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
