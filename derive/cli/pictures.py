"""The verbs that draw: the flow of gradients through time, the network unrolled."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from derive.cli.commands import as_json, cli, force
from derive.cli.terminal import complete_cell, load_cell, print_json, progress, warn
from derive.errors import InputError

if TYPE_CHECKING:
    from derive.calculus.growth import Key
    from derive.flow import Flow
    from derive.model import Model

    Certificates = Mapping[tuple[Key, Key], str | None]


@cli.command()
@click.argument("cell", shell_complete=complete_cell)
@click.option("--radius", "radii", default="0.5,0.9,1,1.1,1.5", show_default=True, metavar="NUMBERS",
              help="Spectral radii of the recurrent weights.")  # fmt: skip
@click.option("--state", default="", metavar="NAME", help="Of this state alone; all of its direction by default.")
@click.option("--steps", default=30, show_default=True, type=click.IntRange(2, 500), metavar="T")
@click.option("--sizes", default="", metavar="H=32,I=8", help="24 for what is not named.")
@click.option("--sequences", default=2, show_default=True, type=click.IntRange(1, 64), metavar="B")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option("--params", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE.npz",
              help="Weights to look at, an array for each parameter, instead of random ones.")  # fmt: skip
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE.png", help="Draw it.")
@force
@as_json
def flow(
    cell: str,
    radii: str,
    state: str,
    steps: int,
    sizes: str,
    sequences: int,
    seed: int,
    params: Path | None,
    plot: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Show how gradients vanish or explode: norms of ∂h_j/∂h_k.

    \b
    derive flow elman --plot elman_flow.png
    derive flow lstm --state c --radius 0.9,1.1
    derive flow mine.cell --params trained.npz --sizes H=64 --plot mine.png

    The Jacobian of every step of a run on random inputs, by the complex step, and the products of steps k+1 … j: the
    largest singular value against j − k.  Beside it a bound: a step multiplies a difference of the state by no more
    than the norms of the weights on its way times the largest slopes and gates.  What is marked as proved has a
    certificate in --json, for `derive check-proof`.  Recurrent weights are orthogonal matrices times ρ, others uniform
    in ±1/√n.
    """
    from derive.flow import flow as measured
    from derive.picture import check_file
    from derive.proof.inequality.steps import certified, of_a_step

    check_file(plot, force=force)
    model = load_cell(cell)
    warn(model)
    chosen = _numbers(radii)
    given = _sizes(sizes, [s.name for s in model.normal.sizes])
    with progress("measuring", len(chosen), as_json) as step:
        found = measured(model.normal, state, chosen, steps, sequences, given, seed, _load(params), step)
    if plot is not None:
        from derive.flow.plot import draw

        draw(plot, found)
    with progress("proving bounds", len(of_a_step(found.growth)), as_json) as step:
        certificates = certified(model.prover, found.growth, step)
    meanings = list(_meanings(model, found))
    if as_json:
        print_json(_as_json(found, certificates, meanings))
    else:
        _report(found, certificates, meanings)
    if plot is not None:
        click.echo(plot, err=as_json)


@cli.command()
@click.argument("cell", shell_complete=complete_cell)
@click.option("--wrt", default="", metavar="NAME", help="The ways back from a loss to this parameter instead.")
@click.option("--step", default="j", show_default=True, metavar="N", help="Of the loss whose ways back are drawn.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE.png", help="NAME_graph.png by default.")
@force
@as_json
def graph(cell: str, wrt: str, step: str, output: Path | None, force: bool, as_json: bool) -> None:
    """Draw the network unrolled in time.

    \b
    derive graph gru
    derive graph elman --wrt W --step 3 -o ways.svg
    """
    from derive.documents.graphplot import draw
    from derive.model.graph import graph as of_model
    from derive.picture import check_file

    model = load_cell(cell)
    warn(model)
    path = output or Path(f"{model.name}_graph.png")
    check_file(path, "-o", force)
    draw(path, of_model(model, wrt, step))
    if as_json:
        print_json({"file": str(path)})
    else:
        click.echo(path)


def _numbers(text: str) -> list[float]:
    try:
        found = [float(item) for item in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(0 < x <= 1000 for x in found):
        raise InputError("--radius", "positive numbers, such as 0.5,0.9,1.1", repr(text))
    return found


def _sizes(text: str, known: list[str]) -> dict[str, int]:
    found = {}
    for item in filter(None, text.split(",")):
        name, _, number = item.partition("=")
        if name.strip() not in known or not number.strip().isdecimal() or not 0 < int(number) <= 10_000:
            raise InputError("--sizes", f"NAME=NUMBER items for {', '.join(known)}", repr(item))
        found[name.strip()] = int(number)
    return found


def _load(path: Path | None) -> Any:
    """The arrays of a file; nothing in it is executed."""
    if path is None:
        return None
    import numpy as np

    expected = "a file of numpy.savez with an array for each parameter"
    try:
        with path.open("rb") as file:
            arrays = np.load(file, allow_pickle=False)
            if isinstance(arrays, np.ndarray):
                raise InputError("--params", expected, "a single array, of numpy.save")
            return {name: np.asarray(arrays[name], dtype=np.float64) for name in arrays.files}
    except (OSError, EOFError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise InputError("--params", expected, str(error)) from error


def _meanings(model: Model, found: Flow) -> Iterator[str]:
    """What names stand for that are in a bound and not in the user's equations."""
    from derive.model.show import Writer
    from derive.program import references

    read = [r.name for e in found.growth.peaks.values() for r in references(e)]
    return Writer(model.normal, frozenset(model.program.equations)).definitions(read)


def _report(found: Flow, certificates: Certificates, meanings: list[str]) -> None:
    from derive.flow.words import bounds, derivative, table, ways

    click.echo(f"{found.program.name}: ‖{derivative(found)}‖, {ways(found)}")
    for line in (*bounds(found, certificates), *meanings):
        click.echo(f"  {line}")
    rows = table(found)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        click.echo("  " + "  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)))


def _as_json(found: Flow, certificates: Certificates, meanings: list[str]) -> dict[str, Any]:
    from derive.flow.words import bounds

    return {
        "model": found.program.name,
        "states": list(found.states),
        "weights": list(found.weights),
        "bounds": [*bounds(found), *meanings],
        "certificates": [text for text in certificates.values() if text is not None],
        "curves": [
            {
                "radius": c.radius,
                "rate": c.rate,
                "bound_rate": c.bound_rate,
                "norms": {str(d): a.tolist() for d, a in c.norms.items()},
                "bounds": {str(d): a.tolist() for d, a in c.bounds.items()},
                "singular": c.singular.tolist(),
            }
            for c in found.curves
        ],
    }
