"""The verb for a first cell of one's own."""

from __future__ import annotations

from pathlib import Path

import click

from derive.cli.commands import as_json, cli, folder
from derive.cli.terminal import print_json


@cli.command()
@click.argument("name")
@click.option("--like", default="", metavar="CELL", help="A copy of this cell instead of the one that is explained.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@folder
@as_json
def new(name: str, like: str, force: bool, output: Path | None, as_json: bool) -> None:
    """Write NAME.cell, a cell to begin with, every line explained."""
    from derive.model.new import write_cell

    path = write_cell(output or Path("."), name, like, force)
    if as_json:
        print_json({"file": str(path)})
        return
    click.echo(path)
    click.echo(f"next: change its equations, then `derive run {path}`", err=True)
