"""The one Jinja environment, and how generated text reaches the disk."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

MARKER = "TEMPLATES.toml"


def template_folder() -> Traversable:
    """Inside the package where it is installed or zipped, beside it in a checkout."""
    inside = files("derive") / "_templates"
    if inside.joinpath(MARKER).is_file():
        return inside
    beside = Path(__file__).resolve().parent.parent / "templates"
    if (beside / MARKER).is_file():
        return beside
    raise FileNotFoundError("the templates of derive are missing: install it again")


@cache
def environment() -> Environment:
    folder = template_folder()

    def load(name: str) -> str | None:
        source = folder.joinpath(*name.split("/"))
        return source.read_text("utf-8") if source.is_file() else None

    # What is rendered is source code and TeX, for which the data is prepared; HTML escapes itself.
    return Environment(  # noqa: S701
        loader=FunctionLoader(load),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )


def render(template: str, **data: Any) -> str:
    """The text of a template."""
    return environment().get_template(template).render(**data)


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all: UTF-8, line feeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
