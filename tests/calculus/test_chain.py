"""The closed form against the recursion, and the derivation's own promises."""

from __future__ import annotations

import gc
import re
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sympy import MatrixSymbol

from derive.algebra import build as b
from derive.algebra.bound import OrderedProduct
from derive.algebra.functions import apply
from derive.algebra.nodes import Concat, Delta, T, t
from derive.calculus.arrivals import vanishes
from derive.calculus.chain import Chain
from derive.calculus.closed import ClosedForm, expand
from derive.calculus.linear import sum_of
from derive.calculus.recursion import readable
from derive.errors import UnsupportedError
from derive.interpreter import Evaluation
from derive.kernels.report import relative_error
from derive.kernels.samples import Sample, draw
from derive.language import names, text
from derive.model import Model, parse
from derive.program import SEQUENCE, Program, Variable
from derive.proof.derivation import prove_derivation
from derive.proof.verdict import Status
from tests.cells import CATALOGUE, FEATURES, model

STEPS, BATCH = 5, 2
WITHOUT = {  # cells whose states are matrices, or whose cotangents are no columns: the recursion stands alone
    "fast_weights",
    "matrix_states",
    "row_vectors",
}
WITH = [n for n in (*CATALOGUE, *FEATURES) if n not in WITHOUT and model(n).program.total]


def sample_of(m: Model, steps: int = STEPS) -> Sample:
    sizes = {s.name: 3 + i for i, s in enumerate(m.normal.sizes)}
    return draw(m.normal, sizes, steps, BATCH, seed=7)


def with_definitions(program: Program, form: ClosedForm) -> Program:
    """The program with the closed form's symbols as equations of their own, so that each is computed once."""
    variables = {s.left.name: Variable(s.left.name, "temporary", s.left.shape, SEQUENCE) for s in form.definitions}
    equations = {s.left.name: s.right for s in form.definitions}
    return replace(program, variables={**program.variables, **variables}, equations={**program.equations, **equations})


def closed_form_error(m: Model, name: str, steps: int = STEPS, explicit: bool = False) -> float:
    """The closed form, written out and evaluated, against the recursion."""
    s = sample_of(m, steps)
    form = m.gradient(name).closed_form
    program = with_definitions(m.adjoint.program, form)
    run = Evaluation(program, s.sizes, s.steps, s.batch, s.arrays)
    total = run.expression(form.rest)[0]
    for path in form.paths if explicit else form.short_paths:
        value = run.expression(expand(path.sum(), steps))
        total = total + np.broadcast_to(value, (BATCH, *value.shape[-2:])).sum(axis=0)
    return relative_error(total, run.value(m.adjoint.cotangents[name]))


@pytest.mark.parametrize("name", WITH)
def test_closed_form_is_the_recursion(name: str) -> None:
    m = model(name)
    compared = 0
    for v in m.normal.parameters:
        try:
            error = closed_form_error(m, v.name)
        except UnsupportedError:
            continue
        assert error <= 1e-13, v.name  # both are sums of the same products, in another order
        compared += 1
    assert compared, "no parameter has a closed form"


@pytest.mark.parametrize("name", ["elman", "irnn", "indrnn", "jordan", "lstm", "bidirectional"])
def test_symbols_and_what_they_stand_for_agree(name: str) -> None:
    m = model(name)
    for v in m.normal.parameters[:2]:
        assert closed_form_error(m, v.name, steps=3, explicit=True) <= 1e-13


def renamed(name: str) -> Model:
    """Other names, another activation, another head."""
    cell = text(name)
    cell = re.sub(r"\b(tanh|relu)\(", "softplus(", cell)
    cell = re.sub(r"\bcross_entropy\(", "squared_error(", cell)
    cell = re.sub(r"\bsoftmax\(", "sigmoid(", cell)
    words = {"h": "s", "x": "u", "W": "A", "U": "Bx", "V": "C", "y": "target_", "yhat": "p"}
    words = {k: v.rstrip("_") + ("1" if v.endswith("_") else "") for k, v in words.items()}
    cell = re.sub(r"\b(h|W|U|V|y|yhat)\b", lambda m: words[m.group()], cell)
    return parse(cell, name)


