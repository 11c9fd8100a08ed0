"""One function per verb; what they share is in `terminal`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from derive.cli.terminal import (
    FAILED,
    complete_cell,
    error_json,
    finish,
    kernel_options,
    load_cell,
    load_cells,
    no_duplicates,
    on_cluster,
    parse_formats,
    parse_names,
    parse_targets,
    print_json,
    progress,
    report_error,
    report_unchecked,
    status_of,
    statuses,
    summary,
    table,
    warn,
    warn_of_compiler,
    what_next,
)
from derive.errors import CheckError, DeriveError, InputError

only = click.option("--wrt", default="", metavar="W,x,h", help="Only these gradients.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")
folder = click.option("-o", "--output", type=click.Path(path_type=Path), help="Write below this folder.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="derive", prog_name="derive")
def cli() -> None:
    """Write the recurrence once; get the derivation and the kernel.

    A CELL is the path of a .cell file, - for standard input, or a name from `derive list`.
    """


@cli.command()
@click.argument("cells", metavar="CELL...", nargs=-1, shell_complete=complete_cell)
@click.option("--all", "every", is_flag=True, help="Every cell of the catalogue.")
@click.option("--certificates", is_flag=True, help="Write every proof, not small ones only.")
@folder
@as_json
def run(cells: tuple[str, ...], every: bool, certificates: bool, output: Path | None, as_json: bool) -> None:
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
                outcomes.append(work.run(model, output or Path("derived"), step, certificates))
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


@cli.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List the catalogue."""
    from derive.language import names
    from derive.model import load

    titles = {name: load(name).program.title for name in names()}
    if as_json:
        print_json({"cells": [{"name": n, "title": title} for n, title in titles.items()]})
        return
    width = max(map(len, titles))
    for name, title in titles.items():
        click.echo(f"{name:<{width}}  {title}")


@cli.command()
@click.argument("cell", shell_complete=complete_cell)
@only
@click.option("--steps", is_flag=True, help="Every step, with its rule and reason.")
@click.option("--form", type=click.Choice(["sum", "recursion"]), help="The double sum or the BPTT recursion.")
@click.option("--unroll", type=click.IntRange(0, 12), metavar="N", help="Write dL_0 … dL_N out over the hidden states.")
@click.option("--latex", is_flag=True, help="Print LaTeX.")
@as_json
def show(cell: str, wrt: str, steps: bool, form: str | None, unroll: int | None, latex: bool, as_json: bool) -> None:
    """Show the gradients."""
    from derive.model import show

    model = load_cell(cell)
    warn(model)
    blocks = show.blocks(model, parse_names(wrt), steps=steps, form=form, unroll=unroll, latex=latex)
    if as_json:
        print_json({"cell": model.name, "gradients": [b.as_json() for b in blocks]})
    else:
        click.echo("\n\n".join(str(b) for b in blocks))


@cli.command()
@click.argument("cell", shell_complete=complete_cell, required=False)
@click.option("--to", "targets", default="numpy,c", metavar="TARGETS", help="numpy, c, header, torch, jax.")
@click.option("--dtype", default="float64", type=click.Choice(["float64", "float32"]))
@click.option("--sets", default=5, type=click.IntRange(1, 50), help="How many sets of sizes.")
@click.option("--scheduler", metavar="ADDRESS", help="Of a Dask cluster, which does the work; without CELL all cells.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE.png", help="Draw the error of every entry.")
@as_json
def test(
    cell: str | None,
    targets: str,
    dtype: str,
    sets: int,
    scheduler: str | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Check every gradient of every kernel against complex step and central differences."""
    from derive.model import work
    from derive.picture import check_file

    check_file(plot)
    if scheduler is not None and plot is not None:
        raise click.UsageError("--plot draws what is checked here: leave out --scheduler.")
    if scheduler is not None:
        finish(0 if on_cluster(cell, parse_targets(targets), dtype, sets, scheduler, as_json) else FAILED)
        return
    if cell is None:
        raise click.UsageError("Missing argument 'CELL' (or --scheduler for the whole catalogue).")
    model = load_cell(cell)
    warn(model)
    chosen = parse_targets(targets)
    if "c" in chosen:
        warn_of_compiler()
    outcome = work.Outcome(model.name)
    with progress("checking", work.samples(chosen, sets), as_json) as step:
        work.check_all(model, outcome, chosen, dtype, sets, step)
    if as_json:
        print_json({"cells": [r.as_json() for r in outcome.reports], "unchecked": outcome.as_json()["unchecked"]})
    else:
        for report in outcome.reports:
            table(report)
        report_unchecked(outcome)
    if plot is not None:
        from derive.kernels import errormap

        errormap.draw(plot, work.error_maps(model, outcome, chosen, dtype), f"{model.name}, {dtype}")
        click.echo(plot, err=as_json)
    finish(*statuses(outcome))


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
@as_json
def code(cell: str, targets: str, dtype: str, output: Path | None, as_json: bool, **chosen: Any) -> None:
    """Write kernels, to standard output or below a folder."""
    from derive.render import write_text

    model = load_cell(cell)
    warn(model)
    options = kernel_options(**chosen)
    files: dict[str, str] = {}
    notes: list[str] = []
    for name in parse_targets(targets):
        files |= model.code(name, dtype, **options)
        notes += model.code_notes(name, dtype, **options)
    for name, text in files.items():
        if output is not None:
            write_text(output / name, text)
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
@as_json
def paper(
    cell: str, wrt: str, unroll: int | None, formats: str, fragment: bool, output: Path | None, as_json: bool
) -> None:
    """Write the step-by-step derivation as a document, every '=' checked.

    One text format without -o goes to standard output; else the files lie in the folder, by default this one.
    """
    from derive.documents.pdf import engine
    from derive.model.paper import LAST, paper, plan
    from derive.render import write_bytes

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
    paths = [(output or Path(".")) / name for name in contents]
    for path, data in zip(paths, contents.values(), strict=True):
        write_bytes(path, data)
    if as_json:
        print_json({"cell": model.name, "files": [str(p) for p in paths], "summary": made.summary})
        return
    click.echo(made.summary, err=True)
    for path in paths:
        click.echo(path)


@cli.command("check-proof")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@as_json
def check_proof(files: tuple[Path, ...], as_json: bool) -> None:
    """Check certificates with a checker that knows nothing of how they were found.

    It checks that the two automata in a FILE are equal, not that they say what the claim says.
    """
    from derive.model import certificates

    found = [certificates.check_file(path) for path in files]
    if as_json:
        print_json({"certificates": [f.as_json() for f in found]})
    else:
        for f in found:
            click.echo(str(f), err=not f.ok)
    finish(*(f.status for f in found))
