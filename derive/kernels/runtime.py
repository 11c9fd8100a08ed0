"""What a user calls: checked arrays in, fresh arrays out, the same for every target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from derive.errors import InputError
from derive.kernels.arrays import (
    Array,
    infer_sizes,
    initial_groups,
    interface_shape,
    shape_words,
    size_value,
    slices_fit,
)
from derive.kernels.entry import with_finals
from derive.kernels.options import DTYPES
from derive.kernels.schedule import Schedule
from derive.program import Program, Variable

Arrays = Mapping[str, Any]


@dataclass(frozen=True)
class Result:
    """What a call returns; a field that the call does not compute is empty.

    Attributes:
        loss: the total loss, summed over steps and sequences; None for a model without one.
        outputs: name → [T, B, …].
        final: state → [B, …], or [lags, B, …].
        grads: parameter → its gradient, in the parameter's shape.
        inputs: input → its gradient.
        initial: state → the gradient of its boundary values.
    """

    loss: Any = None
    outputs: dict[str, Array] = field(default_factory=dict)
    final: dict[str, Array] = field(default_factory=dict)
    grads: dict[str, Array] = field(default_factory=dict)
    inputs: dict[str, Array] = field(default_factory=dict)
    initial: dict[str, Array] = field(default_factory=dict)

    def groups(self) -> dict[str, dict[str, Array]]:
        return {k: v for k, v in vars(self).items() if k != "loss"}


class Backend(Protocol):
    """One target's loaded code; the arrays are checked already."""

    def call(self, function: str, *groups: Arrays) -> Mapping[str, Any]:
        """Run forward, value_and_grad or vjp."""


