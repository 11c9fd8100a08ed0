"""Where a gradient is off: every entry's error against the complex step, as arrays and as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from derive.kernels.arrays import Array
from derive.kernels.entry import check_wrt
from derive.kernels.gradcheck import _Case, boundary_symbols, size_sets
from derive.kernels.report import Report
from derive.kernels.runtime import Kernel
from derive.picture import drawing

STEPS, SEQUENCES = 4, 3
LOWEST, HIGHEST = -20.0, -2.0  # of the scale, powers of ten; an error of 0 is at its lower end
ACROSS = 4  # panels


def error_maps(kernel: Kernel, seed: int = 0) -> dict[str, Array]:
    """dL/dname → |kernel − complex step| / max|complex step| of every entry, in the interface's shape."""
    normal = kernel.normal
    sizes = {**size_sets(normal, 1)[0], **{n: k for n, k in kernel.fixed.items() if n not in ("T", "B")}}
    steps, batch = kernel.fixed.get("T", STEPS), kernel.fixed.get("B", SEQUENCES)
    case = _Case(kernel, sizes, max(steps, normal.least_steps), batch, seed, check_wrt(normal, None))
    symbols = Report(normal.name, kernel.target, kernel.dtype, symbols=boundary_symbols(normal))
    return {symbols.symbol(name): _apart(mine, truth) for name, (mine, truth) in case.gradients().items()}


def _apart(mine: Array, truth: Array) -> Array:
    largest = np.abs(truth).max(initial=0.0)
    return np.abs(np.asarray(mine, dtype=np.float64) - truth) / (largest or 1.0)


def _powers(errors: Array) -> Array:
    """Powers of ten on the scale; what is no number is as dark as can be, not blank."""
    known = np.where(np.isfinite(errors), errors, 10.0**HIGHEST)
    return np.asarray(np.log10(np.clip(known, 10.0**LOWEST, 10.0**HIGHEST)))


def draw(path: Path, maps: Mapping[str, Array], title: str) -> None:
    """A panel for each gradient: light is exact, dark is off.

    Raises:
        InputError: the file can not be written.
    """
    across = min(ACROSS, max(1, len(maps)))
    down = -(-len(maps) // across)
    with drawing(path, 2.6 * across + 1.0, 2.2 * down + 0.6) as figure:
        axes = figure.subplots(down, across, squeeze=False)
        shown = None
        for axis in axes.ravel()[len(maps) :]:
            axis.axis("off")
        for axis, (name, errors) in zip(axes.ravel(), maps.items(), strict=False):
            flat = errors.reshape(-1, errors.shape[-1]) if errors.ndim > 1 else errors.reshape(1, -1)
            powers = _powers(flat)
            shown = axis.imshow(powers, cmap="Greys", vmin=LOWEST, vmax=HIGHEST, aspect="auto", interpolation="nearest")
            axis.set_title(f"{name} {list(errors.shape)}: at most {errors.max(initial=0.0):.1e}", fontsize=7)
            axis.set_xticks([])
            axis.set_yticks([])
        if shown is not None:
            bar = figure.colorbar(shown, ax=axes, shrink=0.8)
            bar.set_label("relative error, power of ten", fontsize=8)
            bar.ax.tick_params(labelsize=7)
        figure.suptitle(title, fontsize=10)
