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
from derive.kernels.lowering.schedule import Schedule
from derive.kernels.options import DTYPES, check_sizes
from derive.program import Program, Variable

Arrays = Mapping[str, Any]
Sizes = Mapping[str, int]


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
    """One target's loaded code; sizes and arrays are checked already."""

    def call(self, function: str, sizes: Mapping[str, int], *groups: Arrays) -> Mapping[str, Any]:
        """Run forward, value_and_grad or vjp.

        Raises:
            InputError: a class is out of range.
        """

    def bind(
        self, function: str, sizes: Mapping[str, int], *groups: Arrays
    ) -> tuple[Mapping[str, Any], Callable[[], None]]:
        """The results' arrays, and what fills them from the arguments' current contents."""


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

    def value_and_grad(
        self, params: Arrays, inputs: Arrays, initial: Arrays | None = None, sizes: Sizes | None = None
    ) -> Result:
        """Total loss, outputs, final states and all gradients.

        Args:
            sizes: sizes that no array tells, as {"T": 20} for a model without inputs.

        Raises:
            InputError: an array is missing, unknown, or of the wrong shape or dtype; no loss.
        """
        self._needs_loss()
        groups, known = self._checked(params, inputs, initial, sizes)
        return Result(**self.backend.call("value_and_grad", known, *groups))

    def forward(
        self, params: Arrays, inputs: Arrays, initial: Arrays | None = None, sizes: Sizes | None = None
    ) -> Result:
        """Outputs, total loss and final states."""
        groups, known = self._checked(params, inputs, initial, sizes)
        return Result(**self.backend.call("forward", known, *groups))

    def vjp(
        self,
        params: Arrays,
        inputs: Arrays,
        initial: Arrays | None = None,
        cotangents: Arrays | None = None,
        final_cotangents: Arrays | None = None,
        sizes: Sizes | None = None,
    ) -> Result:
        """Gradients of ⟨cotangents, outputs⟩ + ⟨final_cotangents, final⟩ + cotangents["loss"]·loss.

        What is left out counts as 0, but for the loss, which counts as 1.
        """
        groups, known = self._checked(params, inputs, initial, sizes)
        bars = self._cotangents({} if cotangents is None else cotangents, known)
        finals = self._final_cotangents({} if final_cotangents is None else final_cotangents, known)
        return Result(**self.backend.call("vjp", known, *groups, bars, finals))

    def bind(
        self, params: Arrays, inputs: Arrays, initial: Arrays | None = None, sizes: Sizes | None = None
    ) -> Callable[[], Result]:
        """Check and allocate once; the function returned runs on the arrays' current contents.

        It is `value_and_grad` (`forward` for a model without a loss) and returns the same Result
        object each time.  Arrays must be C-contiguous, of the kernel's dtype, and int32 for classes.
        """
        groups, known = self._checked(params, inputs, initial, sizes)
        for name, a in ((n, a) for g in (params, inputs, initial or {}) for n, a in g.items()):
            if not isinstance(a, np.ndarray):  # a copy would never see new contents
                raise InputError(name, "an array of NumPy", type(a).__name__)
            if not a.flags.c_contiguous:
                raise InputError(name, "a C-contiguous array", f"strides {a.strides}")
            if a.dtype.kind in "iu" and a.dtype != np.int32:
                raise InputError(name, "int32 classes", str(a.dtype))
        function = "value_and_grad" if self.normal.total else "forward"
        fields, run = self.backend.bind(function, known, *groups)
        result = Result(**fields)
        run()

        def bound() -> Result:
            run()
            return result

        return bound

    # checks

    def _needs_loss(self) -> None:
        if not self.normal.total:
            raise InputError("loss", "a model with a loss", f"{self.normal.name}, which has none", "use vjp")

    def _checked(
        self, params: Arrays, inputs: Arrays, initial: Arrays | None, sizes: Sizes | None
    ) -> tuple[tuple[dict[str, Array], ...], dict[str, int]]:
        """The arrays by group, and every size."""
        normal = self.normal
        groups = (
            self._take("params", params, {v.name: (v, 1) for v in normal.roles("param")}),
            self._take("inputs", inputs, {v.name: (v, 1) for v in normal.roles("input", "target", "const")}),
            self._take("initial", {} if initial is None else initial, self._boundary()),
        )
        known = self._sizes(*groups, {} if sizes is None else sizes)
        for group in groups[:2]:
            for name, a in group.items():
                expected = interface_shape(normal[name], known, known["T"], known["B"])
                self._shape(name, a, expected, shape_words(normal[name]))
                if normal[name].onehot:
                    self._classes(name, a, known)
        for name, group_names in initial_groups(normal).items():
            expected = self._stacked(normal[group_names[0]], len(group_names), known)
            self._shape(name, groups[2][name], expected, shape_words(normal[group_names[0]], len(group_names)))
        trouble = slices_fit(normal, known)
        if trouble:
            raise InputError("sizes", "sizes that every slice fits", trouble)
        return groups, known

    def _stacked(self, v: Variable, lags: int, sizes: Mapping[str, int]) -> tuple[int, ...]:
        shape = interface_shape(v, sizes, sizes["T"], sizes["B"])
        return (lags, *shape) if lags > 1 else shape

    def _boundary(self) -> dict[str, tuple[Variable, int]]:
        """State → its nearest boundary value, and how many there are."""
        return {n: (self.normal[g[0]], len(g)) for n, g in initial_groups(self.normal).items()}

    def _take(self, group: str, arrays: Arrays, wanted: Mapping[str, tuple[Variable, int]]) -> dict[str, Array]:
        for name in _mapping(group, arrays):
            if name not in wanted:
                raise InputError(group, f"names out of {', '.join(wanted) or 'none'}", repr(name))
        taken = {}
        for name, (v, lags) in wanted.items():
            if name not in arrays:
                raise InputError(name, f"an array in {group}", "nothing", f"shape {shape_words(v, lags)}")
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

    def _sizes(self, params: Arrays, inputs: Arrays, initial: Arrays, given: Sizes) -> dict[str, int]:
        shapes = {n: a.shape for g in (params, inputs) for n, a in g.items()}
        for state, names in initial_groups(self.normal).items():
            shape = initial[state].shape
            if len(names) > 1:
                if not shape or shape[0] != len(names):
                    raise InputError(state, f"{len(names)} stacked boundary values, nearest first", f"shape {shape}")
                shape = shape[1:]
            shapes[names[0]] = shape
        named = check_sizes(self.normal, given)
        for name, value in named.items():
            if self.fixed.get(name, value) != value:
                raise InputError(name, f"{self.fixed[name]}, fixed when compiling", str(value))
        try:
            return infer_sizes(self.normal, shapes, {**self.fixed, **named})
        except InputError as error:  # a boundary value goes by its state's name
            owner = self.normal.variables.get(error.name)
            if owner is None or owner.role != "initial":
                raise
            raise InputError(owner.of, error.expected, error.got, error.help) from None

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
