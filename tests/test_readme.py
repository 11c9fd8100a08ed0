"""What the README says is what happens."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import derive
import derive.language
from derive.model import load, show

README = (Path(__file__).resolve().parents[1] / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_cell_on_the_first_screen_is_the_catalogues() -> None:
    cell = next(body for _, body in BLOCKS if body.startswith("cell elman"))
    assert derive.parse(cell).program.equations == load("elman").program.equations


def test_the_derivation_on_the_first_screen_is_what_is_printed() -> None:
    shown = next(body for _, body in BLOCKS if body.startswith("$ derive show elman --wrt W\n"))
    printed = "\n\n".join(str(b) for b in show.blocks(load("elman"), ["W"]))
    assert shown.partition("\n")[2].strip() == printed.strip()


def test_the_python_example_runs(tmp_path: Path) -> None:
    script = next(body for language, body in BLOCKS if language == "python")
    (tmp_path / "example.py").write_text(script, "utf-8")
    done = subprocess.run([sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_commands_exist() -> None:
    commands = set(re.findall(r"^derive (\w+)", README, re.MULTILINE))
    from derive.cli.commands import cli

    assert commands <= set(cli.commands)
    assert "E0301" in README
    assert derive.language.explain("E0301")