@pytest.mark.parametrize("name", ["elman", "irnn", "indrnn", "jordan", "lstm", "bidirectional"])
def test_renamed_cells_keep_their_closed_forms(name: str) -> None:
    m = renamed(name)
    for v in m.normal.parameters:
        assert closed_form_error(m, v.name) <= 1e-13, v.name


def test_the_direction_of_the_product_matters() -> None:
    """The other order is wrong from T = 4 on: what the textbook's reader could not tell at T = 2."""
    m = model("elman")
    expression = m.gradient("W").expression

    def flipped(e: Any) -> Any:
        if isinstance(e, OrderedProduct):
            return OrderedProduct(e.body, e.index, e.low, e.high, "descending")
        return e.func(*(flipped(a) if a.args else a for a in e.args)) if e.args else e

    errors = []
    for steps in (2, 4):
        s = sample_of(m, steps)
        run = Evaluation(m.adjoint.program, s.sizes, s.steps, s.batch, s.arrays)
        wrong = run.expression(expand(flipped(expression), steps)).sum(axis=0)
        errors.append(relative_error(wrong, run.value(m.adjoint.cotangents["W"])))
    assert errors[0] <= 1e-13 < 1e-3 < errors[1]


@pytest.mark.parametrize("name", sorted(WITHOUT))
def test_cells_without_a_closed_form_say_why(name: str) -> None:
    m = model(name)
    messages = []
    for v in m.normal.parameters:
        try:
            assert m.gradient(v.name).closed_form
        except UnsupportedError as error:
            messages.append(str(error))
    assert messages
    assert all(m.gradient(v.name).recursion for v in m.normal.parameters)


def test_the_textbook_formula() -> None:
    """dL/dW = Σ_j Σ_{k≤j} diag(1 − h_k²) (Π_{m=k+1}^{j} Wᵀ diag(1 − h_m²)) Vᵀ (ŷ_j − y_j) h_{k−1}ᵀ."""
    assert str(model("elman").gradient("W").expression) == (
        "MatrixSum(MatrixSum((diag(1 - 1*HadamardProduct(h[k], h[k]))"
        "*OrderedProduct(W.T*diag(1 - 1*HadamardProduct(h[m], h[m])), m=k + 1..j, ascending)"
        "*V.T*(-1*y[j] + yhat[j]))*h[k - 1].T, k=0..j), j=0..T - 1)"
    )


@pytest.mark.parametrize("name", ["elman", "irnn", "bidirectional", "backward_lags", "concat_lstm"])
def test_unrolled_contributions_add_up(name: str) -> None:
    m = model(name)
    s = sample_of(m, 3)
    run = Evaluation(m.adjoint.program, s.sizes, s.steps, s.batch, s.arrays)
    for v in m.normal.parameters:
        form = m.gradient(v.name).closed_form
        parts = [run.expression(form.contribution(j, 3)) for j in range(3)]
        if form.by_steps:
            assert [s.right for s in m.gradient(v.name).unrolled(2)] == [form.contribution(j, 3) for j in range(3)]
        total = sum(np.broadcast_to(p, (BATCH, *p.shape[-2:])).sum(axis=0) for p in parts)
        assert relative_error(total, run.value(m.adjoint.cotangents[v.name])) <= 1e-13, v.name


def test_what_no_step_contributes_is_not_written_out() -> None:
    """In a stack of two, the loss of one step reaches the lower layer at every earlier step of the upper one."""
    stacked = model("stacked")
    assert stacked.gradient("W_i2").unrolled(2)
    assert not stacked.gradient("W_i1").closed_form.by_steps
    with pytest.raises(UnsupportedError, match="is no sum over the hidden states"):
        stacked.gradient("W_i1").unrolled(2)


