"""The tool reads what it writes: every equation of every document of the catalogue is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from derive.algebra.nodes import FusedLoss, LogSoftmax
from derive.claims.verdict.verdicts import TRUE
from derive.claims.verify import read_paper, verify
from derive.language import names
from derive.model import load
from derive.model.model import parse
from tests.claims.papers import no_include
from tests.tools import some

GENERATED = Path(__file__).resolve().parents[2] / "generated"


@pytest.mark.parametrize("cell", some(names(), ["elman", "char_rnn"]))
def test_a_document_is_all_true(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given time: two stacked LSTM layers take one equation close to the 8 seconds that a reader waits."""
    monkeypatch.setattr("derive.claims.verdict.judge.SECONDS", 60.0)
    text = (GENERATED / cell / f"{cell}.tex").read_text("utf-8")
    sources = read_paper(text, f"{cell}.tex", no_include)
    results = list(verify(sources, lambda path: load(path).prover, load(cell).prover, repairs=False))
    assert len(results) > 20
    wrong = [f"{r.id}: {r.judgement.outcome}: {r.judgement.reason}" for r in results if r.judgement.outcome not in TRUE]
    assert not wrong


@pytest.mark.slow
def test_a_document_with_a_slip_is_not() -> None:
    text = (GENERATED / "elman" / "elman.tex").read_text("utf-8")
    good, bad = r"V^{\top} (\hat{y}_{j} - y_{j}) h_{k-1}^{\top}", r"V^{\top} (\hat{y}_{j} - y_{j}) h_{k}^{\top}"
    assert good in text
    sources = read_paper(text.replace(good, bad), "elman.tex", no_include)
    results = list(verify(sources, lambda path: load(path).prover, load("elman").prover, repairs=False))
    assert [r.id for r in results if r.judgement.outcome not in TRUE] == ["elman:W:layout1"]


HEAD = """cell again
dims I, H, O
input x : I
target y : O where sum(y) == 1
target u : O
state h : H
param U : H x I
param W : H x H
param V : O x H
h[t] = tanh(U @ x[t] + W @ h[t-1])
"""
JORDAN = HEAD.replace("state h : H", "state p : O").replace("W : H x H", "W : H x O").replace("h[t-1]", "p[t-1]")
SOFTMAX, SIGMOID = "p[t] = softmax(V @ h[t])\n", "p[t] = sigmoid(V @ h[t])\n"
STATE = """cell again
dims H
input x : H
target y : H where sum(y) == 1
state h : H
param W, V : H x H
h[t] = softmax(W @ h[t-1] + V @ x[t])
loss[t] = cross_entropy(y[t], h[t])
"""
READ_TWICE = {
    "by a second loss": f"{HEAD}{SOFTMAX}loss[t] = cross_entropy(y[t], p[t]) + squared_error(u[t], p[t])\n",
    "by its square": f"{HEAD}{SIGMOID}q[t] = p[t] * p[t]\nloss[t] = norm2(q[t]) - dot(y[t], log(p[t]))\n",
    "by the next step": f"{JORDAN}{SOFTMAX}loss[t] = cross_entropy(y[t], p[t])\n",
    "as the state": STATE,
}


@pytest.mark.slow
@pytest.mark.parametrize("source", READ_TWICE.values(), ids=READ_TWICE)
def test_a_document_of_a_loss_that_is_not_alone_is_all_true(source: str) -> None:
    """dL/dp was printed without what a fused loss reads of p; so were block matrices of that split."""
    model = parse(source)
    text = model.paper(["V"]).latex()
    assert r"\frac{dL}{dp_{t}}" in text or "state h : H\nparam W, V" in source
    sources = read_paper(text, "again.tex", no_include)
    results = list(verify(sources, lambda path: model.prover, model.prover, repairs=False))
    assert len(results) > 20
    assert not [f"{r.id}: {r.judgement.reason}" for r in results if r.judgement.outcome not in TRUE]


@pytest.mark.parametrize("source", READ_TWICE.values(), ids=READ_TWICE)
def test_its_kernel_stays_with_the_stable_form(source: str) -> None:
    """What is derived reads p; what is computed is finite where p is 0."""
    model = parse(source)
    fused = [
        e for e in model.options().normal.equations.values() if e.has(FusedLoss, LogSoftmax) or "softplus" in str(e)
    ]
    assert fused
    assert not any(e.has(FusedLoss, LogSoftmax) for e in model.normal.equations.values())
