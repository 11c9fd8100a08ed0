"""Notations of books: each display of the *.notation.tex files says what it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from derive.claims.verify import judge
from tests.claims.papers import FOLDER, stages
from tests.tools import some

FILES = sorted(FOLDER.glob("*.notation.tex"))
IS = re.compile(r"^% is: (\S+)$", re.MULTILINE)


@pytest.mark.parametrize("file", some(FILES, FILES[::2]), ids=lambda p: p.name)
def test_each_is_what_it_says(file: Path) -> None:
    wanted, found = IS.findall(file.read_text("utf-8")), stages(file)
    assert len(wanted) == len(found)
    for want, (stage, display) in zip(wanted, found, strict=True):
        judgement = judge(stage, display.tex, repairs=False)
        got = "true" if judgement.outcome in ("proved", "checked") else str(judgement.outcome)
        assert got == want, f"line {display.line}: {display.tex}\n{judgement.reason}"
