"""A first cell file: explained line by line, or one of the catalogue under another name."""

from __future__ import annotations

import re
from pathlib import Path

from derive.errors import CellError, InputError
from derive.files import write_text
from derive.model.model import load, parse
from derive.render import render

DECLARED = re.compile(r"^(cell[ \t]+)\w+", re.MULTILINE)


def cell_text(name: str, like: str = "") -> str:
    """The text of a cell of this name; like another one, if that is named.

    Raises:
        InputError: no cell can be called so, or there is none to be like.
    """
    if not (name.isascii() and name.isidentifier()):
        raise InputError("NAME", "letters, digits and _, a letter first", repr(name[:100]))
    text = (
        DECLARED.sub(lambda m: m[1] + name, load(like).text, count=1) if like else render("cell/new.cell.j2", name=name)
    )
    try:
        parse(text, f"{name}.cell")
    except CellError as error:
        raise InputError("NAME", "a name that a cell can have", repr(name), error.diagnostics[0].message) from error
    return text


def write_cell(folder: Path, name: str, like: str = "", force: bool = False) -> Path:
    """Write NAME.cell.

    Raises:
        InputError: the name is none, or the file is there already and `force` is not said.
    """
    text = cell_text(name, like)
    path = folder / f"{name}.cell"
    if path.exists() and not force:
        raise InputError(str(path), "a file that is not there yet", "one that is", "--force writes over it")
    write_text(path, text)
    return path
