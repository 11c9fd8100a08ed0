"""The C target."""

from __future__ import annotations

from collections.abc import Sequence

from derive.kernels.build import Compiler
from derive.kernels.options import Options
from derive.kernels.runtime import Kernel
from derive.kernels.targets.c.module import Module
from derive.kernels.targets.c.native import load
from derive.kernels.targets.c.target import files, notes, texts

__all__ = ["Module", "build", "files", "notes"]


def build(options: Options, using: Compiler | None = None, flags: Sequence[str] | None = None) -> Kernel:
    """The C kernel of a model, compiled and loaded.

    Raises:
        ToolError: there is no compiler, or it failed.
    """
    module = Module(options)
    schedules = {f.name: f.plan for f in module.functions}
    backend = load(module, using, flags)
    return Kernel(options.normal, "c", options.dtype, texts(module), schedules, backend, options.fixed)
