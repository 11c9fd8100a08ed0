"""The published equations: no verdict is wrong, and those that are decided are decided as their sources deserve."""

from __future__ import annotations

import json

import pytest

from derive.claims.verdict.verdicts import Outcome
from derive.claims.verify import judge
from tests.claims.papers import FOLDER, stages

EXPECTED = json.loads((FOLDER / "expected.json").read_text("utf-8"))
FILES = sorted({x["file"] for x in EXPECTED.values()})
UNDECIDED = (Outcome.OPEN, Outcome.UNREADABLE)
# An unproved bound, expectations, a directional and second derivatives, detached states.
KNOWN_OPEN = {"d2l-rand", "rop", "hess-scalar", "hess-mut", "tbptt"}


@pytest.mark.parametrize("file", FILES)
def test_published_equations_are_judged(file: str) -> None:
    """Every verdict is one that the source's own truth accepts, and all but a few are decided."""
    for stage, display in stages(FOLDER / file):
        want = EXPECTED[display.id]
        judgement = judge(stage, display.tex, repairs=False)
        if judgement.outcome in UNDECIDED:
            assert display.id in KNOWN_OPEN, f"{display.id}: {judgement.reason}"
            continue
        assert str(judgement.outcome) in want["accept"], f"{display.id}: {judgement.reason}"
        assert display.id not in KNOWN_OPEN, "decided now: strike it off the list"
        if judgement.outcome is Outcome.REFUTED:
            assert judgement.counterexample is not None
        if judgement.outcome is Outcome.PROVED:
            assert judgement.certificate
        if judgement.outcome is Outcome.CONDITIONAL:
            assert len(judgement.readings) >= 2
            assert judgement.reading


def test_every_claim_has_its_display() -> None:
    found = {display.id for file in FILES for _, display in stages(FOLDER / file)}
    assert found == set(EXPECTED)
