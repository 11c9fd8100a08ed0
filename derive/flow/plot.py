"""The figure: norms against distance with the bound, singular values over time; legible in grey."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from derive.flow.flow import Curve, Flow
from derive.flow.words import ways
from derive.picture import LINES, drawing, grid

LEAST = 1e-12  # below it a norm is rounding


def draw(path: Path, found: Flow) -> None:
    """Write the figure.

    Raises:
        InputError: the file can not be written.
    """
    count = len(found.curves)
    with drawing(path, 11.0, 5.6) as figure:
        left, right = figure.subfigures(1, 2, width_ratios=(1.25, 1))
        axis = left.subplots()
        for curve, line in zip(found.curves, LINES * count, strict=False):
            _norms(axis, curve, line)
        _finish(axis, found)
        figure.legend(
            *axis.get_legend_handles_labels(), loc="outside lower left", ncols=min(count + 1, 6), frameon=False
        )
        panels = right.subplots(count, 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for panel, curve in zip(panels, found.curves, strict=True):
            _singular(panel, curve)
        start = "T" if found.backward else "{-1}"
        panels[0].set_title(
            f"singular values of {_derivative(found, start)}, the largest and the least in black", fontsize=9
        )
        panels[-1].set_xlabel("steps from the end, T − 1 − j" if found.backward else "step j")
        figure.suptitle(f"{found.program.title or found.program.name}: {ways(found)}")


def _derivative(found: Flow, start: str) -> str:
    """∂h_j/∂h_k, as matplotlib sets mathematics; names of cells are letters, digits and underscores."""
    names = [s if s.isalpha() and len(s) == 1 else rf"\mathrm{{{s.replace('_', chr(92) + '_')}}}" for s in found.states]
    state = names[0] if len(names) == 1 else f"({', '.join(names)})"
    return rf"$\partial {state}_j/\partial {state}_{start}$"


def label(curve: Curve) -> str:
    return "the weights given" if curve.radius is None else f"ρ = {curve.radius:g}"


def _norms(axis: Any, curve: Curve, line: tuple[str, Any, str]) -> None:
    marker, dashes, colour = line
    distances = sorted(curve.norms)
    middle = [np.median(curve.norms[d]) for d in distances]
    axis.fill_between(
        distances,
        [max(curve.norms[d].min(), LEAST) for d in distances],
        [max(curve.norms[d].max(), LEAST) for d in distances],
        color=colour, alpha=0.12, linewidth=0,
    )  # fmt: skip
    every = max(1, len(distances) // 8)
    axis.plot(distances, np.maximum(middle, LEAST), label=label(curve), linestyle=dashes, color=colour, linewidth=1.6,
              marker=marker, markevery=every, markersize=5, markerfacecolor="white")  # fmt: skip
    bound = [np.median(curve.bounds[d]) for d in distances]
    axis.plot(distances, np.maximum(bound, LEAST), linestyle=dashes, color=colour, linewidth=0.7, alpha=0.9)
    end = min(distances[-1], len(distances))
    axis.annotate(f"{curve.radius:g}" if curve.radius is not None else "", (end, max(bound[-1], LEAST)), xytext=(3, 0),
                  textcoords="offset points", fontsize=7, color=colour, va="center")  # fmt: skip


def _finish(axis: Any, found: Flow) -> None:
    axis.set_yscale("log")
    norms = [a for c in found.curves for a in c.norms.values()]
    lowest = min((float(a[a > 0].min()) for a in norms if (a > 0).any()), default=1.0)
    highest = max(float(a.max()) for a in norms)
    bounds = max(float(np.median(c.bounds[max(c.bounds)])) for c in found.curves)
    axis.set_ylim(max(lowest, LEAST) / 3, min(max(highest, bounds), max(highest, 1.0) * 1e4) * 3)
    axis.axhline(1.0, color="#808080", linewidth=0.8)
    axis.plot([], [], color="#404040", linewidth=0.7, label="thin: the bound")
    axis.set_xlabel("k − j" if found.backward else "j − k")
    axis.set_ylabel(rf"$\Vert$ {_derivative(found, 'k')} $\Vert$, median and range")
    grid(axis)


def _singular(panel: Any, curve: Curve) -> None:
    values = np.where(curve.singular > LEAST, curve.singular, np.nan)
    steps = np.arange(len(values))
    for i in range(values.shape[1]):
        edge = i in (0, values.shape[1] - 1)
        panel.plot(steps, values[:, i], color="#000000" if edge else "#909090", linewidth=1.3 if edge else 0.5)
    panel.set_yscale("log")
    panel.set_ylabel(label(curve), fontsize=8)
    panel.tick_params(labelsize=7)
    panel.minorticks_off()
    grid(panel)
