"""Call a compiled C kernel through ctypes."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from derive.errors import InputError, ToolError
from derive.kernels import build
from derive.kernels.arrays import Array, interface_shape
from derive.kernels.checks import MOST_SHAPES
from derive.kernels.targets.c.function import Function
from derive.kernels.targets.c.interface import GIVES, TAKES
from derive.kernels.targets.c.module import Module
from derive.kernels.targets.c.words import STATUSES

Shapes = Mapping[str, Mapping[str, tuple[int, ...]]]
LINE = 64  # bytes of a cache line: vectors that lie across two take twice as long
NAMES = [name for name, _ in STATUSES]
CLASSES = np.dtype(np.int32)


class Prepared(NamedTuple):
    """What a function needs at some sizes, whatever the arrays: they are found once."""

    sizes: list[Any]  # none, or the one argument that tells them
    workspace: int  # bytes
    shapes: Shapes  # of the results, by group


class Frame(NamedTuple):
    """How the pointers of a call lie, struct behind struct."""

    read: list[tuple[str, str]]  # group and name of each array that a function reads
    filled: list[tuple[str, str]]  # and of each that it fills
    starts: list[int]  # of the structs, in bytes
    taken: int  # how many of them are read
    loss: bool


class Native:
    """The functions of a library, on NumPy arrays."""

    def __init__(self, module: Module, library: ctypes.CDLL):
        self.module, self.library = module, library
        self.dtype = np.dtype(module.options.dtype)
        self.structs = {s.name: s for s in module.structs}
        self.functions = {f.name: f for f in module.functions}
        self.known: dict[object, Prepared] = {}
        self.entries: dict[str, Any] = {}
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
            kind = CLASSES if a.dtype.kind in "iu" else self.dtype
            flags = a.flags
            if a.dtype is kind and flags.c_contiguous and flags.aligned:
                return a
            return np.require(a, kind, ["C_CONTIGUOUS", "ALIGNED"]).reshape(a.shape)

        return {name: made(a) for name, a in group.items()}

    def bind(
        self, function: str, sizes: Mapping[str, int], *groups: Mapping[str, Any], again: bool = False
    ) -> tuple[Mapping[str, Any], Callable[[], None]]:
        f = self.functions[function]
        prepared = self.prepared(function, sizes)
        results = self._results(f, prepared)
        given = dict(zip(GIVES, groups, strict=False))
        arguments, kept = self._arguments(function, prepared, given, results)
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
        if function not in self.entries:
            entry = self.entries[function] = getattr(self.library, f"{self.module.cell}_{function}")
            entry.restype = ctypes.c_int
        return self.entries[function]

    def _arguments(
        self,
        function: str,
        prepared: Prepared,
        given: Mapping[str, Mapping[str, Array]],
        results: Mapping[str, Any],
    ) -> tuple[list[Any], list[Any]]:
        """What the C function is called with, and what must live as long."""
        frame = self._frames[function]
        at = [_address(given[g][n]) if n in given.get(g, ()) else None for g, n in frame.read]
        at += [_address(results[g][n]) if n in results.get(g, ()) else None for g, n in frame.filled]
        pointers = (ctypes.c_void_p * len(at))(*at)
        structs = [ctypes.byref(pointers, start) for start in frame.starts]
        loss = [ctypes.c_void_p(_address(results["loss"]))] if frame.loss else []
        workspace = np.empty(prepared.workspace + LINE, np.uint8)
        room = [ctypes.c_void_p(-(-_address(workspace) // LINE) * LINE), ctypes.c_size_t(prepared.workspace)]
        taken, filled = structs[: frame.taken], structs[frame.taken :]
        return [*prepared.sizes, *taken, *loss, *filled, *room], [given, results, pointers, workspace]

    @cached_property
    def _frames(self) -> dict[str, Frame]:
        found = {}
        for function in self.functions:
            more = ("cotangents", "final_cotangents") if function == "vjp" else ()
            less = ("outputs", "final") if function == "forward" else tuple(TAKES)
            read = {g: name for g, name in GIVES.items() if g in ("params", "inputs", "initial", *more)}
            sides = [
                [(g, self.structs[name]) for g, name in side.items() if name in self.structs]
                for side in (read, {g: name for g, name in TAKES.items() if g in less})
            ]
            lengths = [len(struct.fields) for side in sides for _, struct in side]
            starts = [ctypes.sizeof(ctypes.c_void_p) * sum(lengths[:k]) for k in range(len(lengths))]
            names = [[(g, f.key) for g, struct in side for f in struct.fields] for side in sides]
            found[function] = Frame(names[0], names[1], starts, len(sides[0]), bool(self.module.options.normal.total))
        return found

    def prepared(self, function: str, sizes: Mapping[str, int]) -> Prepared:
        """What these sizes say, found once.

        Raises:
            InputError: no memory can hold the arrays of these sizes.
        """
        key = function, *sizes.items()
        found = self.known.get(key)
        if found is None:
            free = [s.key for s in self.module.free]
            told = [(ctypes.c_size_t * len(free))(*(sizes[k] for k in free))] if free else []
            count = int(self.workspace_bytes(*told))
            if not 0 < count < 2**62:
                raise InputError("sizes", "sizes whose arrays fit into memory", str(dict(sizes)))
            if len(self.known) >= MOST_SHAPES:
                self.known.clear()
            found = self.known[key] = Prepared(told, count, self._shapes(self.functions[function], sizes))
        return found

    def _results(self, f: Function, prepared: Prepared) -> dict[str, Any]:
        """Fresh arrays for everything that a function returns."""
        results: dict[str, Any] = {"loss": np.empty((), self.dtype)} if f.plan.entry.loss else {}
        for group, shapes in prepared.shapes.items():
            results[group] = {name: np.empty(shape, self.dtype) for name, shape in shapes.items()}
        return results

    def _shapes(self, f: Function, sizes: Mapping[str, int]) -> Shapes:
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


def _address(a: Array) -> int:
    """Where the elements of an array lie."""
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(a))  # type: ignore[arg-type]
    except (TypeError, ValueError):  # read-only, or empty: NumPy tells, which takes five times as long
        return int(a.ctypes.data)


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
