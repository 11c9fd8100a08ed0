"""docs/benchmarks.md is what benchmarks/page.py makes of the committed figures."""

from __future__ import annotations

import json

from benchmarks.page import PAGE, RESULTS, page


def test_the_page_is_that_of_the_figures() -> None:
    assert page() == PAGE.read_text("utf-8"), "run python -m benchmarks.page"


def test_the_figures_are_json_lines() -> None:
    files = sorted(RESULTS.glob("*.jsonl"))
    assert files
    for path in files:
        for line in path.read_text("utf-8").splitlines():
            run = json.loads(line)
            assert {"date", "machine", "limits", "cell", "dtype", "cases"} <= set(run)
            assert all(r["status"] != "wrong" for case in run["cases"] for r in case["rows"])
