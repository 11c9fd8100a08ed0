"""Notations of books: each display of the *.notation.tex files says what it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import derive
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


@pytest.mark.parametrize(
    ("tex", "outcome"),
    [
        (r"\frac{1}{H} \sum_{i=1}^{H} h_{t,i} = \frac{1}{H} \mathbf 1^\top h_t", "checked"),
        (r"\frac{1}{H} \sum_{i=1}^{H} h_{t,i} = \mathbf 1^\top h_t", "unreadable"),
        (r"\frac{\partial L}{\partial H} = 0", "unreadable"),
        (r"H_t = \tanh(W h_{t-1} + U x_t)", "unreadable"),
        (r"H h_t = \tanh(W h_{t-1} + U x_t)", "unreadable"),
        (r"\|h_t\| \le \sqrt{H}", "open"),
    ],
)
def test_a_letter_that_nothing_explains_is_at_most_a_size(tex: str, outcome: str) -> None:
    """It may mean something else: what is false of the size is not refuted, unless a directive says what it is."""
    elman = derive.load("elman")
    assert elman.verify(tex, repair=False).outcome == outcome
    if outcome == "unreadable" and tex.endswith("h_t"):
        assert elman.verify(tex, ["let H = H"], repair=False).outcome == "refuted"
