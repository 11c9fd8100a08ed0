"""Random arrays for checks: off kinks, inside domains, in keeping with the model's assumptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from derive.algebra.functions import Apply
from derive.errors import UnsupportedError
from derive.interpreter import Array, Evaluation
from derive.interpreter.scalar import gap
from derive.kernels.arrays import size_value
from derive.program import Assumption, Program, Variable

MARGIN = 1e-3  # how far arguments stay from a kink and from the edge of a domain
SATURATED = 0.9995  # 1 − y² has lost three digits there
PATIENCE = 30  # draws until a saturated sample has to do


@dataclass(frozen=True)
class Sample:
    """Sizes and canonical arrays of every given name."""

    sizes: Mapping[str, int]
    steps: int
    batch: int
    arrays: Mapping[str, Array]


def draw(program: Program, sizes: Mapping[str, int], steps: int, batch: int, seed: int, tries: int = 200) -> Sample:
    """A sample on which the program (in normal form) is finite, smooth and inside its domains.

    Raises:
        UnsupportedError: no such sample was found; the message names what stood in the way.
    """
    rng = np.random.default_rng(seed)
    reason, second_best = "", None
    for attempt in range(tries):
        # Positive draws, then small ones, help equations with logarithms, roots and quotients.
        arrays = {v.name: _array(program, v, sizes, steps, batch, rng, attempt) for v in _given(program)}
        sample = Sample(sizes, steps, batch, arrays)
        reason = trouble(program, sample)
        if not reason and not saturated(program, sample):
            return sample
        if not reason:
            second_best = second_best or sample
            if attempt >= PATIENCE:
                break
    if second_best:
        return second_best
    raise UnsupportedError(f"no random inputs suit this model after {tries} draws: {reason}")


def _given(program: Program) -> list[Variable]:
    return [v for v in program.variables.values() if v.given]


def _array(
    program: Program,
    v: Variable,
    sizes: Mapping[str, int],
    steps: int,
    batch: int,
    rng: np.random.Generator,
    attempt: int,
) -> Array:
    lead = (steps,) * ("t" in v.axes) + (batch,) * ("b" in v.axes)
    rows, cols = (size_value(n, sizes) for n in v.shape)
    if v.onehot:
        return np.asarray(np.eye(rows)[rng.integers(rows, size=lead)][..., None])
    a = rng.normal(scale=(0.8, 0.5, 0.3)[attempt % 3], size=(*lead, rows, cols))
    if v.role == "target" or (attempt // 3) % 2:
        a = np.abs(a) + 0.1
    if v.role == "target":
        a = a / (a.sum(axis=-2, keepdims=True) + 0.3)  # inside (0, 1): fit for any loss
    return suited(program, v, a)


def suited(program: Program, v: Variable, a: Array) -> Array:
    """An array in canonical layout, changed so that it keeps the model's assumptions on its name."""
    for assumption in program.assumptions:
        if assumption.name == v.name or (assumption.lag and v.of == assumption.name and _lag(program, v, assumption)):
            a = _assume(a, assumption)
    return a


def _lag(program: Program, v: Variable, assumption: Assumption) -> bool:
    return program[assumption.name].initial.index(v.name) + 1 == assumption.lag


def _assume(a: Array, assumption: Assumption) -> Array:
    value = float(assumption.value)
    if assumption.measure == "sum":
        if value == 0:
            return a - a.mean(axis=-2, keepdims=True)
        a = np.abs(a) + 0.1 if assumption.relation == "==" else a
        return a * value / a.sum(axis=(-2, -1), keepdims=True)
    if assumption.relation == "==":
        return np.full_like(a, value)
    above = assumption.relation.startswith(">")
    return value + (np.abs(a - value) + MARGIN) * (1 if above else -1)


def trouble(program: Program, sample: Sample) -> str:
    """What is not smooth or not finite on this sample; "" if nothing is."""
    run = Evaluation(program, sample.sizes, sample.steps, sample.batch, sample.arrays)
    with np.errstate(all="ignore"):
        for name, e in program.equations.items():
            if isinstance(e, Apply):
                bad = _outside(run, program, e)
                if bad:
                    return f"{name} = {e.name}(…): {bad}"
            if not np.isfinite(run.value(name)).all():
                return f"{name} is not finite"
    return ""


def _outside(run: Evaluation, program: Program, e: Apply) -> str:
    args = [run.value(a.name) for a in e.matrices]  # at any offset: the same values, but for the boundary
    low, high = e.function.domain
    if any((a < low + MARGIN).any() or (a > high - MARGIN).any() for a in args) and e.name != "reciprocal":
        return "an argument leaves the domain"
    if e.name == "reciprocal" and any((np.abs(a) < 10 * MARGIN).any() for a in args):
        return "a denominator is near zero"
    if not e.function.smooth:
        distance = np.abs(gap(args))
        if ((distance > 0) & (distance < MARGIN)).any():  # exactly 0 is no accident: the slope there is 0 by convention
            return "an argument is near a kink"
    return ""


def on_kink(program: Program, sample: Sample) -> bool:
    """Does an argument lie on a kink, as relu(W h) does where h starts at zero?"""
    run = Evaluation(program, sample.sizes, sample.steps, sample.batch, sample.arrays)
    rough = [e for e in program.equations.values() if isinstance(e, Apply) and not e.function.smooth]
    return any((gap([run.value(a.name) for a in e.matrices]) == 0).any() for e in rough)


def saturated(program: Program, sample: Sample) -> bool:
    """Is a slope 1 − y² or y (1 − y) so small that its rounding shows?"""
    run = Evaluation(program, sample.sizes, sample.steps, sample.batch, sample.arrays)
    for name, e in program.equations.items():
        if isinstance(e, Apply) and e.name in ("tanh", "sigmoid"):
            y = np.abs(run.value(name))
            if (y > SATURATED).any() or (e.name == "sigmoid" and (y < 1 - SATURATED).any()):
                return True
    return False
