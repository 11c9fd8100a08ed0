"""Numeric derivatives of programs by complex step, and how far a symbolic one is from them.

A complex step of 1e-40 has no truncation and no cancellation, so what is left is the rounding of
the evaluation itself; the interpreter evaluates every direction of one name in one go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from derive.calculus.adjoint import Adjoint, adjoint
from derive.calculus.normal import normalise
from derive.interpreter import Array, Evaluation
from derive.kernels.samples import Sample, draw
from derive.language import read
from derive.program import Program

STEP = 1e-40
GRADIENT = 1e-12  # relative: rounding through a dozen operations per step, with a margin of 100


def model(text: str) -> Program:
    """The normal form of a cell's text."""
    return normalise(read(text).program)


def error(got: Array, true: Array) -> float:
    """max|a − b| / max|b|; 0 where both are zero, NaN where either is not a number."""
    assert got.shape == true.shape
    distance, size = (float(np.abs(a).max(initial=0.0)) for a in (got - true, true))
    return distance / size if size else distance


def run(program: Program, sample: Sample, **arrays: Array) -> Evaluation:
    return Evaluation(program, sample.sizes, sample.steps, sample.batch, {**sample.arrays, **arrays})


def gradient(program: Program, sample: Sample, name: str, total: str = "") -> Array:
    """d(total)/d(name) by complex step."""
    base = sample.arrays[name]
    directions = np.eye(base.size).reshape(base.size, *base.shape)
    moved = run(program, sample, **{name: base + 1j * STEP * directions}).value(total or program.total)
    return np.asarray(np.broadcast_to(np.imag(moved), (base.size, 1, 1)).reshape(base.shape) / STEP)


class Derivatives:
    """The derivative of every name of a program along `directions`, by one complex step."""

    def __init__(self, program: Program, sample: Sample, directions: Mapping[str, Array]):
        self.run = run(program, sample, **{n: sample.arrays[n] + 1j * STEP * d for n, d in directions.items()})

    def value(self, name: str) -> Array:
        return np.asarray(np.imag(self.run.value(name)) / STEP)


def directions(program: Program, sample: Sample, names: Iterable[str], seed: int = 5) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {n: np.asarray(rng.normal(size=sample.arrays[n].shape)) for n in names}


def given(program: Program) -> list[str]:
    """The given names that a gradient is asked of: inputs, parameters and initial values."""
    return [v.name for v in program.variables.values() if v.given and v.differentiable]


def errors(program: Program, sample: Sample, back: Adjoint) -> dict[str, float]:
    """The relative error of every gradient."""
    values = run(back.program, sample)
    return {n: error(values.value(back.cotangents[n]), gradient(program, sample, n)) for n in given(program)}


def check_gradients(
    program: Program,
    sizes: Mapping[str, int],
    steps: Iterable[int] = (4, 3, 2, 1, 0),
    batch: int = 2,
    tolerance: float = GRADIENT,
) -> None:
    """Every gradient, dL/dx and dL/dh[-1] included, for every number of steps."""
    back = adjoint(program)
    for count in steps:
        sample = draw(program, sizes, count, batch, seed=count)
        if count >= 3:
            flat = [n for n in given(program) if not gradient(program, sample, n).any()]
            assert not flat, f"the loss does not move with {flat}: a test that cannot fail"
        found = errors(program, sample, back)
        wrong = {n: e for n, e in found.items() if not e <= tolerance}
        assert not wrong, f"T = {count}: {wrong}"
