"""The verbs that write files: derivations, kernels, proofs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from derive.cli.commands import as_json, cli, folder, force, only
from derive.cli.terminal import (
    complete_cell,
    error_json,
    finish,
    kernel_options,
    load_cell,
    load_cells,
    no_duplicates,
    parse_formats,
    parse_names,
    parse_targets,
    print_json,
    progress,
    report_error,
    status_of,
    statuses,
    summary,
    warn,
    warn_of_compiler,
    what_next,
)
from derive.errors import CheckError, DeriveError, InputError


@cli.command()
@click.argument("cells", metavar="CELL...", nargs=-1, shell_complete=complete_cell)
@click.option("--all", "every", is_flag=True, help="Every cell of the catalogue.")
@click.option("--certificates", is_flag=True, help="Write every proof, not small ones only.")
@folder
@force
@as_json
def run(
    cells: tuple[str, ...], every: bool, certificates: bool, output: Path | None, force: bool, as_json: bool
) -> None:
    """Derive, prove, write derivation and kernels, and check them: the main job.

    Writes DIR/<cell>/ (default DIR: derived).  With several cells the good ones are done and the
    worst exit status counts.  Every equation of the derivation is evaluated exactly on both sides,
    and each gradient's double sum is proved equal to its recursion, where that can be done.
    """
    from derive.language import names
    from derive.model import work

    chosen = (*cells, *(names() if every else ()))
    if not chosen:
        raise click.UsageError("name a CELL, or --all for the catalogue")
    models, errors = load_cells(chosen)
    no_duplicates(models)
    warn_of_compiler()
    outcomes = []
    with progress("proving and checking", sum(map(work.work, models)), as_json) as step:
        for model in models:
            try:
                outcomes.append(work.run(model, output or Path("derived"), step, certificates, force))
            except DeriveError as error:
                errors.append(error)
    if as_json:
        print_json({"cells": [o.as_json() for o in outcomes], "errors": [d for e in errors for d in error_json(e)]})
    else:
        for model in models:
            warn(model)
        for outcome in outcomes:
            summary(outcome)
        for problem in errors:
            report_error(problem)
    found = [*(status_of(e) for e in errors), *(s for o in outcomes for s in statuses(o))]
    if not (as_json or any(found)):
        what_next(cells, models, output)
    finish(*found)


@cli.command()
@click.argument("cell", shell_complete=complete_cell)
@click.option("--to", "targets", default="numpy", metavar="TARGETS", help="numpy, c, header, arduino, torch, jax.")
@click.option("--dtype", default="float64", type=click.Choice(["float64", "float32"]))
@click.option("--sizes", default="", metavar="H=64,I=8", help="Sizes fixed in the code; T and B may be among them.")
@click.option(
    "--checkpoint",
    is_flag=False,
    flag_value="true",
    metavar="[STEPS]",
    help="Keep the states of every so many steps only (about √T without a number): less memory, the same gradients.",
)
@click.option("--truncate", type=click.IntRange(1), metavar="STEPS", help="Truncated backpropagation through time.")
@click.option("--threads", default=1, type=click.IntRange(1), metavar="N", help="C: share out the sequences.")
@only
@folder
@force
@as_json
def code(cell: str, targets: str, dtype: str, output: Path | None, force: bool, as_json: bool, **chosen: Any) -> None:
    """Write kernels, to standard output or below a folder."""
    from derive.files import publish

    model = load_cell(cell)
    warn(model)
    options = kernel_options(**chosen)
    files: dict[str, str] = {}
    notes: list[str] = []
    for name in parse_targets(targets):
        files |= model.code(name, dtype, **options)
        notes += model.code_notes(name, dtype, **options)
    if output is not None:
        publish(output, {name: text.encode() for name, text in files.items()}, force)
    if as_json:
        shown = {n: str(output / n) for n in files} if output is not None else files
        print_json({"cell": model.name, "files": shown, "notes": notes})
        return
    for note in notes:
        click.echo(note, err=True)
    if output is not None:
        for name in files:
            click.echo(output / name)
    else:
        click.echo("\n".join(files.values()), nl=False)


@cli.command()
@click.argument("cell", shell_complete=complete_cell)
@only
@click.option("--unroll", type=click.IntRange(0, 12), metavar="N", help="Write dL_0 … dL_N out, path by path (2).")
@click.option("--format", "formats", default="tex", metavar="FORMATS", help="tex, html, pdf, separated by commas.")
@click.option("--fragment", is_flag=True, help="LaTeX for \\input into a document of your own.")
@folder
@force
@as_json
def paper(
    cell: str,
    wrt: str,
    unroll: int | None,
    formats: str,
    fragment: bool,
    output: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write the step-by-step derivation as a document, every '=' checked.

    One text format without -o goes to standard output; else the files lie in the folder, by default this one.
    """
    from derive.documents.pdf import engine
    from derive.files import publish
    from derive.model.paper import LAST, paper, plan

    wanted = parse_formats(formats)
    if fragment and wanted != ["tex"]:
        raise InputError("--fragment", "the format tex alone", ",".join(wanted))
    if "pdf" in wanted:
        engine()  # missing, it is better known before the work
    model = load_cell(cell)
    warn(model)
    chosen = parse_names(wrt) or None
    count = sum(1 for _ in plan(model.restricted(chosen), chosen, LAST if unroll is None else unroll).equations())
    with progress("checking equations", count, as_json) as step:
        made = paper(model, chosen, unroll, step)
    if made.wrong:
        raise CheckError("the document is not written: " + "; ".join(made.wrong))
    makers = {"tex": lambda: made.latex(fragment).encode(), "html": lambda: made.html().encode(), "pdf": made.pdf}
    contents = {f"{model.name}.{ending}": makers[ending]() for ending in wanted}
    if output is None and not as_json and wanted in (["tex"], ["html"]):
        click.echo(next(iter(contents.values())).decode(), nl=False)
        return
    paths = publish(output or Path("."), contents, force)
    if as_json:
        print_json({"cell": model.name, "files": [str(p) for p in paths], "summary": made.summary})
        return
    click.echo(made.summary, err=True)
    for path in paths:
        click.echo(path)
