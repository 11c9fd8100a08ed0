"""The numeric check: every gradient of a kernel against derivatives that share no rule with it.

The complex step goes through the interpreter of the model's own equations: with a step of 1e-40
there is no cancellation, so the derivative is exact to rounding (Squire & Trapp 1998).  Central
differences go through the kernel's own loss.  Loss, outputs and final states must be the
interpreter's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np

from derive.algebra.nodes import Detach
from derive.errors import UnsupportedError
from derive.interpreter import Array, Evaluation
from derive.kernels.arrays import component_shape, from_canonical, initial_groups, slices_fit, stack_lags
from derive.kernels.entry import check_wrt, with_finals
from derive.kernels.report import Report, note, relative_error
from derive.kernels.runtime import Kernel, Result
from derive.kernels.samples import Sample, draw, on_kink
from derive.program import Program

STEP = 1e-40
SHAPES = ((4, 3), (1, 2), (0, 2), (3, 0))  # (T, B): the usual one, then the edges


def size_sets(program: Program, count: int) -> list[dict[str, int]]:
    """Distinct sizes, permuted from set to set, that every slice fits.

    They begin at 3: a pair of numbers that is normalised has hardly any gradient.
    """
    names = [s.name for s in program.sizes]
    found: list[dict[str, int]] = []
    for i in range(200):
        if len(found) == count:
            break
        values = [3 + i // 3 + (k + i) % max(len(names), 1) for k in range(len(names))]
        sizes = dict(zip(names, values, strict=True))
        if not slices_fit(program, sizes) and (sizes not in found or not names):
            found.append(sizes)
    if not found:
        raise UnsupportedError(f"no small sizes fit the slices of {program.name}")
    return found


def boundary_symbols(program: Program) -> dict[str, str]:
    """How the gradients of boundary values are called."""
    return {s: f"dL/d{s}[{'T' if program[s].backward else '-1'}]" for s in initial_groups(program)}


def check(
    kernel: Kernel,
    wrt: Iterable[str] | None = None,
    sets: int = 5,
    seed: int = 0,
    progress: Callable[[], None] = lambda: None,
    beside: Kernel | None = None,
    only: int | None = None,
) -> Report:
    """Compare a kernel with complex step, central differences, the interpreter, and another target's kernel.

    Args:
        only: the number of the one set of sizes that is looked at.
    """
    normal = kernel.normal
    report = Report(normal.name, kernel.target, kernel.dtype, other=beside.target if beside else "")
    report.symbols |= boundary_symbols(normal)
    wanted = check_wrt(normal, wrt)
    for number, sizes in enumerate(size_sets(normal, sets)):
        if only not in (None, number):
            continue
        for steps, batch in SHAPES if number == 0 else SHAPES[:1]:
            fixed = {**sizes, "T": steps, "B": batch, **kernel.fixed}
            sizes_used = {n: fixed[n] for n in sizes}
            case = _Case(kernel, sizes_used, fixed["T"], fixed["B"], seed + number, wanted)
            case.run(report)
            if beside:
                case.run_beside(report, beside)
            progress()
    return report


class _Case:
    """One sample of one kernel."""

    def __init__(
        self, kernel: Kernel, sizes: dict[str, int], steps: int, batch: int, seed: int, wanted: tuple[str, ...]
    ):
        self.kernel, self.wanted = kernel, wanted
        self.program, self.finals = with_finals(kernel.normal)
        self._draw(sizes, steps, batch, seed)
        self.rng = np.random.default_rng([seed, 1])
        self.params, self.inputs, self.initial = self._interface(self.sample.arrays)
        self.arguments = (self.params, self.inputs, self.initial, {**sizes, "T": steps, "B": batch})

    def _draw(self, sizes: dict[str, int], steps: int, batch: int, seed: int) -> None:
        """Set a sample in the kernel's precision whose gradients are not all zero, where that can be."""
        for attempt in range(5):
            sample = draw(self.kernel.normal, sizes, steps, batch, 1000 * seed + attempt)
            rounded = {n: a.astype(self.kernel.dtype).astype(np.float64) for n, a in sample.arrays.items()}
            self.sample = Sample(sizes, steps, batch, rounded)
            self.truth = self._true(self._loss_objective)
            if not (steps and batch) or all(g.any() for g in self.truth.values()):
                break

    def _interface(self, arrays: Mapping[str, Array]) -> tuple[dict[str, Array], ...]:
        normal = self.kernel.normal

        def give(name: str) -> Array:
            v = normal[name]
            if v.onehot:
                return np.asarray(arrays[name].argmax(axis=-2)[..., 0].astype(np.int32))
            return np.asarray(from_canonical(v, arrays[name], self.sample.sizes).astype(self.kernel.dtype))

        params = {v.name: give(v.name) for v in normal.roles("param")}
        inputs = {v.name: give(v.name) for v in normal.roles("input", "target", "const")}
        initial = {n: stack_lags([give(i) for i in g]) for n, g in initial_groups(normal).items()}
        return params, inputs, initial

    def run(self, report: Report) -> None:
        if self.kernel.normal.total:
            result = self.kernel.value_and_grad(*self.arguments)
            self._compare(report, result, self.truth)
            self._values(report, result)
            if self._differences_apply():
                self._differences(report, result)
        self._values(report, self.kernel.forward(*self.arguments))
        bars, final_bars = self._bars()
        result = self.kernel.vjp(*self.arguments[:3], bars, final_bars, self.arguments[3])
        objective = self._vjp_objective(bars, final_bars)
        self._compare(report, result, self._true(objective))

    def run_beside(self, report: Report, other: Kernel) -> None:
        """The same calls of another target's kernel."""
        calls: list[Callable[[Kernel], Result]]
        calls = [lambda k: k.vjp(*self.arguments[:3], *self._bars(), self.arguments[3])]
        if self.kernel.normal.total:
            calls.append(lambda k: k.value_and_grad(*self.arguments))
        for call in calls:
            self.rng = np.random.default_rng(1)  # the same cotangents for both
            mine = call(self.kernel)
            self.rng = np.random.default_rng(1)
            theirs = call(other)
            for group, arrays in mine.groups().items():
                for name, a in arrays.items():
                    label = f"final {name}" if group == "final" else name if group == "outputs" else report.symbol(name)
                    note(report.beside, label, relative_error(a, theirs.groups()[group][name]))
            if self.kernel.normal.total:
                note(report.beside, "loss", relative_error(mine.loss, theirs.loss))

    def _differences_apply(self) -> bool:
        """Not in single precision or on nothing; not where a detached value would move, or on a kink."""
        detached = any(isinstance(e, Detach) for e in self.program.equations.values())
        if self.kernel.dtype != "float64" or not (self.sample.steps and self.sample.batch) or detached:
            return False
        return not on_kink(self.program, self.sample)

    # the truth

    def _flat(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        groups = initial_groups(self.kernel.normal)
        for name in self.wanted:
            yield name, groups.get(name, (name,))

    def _true(self, objective: Callable[[Evaluation], Array]) -> dict[str, Array]:
        """Name → the gradient by complex step, interface shape; all directions are one evaluation."""
        s = self.sample
        parts = [part for _, group in self._flat() for part in group]
        count = sum(s.arrays[part].size for part in parts)
        moved, first = dict(s.arrays), 0
        for part in parts:
            base = s.arrays[part]
            directions = np.zeros((count, base.size))
            directions[first : first + base.size] = np.eye(base.size)
            moved[part] = base + 1j * STEP * directions.reshape(count, *base.shape)
            first += base.size
        run = Evaluation(self.program, s.sizes, s.steps, s.batch, moved)
        slopes = np.broadcast_to(objective(run), (count,)).imag / STEP
        gradients, first = {}, 0
        for part in parts:
            base = s.arrays[part]
            gradient = slopes[first : first + base.size].reshape(base.shape)
            gradients[part] = from_canonical(self.program[part], gradient, s.sizes)
            first += base.size
        return {name: stack_lags([gradients[part] for part in group]) for name, group in self._flat()}

    def _loss_objective(self, run: Evaluation) -> Array:
        if not self.kernel.normal.total:
            names = [*self.program.outputs, *(n for g in self.finals.values() for n in g)]
            return sum((_entries(run, self.program, n).sum(axis=-1) for n in names), np.zeros(()))  # type: ignore[return-value]
        return run.value(self.kernel.normal.total)[..., 0, 0]

    def _bars(self) -> tuple[dict[str, Array], dict[str, Array]]:
        s, normal = self.sample, self.kernel.normal

        def random(shape: tuple[int, ...]) -> Array:
            return np.asarray(self.rng.normal(size=shape).astype(self.kernel.dtype))

        bars = {n: random((s.steps, s.batch, *component_shape(normal[n], s.sizes))) for n in normal.outputs}
        if normal.total:
            bars["loss"] = random(())
        finals = {}
        for n, group in self.finals.items():
            lead = (len(group),) if len(group) > 1 else ()
            finals[n] = random((*lead, s.batch, *component_shape(normal[n], s.sizes)))
        return bars, finals

    def _vjp_objective(self, bars: Mapping[str, Array], finals: Mapping[str, Array]) -> Callable[[Evaluation], Array]:
        pairs = [(n, np.asarray(a, np.float64)) for n, a in bars.items() if n != "loss"]
        for n, group in self.finals.items():
            parts = finals[n] if len(group) > 1 else [finals[n]]
            pairs += [(name, np.asarray(a, np.float64)) for name, a in zip(group, parts, strict=True)]

        def objective(run: Evaluation) -> Array:
            total = sum((_entries(run, self.program, n) @ a.ravel() for n, a in pairs), np.zeros((), dtype=complex))
            if "loss" in bars:
                total = total + float(bars["loss"]) * run.value(self.kernel.normal.total)[..., 0, 0]
            return np.asarray(total)

        return objective

    # comparisons

    def _compare(self, report: Report, result: Result, truth: Mapping[str, Array]) -> None:
        """One error per gradient: the worst of `value_and_grad` and `vjp`."""
        for name, reference in truth.items():
            note(report.gradients, name, relative_error(self._gradient(result, name), reference))

    def _gradient(self, result: Result, name: str) -> Array:
        if name in initial_groups(self.program):
            return np.asarray(result.initial[name])
        return np.asarray((result.grads if self.program[name].role == "param" else result.inputs)[name])

    def gradients(self) -> dict[str, tuple[Array, Array]]:
        """Every gradient (without a loss: of the outputs and final states with random weights), and the truth."""
        if self.kernel.normal.total:
            result, truth = self.kernel.value_and_grad(*self.arguments), self.truth
        else:
            bars = self._bars()
            result = self.kernel.vjp(*self.arguments[:3], *bars, self.arguments[3])
            truth = self._true(self._vjp_objective(*bars))
        return {name: (self._gradient(result, name), reference) for name, reference in truth.items()}

    def _values(self, report: Report, result: Result) -> None:
        s = self.sample
        run = Evaluation(self.program, s.sizes, s.steps, s.batch, s.arrays)

        def truth(name: str) -> Array:
            return from_canonical(self.program[name], run.value(name), s.sizes)

        if self.kernel.normal.total:
            note(report.values, "loss", relative_error(result.loss, truth(self.kernel.normal.total)))
        for name in self.program.outputs:
            note(report.values, name, relative_error(result.outputs[name], truth(name)))
        for name, group in self.finals.items():
            reference = stack_lags([truth(n) for n in group])
            note(report.values, f"final {name}", relative_error(result.final[name], reference))

    def _differences(self, report: Report, result: Result) -> None:
        """⟨gradient, v⟩ against a central difference of the kernel's loss along a random direction v."""
        groups = {"grads": self.params, "inputs": self.inputs, "initial": self.initial}
        for group, arrays in groups.items():
            for name, gradient in getattr(result, group).items():
                v = self.rng.normal(size=gradient.shape)
                best = min(self._difference_error(arrays, name, gradient, v, h) for h in (1e-5, 1e-6))
                note(report.differences, name, best)

    def _difference_error(self, arrays: dict[str, Array], name: str, gradient: Array, v: Array, h: float) -> float:
        kept = arrays[name]
        losses = []
        for sign in (1, -1):
            arrays[name] = kept + sign * h * v
            losses.append(self.kernel.forward(*self.arguments).loss)
        arrays[name] = kept
        expected = (losses[0] - losses[1]) / (2 * h)
        # rounding of the loss limits the difference, however small the gradient is
        scale = float(np.abs(gradient * v).sum()) + abs(losses[0]) * 1e-4
        return abs(float((gradient * v).sum()) - expected) / scale if scale else abs(expected)


def _entries(run: Evaluation, program: Program, name: str) -> Array:
    """All entries of a name in one last axis, after any directions."""
    v, a = program[name], run.value(name)
    own = len(v.axes) + 2
    return a.reshape((*a.shape[: a.ndim - own], -1)) if a.size else np.zeros((*a.shape[: a.ndim - own], 0))
