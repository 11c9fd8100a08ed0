"""The page of reliability is that of its records."""

from __future__ import annotations

import json
from pathlib import Path

from docs.tools.reliability import FAULTS, PAGE, RUNS, text
from tests.records import record


def test_the_page_shows_the_records() -> None:
    runs = json.loads(RUNS.read_text("utf-8"))
    faults = json.loads(FAULTS.read_text("utf-8"))
    assert text(runs, faults) == PAGE.read_text("utf-8"), "python -m docs.tools.reliability writes it anew"
    shares = ("tests.mutation", "tests.claims.slips")  # what is not killed, what is not put right
    assert all(r["failures"] == 0 for r in runs if not any(x in r["command"] for x in shares)), "it becomes a test"
    assert all(r["failures"] * 10 <= r["cases"] for r in runs)
    assert all(f["test"] for f in faults), "a fault that no test sees is a test that is missing"


def test_a_run_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "new" / "runs.json"
    for cases in (10, 20):
        record("kills", "python -m tests.kills", cases, 0, 1.6, path)
    record("other", "python -m tests.other", 1, 0, 200, path)
    runs = json.loads(path.read_text("utf-8"))
    assert [(r["cases"], r["seconds"]) for r in runs] == [(20, 2), (1, 200)]
    assert "| kills | 20 | 0 | 2 s |" in text(runs)
    assert "| other | 1 | 0 | 3 min |" in text(runs)
