"""The examples run by the commands of their README, from a clean directory, and say what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "examples" / "README.md").read_text("utf-8")
COMMANDS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)


def run(commands: str, folder: Path) -> str:
    """What the commands print, in a copy of the examples, with this Python and its `derive`."""
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__", "*.png"))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-ec", commands],
        cwd=folder / "examples",
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def named(script: str) -> str:
    return next(c for c in COMMANDS if script in c)


def test_the_textbook(tmp_path: Path) -> None:
    printed, corrected, turned, without = run(named("textbook.py"), tmp_path).strip().split("\n\n")
    assert f"{printed}\n\n{corrected}\n" in (ROOT / "README.md").read_text("utf-8")
    assert "proved: true for every T ≥ 0 and all sizes\n  assumed: sum(y) == 1" in corrected
    assert "refuted: the sides differ at T = 3" in turned
    assert "refuted: the sides differ at T = 1" in without


def test_the_characters_are_learnt(tmp_path: Path) -> None:
    printed = run("python characters.py --steps 80", tmp_path)
    losses = [float(x) for x in re.findall(r"^ derive +\d+ ([\d.]+)$", printed, re.MULTILINE)]
    assert len(losses) == 8
    assert losses[0] > losses[-1]
    assert losses[-1] < 3.3  # the 67 characters alike: 4.2


def test_the_oscillators_are_fitted(tmp_path: Path) -> None:
    printed = run("python oscillators.py --steps 150", tmp_path)
    assert "all gradients agree with numerical ones" in printed
    explained = re.search(r"([\d.-]+) % of the variance explained", printed)
    assert explained is not None
    assert float(explained[1]) > 60


def test_the_microcontroller_tells_rhythms_apart(tmp_path: Path) -> None:
    printed = run(named("knocks.c"), tmp_path)
    before, after = re.findall(r"(\d+) % recognised", printed)
    assert int(before) < 60
    assert int(after) > 95


@pytest.mark.frameworks
@pytest.mark.parametrize("commands", [c for c in COMMANDS if "--plot" in c], ids=lambda c: c.split()[1])
def test_it_runs_as_the_readme_says(commands: str, tmp_path: Path) -> None:
    printed = run(commands, tmp_path)
    picture = tmp_path / "examples" / re.search(r"--plot (\S+)", commands)[1]  # type: ignore[index]
    assert picture.read_bytes().startswith(b"\x89PNG")
    if "--torch" in commands:
        apart = re.findall(r"losses apart: (\S+) in the first 50 steps, (\S+) in the mean", printed)
        first, mean = map(float, apart[0])
        assert first < 1e-5
        assert mean < 0.02  # what rounding becomes


def test_the_example_in_the_documents() -> None:
    text = (ROOT / "docs" / "proof.md").read_text("utf-8")
    code = text.split("```python\n")[1].split("```")[0]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "proved: true for every T ≥ 0 and all sizes\n  assumed: sum(y) == 1"
