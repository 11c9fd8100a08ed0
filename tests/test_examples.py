"""The examples run as they are, and say what the README says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_it_runs(path: Path, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, path], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_textbook() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "textbook.py"], capture_output=True, text=True, check=True
    )
    printed, corrected, turned, without = done.stdout.strip().split("\n\n")
    assert f"{printed}\n\n{corrected}\n" in (ROOT / "README.md").read_text("utf-8")
    assert "proved: true for every T ≥ 0 and all sizes\n  assumed: sum(y) == 1" in corrected
    assert "refuted: the sides differ at T = 3" in turned
    assert "refuted: the sides differ at T = 1" in without


def test_the_example_in_the_documents() -> None:
    text = (ROOT / "docs" / "proof.md").read_text("utf-8")
    code = text.split("```python\n")[1].split("```")[0]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "proved: true for every T ≥ 0 and all sizes\n  assumed: sum(y) == 1"
