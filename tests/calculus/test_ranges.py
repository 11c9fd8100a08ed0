"""Ranges of values: no random run leaves them, and they are as tight as they should be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sympy import Rational, S, oo

import derive
from derive.algebra import apply, matmul
from derive.algebra.nodes import Softmax, t
from derive.calculus.ranges import Ranges
from derive.interpreter import Array, Evaluation
from derive.kernels.gradcheck import size_sets
from derive.kernels.samples import draw
from derive.language import names
from derive.program import Program
from tests.tools import some

FOLDER = Path(__file__).resolve().parents[1] / "cells"
CELLS = [*names(), *map(str, sorted(FOLDER.glob("*.cell")))]


QUICK = ["lstm", "gru_reset_after", *(str(FOLDER / f"{n}.cell") for n in ("everything", "layer_norm", "scalars"))]


@pytest.mark.parametrize("cell", some(CELLS, QUICK), ids=lambda c: Path(c).stem)
def test_no_run_leaves_a_range(cell: str) -> None:
    """Large inputs, boundary values where the states' ranges are."""
    program = derive.load(cell).normal
    ranges, sizes = Ranges(program), size_sets(program, 1)[0]
    for seed in range(3):
        sample = draw(program, sizes, 5, 3, seed)
        arrays = {n: _inside(program, ranges, n, a) for n, a in sample.arrays.items()}
        evaluation = Evaluation(program, sizes, 5, 3, arrays)
        with np.errstate(all="ignore"):
            for name in program.equations:
                low, high = (float(x) for x in ranges.of(program.ref(name)))
                value = evaluation.value(name)
                value = value[np.isfinite(value)]
                assert (value >= low - 1e-12).all(), name
                assert (value <= high + 1e-12).all(), name


def _inside(program: Program, ranges: Ranges, name: str, a: Array) -> Array:
    v = program[name]
    if v.role == "initial" and v.of in ranges.states:
        low, high = (float(x) for x in ranges.states[v.of])
        return np.asarray(np.clip(a, low, high))
    return np.asarray(a * 3) if v.role == "input" and not v.onehot else a


def made(equation: str, zero: bool) -> Ranges:
    """Of a state that may begin anywhere in ±1, or at 0 where it says so."""
    head = f"cell made\ndims H\ninput x : H\nstate h : H{' = 0' * zero}\nparam W : H x H\nparam b : H\n"
    return Ranges(derive.parse(head + equation + "\n").normal)


@pytest.mark.parametrize(
    ("equation", "range_"),
    [
        ("h[t] = tanh(W @ h[t-1] + x[t])", (-1, 1)),
        ("h[t] = 0.5 * h[t-1] + 0.5 * tanh(x[t])", (-1, 1)),
        ("h[t] = h[t-1] + tanh(x[t])", (-oo, oo)),
        ("h[t] = sigmoid(x[t]) * (1 - sigmoid(x[t]))", (0, Rational(1, 4))),
        ("h[t] = sigmoid(b) * h[t-1] + (1 - sigmoid(b)) * sin(x[t])", (-1, 1)),
        ("h[t] = tanh(x[t]) ** 2", (0, 1)),
        ("h[t] = tanh(x[t]) ** 3 - 2", (-3, 0)),
        ("h[t] = relu(tanh(x[t]))", (0, 1)),
        ("h[t] = maximum(tanh(x[t]), W @ h[t-1])", (-1, oo)),
        ("h[t] = exp(x[t])", (0, oo)),
        ("h[t] = softmax(W @ h[t-1] + x[t])", (0, 1)),
        ("h[t] = tanh(x[t]) ** 2 + exp(x[t]) - 3", (-3, oo)),
        ("u[t] = tanh(x[t])\nh[t] = u[t] * u[t] * u[t] + exp(x[t]) - 3", (-4, oo)),
        ("u[t] = tanh(x[t])\nh[t] = u[t] * u[t] * u[t] * u[t] + exp(x[t]) - 3", (-3, oo)),
    ],
)
def test_a_state_has_the_range_that_no_step_leaves(equation: str, range_: tuple[object, object]) -> None:
    assert made(equation, True).states["h"] == (S(range_[0]), S(range_[1]))
    low, high = made(equation, False).states["h"]
    assert (low, high) == (min(S(range_[0]), S(-1)), max(S(range_[1]), S(1)))


def test_what_is_computed_has_no_range_but_that_of_its_function() -> None:
    """Of a product nothing is known, wherever its steps may be; of a softmax and of a function it is."""
    program = derive.parse(
        "cell c\ndims H\ninput x : H\nstate h : H\nparam W : H x H\nh[t] = W @ h[t-1] + x[t]\n"
    ).normal
    z, ranges = matmul(program.ref("W"), program.at("x", t)), Ranges(program)
    assert ranges.largest(z, computed=True) == oo
    assert ranges.largest(program.at("x", t), computed=True) == oo
    assert ranges.largest(Softmax(z), computed=True) == 1
    assert ranges.largest(apply("tanh", z), computed=True) == 1
