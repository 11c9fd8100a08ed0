"""The catalogue: the `.cell` files that come with the package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from derive.errors import InputError
from derive.language.report import did_you_mean

_FOLDER, _SUFFIX = "derive.cells", ".cell"


@cache
def names() -> tuple[str, ...]:
    """The names of the catalogue, sorted."""
    found = (entry.name for entry in files(_FOLDER).iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX)))


def text(name: str) -> str:
    """The text of a catalogue cell; InputError for an unknown name."""
    if name not in names():
        help = did_you_mean(name, names()) or "`derive list` shows the names"
        raise InputError("cell", "a name of the catalogue", repr(name), help)
    return files(_FOLDER).joinpath(name + _SUFFIX).read_text("utf-8")
