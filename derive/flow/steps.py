"""One step as a function of the past: its Jacobian at every step of a run, by the complex step.

Every name that is remembered gets boundary values for all that is remembered of it, so that each step of a sequence is
a sequence of one step; all of them are one evaluation of the interpreter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sympy import MatrixExpr

from derive.algebra.build import scale
from derive.algebra.nodes import Scale, T, Timed
from derive.algebra.text import text
from derive.calculus.growth import Key
from derive.errors import UnsupportedError
from derive.interpreter import Array, Evaluation
from derive.kernels.samples import Sample
from derive.program import ONCE, Program, Variable, operands, rebuild, references

STEP = 1e-40
CLOSE = 1e-9  # of a step done alone to the same step in its sequence


@dataclass(frozen=True)
class Opened:
    """A program with boundary values for all that it remembers: name → their names, nearest first."""

    program: Program
    past: Mapping[str, tuple[str, ...]]


def opened(program: Program, states: Sequence[str], steps: int) -> Opened:
    """The program of one step alone, of a sequence of so many: what the states are computed from.

    Raises:
        UnsupportedError: a step reads a value of the whole sequence.
    """
    program = program.restrict(states, given=True)
    equations = {n: _with_length(e, steps) for n, e in program.equations.items()}
    program = replace(program, equations=equations)
    reach: dict[str, int] = {}
    for e in program.equations.values():
        for r in references(e):
            if isinstance(r, Timed) and r.offset is None:
                raise UnsupportedError(f"{program.name}: {', '.join(states)} read {text(r)} at every step")
            if isinstance(r, Timed) and r.offset:
                reach[r.name] = max(reach.get(r.name, 0), abs(r.offset))
    variables, past = dict(program.variables), dict[str, tuple[str, ...]]()
    for name, lags in reach.items():
        v = variables[name]
        past[name] = tuple(f"{name} {k} before" for k in range(1, lags + 1))  # no name of a cell has a space
        for new in past[name]:
            variables[new] = Variable(new, "initial", v.shape, v.axes & ONCE, of=name)
        variables[name] = replace(v, initial=past[name])
    return Opened(replace(program, variables=variables), past)


def _with_length(e: MatrixExpr, steps: int) -> MatrixExpr:
    """With the number of steps for T where it is a factor."""
    parts = [_with_length(a, steps) for a in operands(e)]
    e = rebuild(e, parts) if parts else e
    return scale(e.coefficient.subs(T, steps), e.arg) if isinstance(e, Scale) else e


def run(program: Program, sample: Sample) -> Evaluation:
    """The whole sequence."""
    return Evaluation(program, sample.sizes, sample.steps, sample.batch, sample.arrays)


def jacobians(program: Program, sample: Sample, whole: Evaluation, keys: tuple[Key, ...]) -> Array:
    """∂(state now)/∂(state one step before), [T, B, n, n], both in the order of the keys.

    Raises:
        UnsupportedError: a step alone is not what it is in the sequence, as with a value of the whole sequence.
    """
    states = list(dict.fromkeys(s for s, _ in keys))
    for s in states:
        if not np.isfinite(whole.value(s)).all():
            raise UnsupportedError(f"{program.name}: {s} is not finite with these weights, sizes and steps")
    alone = opened(program, states, sample.steps)
    arrays = _alone(alone, sample, whole)
    shapes = [arrays[alone.past[s][k - 1]].shape[-2:] for s, k in keys]  # of columns, or of rows
    widths = [rows * columns for rows, columns in shapes]
    total = sum(widths)
    moved, first = dict(arrays), 0
    for (s, k), width, shape in zip(keys, widths, shapes, strict=True):
        directions = np.zeros((total, 1, width))
        directions[first : first + width, 0] = np.eye(width)
        base = arrays[alone.past[s][k - 1]]
        moved[alone.past[s][k - 1]] = base + 1j * STEP * directions.reshape(total, 1, *shape)
        first += width
    evaluation = Evaluation(alone.program, sample.sizes, 1, sample.steps * sample.batch, moved)
    rows = []
    for (s, k), width in zip(keys, widths, strict=True):
        if k > 1:
            rows.append(np.broadcast_to(_shift(keys, widths, (s, k - 1)), (sample.steps, sample.batch, width, total)))
            continue
        value = evaluation.value(s)
        value = np.broadcast_to(value, (total, *value.shape[-4:])).reshape(total, -1, width)  # [D, T·B, n]
        _check(s, value[0].real, whole.value(s), program)
        rows.append((value.imag / STEP).transpose(1, 2, 0).reshape(sample.steps, sample.batch, width, total))
    return np.concatenate(rows, axis=-2)


def _alone(alone: Opened, sample: Sample, whole: Evaluation) -> dict[str, Array]:
    """The given arrays with the steps among the sequences, [1, T·B, …], and what each step remembers."""
    steps, batch = sample.steps, sample.batch
    arrays = {}
    for name, a in sample.arrays.items():
        v = alone.program.variables.get(name)
        if v is None:
            continue
        if v.timed:
            a = np.broadcast_to(a[:, None] if "b" not in v.axes else a, (steps, batch, *a.shape[-2:]))
            a = a.reshape(1, steps * batch, *a.shape[-2:]) if "b" in v.axes else a[:, 0]
        elif "b" in v.axes:
            a = np.tile(a, (steps, 1, 1))
        arrays[name] = a
    for name, names in alone.past.items():
        for k, new in enumerate(names, 1):
            arrays[new] = _past(whole, name, k, batch)
    return arrays


def _past(whole: Evaluation, name: str, lag: int, batch: int) -> Array:
    """What each step remembers of a name, [T·B, …]."""
    v = whole.program[name]
    way = 1 if v.backward else -1
    found = [whole.at_step(Timed(name, now + way * lag, *v.shape), None) for now in range(whole.steps)]
    shape = tuple(whole.integer(n) for n in v.shape)
    return np.concatenate([np.broadcast_to(a, (batch, *shape)) for a in found])


def _shift(keys: tuple[Key, ...], widths: list[int], one_less: Key) -> Array:
    """What was one step ago is two steps ago."""
    blocks = [np.eye(w) if key == one_less else np.zeros((widths[keys.index(one_less)], w))
              for key, w in zip(keys, widths, strict=True)]  # fmt: skip
    return np.concatenate(blocks, axis=-1)


def _check(name: str, alone: Array, whole: Array, program: Program) -> None:
    apart = np.abs(alone - whole.reshape(alone.shape)).max(initial=0.0)
    if not apart <= CLOSE * max(1.0, np.abs(whole).max(initial=0.0)):
        raise UnsupportedError(f"{program.name}: a step of {name} hangs on more than that step and the state before it")
