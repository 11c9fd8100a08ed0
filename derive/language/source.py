"""Bytes to lines: encoding, size, and no character that a reader cannot see."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import NoReturn

from derive.errors import CellError
from derive.language.report import Report, Span

MOST_BYTES = 256 * 1024


def read_at_most(path: Path, most: int) -> bytes | None:
    """The content of a file, or of what looks like one and never ends; None if it is larger than that.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(most + 1)
    return content if len(content) <= most else None


_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def lines_of(text: str | bytes, file: str) -> tuple[str, ...]:
    """The lines of a text without their ends; raise CellError where the text as a whole cannot be read."""
    size = len(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    if size > MOST_BYTES:
        message = f"the text has {size:,} bytes; a cell has at most {MOST_BYTES:,}"
        _fail(file, "E0104", message, "split the model, or check that this is a .cell file", Span(1, 1))
    decoded = _decode(text, file) if isinstance(text, bytes) else text
    return tuple(line.removesuffix("\r") for line in decoded.removeprefix("\ufeff").split("\n"))


def _decode(data: bytes, file: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8").removeprefix("\ufeff")
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        shown = data.decode("utf-8", "replace").removeprefix("\ufeff").split("\n")[line - 1].removesuffix("\r")
        message = f"byte 0x{data[error.start]:02x} is not UTF-8"
        _fail(file, "E0102", message, "save the file as UTF-8", Span(line, column), ("",) * (line - 1) + (shown,))


def _fail(file: str, code: str, message: str, help: str, span: Span, lines: tuple[str, ...] = ()) -> NoReturn:
    report = Report(file, lines)
    report.error(code, span, message, help)
    raise CellError(report.errors)


def check_visible(lines: tuple[str, ...], report: Report) -> set[int]:
    """Report control and bidirectional characters, comments and titles included; the lines that hold one."""
    bad = set()
    for number, line in enumerate(lines, 1):
        if line.isascii() and line.isprintable():
            continue
        column = next((i for i, c in enumerate(line, 1) if hidden(c)), 0)
        if column:
            bad.add(number)
            name = describe(line[column - 1])
            report.error("E0103", Span(number, column), f"{name} is not allowed anywhere in a cell", "delete it")
    return bad


def hidden(c: str) -> bool:
    """Is it a control, format, bidirectional or surrogate character, other than a tab?"""
    return c != "\t" and unicodedata.category(c) in _HIDDEN


def describe(c: str) -> str:
    """How a message names a character: '§', or "U+202E right-to-left override" where it does not show."""
    if hidden(c) or c.isspace():
        return f"U+{ord(c):04X} {unicodedata.name(c, 'control character').lower()}"
    return f"'{c}'"
