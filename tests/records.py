"""Figures of long runs, kept in docs/reliability/runs.json for the page that shows them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

RUNS = Path(__file__).resolve().parents[1] / "docs" / "reliability" / "runs.json"


def record(what: str, command: str, cases: int, failures: int, seconds: float, path: Path = RUNS) -> None:
    """Add a run; an earlier one of the same command gives way."""
    known = json.loads(path.read_text("utf-8")) if path.exists() else []
    date = datetime.now(UTC).date().isoformat()
    entry = {"what": what, "command": command, "cases": cases, "failures": failures, "seconds": round(seconds)}
    kept = [e for e in known if e["command"] != command]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([*kept, {"date": date, **entry}], indent=1, ensure_ascii=False) + "\n", "utf-8")
