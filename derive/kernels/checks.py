"""The arrays of a call: named, of the kernel's type, and of shapes that agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

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
from derive.kernels.options import DTYPES, check_sizes
from derive.program import Program, Variable

Arrays = Mapping[str, Any]
Sizes = Mapping[str, int]
Found = TypeVar("Found")
MOST_SHAPES = 256  # combinations of shapes that are remembered


@dataclass(frozen=True)
class Checker:
    """The checks of one kernel; shapes that were checked once are not checked again."""

    normal: Program
    dtype: str
    fixed: Sizes
    _seen: dict[object, Any] = field(default_factory=dict, repr=False, compare=False)

    def groups(
        self, params: Arrays, inputs: Arrays, initial: Arrays | None, sizes: Sizes | None
    ) -> tuple[tuple[dict[str, Array], ...], dict[str, int]]:
        """The arrays of params, inputs and initial, and every size.

        Raises:
            InputError: an array is missing, unknown, or of the wrong dtype or shape; a class is out of range.
        """
        wanted = self._wanted
        groups = (
            self._take("params", params, wanted["params"]),
            self._take("inputs", inputs, wanted["inputs"]),
            self._take("initial", {} if initial is None else initial, wanted["initial"]),
        )
        known = self._known(groups, sizes)
        for name in self._onehot:
            self._classes(name, groups[1][name], known)
        return groups, known

    def targeted(
        self, params: Arrays, inputs: Arrays, initial: Arrays | None, sizes: Sizes | None
    ) -> tuple[Arrays, bool]:
        """The inputs, and whether they had no target: then there are blank ones in them.

        Raises:
            InputError: without a target nothing tells a size.
        """
        targets = self.normal.roles("target")
        if not targets or any(v.name in _mapping("inputs", inputs) for v in targets):
            return inputs, False
        wanted = self._wanted
        others = {n: w for n, w in wanted["inputs"].items() if n not in {v.name for v in targets}}
        groups = (
            self._take("params", params, wanted["params"]),
            self._take("inputs", inputs, others),
            self._take("initial", {} if initial is None else initial, wanted["initial"]),
        )
        named = check_sizes(self.normal, {} if sizes is None else sizes)

        def blank() -> dict[str, tuple[int, ...]]:
            known = self._sizes(groups, named)
            return {v.name: interface_shape(v, known, known["T"], known["B"]) for v in targets}

        shapes = self._remembered(("blank", *_shapes(groups), *named.items()), blank)
        kinds = {v.name: np.int32 if v.onehot else self.dtype for v in targets}
        return {**inputs, **{n: np.zeros(shape, kinds[n]) for n, shape in shapes.items()}}, True

    @cached_property
    def _wanted(self) -> dict[str, dict[str, tuple[Variable, int]]]:
        """By group, name → variable (of a state, its nearest boundary value) and how many are stacked."""
        normal = self.normal
        return {
            "params": {v.name: (v, 1) for v in normal.roles("param")},
            "inputs": {v.name: (v, 1) for v in normal.roles("input", "target", "const")},
            "initial": {n: (normal[g[0]], len(g)) for n, g in initial_groups(normal).items()},
        }

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """(group, name, shape in words) of every array that a call takes."""
        for group, wanted in self._wanted.items():
            for name, (v, lags) in wanted.items():
                yield group, name, shape_words(v, lags) + (", classes" if v.onehot else "")

    @cached_property
    def _onehot(self) -> list[str]:
        return [v.name for v in self.normal.roles("input", "target", "const") if v.onehot]

    def _take(self, group: str, arrays: Arrays, wanted: Mapping[str, tuple[Variable, int]]) -> dict[str, Array]:
        if _mapping(group, arrays).keys() != wanted.keys():
            for name in arrays:
                if name not in wanted:
                    expected = f"names out of {', '.join(wanted) or 'none'}"
                    raise InputError(group, expected, repr(name), self._elsewhere(name))
        taken = {}
        for name, (v, lags) in wanted.items():
            if name not in arrays:
                raise InputError(name, f"an array in {group}", "nothing", f"shape {shape_words(v, lags)}")
            taken[name] = self._typed(name, arrays[name], v.onehot)
        return taken

    def _elsewhere(self, name: str) -> str:
        """Where a name belongs; "" if it is none of the model."""
        group = next((g for g, wanted in self._wanted.items() if name in wanted), "")
        if group:
            return f"{name} belongs to {group}"
        return f"{name} begins at zero, as its declaration says" if name in {v.name for v in self.normal.states} else ""

    def _typed(self, name: str, value: Any, onehot: bool = False) -> Array:
        a = _array(name, value)
        if onehot and a.dtype.kind not in "iu":
            raise InputError(name, "integer classes", str(a.dtype))
        if not onehot and a.dtype != self._kind:
            other = f", or compile with dtype={str(a.dtype)!r}" if str(a.dtype) in DTYPES else ""
            raise InputError(name, self.dtype, str(a.dtype), f"convert it{other}")
        return a

    # sizes and shapes

    @cached_property
    def _kind(self) -> np.dtype[Any]:
        return np.dtype(self.dtype)

    def _known(self, groups: tuple[dict[str, Array], ...], given: Sizes | None) -> dict[str, int]:
        named = {} if given is None else check_sizes(self.normal, given)
        return self._remembered((*_shapes(groups), *named.items()), lambda: self._fitting(groups, named))

    def _remembered(self, key: object, found: Callable[[], Found]) -> Found:
        """What hangs on some shapes, found once."""
        known: Found | None = self._seen.get(key)
        if known is None:
            known = found()
            if len(self._seen) >= MOST_SHAPES:
                self._seen.clear()
            self._seen[key] = known
        return known

    def _fitting(self, groups: tuple[dict[str, Array], ...], named: Sizes) -> dict[str, int]:
        """Every size, with which all shapes agree."""
        known = self._sizes(groups, named)
        for group, wanted in zip(groups, self._wanted.values(), strict=True):
            for name, a in group.items():
                v, lags = wanted[name]
                self._shape(name, a, _stacked(v, lags, known), shape_words(v, lags))
        trouble = slices_fit(self.normal, known)
        if trouble:
            raise InputError("sizes", "sizes that every slice fits", trouble)
        return known

    def _sizes(self, groups: tuple[dict[str, Array], ...], named: Sizes) -> dict[str, int]:
        shapes = {n: a.shape for g in groups[:2] for n, a in g.items()}
        for state, (v, lags) in self._wanted["initial"].items():
            shape = groups[2][state].shape
            if lags > 1:
                if not shape or shape[0] != lags:
                    raise InputError(state, f"{lags} stacked boundary values, nearest first", f"shape {shape}")
                shape = shape[1:]
            shapes[v.name] = shape
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

    def _shape(self, name: str, a: Array, expected: tuple[int, ...], words: str) -> None:
        if a.shape != expected:
            raise InputError(name, f"shape {expected} for {words}", str(a.shape))

    def _classes(self, name: str, a: Array, sizes: Sizes) -> None:
        count = size_value(self.normal[name].shape[0], sizes)
        if a.size and not (a.min() >= 0 and a.max() < count):
            raise InputError(name, f"classes in 0 … {count - 1}", f"{a.min()} … {a.max()}")

    # cotangents

    def cotangents(self, given: Arrays | None, sizes: Sizes) -> dict[str, Array]:
        """Those of the outputs, and of the loss."""
        wanted = {n: self.normal[n] for n in self.normal.outputs}
        names = [*wanted] + (["loss"] if self.normal.total else [])
        bars = {}
        for name, a in _mapping("cotangents", {} if given is None else given).items():
            if name not in names:
                raise InputError("cotangents", f"names out of {', '.join(names)}", repr(name))
            array = _number(name, a, self.dtype) if name == "loss" else self._typed(name, a)
            self._shape(name, array, _stacked(wanted[name], 1, sizes) if name in wanted else (), "the cotangent")
            bars[name] = array
        return bars

    @cached_property
    def _finals(self) -> dict[str, tuple[Variable, int]]:
        program, finals = with_finals(self.normal)
        return {state: (program[names[0]], len(names)) for state, names in finals.items()}

    def final_cotangents(self, given: Arrays | None, sizes: Sizes) -> dict[str, Array]:
        """Those of the final states."""
        bars = {}
        for name, a in _mapping("final_cotangents", {} if given is None else given).items():
            if name not in self._finals:
                raise InputError("final_cotangents", f"names out of {', '.join(self._finals) or 'none'}", repr(name))
            bars[name] = self._typed(name, a)
            self._shape(name, bars[name], _stacked(*self._finals[name], sizes), "the final state's cotangent")
        return bars


def _shapes(groups: Iterable[Mapping[str, Array]]) -> list[tuple[int, ...]]:
    return [a.shape for group in groups for a in group.values()]


def _stacked(v: Variable, lags: int, sizes: Sizes) -> tuple[int, ...]:
    shape = interface_shape(v, sizes, sizes["T"], sizes["B"])
    return (lags, *shape) if lags > 1 else shape


def _mapping(group: str, arrays: Arrays) -> Arrays:
    if type(arrays) is not dict and not isinstance(arrays, Mapping):  # the question for a Mapping is a slow one
        raise InputError(group, "a dictionary of arrays", type(arrays).__name__)
    return arrays


def _array(name: str, a: Any) -> Array:
    if type(a) is np.ndarray:
        return a
    if isinstance(a, np.ma.MaskedArray):
        raise InputError(name, "an array of numbers", "one with a mask, which would be ignored", "fill it")
    try:
        found = np.asarray(a)
    except (TypeError, ValueError, RuntimeError) as error:  # RuntimeError: a tensor that has a gradient
        raise InputError(name, "an array", f"{type(a).__name__} that is none ({error})") from error
    if found.dtype.kind == "O":
        raise InputError(name, "an array of numbers", type(a).__name__)
    return found


def _number(name: str, a: Any, dtype: str) -> Array:
    array = _array(name, a)
    if array.dtype.kind not in "fiu":
        raise InputError(name, "a number", repr(a))
    return array.astype(dtype)
