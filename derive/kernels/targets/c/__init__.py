"""The C target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from derive.kernels.build import Compiler
from derive.kernels.options import Options
from derive.kernels.targets.c.module import Module
from derive.kernels.targets.c.target import files, notes, printer

if TYPE_CHECKING:
    from derive.kernels.runtime import Kernel

__all__ = ["Module", "build", "files", "notes"]


def build(options: Options, using: Compiler | None = None, flags: Sequence[str] | None = None) -> Kernel:
    """The C kernel of a model, compiled and loaded.

    Raises:
        ToolError: there is no compiler, or it failed.
    """
    from derive.kernels.runtime import Kernel  # what is written needs no NumPy, what is called does
    from derive.kernels.targets.c.native import load

    module = Module(options)
    made = printer(module)
    schedules = {f.name: f.plan for f in made.functions}
    backend = load(module, made.files(), using, flags)
    return Kernel(options.normal, "c", options.dtype, made.files(), schedules, backend, options.fixed)
