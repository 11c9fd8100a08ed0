"""Errors that a user sees: what is wrong, where, and what to write instead."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True)
class Diagnostic:
    """One finding in a text: a code that `derive explain` documents, a place, a cause and a cure.

    `line` and `column` count from 1, in characters; `width` is the length of the marked text.
    """

    code: str
    message: str
    help: str = ""
    file: str = "<text>"
    line: int = 0
    column: int = 0
    width: int = 1
    source: str = ""
    warning: bool = False

    def __str__(self) -> str:
        kind = "warning" if self.warning else "error"
        head = f"{kind}[{self.code}]: {self.message}"
        if not self.line:
            return head + (f"\n  = help: {self.help}" if self.help else "")
        place = f"{visible(self.file)}:{self.line}:{self.column}"
        text, column = _clip(self.source, self.column)
        text = visible(text)
        gutter = " " * len(str(self.line))
        marks = "^" * max(1, min(self.width, len(text) - column + 1))
        lines = [
            head,
            f"{gutter}--> {place}",
            f"{gutter} |",
            f"{self.line} | {text}",
            f"{gutter} | {' ' * (column - 1)}{marks}",
        ]
        if self.help:
            lines.append(f"{gutter} = help: {self.help}")
        lines.append(f"{gutter} = more: derive explain {self.code}")
        return "\n".join(lines)

    def as_json(self) -> dict[str, object]:
        return {
            "code": self.code,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "message": self.message,
            "help": self.help,
        }


def visible(text: str) -> str:
    """Replace control and bidirectional characters one for one, so that columns stay true."""
    return "".join("�" if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"} else c for c in text)


def _clip(text: str, column: int, width: int = 100) -> tuple[str, int]:
    """A window of a long line around the marked column."""
    if len(text) <= width:
        return text, column
    start = max(0, min(column - 1 - width // 2, len(text) - width))
    return text[start : start + width], column - start


class DeriveError(Exception):
    """The base of every error that this package raises on purpose."""


class CellError(DeriveError):
    """A text that is not a cell; `.diagnostics` holds every finding of one reading."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]):
        self.diagnostics = diagnostics
        super().__init__("\n\n".join(str(d) for d in diagnostics))


class InputError(DeriveError, ValueError):
    """An array or an option that does not fit: `.name`, what was `.expected` and what was `.got`."""

    def __init__(self, name: str, expected: str, got: str, help: str = ""):
        self.name, self.expected, self.got, self.help = name, expected, got, help
        super().__init__(f"{name}: expected {expected}, got {got}" + (f"; {help}" if help else ""))


class ShapeError(DeriveError):
    """Operands that do not conform; raised when an expression is built."""


class ToolError(DeriveError):
    """A tool that the work needs (a compiler, TeX) is missing or failed."""


class CheckError(DeriveError):
    """Something that was made does not hold; the message says what, and nothing wrong was written."""


class UnsupportedError(DeriveError):
    """Something that is well formed but has no such form or target; the message says which does."""
