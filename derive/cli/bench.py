"""The verb for times: bench."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from derive.cli.commands import as_json, cli, force
from derive.cli.terminal import (
    FAILED,
    MISSING_TOOL,
    complete_cell,
    finish,
    load_cell,
    parse_names,
    print_json,
    warn,
    warn_of_compiler,
)
from derive.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from derive.bench.bench import Bench
    from derive.bench.limits import Limits
    from derive.bench.sizes import SizeSet
    from derive.model import Model


@cli.command()
@click.argument("cell", shell_complete=complete_cell)
@click.option("--sizes", multiple=True, metavar="SET;SET", help="Presets, or T=64,B=32,H=128; see above.")
@click.option("--dtype", default="float32", show_default=True, type=click.Choice(["float64", "float32"]))
@click.option(
    "--peers",
    default="",
    metavar="NAMES",
    help="c, numpy, torch_module, torch_loop, torch_script, jax_module, jax_scan; all by default.",
)
@click.option(
    "--budget", default=3.0, show_default=True, type=click.FloatRange(min=0, max=3600), metavar="SECONDS",
    help="Timing per set of sizes, shared by the peers.",
)  # fmt: skip
@click.option(
    "--threads",
    default=1,
    show_default=True,
    type=click.IntRange(1, 256),
    help="Of the C kernel, PyTorch, JAX and BLAS.",
)
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE.png", help="Draw time against T, B and H.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE.json", help="Write the figures as JSON.")
@force
@as_json
def bench(
    cell: str,
    sizes: tuple[str, ...],
    dtype: str,
    peers: str,
    budget: float,
    threads: int,
    plot: Path | None,
    output: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Time the kernels beside PyTorch and JAX, on the same work.

    \b
    derive bench lstm
    derive bench elman --sizes 'nano;tiny' --peers c,jax_scan --budget 1
    derive bench mine.cell --sizes T=64,B=32,H=128 --sizes large,B=1 --plot mine.png

    The work is the loss and the gradients of all parameters.  PyTorch and JAX, where they are installed (pip install
    'derive[bench]'), run programs written from the cell's own equations.  Everything is checked against the NumPy
    kernel in float64 before it is timed, and timed in turns in one process.  A set of sizes is a preset (nano, tiny,
    char, med, medl, large), NAME=NUMBER items, or both; what it leaves out is that of med.  A ratio is a peer's time
    over the C kernel's.

    Exit status: 1 if a peer disagrees with the kernel, 5 without a C compiler or a peer that --peers names.
    """
    from derive.bench.threads import limit_threads

    limit_threads(threads)  # before NumPy is loaded
    from derive.bench.bench import choose
    from derive.bench.plot import draw
    from derive.bench.sizes import size_sets
    from derive.files import check_ours
    from derive.picture import check_file

    names = parse_names(peers) or None
    choose(names)
    check_file(plot, force=force)
    check_ours(output, force)
    model = load_cell(cell)
    sets = size_sets(model.normal, sizes, {s.name for s in model.program.sizes} - {s.name for s in model.normal.sizes})
    run = Run(model, dtype, names, budget, threads)
    found = run.bench(sets)
    panels = run.panels(sets[0] if sizes else None) if plot is not None else {}
    run.report(found, panels, output, as_json)
    if plot is not None:
        draw(plot, panels, run.limits)
        click.echo(plot, err=as_json)
    finish(*run.statuses([found, *panels.values()]))


class Run:
    """One call of the verb: what is asked, and the limits of the machine, measured once."""

    def __init__(self, model: Model, dtype: str, peers: list[str] | None, budget: float, threads: int):
        from derive.bench.limits import measure
        from derive.bench.machine import busy, load
        from derive.bench.threads import limit_torch, pinned

        warn(model)
        warn_of_compiler()
        if crowded := busy(threads):
            click.echo(f"warning: {crowded}", err=True)
        self.load = load()
        self.model, self.dtype, self.peers, self.budget, self.threads = model, dtype, peers, budget, threads
        self.limits: Limits | None = None
        try:
            with pinned(threads), status() as step:
                step("measuring this machine")
                self.limits = measure(dtype, threads)
        except ToolError as error:
            click.echo(f"warning: no C kernel and no limits of the machine: {error}", err=True)
        if peers is None or any(p.startswith("torch") for p in peers):
            limit_torch(threads)

    def bench(self, sets: list[SizeSet]) -> Bench:
        from derive.bench.bench import bench
        from derive.bench.threads import pinned

        with pinned(self.threads), status() as step:
            return bench(self.model, sets, self.dtype, self.peers, self.budget, step, self.threads)

    def panels(self, base: SizeSet | None) -> dict[str, Bench]:
        """Letter → its sweep."""
        from derive.bench.plot import sweeps

        return {letter: self.bench(sets) for letter, sets in sweeps(self.model.normal, base).items()}

    def report(self, found: Bench, panels: dict[str, Bench], output: Path | None, as_json: bool) -> None:
        """Write and print the figures."""
        from derive.bench import machine
        from derive.files import write_text

        described = machine.describe(self.threads)
        date = datetime.now(UTC).date().isoformat()
        data = {"made_by": "derive"} | self.as_json(
            {"date": date, "machine": described, "load": self.load}, found, panels
        )
        if output is not None:
            write_text(output, json.dumps(data, indent=2, ensure_ascii=False) + "\n")
        if as_json:
            print_json(data)
        else:
            self.print(machine.lines(described), found)

    def as_json(self, header: dict[str, object], found: Bench, panels: dict[str, Bench]) -> dict[str, object]:
        from derive.bench.report import as_json

        limits = self.limits.as_json() if self.limits else None
        data = {**header, "limits": limits, "budget_seconds": self.budget, **as_json(found, self.limits)}
        if panels:
            data["sweeps"] = {letter: as_json(b, self.limits)["cases"] for letter, b in panels.items()}
        return data

    def print(self, header: Iterable[str], found: Bench) -> None:
        from rich.console import Console
        from rich.table import Table

        from derive.bench.report import HEADINGS, cells, notes, title

        console = Console(width=None if sys.stdout.isatty() else 100, highlight=False)
        for line in header:
            click.echo(line)
        if self.limits:
            rate = self.limits.threads * self.limits.flops / 1e9
            read = ", ".join(f"{b / 1e9:.0f} GB/s from {n >> 10:,} KiB" for n, b in self.limits.bandwidth)
            click.echo(f"measured: {rate:.0f} GFLOP/s in {self.dtype}; reading {read}")
        for case in found.cases:
            table = Table()
            for n, heading in enumerate(HEADINGS):
                table.add_column(heading, justify="left" if n == 0 else "right", no_wrap=True)
            for row in case.rows:
                table.add_row(*cells(found, case, row, self.limits))
            click.echo(f"\n{title(found, case, self.limits)}")
            console.print(table)
        for line in notes(found):
            click.echo(line, err=True)

    def statuses(self, runs: list[Bench]) -> list[int]:
        """1 for a peer that is wrong, 5 for a compiler or a named peer that is missing."""
        wrong = [FAILED for b in runs if b.rows("wrong")]
        needed = {"c", *(self.peers or ())} & set(self.peers or ["c"])
        missing = [MISSING_TOOL for b in runs for r in b.rows("missing") if r.peer in needed]
        return [*wrong, *missing]


@contextmanager
def status() -> Iterator[Callable[[str], None]]:
    """What is being done, on standard error: one line that changes on a terminal, else a line each."""
    if not sys.stderr.isatty():
        yield lambda what: click.echo(what, err=True)
        return
    from rich.console import Console

    with Console(stderr=True).status("") as spinner:
        yield spinner.update
