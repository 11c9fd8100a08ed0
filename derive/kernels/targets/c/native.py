"""Call a compiled C kernel through ctypes."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from derive.errors import InputError, ToolError
from derive.kernels import build
from derive.kernels.arrays import Array, interface_shape
from derive.kernels.checks import MOST_SHAPES
from derive.kernels.targets.c.function import Function
from derive.kernels.targets.c.interface import GIVES, TAKES, Struct
from derive.kernels.targets.c.module import Module
from derive.kernels.targets.c.words import STATUSES

LINE = 64  # bytes of a cache line: vectors that lie across two take twice as long
NAMES = [name for name, _ in STATUSES]


class Native:
    """The functions of a library, on NumPy arrays."""

    def __init__(self, module: Module, library: ctypes.CDLL):
        self.module, self.library = module, library
        self.dtype = np.dtype(module.options.dtype)
        self.structs = {s.name: s for s in module.structs}
        self.functions = {f.name: f for f in module.functions}
        self.shapes: dict[object, dict[str, dict[str, tuple[int, ...]]]] = {}
        self.workspace_bytes = getattr(library, f"{module.cell}_workspace_bytes")
        self.workspace_bytes.restype = ctypes.c_size_t

    def call(self, function: str, sizes: Mapping[str, int], *groups: Mapping[str, Any]) -> Mapping[str, Any]:
        fields, run = self.bind(function, sizes, *map(self._contiguous, groups))
        run()
        if "loss" in fields:
            fields = {**fields, "loss": fields["loss"][()]}
        return fields

    def _contiguous(self, group: Mapping[str, Any]) -> dict[str, Array]:
        """The arrays as C wants them; classes as int32, whatever integers they are."""

        def made(a: Any) -> Array:
            a = np.asarray(a)
            kind = np.dtype(np.int32) if a.dtype.kind in "iu" else self.dtype
            return np.require(a, kind, ["C_CONTIGUOUS", "ALIGNED"]).reshape(a.shape)

        return {name: made(a) for name, a in group.items()}

    def bind(
        self, function: str, sizes: Mapping[str, int], *groups: Mapping[str, Any], again: bool = False
    ) -> tuple[Mapping[str, Any], Callable[[], None]]:
        f = self.functions[function]
        count = self._workspace_count(sizes)
        results = self._results(f, sizes)
        given = dict(zip(GIVES, groups, strict=False))
        arguments, kept = self._arguments(function, sizes, given, results, count)
        entries = [self._entry(function)]
        if again and f.again:
            entries.append(self._entry(f"{function}_again"))

        def run(_kept: object = kept) -> None:
            status = entries[0](*arguments)
            if status:
                raise _error(status, self.module.cell)
            entries[:] = entries[-1:]  # from the second call on

        return results, run

    def _entry(self, function: str) -> Any:
        entry = getattr(self.library, f"{self.module.cell}_{function}")
        entry.restype = ctypes.c_int
        return entry

    def _arguments(
        self,
        function: str,
        sizes: Mapping[str, int],
        given: Mapping[str, Mapping[str, Array]],
        results: Mapping[str, Any],
        count: int,
    ) -> tuple[list[Any], list[Any]]:
        """What the C function is called with, and what must live as long."""
        arguments: list[Any] = []
        kept: list[Any] = [given, results]

        def add(value: Any) -> None:
            arguments.append(ctypes.byref(value))
            kept.append(value)

        if self.module.free:
            add(self._sizes(sizes))
        taken = {"params", "inputs", "initial"} | ({"cotangents", "final_cotangents"} if function == "vjp" else set())
        for group, name in GIVES.items():
            if group in taken and name in self.structs:
                add(self._struct(self.structs[name], given.get(group, {})))
        if self.module.options.normal.total:
            arguments.append(ctypes.c_void_p(results["loss"].ctypes.data))
        for group, name in TAKES.items():
            if name in self.structs and (function != "forward" or group in ("outputs", "final")):
                add(self._struct(self.structs[name], results.get(group, {})))
        workspace = np.empty(count + LINE, np.uint8)
        kept.append(workspace)
        arguments += [ctypes.c_void_p(-(-workspace.ctypes.data // LINE) * LINE), ctypes.c_size_t(count)]
        return arguments, kept

    def _sizes(self, sizes: Mapping[str, int]) -> Any:
        free = [s.key for s in self.module.free]
        return (ctypes.c_size_t * len(free))(*(sizes[k] for k in free))

    def _workspace_count(self, sizes: Mapping[str, int]) -> int:
        """The bytes of a workspace.

        Raises:
            InputError: no memory can hold the arrays of these sizes.
        """
        count = int(self.workspace_bytes(*([ctypes.byref(self._sizes(sizes))] if self.module.free else [])))
        if not 0 < count < 2**62:
            raise InputError("sizes", "sizes whose arrays fit into memory", str(dict(sizes)))
        return count

    def _struct(self, struct: Struct, arrays: Mapping[str, Array]) -> Any:
        """The struct of pointers; NULL for what is left out."""
        pointers = [arrays[f.key].ctypes.data if f.key in arrays else None for f in struct.fields]
        return (ctypes.c_void_p * len(pointers))(*pointers)

    def _results(self, f: Function, sizes: Mapping[str, int]) -> dict[str, Any]:
        """Fresh arrays for everything that a function returns."""
        key = f.name, tuple(sizes.items())
        if key not in self.shapes:
            if len(self.shapes) >= MOST_SHAPES:
                self.shapes.clear()
            self.shapes[key] = self._shapes(f, sizes)
        results: dict[str, Any] = {"loss": np.empty((), self.dtype)} if f.plan.entry.loss else {}
        for group, shapes in self.shapes[key].items():
            results[group] = {name: np.empty(shape, self.dtype) for name, shape in shapes.items()}
        return results

    def _shapes(self, f: Function, sizes: Mapping[str, int]) -> dict[str, dict[str, tuple[int, ...]]]:
        """The shapes of all results, by group."""
        entry = f.plan.entry

        def shape(names: Sequence[str]) -> tuple[int, ...]:
            one = interface_shape(entry.program[names[0]], sizes, sizes["T"], sizes["B"])
            return (len(names), *one) if len(names) > 1 else one

        found = {
            group: {key: shape([name]) for key, name in getattr(entry, group).items()}
            for group in ("outputs", "grads", "inputs")
        }
        found |= {
            group: {key: shape(names) for key, names in getattr(entry, group).items()} for group in ("initial", "final")
        }
        return {group: shapes for group, shapes in found.items() if shapes}


def _error(status: int, cell: str) -> Exception:
    if NAMES[status] == "class_out_of_range":
        return InputError("inputs", "classes in range", "a class index that is out of range")
    return RuntimeError(f"{cell}: {NAMES[status]}")  # the arguments were checked: a bug of ours


def load(
    module: Module,
    files: Mapping[str, str],
    using: build.Compiler | None = None,
    flags: Sequence[str] | None = None,
) -> Native:
    """Compile and load the files of a kernel.

    Raises:
        ToolError: there is no compiler, it failed, or it has no OpenMP and the kernel has threads.
    """
    threads = module.options.threads
    if threads == 1 or flags is not None:
        return Native(module, build.library(files, using, flags))
    using = using or build.compiler()
    try:
        return Native(module, build.library(files, using, build.default_flags(threads)))
    except ToolError as error:
        if build.has_openmp(using):
            raise
        raise ToolError(f"{using.name} has no OpenMP, which threads={threads} needs: {build.OPENMP_HELP}") from error
