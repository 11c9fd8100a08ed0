"""Texts that the tests of this room share."""

from __future__ import annotations

from pathlib import Path

from derive.errors import CellError
from derive.language import read
from derive.language.catalogue import names, text
from derive.program import Program

FOLDER = Path(__file__).parent / "cells"
CELLS: dict[str, bytes] = {
    **{name: text(name).encode() for name in names()},
    **{path.stem: path.read_bytes() for path in sorted(FOLDER.glob("*.cell"))},
}

# Thirteen lines, so that the first line of a test's own is line 14; nothing in it is wrong.
PREAMBLE = """cell test "A test"
dims I, H, O
input x : I
input s
input c : H once
target y : O where sum(y) == 1
target k : O onehot
state h : H
param U : H x I
param W : H x H
param V : O x H
const tau = 0.1
h[t] = tanh(U @ x[t] + W @ h[t-1])
"""
FIRST = PREAMBLE.count("\n") + 1


def program(*lines: str) -> Program:
    return read(PREAMBLE + "\n".join(lines)).program


def errors(text: str | bytes) -> list[tuple[str, int, int]]:
    """(code, line, column) of every error; empty where the text is a cell."""
    try:
        read(text)
    except CellError as error:
        return [(d.code, d.line, d.column) for d in error.diagnostics]
    return []


def found(*lines: str) -> list[tuple[str, int, int]]:
    """The errors of lines behind the preamble, their own lines counted from 1."""
    return [(code, line - FIRST + 1, column) for code, line, column in errors(PREAMBLE + "\n".join(lines))]
