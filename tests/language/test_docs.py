"""The language reference: its cells read, and it names everything there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from derive.language import read
from derive.language.words import CLAUSES, FUNCTION_NAMES, STATEMENTS

REFERENCE = (Path(__file__).parents[2] / "docs" / "language.md").read_text("utf-8")
CELLS = re.findall(r"```cell\n(.*?)```", REFERENCE, re.DOTALL)


@pytest.mark.parametrize("text", CELLS, ids=lambda text: text.split()[1])
def test_a_cell_of_the_reference(text: str) -> None:
    assert read(text).warnings == ()


@pytest.mark.parametrize("word", sorted({*FUNCTION_NAMES, *STATEMENTS, *CLAUSES}))
def test_the_reference_names_every_word(word: str) -> None:
    assert re.search(rf"`{word}\b", REFERENCE), f"{word} is not described in docs/language.md"


def test_there_are_cells_in_the_reference() -> None:
    assert len(CELLS) >= 4