@dataclass(frozen=True)
class Kernel:
    """A compiled model.

    Attributes:
        source: the generated text; `files` has it by file name.
        schedules: function name → what it does in which order (`print(kernel.schedule)`).
    """

    normal: Program
    target: str
    dtype: str
    files: Mapping[str, str]
    schedules: Mapping[str, Schedule]
    backend: Backend
    fixed: Mapping[str, int] = field(default_factory=dict)

    @property
    def source(self) -> str:
        return "\n".join(self.files.values())

    @property
    def schedule(self) -> Schedule:
        """That of `value_and_grad`, or of `vjp` for a model without a loss."""
        return self.schedules.get("value_and_grad") or self.schedules["vjp"]

    def value_and_grad(self, params: Arrays, inputs: Arrays, initial: Arrays | None = None) -> Result:
        """Total loss, outputs, final states and all gradients.

        Raises:
            InputError: an array is missing, unknown, or of the wrong shape or dtype; no loss.
        """
        self._needs_loss()
        return self._run("value_and_grad", *self._checked(params, inputs, initial))

    def forward(self, params: Arrays, inputs: Arrays, initial: Arrays | None = None) -> Result:
        """Outputs, total loss and final states."""
        return self._run("forward", *self._checked(params, inputs, initial))

    def vjp(
        self,
        params: Arrays,
        inputs: Arrays,
        initial: Arrays | None = None,
        cotangents: Arrays | None = None,
        final_cotangents: Arrays | None = None,
    ) -> Result:
        """Gradients of ⟨cotangents, outputs⟩ + ⟨final_cotangents, final⟩ + cotangents["loss"]·loss.

        What is left out counts as 0, but for the loss, which counts as 1.
        """
        groups = self._checked(params, inputs, initial)
        sizes = self._sizes(*groups)
        bars = self._cotangents(cotangents or {}, sizes)
        finals = self._final_cotangents(final_cotangents or {}, sizes)
        return self._run("vjp", *groups, bars, finals)

    def bind(self, params: Arrays, inputs: Arrays, initial: Arrays | None = None) -> Callable[[], Result]:
        """Check and allocate once; the function returned runs on the arrays' current contents.

        It is `value_and_grad` (`forward` for a model without a loss) and returns the same Result
        object each time.  Arrays must be C-contiguous, of the kernel's dtype, and int32 for classes.
        """
        groups = self._checked(params, inputs, initial)
        for name, a in ((n, a) for g in groups for n, a in g.items()):
            if not a.flags.c_contiguous:
                raise InputError(name, "a C-contiguous array", f"strides {a.strides}")
            if a.dtype.kind in "iu" and a.dtype != np.int32:
                raise InputError(name, "int32 classes", str(a.dtype))
        function = "value_and_grad" if self.normal.total else "forward"
        result = self._run(function, *groups)
        box = [result]

        def run() -> Result:
            fresh = self._run(function, *groups)
            for kept, new in zip(result.groups().values(), fresh.groups().values(), strict=True):
                for name, a in new.items():
                    kept[name][...] = a
            object.__setattr__(box[0], "loss", fresh.loss)
            return box[0]

        return run

    # checks

    def _needs_loss(self) -> None:
        if not self.normal.total:
            raise InputError("loss", "a model with a loss", f"{self.normal.name}, which has none", "use vjp")

    def _run(self, function: str, *groups: Arrays) -> Result:
        return Result(**self.backend.call(function, *groups))

    def _checked(self, params: Arrays, inputs: Arrays, initial: Arrays | None) -> tuple[dict[str, Array], ...]:
        normal = self.normal
        groups = (
            self._take("params", params, {v.name: v for v in normal.roles("param")}),
            self._take("inputs", inputs, {v.name: v for v in normal.roles("input", "target", "const")}),
            self._take("initial", initial or {}, {n: normal[n] for n in initial_groups(normal)}),
        )
        sizes = self._sizes(*groups)
        for group in groups[:2]:
            for name, a in group.items():
                expected = interface_shape(normal[name], sizes, sizes["T"], sizes["B"])
                self._shape(name, a, expected, shape_words(normal[name]))
                if normal[name].onehot:
                    self._classes(name, a, sizes)
        for name, group_names in initial_groups(normal).items():
            expected = self._stacked(normal[group_names[0]], len(group_names), sizes)
            self._shape(name, groups[2][name], expected, "the boundary values")
        trouble = slices_fit(normal, sizes)
        if trouble:
            raise InputError("sizes", "sizes that every slice fits", trouble)
        return groups

    def _stacked(self, v: Variable, lags: int, sizes: Mapping[str, int]) -> tuple[int, ...]:
        shape = interface_shape(v, sizes, sizes["T"], sizes["B"])
        return (lags, *shape) if lags > 1 else shape

    def _take(self, group: str, arrays: Arrays, wanted: Mapping[str, Variable]) -> dict[str, Array]:
        for name in _mapping(group, arrays):
            if name not in wanted:
                raise InputError(group, f"names out of {', '.join(wanted) or 'none'}", repr(name))
        taken = {}
        for name, v in wanted.items():
            if name not in arrays:
                raise InputError(name, f"an array in {group}", "nothing", f"shape {shape_words(v)}")
            taken[name] = self._dtype(name, _array(name, arrays[name]), v.onehot)
        return taken

    def _dtype(self, name: str, a: Array, onehot: bool = False) -> Array:
        if onehot and a.dtype.kind not in "iu":
            raise InputError(name, "integer classes", str(a.dtype))
        if not onehot and a.dtype != np.dtype(self.dtype):
            other = f", or compile with dtype={str(a.dtype)!r}" if str(a.dtype) in DTYPES else ""
            raise InputError(name, self.dtype, str(a.dtype), f"convert it{other}")
        return a

    def _shape(self, name: str, a: Array, expected: tuple[int, ...], words: str) -> None:
        if a.shape != expected:
            raise InputError(name, f"shape {expected} for {words}", str(a.shape))

    def _classes(self, name: str, a: Array, sizes: Mapping[str, int]) -> None:
        count = size_value(self.normal[name].shape[0], sizes)
        if a.size and not (a.min() >= 0 and a.max() < count):
            raise InputError(name, f"classes in 0 … {count - 1}", f"{a.min()} … {a.max()}")

    def _sizes(self, params: Arrays, inputs: Arrays, initial: Arrays) -> dict[str, int]:
        shapes = {n: a.shape for g in (params, inputs) for n, a in g.items()}
        for state, names in initial_groups(self.normal).items():
            shape = initial[state].shape
            if len(names) > 1:
                if not shape or shape[0] != len(names):
                    raise InputError(state, f"{len(names)} stacked boundary values, nearest first", f"shape {shape}")
                shape = shape[1:]
            shapes[names[0]] = shape
        return infer_sizes(self.normal, shapes, self.fixed)

    def _cotangents(self, given: Arrays, sizes: Mapping[str, int]) -> dict[str, Array]:
        wanted = {n: self.normal[n] for n in self.normal.outputs}
        names = [*wanted] + (["loss"] if self.normal.total else [])
        bars = {}
        for name, a in _mapping("cotangents", given).items():
            if name not in names:
                raise InputError("cotangents", f"names out of {', '.join(names)}", repr(name))
            expected = interface_shape(wanted[name], sizes, sizes["T"], sizes["B"]) if name in wanted else ()
            array = _number(name, a, self.dtype) if name == "loss" else self._dtype(name, _array(name, a))
            self._shape(name, array, expected, "the cotangent")
            bars[name] = array
        return bars

    def _final_cotangents(self, given: Arrays, sizes: Mapping[str, int]) -> dict[str, Array]:
        finals = with_finals(self.normal)[1]
        bars = {}
        for name, a in _mapping("final_cotangents", given).items():
            if name not in finals:
                raise InputError("final_cotangents", f"names out of {', '.join(finals) or 'none'}", repr(name))
            array = self._dtype(name, _array(name, a))
            lead = (len(finals[name]),) if len(finals[name]) > 1 else ()
            batch = (sizes["B"],)
            component = interface_shape(self.normal[name], sizes, 0, sizes["B"])[2:]
            self._shape(name, array, lead + batch + component, "the final state's cotangent")
            bars[name] = array
        return bars


def _mapping(group: str, arrays: Arrays) -> Arrays:
    if not isinstance(arrays, Mapping):
        raise InputError(group, "a dictionary of arrays", type(arrays).__name__)
    return arrays


def _array(name: str, a: Any) -> Array:
    try:
        return np.asarray(a)
    except (TypeError, ValueError) as error:
        raise InputError(name, "an array", f"{type(a).__name__} that is none ({error})") from error


def _number(name: str, a: Any, dtype: str) -> Array:
    array = _array(name, a)
    if array.dtype.kind not in "fiu":
        raise InputError(name, "a number", repr(a))
    return array.astype(dtype)
