"""The header target: the C kernel as one file, with its code where <CELL>_IMPLEMENTATION is defined."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from derive.errors import InputError
from derive.kernels.options import Options
from derive.kernels.targets.c.module import Module
from derive.kernels.targets.c.target import printer
from derive.render import render

if TYPE_CHECKING:
    from derive.kernels.runtime import Kernel


def files(options: Options) -> dict[str, str]:
    """The header, and what CMake and pkg-config want to know of it."""
    module = _module(options)
    cell = module.cell
    header, source = (printer(module).files()[f"{cell}.{end}"] for end in "hc")
    code = re.sub(rf'^/\*.*?\*/\n#include "{cell}\.h"\n', "", source, count=1, flags=re.DOTALL)
    texts = {"header": header.rstrip(), "code": code.strip(), "macro": _bytes(module)}
    data = {"cell": cell, "real": module.real, "sizes": [s.code for s in module.free], **texts}
    names = {"header/single.h.j2": f"{cell}_single.h", "header/cmake.txt.j2": "CMakeLists.txt"}
    names["header/package.pc.j2"] = f"{cell}.pc.in"
    return {name: render(template, **data) for template, name in names.items()}


def _module(options: Options) -> Module:
    if options.segmented or options.threads > 1:
        name = "threads" if options.threads > 1 else "truncate" if options.truncate else "checkpoint"
        raise InputError(name, "none for the target header", repr(getattr(options, name)), "use the target c")
    return Module(options)


def _bytes(module: Module) -> str:
    """The bytes of a workspace as an expression of the preprocessor's, in the sizes that are not fixed."""
    text = ""
    for count in module.counts:
        terms = ""
        for sign, number, sizes in printer(module).terms(count):
            product = " * ".join([str(number), *(f"(size_t)({s})" for s in sizes)])
            terms += (" - " if sign == "subtract" else " + " if terms else "") + product
        text = f"({terms})" if not text else f"({text} > ({terms}) ? {text} : ({terms}))"
    return f"sizeof({module.real}) * {text or 1}"


def build(options: Options) -> Kernel:
    """The C kernel from its single header, compiled and loaded.

    Raises:
        ToolError: there is no compiler, or it failed.
    """
    from derive.kernels.runtime import Kernel  # what is written needs no NumPy, what is called does
    from derive.kernels.targets.c.native import load

    module = _module(options)
    texts = files(options)
    name = f"{module.cell}_single"
    unit = f'#define {module.cell.upper()}_IMPLEMENTATION\n#include "{name}.h"\n'
    backend = load(module, {f"{name}.h": texts[f"{name}.h"], f"{name}.c": unit})
    schedules = {f.name: f.plan for f in module.functions}
    return Kernel(options.normal, "header", options.dtype, texts, schedules, backend, options.fixed)


def notes(options: Options) -> Iterable[str]:
    """What the caller should know of the file."""
    cell = options.normal.name
    return [f"{cell}: define {cell.upper()}_IMPLEMENTATION in one source file, before it includes {cell}_single.h"]