@pytest.mark.parametrize("name", [n for n in (*CATALOGUE, *FEATURES) if model(n).program.total])
def test_readable_recursion_holds(name: str) -> None:
    """Every step of the recursion, its carries written out, is an equality at inner steps."""
    m = model(name)
    s = sample_of(m)
    run = Evaluation(m.adjoint.program, s.sizes, s.steps, s.batch, s.arrays)
    for step in readable(m.adjoint):
        v = m.adjoint.program[step.left.name]
        whole = run.value(v.name)
        for now in (1, 2, 3) if v.timed else (None,):
            right = run.at_step(step.right, now)
            right = np.broadcast_to(right, (BATCH if "b" in v.axes else right.shape[0], *right.shape[-2:]))
            left = whole[now] if v.timed else whole
            assert relative_error(right if "b" in v.axes else right[0], left) <= 1e-13, step.left
        assert step.rule
        assert step.reason


@pytest.mark.slow
def test_derivation_is_fast_whatever_the_cell() -> None:
    """Less than 0.1 s for normal form, adjoint, recursion and every closed form; on a slow machine 30 times Elman's.

    The best of five, in CPU time: the machine may be busy with other tests.
    """
    assert model("elman").gradient("W").expression  # warm caches
    least = min(_seconds("elman") for _ in range(5))
    for name in names():
        best = min(_seconds(name) for _ in range(5))
        assert best < max(0.1, 30 * least), name


def _seconds(name: str) -> float:
    """Without the collector of garbage, which walks over all that other tests have left."""
    m = model(name)
    gc.collect()
    gc.disable()
    try:
        start = time.process_time()
        readable(m.adjoint)
        chain = Chain(m.adjoint)
        for v in m.normal.parameters:
            chain.closed_form(v.name)
        return time.process_time() - start
    finally:
        gc.enable()


def test_diagonals_that_share_factors_become_one() -> None:
    z, h, n = (MatrixSymbol(name, 3, 1) for name in "zhn")
    A = MatrixSymbol("A", 3, 3)
    found = sum_of([b.diag(b.hadamard(z, z, h)), A, b.scale(-2, b.diag(b.hadamard(z, n, z)))])
    assert found == b.add(b.diag(b.hadamard(z, z, b.subtract(h, b.scale(2, n)))), A)
    assert sum_of([b.diag(z), b.diag(b.hadamard(z, h))]) == b.diag(b.hadamard(z, b.add(b.ones(3), h)))
    assert sum_of([b.diag(z), b.diag(h)]) == b.add(b.diag(z), b.diag(h))
    assert sum_of([b.diag(z), A]) == b.add(b.diag(z), A)


def test_a_loss_of_the_last_step_has_one_term_for_each_step_before() -> None:
    m = model("rnn_classifier")
    for v in m.normal.parameters:
        form = m.gradient(v.name).closed_form
        assert not form.expression.atoms(Delta)
        assert all(path.only == T - 1 for path in form.paths)
        assert m.prove(m.gradient(v.name).symbol, form.expression).status is Status.PROVED
    assert list(form.paths[0].reached(2, 3)) == [2]
    assert list(form.paths[0].reached(1, 3)) == []


LATE = """
dims I, K, H, O
input x : I
target y : O
state s : K
state c : H
param A : K x I
param C : O x K
param D : H x K
g[t] = tanh(D @ s[t{back}])
c[t] = sigmoid(g[t]) * c[t{far}] + sin(c[t{near}])
s[t] = sigmoid(A @ x[t])
yhat[t] = softmax(C @ s[t{back}])
loss[t] = cross_entropy(y[t], yhat[t]) + sum(c[t])
"""


@pytest.mark.parametrize("times", [("-1", "-2", "-1"), ("-2", "-1", "-1"), ("+1", "+2", "+1"), ("+2", "+1", "+1")])
def test_what_is_read_steps_later_is_added_steps_later(times: tuple[str, str, str]) -> None:
    """A state that reads no state, read by another recurrence and by the loss of another step."""
    back, far, near = times
    m = parse("cell late\n" + LATE.format(back=back, far=far, near=near))
    proof = prove_derivation(m.prover)
    assert proof.ok
    assert proof.sums["A"] is not None
    assert proof.sums["A"].status in (Status.PROVED, Status.CHECKED)
    assert m.gradient("A").closed_form.by_steps  # the summand j is what the loss of step j adds, to earlier ones


