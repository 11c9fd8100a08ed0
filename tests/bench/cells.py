"""The cells that peers are tested on: the catalogue, and the cells with every node."""

from __future__ import annotations

from pathlib import Path

from derive.bench.sizes import SizeSet, size_sets
from derive.kernels.gradcheck import size_sets as distinct
from derive.language import names
from derive.model import Model, load

FOLDER = Path(__file__).resolve().parents[1] / "cells"


def with_loss() -> list[str]:
    """Names and paths of the cells that have a loss and parameters."""
    every = [*names(), *map(str, sorted(FOLDER.glob("*.cell")))]
    return [c for c in every if load(c).normal.total and load(c).normal.parameters]


CELLS = with_loss()


def label(cell: str) -> str:
    return Path(cell).stem


def sizes(model: Model) -> SizeSet:
    """T = 4, B = 3 and distinct sizes of at least 3."""
    numbers = {"T": 4, "B": 2, **distinct(model.normal, 1)[0]}
    return size_sets(model.normal, [",".join(f"{n}={x}" for n, x in numbers.items())])[0]
