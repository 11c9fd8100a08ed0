"""Measured norms of ∂s_j/∂s_k against j − k, beside the bound, for recurrent weights of several spectral radii."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sympy import Symbol

from derive.algebra.nodes import NONEMPTY, B, T
from derive.calculus.growth import Growth, growth
from derive.errors import InputError, UnsupportedError
from derive.flow.steps import jacobians, run
from derive.interpreter import Array, Evaluation, scalar_value
from derive.kernels.arrays import size_value
from derive.kernels.samples import Sample, draw, suited
from derive.program import Program

RADII = (0.5, 0.9, 1.0, 1.1, 1.5)
STEPS, SEQUENCES, WIDTH = 30, 2, 24  # by default; WIDTH is every size
MOST_WORK = 1e10  # steps² · sequences · state³: singular values of that many numbers take a minute
MOST_NUMBERS = 2e7  # in the Jacobians of all steps


@dataclass(frozen=True)
class Curve:
    """What was measured with one set of weights.

    Attributes:
        radius: of the recurrent weights; None where they were given.
        norms: ‖∂s_j/∂s_k‖₂ for every pair, distance d = j − k → one number per (sequence, j), d = 1 … T.
        bounds: the bound of each of them.
        singular: the singular values of ∂s_j/∂s_init, [T, n], largest first, of the first sequence.
    """

    radius: float | None
    norms: Mapping[int, Array]
    bounds: Mapping[int, Array]
    singular: Array

    @property
    def rate(self) -> float:
        """By what a difference is multiplied per step, over the longest distance (geometric mean)."""
        return _rate(self.norms)

    @property
    def bound_rate(self) -> float:
        return _rate(self.bounds)


@dataclass(frozen=True)
class Flow:
    """The flow of gradients through a model's state.

    Attributes:
        states: those whose derivative it is.
        growth: the bound of a step.
        weights: the parameters that were scaled to a radius.
        curves: one for each radius.
    """

    program: Program
    states: tuple[str, ...]
    growth: Growth
    weights: tuple[str, ...]
    curves: tuple[Curve, ...]

    @property
    def backward(self) -> bool:
        """Does the state run from the last step to the first?"""
        return self.program[self.states[0]].backward


def flow(
    program: Program,
    state: str = "",
    radii: Sequence[float] = RADII,
    steps: int = STEPS,
    sequences: int = SEQUENCES,
    sizes: Mapping[str, int] | None = None,
    seed: int = 0,
    params: Mapping[str, Array] | None = None,
    progress: Callable[[], None] = lambda: None,
) -> Flow:
    """Measure a model in normal form, on random inputs.

    Args:
        state: the one whose derivative is looked at; by default all that run in the direction of the first one.
        radii: spectral radii of the recurrent weights, which are orthogonal matrices times the radius (entries of plus
            or minus the radius where they are vectors).  Other weights are uniform in ±1/√n, biases too.
        sizes: of what is not named, 24.
        params: weights to look at instead, as the kernels take them; radii are of no interest then.

    Raises:
        InputError: an option does not fit.
        UnsupportedError: there is no state, or a rule is missing for something on its way.
    """
    states = _direction(program, state)
    chosen = _sizes(program, sizes or {})
    _check_counts(radii, steps, sequences)
    bound = growth(program, states)
    keys = [i for i, (s, _) in enumerate(bound.keys) if s == state or not state]
    if not keys:
        raise InputError("state", "one that a later step reads", repr(state))
    _check_work(sum(sample_width(program, chosen, s) for s, _ in bound.keys), steps, sequences)
    sample = draw(program, chosen, steps, sequences, seed)
    weights = _recurrent(program, bound)
    curves = []
    for radius in [None] if params is not None else [*radii] if weights else [None]:
        arrays = dict(sample.arrays) | _boundary(program, bound, sample)
        arrays |= _weights(program, chosen, weights, radius, seed, params)
        curves.append(_curve(program, Sample(chosen, steps, sequences, arrays), bound, keys, radius))
        progress()
    return Flow(program, tuple(dict.fromkeys(bound.keys[i][0] for i in keys)), bound, weights, tuple(curves))


def _sizes(program: Program, given: Mapping[str, int]) -> dict[str, int]:
    known = [s.name for s in program.sizes]
    for name, n in given.items():
        if name not in known or n < 1:
            raise InputError("sizes", f"a whole number of at least 1 for each of {', '.join(known)}", f"{name} = {n}")
    return dict.fromkeys(known, WIDTH) | dict(given)


def _check_counts(radii: Sequence[float], steps: int, sequences: int) -> None:
    if steps < 1 or sequences < 1:
        raise InputError("steps", "at least 1 step of 1 sequence", f"{steps} of {sequences}")
    if not radii or not all(0 < r < np.inf for r in radii):
        raise InputError("radii", "positive numbers, at least one", repr(tuple(radii)))


def _check_work(width: int, steps: int, sequences: int) -> None:
    """Refuse what takes minutes, or more memory than a machine of today has to spare."""
    if steps**2 * sequences * width**3 > MOST_WORK or steps * sequences * width**2 > MOST_NUMBERS:
        found = f"{steps} steps of {sequences} with a state of {width} numbers"
        help = "take smaller --sizes, fewer --steps or fewer --sequences"
        raise InputError("sizes", "fewer or smaller Jacobians", found, help)


def sample_width(program: Program, sizes: Mapping[str, int], state: str) -> int:
    rows, columns = program[state].shape
    return size_value(rows, sizes) * size_value(columns, sizes)


def _boundary(program: Program, bound: Growth, sample: Sample) -> dict[str, Array]:
    """Boundary values where the bound wants them."""
    found = {}
    for state, (low, high) in bound.ranges.items():
        for name in filter(None, program[state].initial):
            found[name] = np.clip(sample.arrays[name], float(low), float(high))
    return found


def _direction(program: Program, state: str) -> tuple[str, ...]:
    """The states that run the same way."""
    every = {v.name: v for v in program.states}
    if not every:
        raise UnsupportedError(f"{program.name} has no state")
    if state and state not in every:
        raise InputError("state", f"one of {', '.join(every)}", repr(state))
    first = every[state] if state else next(iter(every.values()))
    return tuple(n for n, v in every.items() if v.backward == first.backward)


def _recurrent(program: Program, bound: Growth) -> tuple[str, ...]:
    """The parameters that the bound is made of: matrices, or else what entries of the state are multiplied by."""
    named = [getattr(e, "name", "") for e in bound.norms.values()]
    if not named:
        named = [getattr(e, "name", "") for e in bound.peaks.values()]
    return tuple(v.name for v in program.parameters if v.name in named)


def _weights(
    program: Program,
    sizes: Mapping[str, int],
    weights: Sequence[str],
    radius: float | None,
    seed: int,
    params: Mapping[str, Array] | None,
) -> dict[str, Array]:
    """Every parameter, in canonical layout."""
    rng = np.random.default_rng([seed, 2])
    found = {}
    for v in program.parameters:
        shape = tuple(size_value(n, sizes) for n in v.shape)
        if params is not None:
            found[v.name] = _given(v.name, params, shape)
            continue
        a = rng.uniform(-1, 1, size=shape) / np.sqrt(shape[1] if shape[1] > 1 else shape[0])
        if v.name in weights and radius is not None:
            a = radius * (_orthogonal(a) if 1 not in shape else np.sign(a))
        found[v.name] = suited(program, v, a)
    return found


def _given(name: str, params: Mapping[str, Array], shape: tuple[int, ...]) -> Array:
    if name not in params:
        raise InputError("params", f"all parameters, {name} too", ", ".join(params) or "nothing")
    a = np.asarray(params[name], dtype=np.float64)
    if a.size != shape[0] * shape[1]:
        raise InputError(name, f"{shape[0]} x {shape[1]} numbers, as the sizes say", f"shape {a.shape}")
    return a.reshape(shape)


def _orthogonal(a: Array) -> Array:
    """The nearest matrix with orthonormal columns or rows."""
    u, _, vt = np.linalg.svd(a, full_matrices=False)
    return u @ vt


def _curve(program: Program, sample: Sample, bound: Growth, keys: Sequence[int], radius: float | None) -> Curve:
    whole = run(program, sample)
    local = jacobians(program, sample, whole, bound.keys)  # [T, B, n, n]
    table = _tables(whole, sample, bound)  # [T, B, K, K]
    if program[bound.keys[0][0]].backward:  # the past comes later
        local, table = local[::-1], table[::-1]
    widths = [sample_width(program, sample.sizes, s) for s, _ in bound.keys]
    cells = np.concatenate([np.full(w, i) for i, w in enumerate(widths)])
    inside = np.isin(cells, keys)
    norms, bounds = dict[int, Array](), dict[int, Array]()
    product, limit = local, table
    singular = []
    for d in range(1, sample.steps + 1):
        values = np.linalg.svd(product[..., inside, :][..., inside], compute_uv=False)
        norms[d] = values[..., 0].ravel()
        bounds[d] = np.linalg.norm(limit[..., keys, :][..., keys], ord=2, axis=(-2, -1)).ravel()
        singular.append(values[0, 0])
        if d < sample.steps:  # one step more, and one pair less
            with np.errstate(over="ignore", invalid="ignore"):
                product, limit = local[d:] @ product[:-1], table[d:] @ limit[:-1]
            if not (np.isfinite(product).all() and np.isfinite(limit).all()):
                raise UnsupportedError(f"after {d + 1} steps numbers are too large for float64: take a smaller radius")
    return Curve(radius, norms, bounds, np.stack(singular))


def _tables(whole: Evaluation, sample: Sample, bound: Growth) -> Array:
    """The bounds of the blocks at every step of every sequence."""
    shape = (sample.steps, sample.batch)
    known: dict[Symbol, Array | float] = {s: whole.integer(s) for s in whole.program.sizes}
    known |= {T: sample.steps, B: sample.batch, NONEMPTY: 1}
    for symbol, e in bound.norms.items():
        known[symbol] = np.full(shape, np.linalg.norm(whole.at_step(e, 0)[0], ord=2))
    for symbol, e in bound.peaks.items():
        found = [np.abs(whole.at_step(e, now)).max(axis=(-2, -1)) for now in range(sample.steps)]
        known[symbol] = np.stack([np.broadcast_to(a, sample.batch) for a in found])
    count = len(bound.keys)
    table = np.zeros((*shape, count, count))
    for (row, column), e in bound.blocks.items():
        value = scalar_value(e, known)
        table[..., bound.keys.index(row), bound.keys.index(column)] = value
    return table


def _rate(values: Mapping[int, Array]) -> float:
    d = max(values)
    with np.errstate(divide="ignore"):
        return float(np.exp(np.mean(np.log(values[d])) / d))