def test_the_loss_of_one_step_is_no_sum_where_all_steps_share_a_value() -> None:
    m = parse("""cell shared
dims K, O
input w : K once
target y : O
param A : O x K
loss[t] = dot(tanh(A @ w), y[t])
""")
    assert prove_derivation(m.prover).ok
    assert not m.gradient("A").closed_form.by_steps


@pytest.mark.parametrize("lag", ["-1", "-2", "+1"])
def test_a_loss_of_what_was_before_has_no_term_after_the_last_step(lag: str) -> None:
    """dL/dh[T-1] is 0, not 2 VᵀV h[T-1]: no loss reads the last state; the carry that says so keeps its name."""
    m = parse(f"""cell past
dims H, O
input x : H
state h : H
param W : H x H
param V : O x H
h[t] = tanh(W @ h[t{lag}] + x[t])
loss[t] = norm2(V @ h[t{lag}])
""")
    proof = prove_derivation(m.prover)
    assert proof.ok
    assert not proof.unchecked
    kept = [step.left.name for step in readable(m.adjoint) if m.adjoint.program[step.left.name].role == "carry"]
    assert len(kept) == 1


def test_what_vanishes_with_a_cotangent() -> None:
    g, a = MatrixSymbol("g", 3, 1), MatrixSymbol("a", 3, 1)
    zero = g.__eq__
    assert vanishes(b.matmul(b.diag(a), g), zero)
    assert vanishes(b.add(g, b.hadamard(a, g)), zero)
    assert vanishes(Concat(g, b.zeros((2, 1))), zero)
    assert not vanishes(b.add(g, a), zero)
    assert not vanishes(Concat(g, a), zero)
    assert not vanishes(a, zero)
    assert not vanishes(b.ones(3), zero)
    assert vanishes(b.zeros((3, 1)), zero)
    assert not vanishes(apply("exp", g), zero)


@pytest.mark.parametrize(("back", "j", "count"), [("-1", 2, 2), ("-2", 2, 1), ("+1", 0, 2)])
def test_a_step_contributes_from_where_it_reaches(back: str, j: int, count: int) -> None:
    """What is read steps later has a term less for each of them, written out too."""
    m = parse(f"""cell late
dims I, K, H
input x : I
state s : K
state c : H
param A : K x I
param D : H x K
c[t] = tanh(D @ s[t{back}]) + sin(c[t{back[0]}1])
s[t] = sigmoid(A @ x[t])
loss[t] = sum(c[t])
""")
    form = m.gradient("A").closed_form
    assert form.by_steps
    assert [len(path.reached(j, 3)) for path in form.paths] == [count]
    assert prove_derivation(m.prover).ok


def test_a_step_tells_the_uses_of_its_name_and_the_rule_of_each() -> None:
    """Those of the next step too; within a sum the rule of the term that holds it."""
    steps = {s.left.name: s for s in model("gru").gradient("W_r").recursion}
    h, z = steps["dh"], steps["dz"]
    assert h.rule == z.rule == "sum over all uses"
    assert h.reason == "h is used by z_yhat and one step later by h, m_z_htilde, z_r, z_z"
    assert {(p.source, p.rule) for p in h.parts} == {
        ("z_yhat", "matrix product"), ("h", "elementwise product"), ("m_z_htilde", "elementwise product"),
        ("z_r", "matrix product"), ("z_z", "matrix product"),
    }  # fmt: skip
    assert {(p.source, p.rule) for p in z.parts} == {("h", "elementwise product")}
    assert next(p.value for p in h.parts if p.source == "z_r").has(t + 1)


@pytest.mark.parametrize(("times", "first", "last"), [(("-1", "-2", "-1"), 1, 0), (("+1", "+2", "+1"), 0, 1)])
def test_no_step_is_named_that_is_not_there(times: tuple[str, str, str], first: int, last: int) -> None:
    """Σ over the steps of the losses: x[j-1] from step 1 on; inputs before the first step would count as zero."""
    back, far, near = times
    form = parse("cell late\n" + LATE.format(back=back, far=far, near=near)).gradient("A").closed_form
    bounds = [(p.sum().low, p.sum().high) for p in form.paths if not p.double]
    assert bounds == [(first, T - 1 - last)]
