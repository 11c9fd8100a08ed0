"""Notations of books: each display of the *.notation.tex files says what it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import derive
from derive.claims.verify import judge
from tests.claims.papers import FOLDER, stages
from tests.tools import some

FILES = sorted(FOLDER.glob("*.notation.tex"))
IS = re.compile(r"^% is: (\S+)$", re.MULTILINE)


@pytest.mark.parametrize("file", some(FILES, FILES[::2]), ids=lambda p: p.name)
def test_each_is_what_it_says(file: Path) -> None:
    wanted, found = IS.findall(file.read_text("utf-8")), stages(file)
    assert len(wanted) == len(found)
    for want, (stage, display) in zip(wanted, found, strict=True):
        judgement = judge(stage, display.tex, repairs=False)
        got = "true" if judgement.outcome in ("proved", "checked") else str(judgement.outcome)
        assert got == want, f"line {display.line}: {display.tex}\n{judgement.reason}"


@pytest.mark.parametrize(
    ("tex", "outcome"),
    [
        (r"\frac{1}{H} \sum_{i=1}^{H} h_{t,i} = \frac{1}{H} \mathbf 1^\top h_t", "checked"),
        (r"\frac{1}{H} \sum_{i=1}^{H} h_{t,i} = \mathbf 1^\top h_t", "unreadable"),
        (r"\frac{\partial L}{\partial H} = 0", "unreadable"),
        (r"H_t = \tanh(W h_{t-1} + U x_t)", "unreadable"),
        (r"H h_t = \tanh(W h_{t-1} + U x_t)", "unreadable"),
        (r"\|h_t\| \le \sqrt{H}", "open"),
    ],
)
def test_a_letter_that_nothing_explains_is_at_most_a_size(tex: str, outcome: str) -> None:
    """It may mean something else: what is false of the size is not refuted, unless a directive says what it is."""
    elman = derive.load("elman")
    assert elman.verify(tex, repair=False).outcome == outcome
    if outcome == "unreadable" and tex.endswith("h_t"):
        assert elman.verify(tex, ["let H = H"], repair=False).outcome == "refuted"


LAYER_NORM = """cell ln
dims I, H
input x : I
target y : H
state h : H
param U : H x I
param W : H x H
param g, b : H
a[t] = W @ h[t-1] + U @ x[t]
mu[t] = mean(a[t]) as "\\mu"
s[t] = sqrt(norm2(a[t] - mu[t]) / H) as "\\sigma"
h[t] = tanh(g * ((a[t] - mu[t]) / s[t]) + b)
loss[t] = squared_error(y[t], h[t])
"""
LEAKY = """cell leaky
dims I, H
input u : I
state x : H
param W : H x H
param V : H x I
param alpha
z[t] = tanh(W @ x[t-1] + V @ u[t])
x[t] = (1 - alpha) * x[t-1] + alpha * z[t]
loss[t] = sum(x[t])
"""
BINARY = """cell binary
dims I, H
input x : I
target y
state h : H
param U : H x I
param W : H x H
param v : H
h[t] = sigmoid(U @ x[t] + W @ h[t-1])
a[t] = v.T @ h[t]
p[t] = sigmoid(a[t])
loss[t] = binary_cross_entropy(y[t], p[t])
"""
MODELS = {"layer norm": LAYER_NORM, "leaky": LEAKY, "binary": BINARY}
H3 = r"\frac{\partial%s h_3}{\partial W}"
D_H = r"\frac{\partial L}{\partial h_%s}"


@pytest.mark.parametrize(
    ("cell", "tex", "outcome"),
    [
        # any small letter is an index of an entry beside a time that is told by its t
        ("elman", r"L_t = -\sum_{c} y_c^t \log \hat y_c^t", "checked"),
        ("elman", r"L_t = -\sum_{c=1}^{O} y_{t,c} \log \hat y_{t,c}", "checked"),
        ("elman", r"L_t = -\sum_{c} y_c^t \log \hat y_c^{t-1}", "refuted"),
        ("lstm", r"h_c^t = o_c^t \tanh(c_c^t)", "checked"),
        ("lstm", r"c_u^{(t)} = f_u^{(t)} c_u^{(t-1)} + i_u^{(t)} g_u^{(t)}", "checked"),
        ("lstm", r"h_c^t = o_c^t \tanh(c_c^{t-1})", "unreadable"),  # or h_c is a name
        # one letter, a step here and an index of entries there
        ("gru", r"h_j^{(t)} = z_j h_j^{(t-1)} + (1-z_j) \tilde h_j^{(t)}", "unreadable"),
        ("elman", r"\hat y_j^T = \sum_k V_{jk} h_k^T", "unreadable"),
        ("elman", r"h_{t,i} = \tanh(\sum_j W_{ji} h_{t-1,j} + \sum_j U_{ij} x_{t,j})", "refuted"),
        # entries of what is called i
        ("lstm", r"c_j^{(t)} = f_j^{(t)} c_j^{(t-1)} + i_j^{(t)} g_j^{(t)}", "checked"),
        ("lstm", r"c_{t,j} = f_{t,j} c_{t-1,j} + i_{t,j} g_{t,j}", "checked"),
        ("lstm", r"c_{t,j} = f_{t,j} c_{t-1,j} + i_{t-1,j} g_{t,j}", "refuted"),
        ("lstm", r"i_j^{(t)} = \sigma(\sum_k (U_i)_{jk} x_k^{(t)} + \sum_k (W_i)_{jk} h_k^{(t-1)} + (b_i)_j)",
         "checked"),
        # an index behind a function's value
        ("lstm", r"i_t^j = \sigma(U_i x_t + W_i h_{t-1} + b_i)^j", "checked"),
        ("lstm", r"i_{t,j} = \sigma(U_i x_t + W_i h_{t-1} + b_i)_j", "checked"),
        ("lstm", r"i_{t,j} = \sigma(U_i x_t + W_i h_t + b_i)_j", "refuted"),
        ("elman", r"\hat y_{t,k} = \mathrm{softmax}(V h_t)_k", "checked"),
        # what a loss is a function of
        ("elman", r"L_t(\hat y_t, y_t) = -\sum_{i=1}^{O} y_{t,i} \log \hat y_{t,i}", "checked"),
        ("elman", r"L(U, W, V) = \sum_t L_t", "proved"),
        ("elman", r"L_t(\theta) = -y_t^\top \log \hat y_{t-1}", "refuted"),
        # a scalar of the model beside a vector, and beside a square matrix
        ("layer norm", r"h_t = \tanh\left(\frac{g}{\sigma_t} \odot (a_t - \mu_t) + b\right)", "checked"),
        ("layer norm", r"h_t = \tanh\left(\frac{g}{\sigma_t} \odot (a_t + \mu_t) + b\right)", "refuted"),
        ("leaky", r"\frac{\partial x_t}{\partial x_{t-1}} = (1-\alpha) + \alpha \mathrm{diag}(1-z_t^2) W",
         "conditional"),
        # the logarithm of 1 - sigma(a)
        ("binary", r"L_t = -y_t \log p_t - (1-y_t) \log(1-p_t)", "checked"),
        ("binary", r"L_t = -y_t \log p_t + (1-y_t) \log(1-p_t)", "refuted"),
        ("binary", r"L = -\sum_t [y_t \log \sigma(a_t) + (1-y_t) \log(1-\sigma(a_t))]", "checked"),
        # functions that are written by exponentials
        ("binary", r"p_t = \frac{1}{1+e^{-a_t}}", "checked"),
        ("binary", r"p_t = \frac{1}{1+e^{a_t}}", "refuted"),
        ("binary", r"L_t = \log(1+e^{a_t}) - y_t a_t", "checked"),
        ("binary", r"L_t = \log(1+e^{-a_t}) - y_t a_t", "refuted"),
        ("leaky", r"z_t = \frac{e^{s_t}-e^{-s_t}}{e^{s_t}+e^{-s_t}}, \text{where } s_t = Wx_{t-1}+Vu_t", "checked"),
        ("leaky", r"z_t = \frac{e^{s_t}+e^{-s_t}}{e^{s_t}-e^{-s_t}}, \text{where } s_t = Wx_{t-1}+Vu_t", "refuted"),
        # what is after the last step, by entries
        ("elman", r"\frac{\partial L}{\partial h_{T+1,i}} = 0", "checked"),
        ("elman", r"\frac{\partial L}{\partial h_{T,i}} = 0", "refuted"),
        # a derivative of a vector by one entry has no shape that is known
        ("elman", r"\frac{\partial h_t}{\partial W_{ij}} = W \frac{\partial h_{t-1}}{\partial W_{ij}}", "open"),
        # from zero, in one of several readings
        ("elman", rf"{H3 % ''} = {H3 % '^+'} + \frac{{dh_3}}{{dh_2}}\frac{{\partial^+ h_2}}{{\partial W}}",
         "conditional"),
        # a column and a row
        ("elman", rf"{D_H % 't'} = {D_H % '{t+1}'} \operatorname{{diag}}(1-h_{{t+1}}^2) W + V^\top (\hat y_t - y_t)",
         "refuted"),
    ],
)  # fmt: skip
def test_what_an_adversary_found(cell: str, tex: str, outcome: str) -> None:
    """True equations in usual notations that were refuted, their false twins, and one whose repair was a traceback."""
    model = derive.parse(MODELS[cell]) if cell in MODELS else derive.load(cell)
    assert model.verify(tex, ["time 1..T"]).outcome == outcome
