"""A sequence that comes piece by piece, and outputs without targets."""

from __future__ import annotations

import ctypes
import dataclasses
from typing import Any

import numpy as np
import pytest

import derive
from derive.algebra.nodes import t
from derive.errors import InputError
from derive.kernels.runtime import Kernel
from derive.kernels.targets import PLAIN
from tests.cells import CATALOGUE, FEATURES, model
from tests.kernels.arrays import arrays
from tests.tools import some

T, B = 7, 2


def streams(name: str) -> bool:
    """Do the states of a cell go on from step to step, and nothing else look at the end?"""
    normal = model(name).normal
    whole = all(v.timed for v in normal.variables.values() if v.name in normal.outputs)
    return bool(normal.states) and whole and all(not v.backward and all(v.initial) for v in normal.states)


CELLS = [name for name in (*CATALOGUE, *FEATURES) if streams(name)]


def timed(kernel: Kernel, name: str) -> bool:
    return kernel.normal[name].timed


@pytest.mark.parametrize("name", some(CELLS, CELLS[::3]))
def test_pieces_make_the_whole(name: str) -> None:
    """Pieces of three steps, the parameters' weights packed once, as all steps at once."""
    for target, dtype in zip(PLAIN, ("float64", "float32"), strict=True):
        kernel = model(name).compile(target, dtype=dtype)
        params, inputs, initial = arrays(kernel, steps=6, batch=B)
        whole = kernel.forward(params, inputs, initial)
        piece = {n: np.array(a[:3]) if timed(kernel, n) else np.array(a) for n, a in inputs.items()}
        before = {n: a.copy() for n, a in initial.items()}
        step = kernel.stream(params, piece, initial)
        bound = 1e-12 if dtype == "float64" else 2e-5
        for start in (0, 3):
            for n, a in piece.items():
                a[...] = inputs[n][start : start + 3] if timed(kernel, n) else inputs[n]
            result = step()
            for n, a in result.outputs.items():
                np.testing.assert_allclose(a, whole.outputs[n][start : start + 3], rtol=bound, atol=bound)
        for n, a in whole.final.items():
            np.testing.assert_allclose(result.final[n], a, rtol=bound, atol=bound)
        for n, a in before.items():
            assert (initial[n] == a).all(), "what is given is not changed"


@pytest.mark.parametrize("target", PLAIN)
def test_parameters_that_change_meanwhile_do_not_matter(target: str) -> None:
    kernel = model("lstm").compile(target)
    params, inputs, initial = arrays(kernel, steps=1, batch=B)
    step = kernel.stream(params, inputs, initial)
    for a in params.values():
        a[...] = np.nan
    assert all(np.isfinite(a).all() for _ in range(2) for a in step().outputs.values())


def test_an_input_that_is_read_a_step_later_is_refused() -> None:
    """Nothing that the language writes; the piece before would have what is read."""
    m = model("elman")
    program = m.program
    earlier = {program.at("x", t): program.at("x", t - 1)}
    late = {n: e.xreplace(earlier) for n, e in program.equations.items()}
    kernel = derive.Model(dataclasses.replace(program, equations=late)).compile("numpy")
    with pytest.raises(InputError, match="x, which is read -1 steps on"):
        kernel.stream(*arrays(kernel))


COUNTED = """cell counted
input x
state h
h[t] = tanh(h[t-1] + x[t] * WHAT)
loss[t] = h[t] / T
output h
"""


def test_a_step_that_reads_how_many_there_are_is_refused() -> None:
    """Of a piece there are fewer; that the loss of a piece reads it is no matter."""
    given: Any = {}, {"x": np.ones((3, 2))}, {"h": np.ones(2)}
    with pytest.raises(InputError, match="without T"):
        derive.parse(COUNTED.replace("WHAT", "(T / 2)")).compile().stream(*given)
    assert derive.parse(COUNTED.replace("WHAT", "2")).compile().stream(*given)().loss is not None


def test_there_are_cells_that_stream() -> None:
    assert {"lstm", "gru", "elman", "stacked", "char_rnn"} <= set(CELLS)


@pytest.mark.parametrize("target", PLAIN)
@pytest.mark.parametrize("name", ["elman", "char_rnn", "rnn_classifier"])
def test_without_targets_there_are_outputs_and_no_loss(name: str, target: str) -> None:
    kernel = model(name).compile(target)
    params, inputs, initial = arrays(kernel, steps=T, batch=B)
    whole = kernel.forward(params, inputs, initial)
    given = {n: a for n, a in inputs.items() if kernel.normal[n].role != "target"}
    result = kernel.forward(params, given, initial)
    assert result.loss is None
    assert whole.loss is not None
    for n, a in whole.outputs.items():
        np.testing.assert_array_equal(result.outputs[n], a)
    assert kernel.stream(params, {n: np.array(a) for n, a in given.items()}, initial)().loss is None


def test_one_target_of_two_is_an_error() -> None:
    text = """
cell pair
dims I, H
input x : I
target y, z : H
state h : H
param U : H x I
param W : H x H
h[t] = tanh(U @ x[t] + W @ h[t-1])
loss[t] = squared_error(y[t], h[t]) + squared_error(z[t], h[t])
"""
    kernel = derive.parse(text).compile("numpy")
    params, inputs, initial = arrays(kernel)
    with pytest.raises(InputError, match="z"):
        kernel.forward(params, {"x": inputs["x"], "y": inputs["y"]}, initial)


@pytest.mark.parametrize(("name", "reason"), [("bidirectional", "runs backward")])
def test_a_stream_needs_states_that_go_on(name: str, reason: str) -> None:
    kernel = model(name).compile("numpy")
    with pytest.raises(InputError, match=reason):
        kernel.stream(*arrays(kernel))


def test_a_workspace_serves_other_lengths_and_batches() -> None:
    """In C, forward_again after forward: fewer steps and sequences, the weights where they were."""
    kernel = model("lstm").compile("c")
    native: Any = kernel.backend
    params, inputs, initial = arrays(kernel, steps=T, batch=3)
    few = {n: np.array(a[:2, :1]) for n, a in inputs.items()}
    start = {n: np.array(a[:1]) for n, a in initial.items()}
    sizes = dict(kernel._checker.groups(params, few, start, None)[1])
    wanted = kernel.forward(params, few, start)

    workspace = np.full(2**16, np.nan)
    at, count = ctypes.c_void_p(workspace.ctypes.data), ctypes.c_size_t(workspace.nbytes)

    def call(function: str, sizes: dict[str, int], *groups: Any) -> dict[str, Any]:
        prepared = native.prepared("forward", sizes)
        results = native._results(native.functions["forward"], prepared)
        given = dict(zip(("params", "inputs", "initial"), groups, strict=True))
        arguments, _kept = native._arguments("forward", prepared, given, results)
        assert native._entry(function)(*arguments[:-2], at, count) == 0
        return dict(results)

    call("forward", {**sizes, "T": T, "B": 3}, params, inputs, initial)
    spoiled = {n: np.full_like(a, np.nan) if a.ndim == 2 else a for n, a in params.items()}
    again = call("forward_again", sizes, spoiled, few, start)
    np.testing.assert_allclose(again["outputs"]["yhat"], wanted.outputs["yhat"], rtol=1e-13)
