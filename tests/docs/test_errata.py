"""The errata: what the page says is what the tool says now."""

from __future__ import annotations

from typing import Any

import pytest

from docs.tools import errata

REFRESH = "`python -m docs.tools.errata` judges them anew"
KEPT = errata.kept()
QUICK = {"units": "un-gru-Wr", "d2l": "d2l-old-sum"}  # a second each


def judged(source: dict[str, Any], only: frozenset[str] = frozenset()) -> None:
    found = errata.judged(source, only)
    assert found.keys() == (only or {e["id"] for e in source["entry"]})
    assert found == {k: KEPT["verdicts"][k] for k in found}, f"stale: {REFRESH}"


def test_the_verdicts_are_about_these_equations() -> None:
    assert KEPT["digest"] == errata.digest(), f"stale: {REFRESH}"
    assert [e["id"] for s in errata.sources() for e in s["entry"]] == list(KEPT["verdicts"])


@pytest.mark.parametrize(("paper", "id"), QUICK.items())
def test_some_are_judged_as_the_page_says(paper: str, id: str) -> None:
    judged(next(s for s in errata.sources() if s["paper"] == paper), frozenset([id]))


@pytest.mark.slow
@pytest.mark.parametrize("source", errata.sources(), ids=lambda s: s["paper"])
def test_all_are_judged_as_the_page_says(source: dict[str, Any]) -> None:
    judged(source)


def test_every_one_is_false_and_has_its_numbers() -> None:
    (text,) = errata.pages().values()
    for source in errata.sources():
        for entry in source["entry"]:
            found = KEPT["verdicts"][entry["id"]]
            assert found["status"] in ("refuted", "ill-formed")
            assert (found["counterexample"] is not None) == (found["status"] == "refuted")
            assert found["latex"] in text
            assert f"--only {entry['id']}\n" in text


def test_the_textbook_chapter_is_among_them_and_mended() -> None:
    repair = KEPT["verdicts"]["rv-final-W"]["repair"]
    assert repair["status"] == "proved"
    assert len(repair["edits"]) == 4
