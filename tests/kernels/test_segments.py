"""Checkpointed and truncated backpropagation: segments of the steps, against the whole sequence."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import derive
from derive.errors import InputError, UnsupportedError
from derive.kernels.gradcheck import check
from derive.kernels.runtime import Result
from derive.kernels.targets import c
from tests.cells import CATALOGUE, FEATURES, model
from tests.kernels.arrays import Arguments, arguments
from tests.tools import some

BACKWARD = {"bidirectional", "backward_lags", "backward_mean", "ends", "nested", "shared"}
WHOLE = {"total_loss"}  # reads e[0], and the logarithm of a sum over the steps
SEGMENTED = [name for name in (*CATALOGUE, *FEATURES) if name not in BACKWARD | WHOLE]
FAST = {"elman", "lstm", "rnn_classifier", "delays", "everything", "once_onehot"}


def same(a: Result, b: Result, within: float = 1e-12) -> None:
    """Every result agrees, relative to its largest entry; where all of it cancels, to a rounding of one."""

    def close(got: np.ndarray, expected: np.ndarray, what: object) -> None:
        assert got.shape == expected.shape, what
        bound = within * np.abs(expected).max(initial=0.0) + 1e-3 * within
        assert np.abs(got - expected).max(initial=0.0) <= bound, what

    assert (a.loss is None) == (b.loss is None)
    if a.loss is not None:
        close(np.asarray(a.loss), np.asarray(b.loss), "loss")
    for name, group in b.groups().items():
        assert set(a.groups()[name]) == set(group)
        for key, expected in group.items():
            close(a.groups()[name][key], expected, (name, key))


@pytest.mark.parametrize("name", some(SEGMENTED, SEGMENTED[::2]))
def test_checkpoints_give_the_gradient(name: str) -> None:
    for length in (1, 3):
        report = check(model(name).compile(checkpoint=length), sets=2)
        assert report.ok, report


@pytest.mark.parametrize("name", some(sorted(FAST), sorted(FAST)[::2]))
@pytest.mark.parametrize("target", ["numpy", "c"])
def test_checkpoints_change_no_digit_that_counts(name: str, target: str) -> None:
    m = model(name)
    plain, kept = m.compile("numpy"), m.compile(target, checkpoint=True)
    for steps in (1, 7, 10):
        given = arguments(m, steps=steps)
        same(kept.value_and_grad(*given), plain.value_and_grad(*given))
        same(kept.forward(*given), plain.forward(*given))


@pytest.mark.parametrize("target", ["numpy", "c"])
def test_cotangents_reach_every_segment(target: str) -> None:
    m = model("lstm")
    given = arguments(m, steps=8)
    r = np.random.default_rng(1)
    shape = m.compile().forward(*given)
    bars = {"yhat": r.standard_normal(shape.outputs["yhat"].shape), "loss": 0.5}
    finals = {n: r.standard_normal(a.shape) for n, a in shape.final.items()}
    expected = m.compile().vjp(*given, bars, finals)
    same(m.compile(target, checkpoint=3).vjp(*given, bars, finals), expected)
    some = m.compile(target, checkpoint=3, wrt=["W_f", "h"]).vjp(*given, bars, finals)
    assert set(some.grads) == {"W_f"}
    assert not some.inputs
    assert set(some.initial) == {"h"}
    assert np.allclose(some.grads["W_f"], expected.grads["W_f"], rtol=1e-12, atol=1e-12)


# truncated: the same model with a mask that detaches what a segment reads from before it


def detached(name: str) -> derive.Model:
    """The model with every earlier step read through a mask m: 1 inside a segment, 0 on its first step."""
    text = re.sub(r"#.*", "", source(name)).strip()
    text = re.sub(r"\b(\w+)\[t-1\]", r"(m[t] * \1[t-1] + (1 - m[t]) * detach(\1[t-1]))", text)
    head, line = text.split("\n", 1)
    return derive.parse(f"{head}\ninput m\n{line}")


def source(name: str) -> str:
    from importlib.resources import files

    return (files("derive.cells") / f"{name}.cell").read_text(encoding="utf-8")


@pytest.mark.parametrize("target", some(["numpy", "c"], ["numpy"]))
@pytest.mark.parametrize(
    "name", some(["elman", "lstm", "gru", "stacked", "jordan", "rnn_classifier"], ["elman", "gru"])
)
def test_truncated_is_the_gradient_of_the_detached_graph(name: str, target: str) -> None:
    m, masked = model(name), detached(name).compile()
    for steps, length in ((7, 3), (6, 3), (5, 1), (4, 9)):
        params, inputs, initial = arguments(m, steps=steps)
        batch = next(iter(initial.values())).shape[0]
        mask = np.repeat((np.arange(steps) % length != 0).astype(float)[:, None], batch, axis=1)
        expected = masked.value_and_grad(params, {**inputs, "m": mask}, initial)
        got = m.compile(target, truncate=length).value_and_grad(params, inputs, initial)
        assert np.isclose(got.loss, expected.loss, rtol=1e-12)
        for key, g in got.grads.items():
            assert np.allclose(g, expected.grads[key], rtol=1e-11, atol=1e-12), key
        for key, g in got.inputs.items():
            assert np.allclose(g, expected.inputs[key], rtol=1e-11, atol=1e-12), key


def test_a_truncated_gradient_stops_at_the_segments() -> None:
    m = model("elman")
    given = arguments(m, steps=9)
    whole, cut = m.compile().value_and_grad(*given), m.compile(truncate=3).value_and_grad(*given)
    assert not np.allclose(whole.grads["W"], cut.grads["W"])
    assert np.isclose(whole.loss, cut.loss)
    first: Arguments = (given[0], {n: a[:3] for n, a in given[1].items()}, given[2])
    assert np.allclose(cut.initial["h"], m.compile().value_and_grad(*first).initial["h"])


STRICT = "-std=c99 -O0 -fPIC -shared -pedantic -Wall -Wextra -Wno-unknown-pragmas -Werror".split()
NO_PARAMETERS = "cell bare\ninput x\nstate h\nh[t] = x[t] * h[t-1]\nloss[t] = h[t] ** 2\n"


@pytest.mark.parametrize("options", [{"checkpoint": True}, {"truncate": 3}, {"checkpoint": 2, "threads": 2}], ids=str)
@pytest.mark.parametrize("wrt", [["x"], ["h"], None], ids=str)
@pytest.mark.parametrize("cell", ["elman", "bare"])
def test_the_compiler_warns_of_nothing_whatever_is_left_out(cell: str, wrt: Any, options: dict[str, Any]) -> None:
    m = model(cell) if cell != "bare" else derive.parse(NO_PARAMETERS)
    c.build(m.options(wrt=wrt, **options), flags=STRICT)


# memory


def workspace(m: derive.Model, steps: int, **options: Any) -> int:
    backend = m.compile("c", **options).backend
    sizes = {s.name: 5 for s in m.normal.sizes} | {"T": steps, "B": 3}
    return int(backend.prepared("vjp", sizes).workspace)  # type: ignore[attr-defined]


def test_memory_grows_with_the_root_of_the_steps() -> None:
    m = model("lstm")
    plain, kept, cut = (
        [workspace(m, steps, **o) for steps in (400, 1600, 6400)] for o in ({}, {"checkpoint": True}, {"truncate": 20})
    )
    assert 3.5 < plain[2] / plain[1] < 4.1
    assert 1.7 < kept[2] / kept[1] < 2.1
    assert kept[2] < plain[2] / 20
    assert cut[0] == cut[1] == cut[2]


# what does not go


@pytest.mark.parametrize("name", sorted(BACKWARD | WHOLE))
def test_what_has_no_segments_is_refused(name: str) -> None:
    with pytest.raises(UnsupportedError, match="leave `checkpoint` and `truncate` out"):
        model(name).code(checkpoint=True)


@pytest.mark.parametrize(
    "options", [{"checkpoint": 0}, {"checkpoint": "x"}, {"truncate": -1}, {"truncate": True}, {"truncate": 2.5}]
)
def test_options_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="a number of steps"):
        model("elman").code(**options)


def test_one_of_both() -> None:
    with pytest.raises(InputError, match="no checkpoints where the gradient is truncated"):
        model("elman").code(checkpoint=True, truncate=4)
