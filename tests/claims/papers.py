"""Papers that tests read: published equations, and notations written for these tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import derive
from derive.claims.reading.stage import Stage, directed
from derive.claims.text.source import Directive, Display
from derive.claims.verify import read_paper
from derive.errors import DeriveError
from derive.proof.prove import Prover

FOLDER = Path(__file__).parent / "published"


@cache
def load(path: str) -> Prover:
    return derive.load(str(FOLDER / path)).prover


def no_include(path: str) -> str:
    raise DeriveError(path)


def stages(path: Path) -> list[tuple[Stage, Display]]:
    """Every display of a file, with what the directives above it say."""
    found, seen = [], list[Directive]()
    for source in read_paper(path.read_text("utf-8"), path.name, no_include):
        if isinstance(source.item, Directive):
            seen = [source.item] if source.item.text.startswith("model") else [*seen, source.item]
        else:
            stage = Stage()
            for directive in seen:
                stage = directed(stage, directive.text, directive.line, load)
            found.append((stage, source.item))
    return found
