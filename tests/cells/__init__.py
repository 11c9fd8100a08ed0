"""Cells that tests share: one or more for every feature of the language."""

from __future__ import annotations

from pathlib import Path

from derive.language import names
from derive.model import Model, load

FOLDER = Path(__file__).parent
FEATURES = tuple(sorted(p.stem for p in FOLDER.glob("*.cell")))
CATALOGUE = names()


def model(name: str) -> Model:
    """A cell of the catalogue or of this folder."""
    return load(name) if name in CATALOGUE else load(FOLDER / f"{name}.cell")
