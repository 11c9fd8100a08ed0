"""The verbs for claims: verify and lint."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from derive.cli.commands import as_json, cli
from derive.cli.terminal import complete_cell, finish, load_cell, print_json, progress, warn

if TYPE_CHECKING:
    from collections.abc import Callable

    from derive.claims.verify import Result
    from derive.model.claims import Paper

output_format = click.option(
    "--format", "shape", type=click.Choice(["text", "json", "github", "sarif"]), default="text", help="How to print."
)
only = click.option("--only", metavar="ID,ID", default="", help="Only these equations: labels, or FILE:LINE.")
no_repair = click.option("--no-repair", is_flag=True, help="Do not look for the nearest true equation.")
COLOURS = {"tex": "cyan", "help": "green"}


@cli.command()
@click.argument("cell", shell_complete=complete_cell)
@click.argument("claims", required=False, type=click.Path(path_type=Path))
@click.option("-e", "--equation", multiple=True, metavar="LATEX", help="An equation; may be given several times.")
@click.option(
    "-d",
    "--directive",
    multiple=True,
    metavar="TEXT",
    help="What a comment `% derive: TEXT` above the equations would say, such as 'let \\delta_t = dL/da[t]'.",
)
@only
@no_repair
@output_format
@as_json
def verify(
    cell: str,
    claims: Path | None,
    equation: tuple[str, ...],
    directive: tuple[str, ...],
    only: str,
    no_repair: bool,
    shape: str,
    as_json: bool,
) -> None:
    """Is each equation of a LaTeX file true of a cell?

    \b
    derive verify elman chapter.tex
    derive verify elman -e '\\frac{\\partial L}{\\partial V} = \\sum_t (\\hat y_t - y_t) h_t^\\top'

    Every displayed equation is a claim.  It is proved for every T and every size, checked exactly, or refuted with a
    counterexample and, where one is found, the nearest true equation.  Comments in the file (% derive: let …) say
    what the paper's names mean, and -d does without a file; see docs/claims.md.  Exit status: 1 if one is false, 3 if
    some are undecided.
    """
    from derive.model.claims import Paper

    model = load_cell(cell)
    warn(model)
    if (claims is None) == (not equation):
        raise click.UsageError("name a file of claims, or give an equation with -e")
    paper = Paper(claims, model, directive) if claims is not None else Paper.of_equations(equation, model, directive)
    report([paper], shape, as_json, only, not no_repair)


@cli.command()
@click.argument("papers", metavar="PAPER.tex...", nargs=-1, required=True, type=click.Path(path_type=Path))
@only
@no_repair
@output_format
@as_json
def lint(papers: tuple[Path, ...], only: str, no_repair: bool, shape: str, as_json: bool) -> None:
    """Is every equation of a paper true?

    The paper says which model its equations are about: % derive: model FILE.cell, beside the paper, or a name from
    `derive list`.  Files that it includes are read where they lie in its folder.  Exit status: 1 if an equation is
    false, 3 if some are undecided.
    """
    from derive.model.claims import Paper

    report([Paper(path) for path in papers], shape, as_json, only, not no_repair)


def report(papers: list[Paper], shape: str, as_json: bool, only: str, repair: bool) -> None:
    """Judge and print."""
    from derive.claims import report as r

    wanted = frozenset(x.strip() for x in only.split(",") if x.strip())
    shape = "json" if as_json else shape
    results: list[Result] = []
    with progress("judging equations", sum(p.size for p in papers), shape != "text") as step:
        for paper in papers:
            if not paper.size:
                click.echo(f"warning: {paper.path}: there is no displayed equation in it", err=True)
            results += paper.judge(wanted, step, repair)
    if shape == "json":
        print_json({"claims": [r.as_json(x) for x in results]})
    elif shape == "sarif":
        print_json(r.sarif(results, version("derive")))
    elif shape == "github":
        for line in r.github(results):
            click.echo(line)
    else:
        _print(results, r.text)
        click.echo(r.summary(results))
    finish(r.status(results))


def _print(results: list[Result], text: Callable[[Result], list[tuple[str, str]]]) -> None:
    colours = {"error": "red", "good": "green"}
    for result in results:
        for part, line in text(result):
            colour = colours["good" if result.ok else "error"] if part == "head" else COLOURS.get(part)
            click.secho(line, fg=colour, bold=part == "head")
        click.echo()
