"""Where something stands in the text, and the findings of one reading."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from derive.errors import Diagnostic


@dataclass(frozen=True, order=True)
class Span:
    """A stretch of one line; line and column count from 1, in characters."""

    line: int
    column: int
    width: int = 1

    def to(self, last: Span) -> Span:
        """From the start of this span to the end of another one on the same line."""
        return Span(self.line, self.column, max(self.width, last.column + last.width - self.column))


class Problem(Exception):
    """A finding that ends the reading of a line; the reader turns it into a diagnostic."""

    def __init__(self, code: str, span: Span, message: str, help: str = ""):
        self.code, self.span, self.message, self.help = code, span, message, help
        super().__init__(f"{code}: {message}")


class Report:
    """Collects the findings on one text, each cause once."""

    def __init__(self, file: str, lines: tuple[str, ...]):
        self.file, self.lines = file, lines
        self._found: dict[tuple[str, Span], Diagnostic] = {}
        self._suggested = 0

    def error(self, code: str, span: Span, message: str, help: str = "") -> None:
        self._add(code, span, message, help, warning=False)

    def warn(self, code: str, span: Span, message: str, help: str = "") -> None:
        self._add(code, span, message, help, warning=True)

    def take(self, problem: Problem) -> None:
        self.error(problem.code, problem.span, problem.message, problem.help)

    def _add(self, code: str, span: Span, message: str, help: str, warning: bool) -> None:
        source = self.lines[span.line - 1] if 0 < span.line <= len(self.lines) else ""
        place = {"file": self.file, "line": span.line, "column": span.column, "width": span.width}
        finding = Diagnostic(code, message, help, source=source, warning=warning, **place)  # type: ignore[arg-type]
        self._found.setdefault((code, span), finding)

    def _sorted(self, warning: bool) -> tuple[Diagnostic, ...]:
        found = (d for d in self._found.values() if d.warning == warning)
        return tuple(sorted(found, key=lambda d: (d.line, d.column, d.code)))

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return self._sorted(warning=False)

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        return self._sorted(warning=True)

    def suggest(self, word: str, known: Iterable[str]) -> str:
        """ "did you mean …?", or nothing; the first hundred times only, for the search is slow."""
        self._suggested += 1
        return did_you_mean(word, known) if self._suggested <= 100 else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The close matches of a word as a question, or "" where nothing is close."""
    known = sorted(set(known) - {word})
    same = [k for k in known if k.lower() == word.lower()]
    close = same or get_close_matches(word, known, n=2, cutoff=0.6)
    return f"did you mean {' or '.join(repr(k) for k in close)}?" if close else ""


def one_of(words: Iterable[str], last: str = "or") -> str:
    """a, b or c."""
    *most, final = words
    return f"{', '.join(most)} {last} {final}" if most else final
