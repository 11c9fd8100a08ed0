"""Write docs/benchmarks.md from the JSON lines in benchmarks/results: `python -m benchmarks.page`."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from derive.bench.machine import lines as machine_lines
from derive.bench.peers import PEERS
from derive.bench.report import duration

ROOT = Path(__file__).resolve().parents[1]
RESULTS, PAGE = ROOT / "benchmarks" / "results", ROOT / "docs" / "benchmarks.md"
LONG = 3.0  # seconds for a set of sizes; what took less is a short run
HEAD = """# Times beside PyTorch and JAX

<!-- written by `python -m benchmarks.page` from benchmarks/results: edit neither by hand -->

`derive bench CELL` times the loss and the gradients of all parameters of any cell: the C kernel and the NumPy kernel
of this project, and what a user would write instead, from the same equations: a loop over the steps in PyTorch
(`torch_loop`), the same loop through `torch.jit.script` (`torch_script`), and a `lax.scan` per recurrence through
`jax.jit` (`jax_scan`). Each is checked against the NumPy kernel in float64 before it is timed; all are timed in
turns in one process. A number in a peer's column is its median time over that of the C kernel, and in brackets what
the quartiles of both allow. They are ratios of one machine and one day, not promises: measure your own cell on your
own machine.

`of peak` is the C kernel's rate of operations in products over the multiply-add rate measured on the machine;
`over roofline` its time over what products at that rate, or the least traffic at the measured bandwidth, would take.

To run them again: `pip install -e '.[bench]'`, then see [benchmarks/README.md](../benchmarks/README.md).
"""
TITLES = {
    "famous": "## Elman's network, LSTM and GRU",
    "others": "## Other cells: most have no kernel in any library",
}


def main() -> int:
    PAGE.write_text(page(), "utf-8")
    return 0


def page() -> str:
    """The text of the page."""
    parts = [HEAD]
    for name, title in TITLES.items():
        path = RESULTS / f"{name}.jsonl"
        if path.is_file():
            runs = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
            parts.append("\n".join([title, "", *section(runs), ""]))
    return "\n".join(parts)


def section(runs: list[dict[str, Any]]) -> Iterator[str]:
    """The tables of one file: runs of one machine and day stand together, a table for each dtype."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        groups.setdefault(json.dumps([run["date"], run["machine"], run["budget_seconds"]], sort_keys=True), []).append(
            run
        )
    for group in groups.values():
        first = group[0]
        short = ", a short run" if first["budget_seconds"] < LONG else ""
        yield f"{first['date']}, {first['budget_seconds']:g} s for each set of sizes{short}:"
        yield from ["", "```", *machine_lines(first["machine"]), "```", ""]
        for dtype in dict.fromkeys(run["dtype"] for run in group):
            chosen = [run for run in group if run["dtype"] == dtype]
            yield from [f"### {dtype}", ""]
            yield from table([r for r in chosen if not r["cell"].startswith("random_")])
            yield from summary([r for r in chosen if r["cell"].startswith("random_")])


def table(runs: Iterable[dict[str, Any]]) -> Iterator[str]:
    """A line for each cell and set of sizes."""
    cases = [(run, case) for run in runs for case in run["cases"]]
    if not cases:
        return
    peers = [p for p in PEERS if p != "c" and any(timed(case, p) for _, case in cases)]
    yield f"| cell | sizes | C | {' | '.join(peers)} | of peak | over roofline |"
    yield "|---|---|" + "---:|" * (len(peers) + 3)
    for run, case in cases:
        c = timed(case, "c")
        label = f"{case['label']}: {', '.join(f'{n} {x}' for n, x in case['sizes'].items())}"
        figures = [duration(c["median_seconds"]) if c else "–", *(ratio(case, p) for p in peers)]
        roof, part = case["roofline_seconds"], c and c["part_of_peak"]
        figures += [f"{part:.1%}" if part else "–", f"{c['median_seconds'] / roof:.1f}" if c and roof else "–"]
        yield f"| {run['cell']} | {label} | {' | '.join(figures)} |"
    yield ""


def timed(case: dict[str, Any], peer: str) -> dict[str, Any] | None:
    return next((r for r in case["rows"] if r["peer"] == peer and "median_seconds" in r), None)


def ratio(case: dict[str, Any], peer: str) -> str:
    """A peer's time over that of C, and the least and most that the quartiles allow."""
    mine, c = timed(case, peer), timed(case, "c")
    if mine is None or c is None:
        return next((r["status"] for r in case["rows"] if r["peer"] == peer), "–")
    low, high = (mine["quartile_seconds"][n] / c["quartile_seconds"][1 - n] for n in (0, 1))
    return f"{digits(mine['median_seconds'] / c['median_seconds'])} ({digits(low)}–{digits(high)})"


def digits(x: float) -> str:
    return f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def summary(runs: list[dict[str, Any]]) -> Iterator[str]:
    """Random cells: the least, the median and the largest ratio."""
    if not runs:
        return
    yield f"{len(runs)} random cells (`tests/kernels/random_cells.py`): least, median and largest ratio."
    yield ""
    peers = [p for p in PEERS if p != "c" and any(timed(case, p) for run in runs for case in run["cases"])]
    yield f"| sizes | {' | '.join(peers)} |"
    yield "|---|" + "---:|" * len(peers)
    for label in dict.fromkeys(case["label"] for run in runs for case in run["cases"]):
        cases = [case for run in runs for case in run["cases"] if case["label"] == label]
        yield f"| {label} | {' | '.join(spread(cases, p) for p in peers)} |"
    yield ""


def spread(cases: list[dict[str, Any]], peer: str) -> str:
    pairs = [(timed(case, peer), timed(case, "c")) for case in cases]
    ratios = sorted(p["median_seconds"] / c["median_seconds"] for p, c in pairs if p and c)
    return " / ".join(digits(x) for x in (ratios[0], statistics.median(ratios), ratios[-1])) if ratios else "–"


if __name__ == "__main__":
    sys.exit(main())
