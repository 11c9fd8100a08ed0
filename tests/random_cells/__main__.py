"""Random cells, every way to their gradients held to one another; what disagrees is made small and kept.

python -m tests.random_cells [--count 300] [--first 0] [--jobs 2] [--log FILE] [--record]

A log makes the run resumable: seeds that are in it are not tried again.  Torch takes part where it is installed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import click

from derive.files import write_text
from tests.random_cells.choices import Choices, shrunk
from tests.random_cells.grammar import made_up
from tests.random_cells.oracles import HAS_TORCH, Outcome, examine, of_seed
from tests.records import record

KEPT = Path(__file__).parent / "kept"  # tests/test_random_cells.py tries them each time

TRIES = 60  # of simpler cells: a second or two for each
FRESH = 50  # cells until a process gives way to a new one, and its memory with it


class Line(NamedTuple):
    """What a log says of one cell; see `Outcome`."""

    seed: int
    verdict: str
    worst: float
    steps: int
    unchecked: int
    open: int


def smallest(seed: int, found: Outcome) -> str:
    """The smallest cell that is found to disagree in the same way."""
    kind = found.disagreements[0].split(":")[0]

    def fails(made: list[int]) -> bool:
        return any(d.startswith(kind) for d in examine(made_up(Choices(said=made)), seed).disagreements)

    choices = Choices(seed)
    made_up(choices)
    return made_up(Choices(said=shrunk(choices.made, fails, TRIES)), f"found_{seed}")


def lines(log: Path | None) -> Iterator[Line]:
    """What a log says already."""
    for line in log.read_text("utf-8").splitlines() if log is not None and log.exists() else ():
        seed, verdict, worst, steps, unchecked, open_ = line.split("\t")
        yield Line(int(seed), verdict, float(worst), int(steps), int(unchecked), int(open_))


def main(arguments: list[str]) -> int:
    """Try them all; 1 if any disagree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--record", action="store_true", help="put the figures into docs/reliability/runs.json")
    options = parser.parse_args(arguments)
    wanted = range(options.first, options.first + options.count)
    done = {line[0]: line for line in lines(options.log) if line[0] in wanted}
    before = len(done)
    started = time.monotonic()
    todo = [seed for seed in wanted if seed not in done]
    with get_context("spawn").Pool(options.jobs, maxtasksperchild=FRESH) as pool:
        runs = pool.imap_unordered(of_seed, todo)
        with click.progressbar(runs, length=len(todo), label="cells", file=sys.stderr) as bar:
            for seed, outcome in bar:
                done[seed] = _told(seed, outcome)
                if options.log is not None:
                    with options.log.open("a", encoding="utf-8") as log:
                        log.write("\t".join(map(str, done[seed])) + "\n")
    seconds = time.monotonic() - started
    found = list(done.values())
    bad = [line for line in found if line.verdict not in ("ok", "unsuited")]
    unsuited = sum(line.verdict == "unsuited" for line in found)
    worst = max((x.worst for x in found), default=0.0)
    click.echo(
        f"{len(found)} cells ({before} of them from the log): {len(bad)} disagree; kernels within {worst:.1e};"
        f" {unsuited} without a smooth point;"
        f" {sum(x.steps for x in found)} equations of derivations hold,"
        f" {sum(x.unchecked for x in found)} too large; {sum(x.open for x in found)} double sums too;"
        f" torch {'takes part' if HAS_TORCH else 'is not installed'}; {seconds:.0f} s"
    )
    if options.record:
        what = "random cells: interpreter, NumPy, C (two compilers, two branches), torch, finite field, differences"
        command = f"python -m tests.random_cells --count {options.count} --first {options.first}"
        record(what, command, len(found) - unsuited, len(bad), seconds)
    return bool(bad)


def _told(seed: int, found: Outcome) -> Line:
    """The line of the log; what disagrees is shown, made small and kept."""
    verdict = "; ".join(found.disagreements).replace("\t", " ").replace("\n", " ") or (
        "unsuited" if found.unsuited else "ok"
    )
    if found.disagreements:
        click.echo(f"\n{seed}: {verdict}", err=True)
        KEPT.mkdir(exist_ok=True)
        write_text(KEPT / f"seed_{seed}.cell", f"# {verdict[:200]}\n{smallest(seed, found)}")
    return Line(seed, verdict, found.worst, found.steps, found.unchecked, found.open)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
