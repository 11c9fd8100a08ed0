"""The one template environment.

Templates lie beside the package in a checkout and inside it in an installed wheel; they are read as
package data, so that an import from a zip archive works too.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined, TemplateNotFound

MARKER = "TEMPLATES.toml"


def render(template: str, **data: object) -> str:
    """The text of a template, such as "latex/paper.tex.j2", on ready data."""
    return environment().get_template(template).render(**data)


def fragment(template: str, **data: object) -> str:
    """HTML for the inside of a page, such as a notebook; data is text and escaped, but what a template calls safe."""
    return inert().get_template(template).render(**data)


@cache
def inert() -> Environment:
    """The same, for templates that write HTML from raw text."""
    return environment().overlay(autoescape=True)


@cache
def environment() -> Environment:
    """Strict about what is undefined; nothing is escaped: see `inert`."""
    return Environment(
        loader=FunctionLoader(template_text),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - TeX, C and Python: what is free text is escaped where it becomes data
    )


@cache
def templates() -> Traversable:
    """The folder of templates: derive/_templates in a wheel, ../templates in a checkout."""
    package = files("derive")
    installed = package / "_templates"
    if installed.is_dir():
        return installed
    beside = Path(str(package)).parent / "templates"
    if (beside / MARKER).is_file():
        return beside
    raise FileNotFoundError(f"no templates: neither {installed} nor {beside / MARKER} exists; reinstall derive")


def template_text(name: str) -> str:
    """The text of a template itself."""
    parts = name.split("/")
    found = templates().joinpath(*parts)
    if ".." in parts or not found.is_file():
        raise TemplateNotFound(name)
    return found.read_text(encoding="utf-8")
