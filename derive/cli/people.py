"""The verbs for people who do not use a terminal: a page that derives in the browser."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from derive.cli.commands import as_json, cli, folder, force
from derive.cli.terminal import print_json

archives = click.option(
    "--archives",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A folder with the archives of `npm pack`, for machines without network.",
)


@cli.command()
@folder
@archives
@force
@as_json
def page(output: Path | None, archives: Path | None, force: bool, as_json: bool) -> None:
    """Write a page that derives and judges in the browser.

    Writes DIR (default: derived/page), a folder for any web server: nothing runs there, and nothing that is typed
    into the page leaves the browser.  Pyodide and a font come from npm, compiled and packed with Node.js; the
    libraries are those that are installed here.
    """
    from derive.page.build import write_site

    place = output or Path("derived", "page")

    def progress(words: str) -> None:
        if not as_json and sys.stderr:
            click.echo(words, err=True)

    written = write_site(place, archives, progress, force)
    if as_json:
        print_json({"folder": str(place), "files": [str(path) for path in written]})
        return
    click.echo(place)
    click.echo(f"next: python -m http.server -d {place}, and open its address in a browser", err=True)
