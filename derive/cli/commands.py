"""One function per verb; what they share is in `terminal`."""

from __future__ import annotations

from pathlib import Path

import click

from derive.cli.terminal import (
    FAILED,
    complete_cell,
    finish,
    load_cell,
    on_cluster,
    parse_names,
    parse_targets,
    print_json,
    progress,
    report_unchecked,
    statuses,
    table,
    warn,
    warn_of_compiler,
)

only = click.option("--wrt", default="", metavar="W,x,h", help="Only these gradients.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")
force = click.option("--force", is_flag=True, help="Write over files that derive did not make, too.")
folder = click.option("-o", "--output", type=click.Path(path_type=Path), help="Write below this folder.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="derive", prog_name="derive")
def cli() -> None:
    """Write the recurrence once; get the derivation and the kernel.

    A CELL is the path of a .cell file, - for standard input, or a name from `derive list`.
    """


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
@force
@as_json
def test(
    cell: str | None,
    targets: str,
    dtype: str,
    sets: int,
    scheduler: str | None,
    plot: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Check every gradient of every kernel against complex step and central differences."""
    from derive.model import work
    from derive.picture import check_file

    check_file(plot, force=force)
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
