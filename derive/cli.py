"""The command line: data on standard output, progress and errors on standard error.

Exit status: 0 fine; 1 a check failed; 2 bad input; 5 a tool is missing; 70 a bug of ours.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from derive.errors import CellError, DeriveError, Diagnostic, InputError, ToolError

if TYPE_CHECKING:
    from derive.kernels.gradcheck import Report
    from derive.model import Model

FAILED, BAD_INPUT, MISSING_TOOL, BUG = 1, 2, 5, 70

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")
folder = click.option("-o", "--output", type=click.Path(path_type=Path), help="Write below this folder.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="derive", prog_name="derive")
def cli() -> None:
    """Write the recurrence once; get the derivation and the kernel.

    A CELL is the path of a .cell file, - for standard input, or a name from `derive list`.
    """


@cli.command()
@click.argument("cells", metavar="CELL...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every cell of the catalogue.")
@folder
@as_json
def run(cells: tuple[str, ...], every: bool, output: Path | None, as_json: bool) -> None:
    """Derive, write derivation and kernels, and check them: the main job.

    Writes DIR/<cell>/ (default DIR: derived).  With several cells the good ones are done and the
    worst exit status counts.
    """
    from derive.language import names
    from derive.model import work

    chosen = (*cells, *(names() if every else ()))
    if not chosen:
        raise click.UsageError("name a CELL, or --all for the catalogue")
    models, errors = _load_all(chosen)
    _no_duplicates(models)
    outcomes = []
    with _progress("checking", work.CHECKS * len(models), as_json) as step:
        for model in models:
            try:
                outcomes.append(work.run(model, output or Path("derived"), step))
            except DeriveError as error:
                errors.append(error)
    if as_json:
        _print_json({"cells": [o.as_json() for o in outcomes], "errors": [d for e in errors for d in _error_json(e)]})
    else:
        for model in models:
            _warn(model)
        for outcome in outcomes:
            _summary(outcome)
        for error in errors:
            _report_error(error)
    _exit(*(_status(e) for e in errors), *(0 if o.ok else FAILED for o in outcomes))


@cli.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List the catalogue."""
    from derive.model import load
    from derive.language import names

    titles = {name: load(name).program.title for name in names()}
    if as_json:
        _print_json({"cells": [{"name": n, "title": title} for n, title in titles.items()]})
        return
    width = max(map(len, titles))
    for name, title in titles.items():
        click.echo(f"{name:<{width}}  {title}")


@cli.command()
@click.argument("cell")
@click.option("--wrt", multiple=True, metavar="NAME", help="Only this gradient (may be repeated).")
@click.option("--steps", is_flag=True, help="Every step, with its rule and reason.")
@click.option("--form", type=click.Choice(["sum", "recursion"]), help="The double sum or the BPTT recursion.")
@click.option("--unroll", type=click.IntRange(0, 12), metavar="N", help="Write dL_0 … dL_N out over the hidden states.")
@click.option("--latex", is_flag=True, help="Print LaTeX.")
@as_json
def show(
    cell: str, wrt: tuple[str, ...], steps: bool, form: str | None, unroll: int | None, latex: bool, as_json: bool
) -> None:
    """Show the gradients."""
    from derive.model import show

    model = _load(cell)
    _warn(model)
    blocks = show.blocks(model, wrt, steps=steps, form=form, unroll=unroll, latex=latex)
    if as_json:
        _print_json({"cell": model.name, "gradients": [b.as_json() for b in blocks]})
    else:
        click.echo("\n\n".join(str(b) for b in blocks))


@cli.command()
@click.argument("cell")
@click.option("--to", "targets", default="numpy", metavar="TARGETS", help="Targets, separated by commas.")
@click.option("--dtype", default="float64", type=click.Choice(["float64", "float32"]))
@click.option("--sets", default=5, type=click.IntRange(1, 50), help="How many sets of sizes.")
@as_json
def test(cell: str, targets: str, dtype: str, sets: int, as_json: bool) -> None:
    """Check every gradient of every kernel against complex step and central differences."""
    from derive.kernels.gradcheck import SHAPES, check

    model = _load(cell)
    _warn(model)
    kernels = [model.compile(name, dtype) for name in _targets(targets)]
    with _progress("checking", len(kernels) * (sets + len(SHAPES) - 1), as_json) as step:
        reports = [check(kernel, sets=sets, progress=step) for kernel in kernels]
    if as_json:
        _print_json({"cells": [r.as_json() for r in reports]})
    else:
        for report in reports:
            _table(report)
    _exit(*(0 if r.ok else FAILED for r in reports))


@cli.command()
@click.argument("cell")
@click.option("--to", "targets", default="numpy", metavar="TARGETS", help="Targets, separated by commas.")
@click.option("--dtype", default="float64", type=click.Choice(["float64", "float32"]))
@click.option("--sizes", default="", metavar="H=64,I=8", help="Sizes fixed in the code; T and B may be among them.")
@click.option("--wrt", default="", metavar="W,x,h", help="Only these gradients.")
@folder
@as_json
def code(cell: str, targets: str, dtype: str, sizes: str, wrt: str, output: Path | None, as_json: bool) -> None:
    """Write kernels, to standard output or below a folder."""
    from derive.render import write_text

    model = _load(cell)
    _warn(model)
    wanted = [w.strip() for w in wrt.split(",")] if wrt else None
    files: dict[str, str] = {}
    for name in _targets(targets):
        files |= model.code(name, dtype, _sizes(sizes), wanted)
    for name, text in files.items():
        if output is not None:
            write_text(output / name, text)
    if as_json:
        shown = {n: str(output / n) for n in files} if output is not None else files
        _print_json({"cell": model.name, "files": shown})
    elif output is not None:
        for name in files:
            click.echo(output / name)
    else:
        click.echo("\n".join(files.values()), nl=False)


