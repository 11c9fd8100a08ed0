"""Run `derive bench` over the cells of the page and keep its JSON, a line for each cell and dtype.

`python -m benchmarks.run famous` and `python -m benchmarks.run others`, from the root of a checkout.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.kernels.random_cells import made_up

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
FAMOUS = ("elman", "lstm", "gru")
OTHERS = ("lstm_peephole", "indrnn", "gru", "stacked", "bidirectional", "tests/cells/layer_norm.cell")
RANDOM = 20  # random cells, as seeds 0 … 19
SIZES = {"famous": "nano;tiny;char;med;medl;large", "others": "nano;char;med"}
RANDOM_SIZES = "T=50,B=1,I=16,H=32,K=24,O=8;T=50,B=32,I=16,H=32,K=24,O=8"


def jobs(which: str, sizes: str) -> Iterator[tuple[str, str, str]]:
    """(cell, its text if it comes on standard input, sizes)."""
    for cell in FAMOUS if which == "famous" else OTHERS:
        yield cell, "", sizes or SIZES[which]
    for seed in range(RANDOM if which == "others" else 0):
        yield "-", made_up(seed), sizes or RANDOM_SIZES


def bench(cell: str, text: str, options: list[str]) -> tuple[dict[str, object] | None, int]:
    """The figures of one cell, and the exit status of `derive bench`."""
    command = [sys.executable, "-m", "derive", "bench", cell, "--json", *options]
    done = subprocess.run(command, cwd=ROOT, input=text.encode(), stdout=subprocess.PIPE, check=False)
    found = json.loads(done.stdout) if done.stdout else {}
    return (found if "cases" in found else None), done.returncode


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("which", choices=list(SIZES))
    parser.add_argument("--cells", default="", help="only these, separated by commas")
    parser.add_argument("--sizes", default="", help="instead of the usual sets of sizes")
    parser.add_argument("--dtypes", default="float32,float64")
    parser.add_argument("--peers", default="")
    parser.add_argument("--budget", default="5", help="seconds of timing for each set of sizes")
    parser.add_argument("--threads", default="1")
    parser.add_argument("-o", "--output", type=Path, help="benchmarks/results/WHICH.jsonl by default")
    chosen = parser.parse_args(arguments)
    output = chosen.output or RESULTS / f"{chosen.which}.jsonl"
    only, worst, lines = [c for c in chosen.cells.split(",") if c], 0, []
    for dtype in chosen.dtypes.split(","):
        for cell, text, sizes in jobs(chosen.which, chosen.sizes):
            if only and (cell not in only):
                continue
            options = ["--sizes", sizes, "--dtype", dtype, "--budget", chosen.budget, "--threads", chosen.threads]
            found, status = bench(cell, text, options + (["--peers", chosen.peers] if chosen.peers else []))
            worst = max(worst, status)
            if found is not None:
                lines.append(json.dumps(found, ensure_ascii=False))
            print(f"{cell if cell != '-' else text.split()[1]}, {dtype}: status {status}", flush=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
