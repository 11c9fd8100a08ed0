"""What the verbs share: reading cells and options, printing, exit statuses."""

from __future__ import annotations

import glob
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from derive.errors import CellError, CheckError, DeriveError, Diagnostic, InputError, ToolError

if TYPE_CHECKING:
    from derive.kernels.report import Report
    from derive.model import Model
    from derive.model.work import Outcome
    from derive.proof.derivation import DerivationProof

FORMATS = ("tex", "html", "pdf")
FAILED, BAD_INPUT, MISSING_TOOL, BUG = 1, 2, 5, 70


def complete_cell(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Names of the catalogue, found without SymPy, and files of cells with the folders that may have some.

    A shell that is told to look for files itself forgets the names.
    """
    names = (p.name for p in resources.files("derive.cells").iterdir())
    found = sorted(n.removesuffix(".cell") for n in names if n.endswith(".cell"))
    here = sorted(glob.glob(f"{glob.escape(begun)}*"))
    files = [f"{p}/" if Path(p).is_dir() else p for p in here if Path(p).is_dir() or p.endswith(".cell")]
    return [CompletionItem(n) for n in (*(n for n in found if n.startswith(begun)), *files)]


def load_cell(cell: str) -> Model:
    from derive.model import load, parse

    if cell != "-":
        return load(cell)
    if sys.stdin is None:
        raise InputError("CELL", "a cell on standard input", "no standard input")
    return parse(sys.stdin.buffer.read(), "<stdin>")


def load_cells(cells: tuple[str, ...]) -> tuple[list[Model], list[DeriveError]]:
    models, errors = [], []
    for cell in cells:
        try:
            models.append(load_cell(cell))
        except DeriveError as error:
            errors.append(error)
    return models, errors


def no_duplicates(models: list[Model]) -> None:
    seen: set[str] = set()
    for model in models:
        if model.name in seen:
            raise InputError("CELL", "cells of different names", f"two named {model.name}", "they would share a folder")
        seen.add(model.name)


def parse_names(text: str) -> list[str]:
    """Names separated by commas."""
    if text.strip() and not text.strip(" ,"):
        raise InputError("option", "names separated by commas", repr(text))
    return [name.strip() for name in text.split(",") if name.strip()]


def parse_targets(text: str) -> list[str]:
    """Names of targets, one at least."""
    from derive.kernels.targets import TARGETS, target

    names = list(dict.fromkeys(parse_names(text)))
    if not names:
        raise InputError("--to", f"targets out of {', '.join(TARGETS)}", "none")
    for name in names:
        target(name)
    return names


def parse_formats(text: str) -> list[str]:
    """Formats of a document, one at least."""
    formats = list(dict.fromkeys(parse_names(text)))
    if not formats or not set(formats) <= set(FORMATS):
        raise InputError("--format", f"formats out of {', '.join(FORMATS)}, separated by commas", text or "none")
    return formats


def parse_sizes(text: str) -> dict[str, int]:
    sizes = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = (part.strip() for part in item.partition("="))
        if not (value.isdecimal() and value.isascii()):
            raise InputError("--sizes", "NAME=NUMBER, separated by commas", repr(item))
        if name in sizes:
            raise InputError("--sizes", "each size once", f"{name} twice")
        sizes[name] = int(value[:40])
    return sizes


def kernel_options(sizes: str, wrt: str, checkpoint: str | None, truncate: int | None, threads: int) -> dict[str, Any]:
    """The options of a kernel, as `Model.compile` takes them."""
    kept: bool | int = checkpoint == "true"
    if checkpoint not in (None, "true"):
        if not (checkpoint.isdecimal() and checkpoint.isascii()):
            raise InputError("--checkpoint", "a number of steps, or nothing", repr(checkpoint))
        kept = int(checkpoint[:40])
    found = {"sizes": parse_sizes(sizes), "wrt": parse_names(wrt) or None}
    return {**found, "checkpoint": kept, "truncate": truncate or 0, "threads": threads}


def print_json(data: object) -> None:
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def warn(model: Model) -> None:
    for warning in model.warnings:
        click.echo(f"{warning}\n", err=True)


def summary(outcome: Outcome) -> None:
    for report in outcome.reports:
        verdict = "ok" if report.ok else "FAILED"
        click.echo(
            f"{outcome.name}: {verdict}, {len(report.gradients)} gradients of the {report.target} kernel "
            f"within {report.worst:.1e} of complex step"
        )
        if not report.ok:
            table(report)
    report_unchecked(outcome)
    if outcome.proof is not None:
        for line in proof_lines(outcome.proof):
            click.echo(f"{outcome.name}: {line}")
    for line in outcome.wrong:
        click.echo(f"{outcome.name}: FAILED, the document is not written: {line}")
    for path in outcome.files:
        click.echo(f"  {path}")


def what_next(cells: tuple[str, ...], models: list[Model], output: Path | None) -> None:
    """What one can do with what was written, after a run of one cell; for people at a terminal."""
    if len(cells) != 1 or len(models) != 1 or cells[0] == "-" or not (sys.stderr and sys.stderr.isatty()):
        return
    (cell,), (model,) = cells, models
    page = (output or Path("derived")) / model.name / f"{model.name}.html"
    steps = [(str(page), "the derivation, to read in a browser")] if page.exists() else []
    steps.append((f"derive verify {cell} -e 'LATEX'", "is a formula of yours right?"))
    steps.append((f"derive bench {cell}", "times beside PyTorch and JAX"))
    width = max(len(step) for step, _ in steps)
    click.echo("\n".join(["next:", *(f"  {step:<{width}}  {why}" for step, why in steps)]), err=True)


def proof_lines(proof: DerivationProof) -> Iterator[str]:
    """What holds of a derivation, and what does not."""
    places = " and ".join(f"T = {i.T}, {', '.join(f'{n} = {x}' for n, x in i.sizes.items())}" for i in proof.instances)
    if proof.instances:
        bits = min(i.bits for i in proof.instances)
        exact = proof.equations - len(proof.wrong) - len(proof.unchecked)
        yield f"{exact} equations of the derivation exact on both sides at {places} (error below 2^-{bits})"
    yield from (f"WRONG: {line}" for line in proof.wrong)
    yield from (f"not evaluated: {line}" for line in proof.unchecked)
    groups: dict[str, list[str]] = {}
    for name, v in proof.sums.items():
        groups.setdefault("no double sum" if v is None else str(v.status), []).append(f"dL/d{name}")
    for status, names in groups.items():
        meaning = ": the double sum is the recursion, for every T and every size" if status == "proved" else ""
        yield f"{status}{meaning}: {', '.join(names)}"


def report_unchecked(outcome: Outcome) -> None:
    """What could not be checked, and how it could."""
    for target, error in outcome.unchecked.items():
        click.echo(f"{outcome.name}: the {target} kernel was not checked: {error}", err=True)


def warn_of_compiler() -> None:
    """$CC is named and is no compiler: say which is used instead."""
    from derive.kernels import build

    wanted = build.ignored()
    if wanted and build.compilers():
        click.echo(f"warning: $CC, {wanted!r}, is no compiler; {build.compiler().name} is used instead", err=True)


def statuses(outcome: Outcome) -> list[int]:
    """What the checks of a cell amount to."""
    return [0 if outcome.ok else FAILED, MISSING_TOOL if outcome.unchecked else 0]


def table(report: Report) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{report.name}, {report.target}, {report.dtype}: {'ok' if report.ok else 'FAILED'}")
    for heading in ("quantity", "against", "max relative error", "bound"):
        table.add_column(heading)
    for quantity, against, error, bound in report.rows():
        good = error <= bound
        table.add_row(quantity, against, f"{error:.1e}", f"{bound:.0e}", style=None if good else "bold red")
    Console(width=None if sys.stdout.isatty() else 100).print(table)


def on_cluster(cell: str | None, targets: list[str], dtype: str, sets: int, address: str, as_json: bool) -> bool:
    """Check a cell, or all of the catalogue, on a Dask cluster; is all well?

    Raises:
        ToolError: Dask is not installed.
        InputError: nothing answers at the address.
    """
    if importlib.util.find_spec("distributed") is None:
        raise ToolError("Dask is not installed: pip install 'derive[dask]'")
    from distributed import Client

    from derive.language import names
    from derive.model import load
    from derive.parallel import check_all, count_checks

    models = [load_cell(cell)] if cell is not None else [load(name) for name in names()]
    try:
        client = Client(address, timeout=30)
    except (OSError, ValueError) as error:
        raise InputError("--scheduler", "the address of a scheduler, such as tcp://host:8786", str(error)) from error
    with client, progress("checking", count_checks(models, targets, [dtype], sets), as_json) as step:
        reports = check_all(models, targets, [dtype], sets, client, step)
    if as_json:
        print_json({"cells": [r.as_json() for r in reports], "unchecked": []})
    else:
        for report in reports:
            table(report)
    return all(r.ok for r in reports)


@contextmanager
def progress(what: str, total: int, quiet: bool) -> Iterator[Callable[[], None]]:
    """A bar on standard error, on a terminal only."""
    if quiet or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def error_json(error: DeriveError) -> list[dict[str, object]]:
    if isinstance(error, CellError):
        return [d.as_json() for d in error.diagnostics if not d.warning]
    return [Diagnostic(code_of(error), str(error), getattr(error, "help", "")).as_json()]


def code_of(error: DeriveError) -> str:
    return type(error).__name__


def report_error(error: DeriveError) -> None:
    click.echo(str(error) if isinstance(error, CellError) else f"error: {error}", err=True)


def status_of(error: DeriveError) -> int:
    if isinstance(error, CheckError):
        return FAILED
    return MISSING_TOOL if isinstance(error, ToolError) else BAD_INPUT


def finish(*statuses: int) -> None:
    worst = max(statuses, default=0)
    if worst:
        sys.exit(worst)
