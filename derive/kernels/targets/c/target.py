"""The C target: which printer writes the files of a kernel, and what to know of them."""

from __future__ import annotations

from collections.abc import Iterable

from derive.kernels.options import Options
from derive.kernels.targets.c.module import Module
from derive.kernels.targets.c.printer import Printer
from derive.kernels.targets.c.rows import RowsPrinter
from derive.kernels.targets.c.segmented import SegmentedPrinter


def printer(module: Module) -> Printer:
    """What prints the files of a kernel."""
    if module.options.segmented:
        return SegmentedPrinter(module)
    return RowsPrinter(module) if module.options.threads > 1 else Printer(module)


def files(options: Options) -> dict[str, str]:
    """The generated files, by name."""
    return texts(Module(options))


def texts(module: Module) -> dict[str, str]:
    """The generated files of a kernel, by name."""
    return printer(module).files()


def notes(options: Options) -> Iterable[str]:
    """What the caller should know of the files."""
    module = Module(options)
    return [f"{module.cell}: a workspace has {printer(module).formula} bytes"]
