"""The verbs of the first steps: a cell to begin with, what an error means, what is installed."""

from __future__ import annotations

from pathlib import Path

import click

from derive.cli.commands import as_json, cli, folder
from derive.cli.terminal import complete_cell, print_json


@cli.command()
@click.argument("name")
@click.option(
    "--like",
    default="",
    metavar="CELL",
    shell_complete=complete_cell,
    help="A copy of this cell instead of the one that is explained.",
)
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


@cli.command()
@click.argument("code", metavar="CODE", required=False)
@as_json
def explain(code: str | None, as_json: bool) -> None:
    """Explain an error code; without one, list them all."""
    from derive.language import explain as explanation
    from derive.language.codes import listed

    text = listed() if code is None else explanation(code)
    if as_json:
        print_json({"code": code, "explanation": text})
    else:
        click.echo(text)


@cli.command()
@as_json
def doctor(as_json: bool) -> None:
    """Say what is installed that the work can use, and how to get what is not."""
    from derive.model import doctor

    found = doctor.findings()
    if as_json:
        print_json({"tools": [f.as_json() for f in found]})
        return
    width = max(len(f.name) for f in found)
    for f in found:
        click.echo(f"{f.name:<{width}}  {f.found or f'not found, for {f.use}'}")
        if not f.found:
            click.echo(f"{'':<{width}}  {f.get}")


SHELLS = {  # shell → what to add to which file
    "bash": 'eval "$(derive completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(derive completion zsh)"    # in ~/.zshrc',
    "fish": "derive completion fish | source     # in ~/.config/fish/config.fish",
}


@cli.command(epilog="\b\n" + "\n".join(SHELLS.values()))
@click.argument("shell", type=click.Choice([*SHELLS]))
def completion(shell: str) -> None:
    """Print what a shell needs to complete verbs, options and cells: a line in its start-up file."""
    from click.shell_completion import get_completion_class

    script = get_completion_class(shell)
    assert script is not None
    click.echo(script(cli, {}, "derive", "_DERIVE_COMPLETE").source())
