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


def test_the_c_example_trains(tmp_path: Path) -> None:
    program = next(body for language, body in BLOCKS if language == "c")
    for name, text in load("elman").code("c").items():
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "train.c").write_text(program, "utf-8")
    assert "`cc -O2 train.c elman.c -lm`" in README
    command = ["cc", "-O2", "-Wall", "-Werror", "train.c", "elman.c", "-lm", "-o", "train"]
    subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run(["./train"], cwd=tmp_path, capture_output=True, text=True, check=True)
    losses = [float(line.split()[1]) for line in done.stdout.splitlines()]
    assert len(losses) == 4
    assert losses[0] > losses[1] > losses[3]
    assert losses[3] < 0.9 * losses[0]


def test_the_commands_exist() -> None:
    commands = set(re.findall(r"^derive (\w+)", README, re.MULTILINE))
    from derive.cli.commands import cli

    assert commands <= set(cli.commands)
    assert "E0301" in README
    assert derive.language.explain("E0301")
