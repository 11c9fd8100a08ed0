"""Time against T, B and H, with the roofline of this machine; drawn by matplotlib, legible in grey."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from derive.bench.bench import Bench, Case
from derive.bench.limits import Limits
from derive.bench.sizes import SizeSet, size_sets
from derive.picture import LINES, drawing, grid
from derive.program import Program

BASE = "T=32,B=8,I=32,H=64,O=32"  # what the panels have in common, unless --sizes says so
FACTORS = (0.25, 0.5, 1, 2, 4)
STYLES = dict(
    zip(("c", "numpy", "torch_loop", "jax_scan", "torch_script", "torch_module", "jax_module"), LINES, strict=True)
)


def sweeps(program: Program, base: SizeSet | None) -> dict[str, list[SizeSet]]:
    """Letter → the sets of its panel: T, B and the first state's size, one changed at a time."""
    chosen = base or size_sets(program, [_known(program, BASE)])[0]
    state = next((n.name for v in program.states for n in v.shape if n.is_Symbol), "")
    panels = {}
    for letter in ("T", "B", *([state] if state else [])):
        centre = chosen.all[letter]
        least = max(1, program.least_steps) if letter == "T" else 1
        values = sorted({max(least, round(centre * f)) for f in FACTORS})
        panels[letter] = [chosen.changed(program, f"{letter}={n}", **{letter: n}) for n in values]
    return panels


def _known(program: Program, text: str) -> str:
    """The items of a set whose letters the model has."""
    names = {"T", "B", *(s.name for s in program.sizes)}
    return ",".join(item for item in text.split(",") if item.partition("=")[0] in names)


def draw(path: Path, panels: Mapping[str, Bench], limits: Limits | None) -> None:
    """Write the figure.

    Raises:
        InputError: the file can not be written.
    """
    with drawing(path, 4.0 * len(panels), 4.2) as figure:
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)
        for axis, (letter, bench) in zip(axes[0], panels.items(), strict=True):
            _panel(axis, letter, bench.cases, limits)
        if limits:
            _unreachable(axes[0], panels, limits)
        axes[0][0].set_ylabel("loss and gradients, seconds per call")
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(6, len(labels)), frameon=False)
        first = next(iter(panels.values()))
        threads = f", {limits.threads} thread{'s' * (limits.threads > 1)}" if limits else ""
        figure.suptitle(f"{first.name}, {first.dtype}{threads}")


def _panel(axis: Any, letter: str, cases: Sequence[Case], limits: Limits | None) -> None:
    numbers = [c.sizes.all[letter] for c in cases]
    for peer in dict.fromkeys(r.peer for c in cases for r in c.rows if r.times):
        points = [(n, r.times) for n, c in zip(numbers, cases, strict=True) if (r := c.row(peer)) and r.times]
        marker, dashes, colour = STYLES[peer]
        medians = [times.median for _, times in points]
        spread = [[t.median - t.low for _, t in points], [t.high - t.median for _, t in points]]
        axis.errorbar(
            [n for n, _ in points], medians, spread, label=peer, marker=marker, linestyle=dashes, color=colour,
            markersize=5, linewidth=1.4, elinewidth=0.8, markerfacecolor="white" if peer != "c" else colour,
        )  # fmt: skip
    if limits:
        roof = [limits.seconds(c.work) for c in cases]
        axis.plot(numbers, roof, color="#808080", linewidth=3, alpha=0.6, label="roofline", solid_capstyle="butt")
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.set_xticks(numbers, [str(n) for n in numbers])
    axis.minorticks_off()
    others = ", ".join(f"{n} = {x}" for n, x in cases[0].sizes.all.items() if n != letter)
    axis.set_xlabel(letter)
    axis.set_title(others, fontsize=9)
    grid(axis)


def _unreachable(axes: Any, panels: Mapping[str, Bench], limits: Limits) -> None:
    """Shade what no program reaches, down to the edge of the figure."""
    roofs = {letter: [limits.seconds(c.work) for c in bench.cases] for letter, bench in panels.items()}
    bottom = min(min(roof) for roof in roofs.values()) / 2
    axes[0].set_ylim(bottom=bottom)
    for axis, (letter, bench) in zip(axes, panels.items(), strict=True):
        numbers = [c.sizes.all[letter] for c in bench.cases]
        axis.fill_between(numbers, roofs[letter], bottom, color="#808080", alpha=0.12, linewidth=0)
