"""Arrays to time on: weights of the size that networks start with, inputs that suit the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from derive.bench.sizes import SizeSet
from derive.errors import UnsupportedError
from derive.kernels.arrays import Array, component_shape, initial_groups, interface_shape, size_value, stack_lags
from derive.kernels.runtime import Kernel
from derive.kernels.samples import suited
from derive.program import Program, Variable

TRIES = 6


@dataclass(frozen=True)
class Truth:
    """The loss and the gradients of the parameters, in float64."""

    loss: float
    grads: Mapping[str, Array]


@dataclass(frozen=True)
class Data:
    """Arrays by program name, in the layout of the interface, and in the kernel's groups.

    Attributes:
        arrays: every given name; classes are int32 [T, B] or [B].
    """

    normal: Program
    sizes: SizeSet
    arrays: Mapping[str, Array]

    @property
    def groups(self) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array], dict[str, int]]:
        """params, inputs, initial, sizes: what a kernel is called with."""
        params = {v.name: self.arrays[v.name] for v in self.normal.parameters}
        inputs = {v.name: self.arrays[v.name] for v in self.normal.roles("input", "target", "const")}
        initial = {n: stack_lags([self.arrays[i] for i in g]) for n, g in initial_groups(self.normal).items()}
        return params, inputs, initial, self.sizes.all

    def exact(self) -> Data:
        """The same numbers in float64."""
        wide = {n: a if a.dtype.kind == "i" else a.astype(np.float64) for n, a in self.arrays.items()}
        return Data(self.normal, self.sizes, wide)


def draw(reference: Kernel, sizes: SizeSet, dtype: str, seed: int = 0) -> tuple[Data, Truth]:
    """Arrays on which loss and gradients are finite, and these, from a kernel in float64.

    Raises:
        UnsupportedError: no such arrays were found.
    """
    for attempt in range(TRIES):
        arrays = dict(_arrays(reference.normal, sizes, dtype, np.random.default_rng([seed, attempt]), attempt))
        data = Data(reference.normal, sizes, arrays)
        with np.errstate(all="ignore"):
            result = reference.value_and_grad(*data.exact().groups)
        truth = Truth(float(result.loss), result.grads)
        if np.isfinite(truth.loss) and all(np.isfinite(g).all() for g in truth.grads.values()):
            return data, truth
    raise UnsupportedError(f"no random inputs suit {reference.normal.name} at {sizes}: loss or gradients overflow")


def _arrays(
    program: Program, sizes: SizeSet, dtype: str, rng: np.random.Generator, attempt: int
) -> Iterator[tuple[str, Array]]:
    for v in program.variables.values():
        if not v.given:
            continue
        shape = interface_shape(v, sizes.sizes, sizes.steps, sizes.batch)
        if v.onehot:
            yield v.name, rng.integers(size_value(v.shape[0], sizes.sizes), size=shape, dtype=np.int32)
            continue
        a = rng.normal(scale=_scale(v, sizes) / 2 ** (attempt // 2), size=shape)
        if v.role == "target" or attempt % 2:  # logarithms and roots need positive numbers
            a = np.abs(a) + 0.1
        inner = component_shape(v, sizes.sizes)
        canonical = a.reshape(*shape[: len(shape) - len(inner)], *(*inner, 1, 1)[:2])
        if v.role == "target":  # inside (0, 1): fit for any loss
            canonical = canonical / (canonical.sum(axis=-2, keepdims=True) + 0.3)
        yield v.name, suited(program, v, canonical).reshape(shape).astype(dtype)


def _scale(v: Variable, sizes: SizeSet) -> float:
    """1/√n for a weight that takes n numbers, so that recurrences neither die nor blow up."""
    if v.role not in ("param", "const"):
        return 0.5
    return float(min(0.5, 0.8 / np.sqrt(size_value(v.shape[1], sizes.sizes)))) if v.shape[1] != 1 else 0.3
