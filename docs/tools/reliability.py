"""The page of what was tried to break it: `python -m docs.tools.reliability` writes docs/reliability.md."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1]
RUNS, FAULTS, PAGE = DOCS / "reliability" / "runs.json", DOCS / "reliability" / "faults.json", DOCS / "reliability.md"
LISTED = DOCS.parent / "tests" / "faults.toml"
HEAD = """\
# Reliability

What was done to break it, with figures. The table is made from the records of runs (`docs/reliability/runs.json`) by
`python -m docs.tools.reliability`; with `--record` a command puts new figures there.

| what | cases | failures | took | when | again with |
|---|---:|---:|---:|---|---|
"""
FOOT = """
A failure becomes a test before it is mended. Older records have pages of their own: [random cells](random-cells.md),
[the prover's fuzzing](proof-fuzz.md), [C on many compilers and flags](c-matrix.md).

## What runs with every change

- Every gradient of every cell of the catalogue, in NumPy and C (portable and vector branches), against complex step
  and central differences; C with four sanitizers and valgrind.
- Every equation of every derivation, evaluated exactly in a finite field; certificates followed by their checkers.
- Random cells, 300 of them: the interpreter's complex step, NumPy, C by gcc and clang in both branches of its code (two
  of the four builds in turn), torch's autograd, central differences and exact arithmetic in a finite field agree on
  every gradient, and every equation of every derivation holds (`tests/random_cells`). Two have no smooth point.
- Faults put in on purpose, in derivatives (`tests/test_faults.py`) and formulas (`tests/proof/mutants.py`): all seen.
- Rules of inequalities and the comparison of their sides, held to numbers (`tests/proof/test_inequality.py`).
- Hostile titles, names, formulas, papers and certificates (`tests/test_hostile.py`; `SECURITY.md` has the threats).
- A minute of fuzzing of each reader, guided by coverage.
"""


FAULT_HEAD = """
## Faults put in on purpose

Each is put into a copy of the project, whose tests run until one fails: `python -m tests.faults`. {tried} of the
{listed} in `tests/faults.toml` have been tried.

| where | what is wrong | first test that fails |
|---|---|---|
"""


def text(runs: list[dict[str, Any]], faults: Sequence[dict[str, str]] = ()) -> str:
    """The page."""
    rows = [
        f"| {r['what']} | {r['cases']:,} | {r['failures']} | {lasting(r['seconds'])} | {r['date']} | `{r['command']}` |"
        for r in sorted(runs, key=lambda r: r["what"])
    ]
    seen = [f"| `{f['file']}` | {f['says']} | {shown(f['test'])} |" for f in faults]
    listed = len(tomllib.loads(LISTED.read_text("utf-8"))["fault"])
    head = FAULT_HEAD.format(tried=len(faults), listed=listed)
    return HEAD + "\n".join(rows) + "\n" + FOOT + head + "\n".join(seen) + "\n"


def shown(name: str) -> str:
    """A test as a table shows it."""
    return f"`{name.removeprefix('tests/')}`".replace("|", r"\|") if name else "**none**"


def lasting(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def main() -> None:
    PAGE.write_text(text(json.loads(RUNS.read_text("utf-8")), json.loads(FAULTS.read_text("utf-8"))), "utf-8")


if __name__ == "__main__":
    main()
