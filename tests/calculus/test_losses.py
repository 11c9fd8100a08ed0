"""Every loss of the registry: its definition, its fused form, its gradient."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from derive.algebra.losses import LOSSES, LossEntry
from derive.algebra.nodes import FusedLoss
from derive.calculus.adjoint import adjoint
from derive.interpreter import Array
from derive.kernels.samples import draw
from derive.language import read
from tests.calculus.checks import check_gradients, error, model, run

each_loss = pytest.mark.parametrize("entry", LOSSES.values(), ids=lambda e: e.name)
SIZES = {"I": 2, "O": 3}


def softmax(z: Array) -> Array:
    p = np.exp(z - z.max(axis=-2, keepdims=True))
    return np.asarray(p / p.sum(axis=-2, keepdims=True))


# By hand, of the target and of what the loss takes: probabilities, logits or any values.
DEFINITIONS: dict[str, Callable[[Array, Array], float]] = {
    "cross_entropy": lambda y, p: -(y * np.log(p)).sum(),
    "cross_entropy_with_logits": lambda y, z: -(y * np.log(softmax(z))).sum(),
    "squared_error": lambda y, a: 0.5 * ((a - y) ** 2).sum(),
    "binary_cross_entropy": lambda y, p: -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum(),
}


def source(entry: LossEntry, target: str = "y[t]", companion: str | None = None) -> str:
    """A cell with one loss on the values that it expects."""
    companion = entry.companion if companion is None else companion
    value = "V @ x[t] + c" if entry.logits or not companion else f"{companion}(V @ x[t] + c)"
    moving = "param S : O x I\nq[t] = sigmoid(S @ x[t])" if target == "q[t]" else ""
    return f"""
cell one
dims I, O
input x : I
target y : O
param V : O x I
param c : O
{moving}
a[t] = {value}
loss[t] = {entry.name}({target}, a[t]) + 0.5 * dot(y[t], a[t])
"""


def test_every_loss_has_a_definition_here() -> None:
    assert set(DEFINITIONS) == set(LOSSES)


@each_loss
def test_value(entry: LossEntry) -> None:
    text = source(entry)
    program = model(text)
    sample = draw(program, SIZES, 4, 3, seed=1)
    y = sample.arrays["y"]
    for p in (read(text).program, program):
        values = run(p, sample)
        a = values.value("a")
        expected = DEFINITIONS[entry.name](y, a) + 0.5 * (y * a).sum()
        assert values.value("L").item() == pytest.approx(expected, rel=1e-14)


@each_loss
def test_it_is_fused_where_it_has_a_companion(entry: LossEntry) -> None:
    fused = [e for e in model(source(entry)).equations.values() for e in e.atoms(FusedLoss)]
    assert [type(e) for e in fused] == ([entry.fused] if entry.fused else [])


@each_loss
def test_gradients(entry: LossEntry) -> None:
    check_gradients(model(source(entry, target="q[t]")), SIZES)


@pytest.mark.parametrize(
    ("name", "other"), [("cross_entropy", "sigmoid"), ("binary_cross_entropy", "softmax"), ("squared_error", "tanh")]
)
def test_gradients_of_another_composition(name: str, other: str) -> None:
    program = model(source(LOSSES[name], target="q[t]", companion=other))
    assert not any(e.has(FusedLoss) for e in program.equations.values())
    check_gradients(program, SIZES)


@each_loss
def test_the_loss_is_summed_over_steps_and_sequences(entry: LossEntry) -> None:
    program = model(source(entry))
    sample = draw(program, SIZES, 3, 2, seed=2)
    values = run(program, sample)
    assert values.value("loss").shape == (3, 2, 1, 1)
    assert values.value("L").item() == pytest.approx(values.value("loss").sum(), rel=1e-15)


def test_p_minus_y_only_where_the_target_sums_to_one() -> None:
    text = source(LOSSES["cross_entropy"])
    assumed = model(text.replace("target y : O", "target y : O where sum(y) == 1"))
    plain = model(text)
    sample = draw(plain, SIZES, 3, 2, seed=3)  # its target does not sum to one
    right, wrong = (run(adjoint(p).program, sample).value("dV") for p in (plain, assumed))
    assert error(wrong, right) > 1e-3
    check_gradients(assumed, SIZES, steps=(3,))
