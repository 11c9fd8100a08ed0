"""Numbers at the edges: saturated, denormal, not finite, ten thousand steps, awkward sizes, single precision.

All hold for NumPy and both branches of C.  The truth is the interpreter's complex step in long doubles: 10^±4932.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial
from itertools import product
from typing import Any

import numpy as np
import pytest

from derive.algebra.functions import Apply
from derive.interpreter import Array, Evaluation
from derive.kernels import build
from derive.kernels.arrays import initial_groups, to_canonical
from derive.kernels.entry import check_wrt
from derive.kernels.gradcheck import STEP, _Case
from derive.kernels.report import relative_error
from derive.kernels.runtime import Kernel, Result
from derive.kernels.samples import Sample, draw
from derive.kernels.targets import c
from tests.cells import model
from tests.kernels.arrays import Arguments
from tests.tools import some

CELLS = ("elman", "lstm", "gru", "layer_norm")  # the first three end in softmax and cross-entropy
BRANCHES = {"vector": (), "portable": ("-DDERIVE_PORTABLE",)}
SMALL, LONG = {"I": 3, "H": 5, "O": 4}, 10_000
WIDE = np.longdouble
wide = pytest.mark.skipif(np.finfo(WIDE).maxexp <= 1024, reason="long doubles are doubles here")
TINY = [("float64", 5e-324), ("float64", 1e-310), ("float32", 1.4e-45), ("float32", 1e-42)]
name = pytest.fixture(params=CELLS, name="name")(lambda request: str(request.param))  # of tests that say no other
dtype = pytest.fixture(params=("float64", "float32"), name="dtype")(lambda request: str(request.param))


@cache
def built(name: str, dtype: str, branch: str, **options: Any) -> Kernel:
    if branch == "numpy":
        return model(name).compile(dtype=dtype, **options)
    return c.build(model(name).options(dtype=dtype, **options), flags=(*build.default_flags(), *BRANCHES[branch]))


def kernels(name: str, dtype: str = "float64", **options: Any) -> Iterator[tuple[str, Kernel]]:
    return ((branch, built(name, dtype, branch, **options)) for branch in ("numpy", *BRANCHES))


def found(result: Result) -> dict[str, Array]:
    return {"loss": np.asarray(result.loss), **result.grads, **result.inputs, **result.initial}


def largest(a: Array) -> float:
    return float(np.abs(a).max(initial=0.0))


class Case(_Case):
    """A sample, changed and rounded; its loss and gradients in long doubles."""

    def __init__(self, name: str, dtype: str = "float64", change: Any = None, shape: Any = (SMALL, 4, 3)):
        self.change, kernel = change or (lambda _name, _role, a: a), built(name, dtype, "numpy")
        super().__init__(kernel, shape[0], shape[1], shape[2], 0, check_wrt(kernel.normal, None))

    def _draw(self, sizes: dict[str, int], steps: int, batch: int, seed: int) -> None:
        normal, every, self.truth = self.kernel.normal, self.wanted, {}
        given = draw(normal, sizes, steps, batch, seed).arrays
        changed = {n: self.change(n, normal[n].role, a).astype(self.kernel.dtype) for n, a in given.items()}
        self.sample = Sample(sizes, steps, batch, {n: a.astype(WIDE) for n, a in changed.items()})
        for self.wanted in ((n,) for n in every):  # all directions at once would take a gigabyte
            self.truth |= self._true(self._loss_objective)
        self.values = Evaluation(self.program, sizes, steps, batch, self.sample.arrays)
        self.scale = max(map(largest, self.truth.values()))
        self.truth["loss"] = self._loss_objective(self.values)

    def errors(self, kernel: Kernel) -> Iterator[tuple[str, float, float]]:
        """(name, absolute error, largest entry) of the loss and every gradient."""
        params, inputs, initial = ({n: a.astype(kernel.dtype) for n, a in g.items()} for g in self.arguments[:3])
        results = found(kernel.value_and_grad(params, inputs, initial))  # a warning of NumPy would be an error
        assert {n: a.shape for n, a in results.items()} == {n: a.shape for n, a in self.truth.items()}
        return ((n, largest(a - self.truth[n]), largest(self.truth[n])) for n, a in results.items())


def arrays(name: str, dtype: str, sizes: dict[str, int], steps: int, batch: int) -> Arguments:
    case = _Case(built(name, dtype, "numpy"), sizes, 3, batch, 0, ())
    r = np.random.default_rng(1)
    x = r.normal(scale=0.8, size=(steps, batch, sizes["I"])).astype(dtype)
    y = r.dirichlet(np.ones(sizes["O"]), size=(steps, batch)).astype(dtype)
    return case.params, {"x": x, "y": y}, case.initial


def scaled(what: str, to: float, name: str, role: str, a: Array) -> Array:
    """An array of the name or role that is meant ("all": of all but targets), its largest entry made `to`."""
    chosen = what in (name, role) or (what == "all" and role not in ("target", "const"))
    return a.astype(WIDE) / np.abs(a).max() * WIDE(to) if chosen else a


# layer_norm's W would carry the rounding of one step to the next, four thousand times as large
SATURATED = [*product(CELLS[:3], ("x", "V", "param")), ("layer_norm", "V"), ("layer_norm", "gam")]


@wide
@pytest.mark.parametrize(("name", "what"), SATURATED)
def test_pre_activations_of_a_thousand_give_true_gradients(name: str, what: str) -> None:
    """To four roundings of a pre-activation of 1000 (measured: 0.4), relative to the largest gradient or 1."""
    case = Case(name, change=partial(scaled, what, 4e3))
    nodes = [e for e in case.program.equations.values() if isinstance(e, Apply) and e.name in ("tanh", "sigmoid")]
    before = np.concatenate([case.values.value(e.arg.name).ravel() for e in nodes])
    saturated = before.min() < -1e3 and before.max() > 1e3 and case.scale > 0.01
    assert case.scale > 100 if what == "V" else saturated
    for branch, kernel in [*kernels(name), *kernels(name, "float32")]:
        eps = float(np.finfo(kernel.dtype).eps)
        for n, error, size in case.errors(kernel):  # no bound holds NaN or infinity
            assert error <= (16 * eps * size if n == "loss" else 4 * 1e3 * eps * max(1.0, case.scale)), (branch, n)


@wide
@pytest.mark.parametrize(("dtype", "tiny"), TINY)
@pytest.mark.parametrize("what", ["x", "param", "all"])
def test_denormal_numbers_are_numbers(name: str, what: str, dtype: str, tiny: float) -> None:
    """Every result is right to 32 roundings, or 32 of the least numbers (measured: 10), and none is flushed to zero."""
    case, info = Case(name, dtype, partial(scaled, what, tiny)), np.finfo(dtype)
    eps, tiniest = float(info.eps), float(info.smallest_subnormal)
    for branch, kernel in kernels(name, dtype):
        for n, error, size in case.errors(kernel):
            assert error <= 32 * (eps * size + tiniest), (branch, n)
        results = found(kernel.value_and_grad(*case.arguments))
        if tiny > 100 * tiniest and (name, what) != ("elman", "all"):  # where all are products of denormal numbers
            assert any(0 < largest(a) < float(info.tiny) for a in results.values()), branch


@pytest.mark.parametrize(("dtype", "tiny"), [("float64", 1e-310), ("float32", 1e-40)])
def test_gradients_of_input_weights_are_linear_in_denormal_inputs(name: str, dtype: str, tiny: float) -> None:
    """Four times the input, which moves no state, gives four times dL/dU, up to what a denormal can hold."""
    params, inputs, initial = arrays(name, dtype, SMALL, 4, 3)
    x, least = (inputs["x"] * tiny).astype(dtype), float(np.finfo(dtype).smallest_subnormal)
    for branch, kernel in kernels(name, dtype):
        once, four = (kernel.value_and_grad(params, {**inputs, "x": k * x}, initial).grads for k in (1, 4))
        for n in (n for n in once if n[0] == "U"):  # 12 terms, T B, each rounded
            assert largest(four[n] - 4 * once[n]) <= 4 * 12 * least < largest(once[n]), (branch, n)


def others(result: Result, bad: int) -> dict[str, Array]:
    axes = {"outputs": 1, "inputs": 1, "initial": 0, "final": 0}
    return {f"{g} {n}": np.delete(a, bad, axes[g]) for g in axes for n, a in result.groups()[g].items()}


def with_one(given: Arguments, where: str, value: float) -> Arguments:
    inputs, initial = ({n: a.copy() for n, a in g.items()} for g in given[1:])
    (inputs["x"][2] if where == "x" else initial[where])[3, 1] = value
    return given[0], inputs, initial


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_bad_sequence_spoils_itself_alone_and_never_in_silence(name: str, value: float, dtype: str) -> None:
    """The others keep every bit; NaN makes the loss NaN; infinity does or makes it the limit, and a gradient NaN."""
    given = arrays(name, dtype, {"I": 7, "H": 17, "O": 11}, 5, 7)
    for where in ("x", *given[2]):
        patterns = []
        for branch, kernel in kernels(name, dtype):
            good = others(kernel.value_and_grad(*given), 3)
            with np.errstate(all="ignore"):
                spoilt = kernel.value_and_grad(*with_one(given, where, value))
            for n, a in others(spoilt, 3).items():
                np.testing.assert_array_equal(a, good[n], f"{branch} {n}")
            assert not all(np.isfinite(a).all() for a in spoilt.grads.values()), branch
            assert np.isnan(spoilt.loss) or np.isinf(value), branch
            if np.isfinite(spoilt.loss):
                limit = kernel.forward(*with_one(given, where, 1e300 if dtype == "float64" else 1e30)).loss
                assert abs(spoilt.loss - limit) <= 16 * np.finfo(dtype).eps * limit, branch
            patterns.append({n: np.isnan(a) for n, a in found(spoilt).items()})
        for n, a in patterns[0].items():
            assert all((a == p[n]).all() for p in patterns), f"NumPy and C differ in where {n} is NaN"


def test_nan_in_any_entry_of_a_parameter_or_target_makes_the_loss_nan(name: str, dtype: str) -> None:
    params, inputs, initial = arrays(name, dtype, SMALL, 3, 2)
    for branch, kernel in kernels(name, dtype):
        for n, a in {**params, **inputs}.items():
            for k in range(a.size):
                spoilt = {n: np.where(np.arange(a.size) == k, a.dtype.type(np.nan), a.ravel()).reshape(a.shape)}
                p, i = ({**g, **spoilt} if n in g else g for g in (params, inputs))
                with np.errstate(invalid="ignore"):
                    assert np.isnan(kernel.forward(p, i, initial).loss), (branch, n, k)


LONG_RUNS: list[Any] = list(product(CELLS, ({}, {"checkpoint": True}, {"truncate": 50})))


@pytest.mark.parametrize(("name", "plan"), some(LONG_RUNS, [r for r in LONG_RUNS if not r[1] or r[0] == "elman"]))
def test_ten_thousand_steps_agree_between_numpy_and_c(name: str, plan: dict[str, Any]) -> None:
    """To 1e-12 of each gradient (measured: 1e-14).  Checkpoints change nothing; a truncated gradient is another one."""
    given = arrays(name, "float64", SMALL, LONG, 2)
    exact = found(built(name, "float64", "numpy").value_and_grad(*given))
    first = found(built(name, "float64", "numpy", **plan).value_and_grad(*given))
    for branch, kernel in kernels(name, **plan):
        for n, a in found(kernel.value_and_grad(*given)).items():
            assert largest(a) > 0
            assert relative_error(a, first[n]) <= 1e-12, (branch, n)
            assert relative_error(a, exact[n]) <= 1e-12 or "truncate" in plan, (branch, n)
    assert ("truncate" in plan) == (relative_error(first["x"], exact["x"]) > 1e-3)


@pytest.mark.parametrize("name", some(CELLS, ["elman"]))
def test_ten_thousand_steps_are_true_along_a_direction(name: str) -> None:
    """⟨gradient, v⟩ is the complex step along v, of parameters, inputs and initial states at once; measured: 2e-14."""
    params, inputs, initial = arrays(name, "float64", SMALL, LONG, 2)
    normal, r = built(name, "float64", "numpy").normal, np.random.default_rng(2)
    parts = {n: group[0] for n, group in initial_groups(normal).items()}
    v = {n: r.normal(size=a.shape) for n, a in {**params, "x": inputs["x"], **initial}.items()}
    moved = {n: a + 1j * STEP * v.get(n, 0.0) for n, a in {**params, **inputs, **initial}.items()}
    canonical = {parts.get(n, n): to_canonical(normal[parts.get(n, n)], a, SMALL) for n, a in moved.items()}
    slope = Evaluation(normal, SMALL, LONG, 2, canonical).value(normal.total)[0, 0].imag / STEP
    for branch, kernel in kernels(name):
        results = found(kernel.value_and_grad(params, inputs, initial))
        assert abs(sum((results[n] * v[n]).sum() for n in v) - slope) <= 1e-12 * abs(slope), branch


# (I, H, O), (T, B); H = 13, 17 and 31 leave a rest in every register
EDGES = [((1, 1, 2), (3, 2)), ((2, 3, 4), (0, 2)), ((2, 3, 4), (3, 0)), ((2, 3, 4), (1, 1)), ((7, 13, 11), (3, 5))]
PRIMES = [((7, 17, 11), (3, 5)), ((7, 31, 11), (3, 5))]  # seconds of long doubles where there are gates
SHAPES = [*product(CELLS, EDGES + PRIMES), ("layer_norm", ((1, 1, 1), (3, 1)))]
QUICK = [s for s in SHAPES if s[0] not in ("lstm", "gru") or s[1] in EDGES]


@wide
@pytest.mark.parametrize(("name", "shape"), some(SHAPES, QUICK))
def test_every_size_gives_the_true_gradient(name: str, shape: Any) -> None:
    """No steps, no sequences, one of each, and primes."""
    (I, H, O), (steps, batch) = shape
    case = Case(name, shape=({"I": I, "H": H, "O": O}, steps, batch))
    for branch, kernel in [*kernels(name), *kernels(name, "float32")]:
        bound = 1e-13 if kernel.dtype == "float64" else 4e-5  # measured: 1e-14 and 4e-6, where a gate of one cancels
        for n, error, size in case.errors(kernel):
            assert error <= bound * (size or 1.0) * bool(steps and batch), (branch, n)
    assert (case.scale > 0) == bool(steps and batch)


@pytest.mark.parametrize("steps", some([10, 100, 1000, LONG], [10, 100, 1000]))
def test_single_precision_loses_digits_no_faster_than_the_root_of_the_steps(name: str, steps: int) -> None:
    """To 1e-5 max(1, √(T/100)) of each gradient and the loss; measured: 6e-7, 1.3e-6, 1.3e-6, 6e-6 at these T."""
    given = arrays(name, "float32", SMALL, steps, 2)
    params, inputs, initial = ({n: a.astype("float64") for n, a in group.items()} for group in given)
    exact = found(built(name, "float64", "numpy").value_and_grad(params, inputs, initial))
    for branch, kernel in kernels(name, "float32"):
        errors = {n: relative_error(a, exact[n]) for n, a in found(kernel.value_and_grad(*given)).items()}
        assert all(error <= 1e-5 * max(1.0, (steps / 100) ** 0.5) for error in errors.values()), (branch, errors)
        assert max(errors.values()) > 1e-9, "this is another precision"