@cli.command()
@click.argument("cell")
@click.option("--wrt", multiple=True, metavar="NAME", help="Only this gradient (may be repeated).")
@click.option("--unroll", type=click.IntRange(0, 12), metavar="N", help="Write dL_0 … dL_N out as well.")
@click.option("--format", "formats", default="tex", type=click.Choice(["tex"]), help="The document's format.")
@folder
@as_json
def paper(
    cell: str, wrt: tuple[str, ...], unroll: int | None, formats: str, output: Path | None, as_json: bool
) -> None:
    """Write the step-by-step derivation as a document."""
    from derive.model.paper import document
    from derive.render import write_text

    model = _load(cell)
    _warn(model)
    text = document(model, wrt or None, unroll)
    if output is None and not as_json:
        click.echo(text, nl=False)
        return
    path = (output or Path(".")) / f"{model.name}.tex"
    write_text(path, text)
    if as_json:
        _print_json({"cell": model.name, "files": [str(path)]})
    else:
        click.echo(path)


@cli.command()
@click.argument("code", metavar="CODE")
def explain(code: str) -> None:
    """Explain an error code."""
    from derive.language import explain as explanation

    click.echo(explanation(code))


@cli.command()
@as_json
def doctor(as_json: bool) -> None:
    """Say what is installed that the work can use."""
    from derive.model import doctor

    found = doctor.findings()
    if as_json:
        _print_json({"tools": [f.as_json() for f in found]})
        return
    width = max(len(f.name) for f in found)
    for f in found:
        click.echo(f"{f.name:<{width}}  {f.found or 'not found'}{'' if f.found else f'  ({f.use})'}")


# input


def _load(cell: str) -> Model:
    from derive.model import load, parse

    return parse(sys.stdin.buffer.read(), "<stdin>") if cell == "-" else load(cell)


def _load_all(cells: tuple[str, ...]) -> tuple[list[Model], list[DeriveError]]:
    models, errors = [], []
    for cell in cells:
        try:
            models.append(_load(cell))
        except DeriveError as error:
            errors.append(error)
    return models, errors


def _no_duplicates(models: list[Model]) -> None:
    seen: set[str] = set()
    for model in models:
        if model.name in seen:
            raise InputError("CELL", "cells of different names", f"two named {model.name}", "they would share a folder")
        seen.add(model.name)


def _targets(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _sizes(text: str) -> dict[str, int]:
    sizes = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = item.partition("=")
        if not value.strip().isdecimal():
            raise InputError("--sizes", "NAME=NUMBER, separated by commas", repr(item))
        sizes[name.strip()] = int(value)
    return sizes


# output


def _print_json(data: object) -> None:
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def _warn(model: Model) -> None:
    for warning in model.warnings:
        click.echo(f"{warning}\n", err=True)


def _summary(outcome: Any) -> None:
    for report in outcome.reports:
        verdict = "ok" if report.ok else "FAILED"
        click.echo(
            f"{outcome.name}: {verdict}, {len(report.gradients)} gradients of the {report.target} kernel "
            f"within {report.worst:.1e} of complex step"
        )
        if not report.ok:
            _table(report)
    for path in outcome.files:
        click.echo(f"  {path}")


def _table(report: Report) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{report.name}, {report.target}, {report.dtype}: {'ok' if report.ok else 'FAILED'}")
    for heading in ("quantity", "against", "max relative error", "bound"):
        table.add_column(heading)
    for quantity, against, error, bound in report.rows():
        good = error <= bound
        table.add_row(quantity, against, f"{error:.1e}", f"{bound:.0e}", style=None if good else "bold red")
    Console(width=None if sys.stdout.isatty() else 100).print(table)


@contextmanager
def _progress(what: str, total: int, quiet: bool) -> Iterator[Callable[[], None]]:
    """A bar on standard error, on a terminal only."""
    if quiet or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def _error_json(error: DeriveError) -> list[dict[str, object]]:
    if isinstance(error, CellError):
        return [d.as_json() for d in error.diagnostics if not d.warning]
    return [Diagnostic(_code(error), str(error), getattr(error, "help", "")).as_json()]


def _code(error: DeriveError) -> str:
    return type(error).__name__


def _report_error(error: DeriveError) -> None:
    click.echo(str(error) if isinstance(error, CellError) else f"error: {error}", err=True)


def _status(error: DeriveError) -> int:
    return MISSING_TOOL if isinstance(error, ToolError) else BAD_INPUT


def _exit(*statuses: int) -> None:
    worst = max(statuses, default=0)
    if worst:
        sys.exit(worst)


def main() -> None:
    """Run the command line; turn errors into messages and exit statuses."""
    wants_json = "--json" in sys.argv[1:]
    try:
        cli(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Exit as exit_:
        sys.exit(exit_.exit_code)
    except DeriveError as error:
        if wants_json:
            _print_json({"errors": _error_json(error)})
        else:
            _report_error(error)
        sys.exit(_status(error))
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except Exception as error:
        import traceback

        traceback.print_exc()
        click.echo(f"error: a bug of derive ({type(error).__name__}): please report it with the text above", err=True)
        sys.exit(BUG)
