"""The Arduino library: its sketch, with a stand-in for the board, learns here; it compiles for a Cortex-M4F."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

import derive
from derive.errors import InputError
from derive.files import write_text
from tests.tools import needs

BOARD = """
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
static struct Port {
    void begin(long) {}
    void print(const char *s) { printf("%s", s); }
    void print(uint32_t n) { printf("%lu", (unsigned long)n); }
    void println(const char *s) { printf("%s\\n", s); }
    void println(float x, int digits) { printf("%.*f\\n", digits, (double)x); }
} Serial;
static void delay(int) {}
"""
MAIN = "\nint main(void) { setup(); for (int n = 0; n <= 2000; ++n) loop(); return 0; }\n"
CPU = "-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16".split()


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def written(cell: str, folder: Path, main: str, **options: Any) -> Path:
    for name, text in derive.load(cell).code("arduino", **options).items():
        write_text(folder / name, text)
    sketch = (folder / cell / "examples" / "train" / "train.ino").read_text("utf-8")
    write_text(folder / cell / "main.cpp", BOARD + sketch + main)
    return folder / cell


@pytest.mark.parametrize("cell", ["elman", "gru", "char_rnn", "bidirectional", "rnn_regression"])
def test_the_sketch_learns(cell: str, tmp_path: Path) -> None:
    """The exclusive or of a bit and the one before it: ln 2 at first."""
    needs("gcc", "g++")
    folder = written(cell, tmp_path, MAIN)
    run("gcc", "-std=c99", "-O1", "-c", f"src/{cell}.c", "-o", "kernel.o", cwd=folder)
    run("g++", "-std=c++11", "-O1", "-Wall", "-Wextra", "-Werror", "-Isrc", "main.cpp", "kernel.o", "-o", "run", "-lm",
        cwd=folder)  # fmt: skip
    losses = [float(line.split()[1]) for line in run("./run", cwd=folder).splitlines()]
    assert losses[0] > 0.4
    assert losses[-1] < 0.05 * losses[0]


@pytest.mark.parametrize("cell", ["rnn_classifier", "lstm_peephole"])
def test_other_cells_have_a_sketch_too(cell: str, tmp_path: Path) -> None:
    needs("gcc", "g++")
    folder = written(cell, tmp_path, MAIN, sizes={"T": 5})
    run("gcc", "-std=c99", "-O1", "-c", f"src/{cell}.c", "-o", "kernel.o", cwd=folder)
    run("g++", "-std=c++11", "-O1", "-Isrc", "main.cpp", "kernel.o", "-o", "run", "-lm", cwd=folder)
    losses = [float(line.split()[1]) for line in run("./run", cwd=folder).splitlines()]
    assert losses[-1] < losses[0]
    properties = (folder / "library.properties").read_text("utf-8")
    assert f"name={cell}\n" in properties
    assert f"includes={cell}.h\n" in properties


@pytest.mark.arm
def test_it_compiles_for_a_microcontroller(tmp_path: Path) -> None:
    needs("arm-none-eabi-gcc", "arm-none-eabi-g++")
    folder = written("gru", tmp_path, "")
    run("arm-none-eabi-gcc", *CPU, "-std=c99", "-Os", "-c", "src/gru.c", "-o", "kernel.o", cwd=folder)
    run("arm-none-eabi-g++", *CPU, "-Os", "-Isrc", "-c", "main.cpp", "-o", "main.o", cwd=folder)


def test_options_that_it_has_not() -> None:
    with pytest.raises(InputError, match="--sizes alone"):
        derive.load("elman").code("arduino", threads=2)
