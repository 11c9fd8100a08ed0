"""A file of LaTeX as what it claims: displays, their rows, and the directives in comments above them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from derive.claims.text.macros import Macros

ROWS = ("align", "gather", "eqnarray", "flalign", "alignat", "IEEEeqnarray")  # a row of these is a claim of its own
ENVIRONMENTS = (*ROWS, "equation", "multline", "displaymath", "math", "dmath")

_DIRECTIVE = re.compile(r"%\s*derive:\s*(.*)")
_OPEN = re.compile(
    r"\\(?:input|include|subfile)(?:\s*\{(?P<path>[^{}]*)\}|\s+(?P<bare>[^\s{}\\%]+))|(?P<end>\\end\s*\{document\})|\\begin\s*\{(?P<env>[A-Za-z]+)(?P<star>\*?)\}|(?P<bracket>\\\[)|(?P<dollars>\$\$)"
)
_HIDDEN = re.compile(
    r"\\begin\s*\{(?P<env>verbatim|lstlisting|comment|filecontents|minted)(?P<star>\*?)\}.*?(?:\\end\s*\{(?P=env)(?P=star)\}|\Z)"
    r"|\\verb\*?(?P<bar>[^A-Za-z\s*]).*?(?P=bar)|\\iffalse(?![A-Za-z]).*?(?:\\fi(?![A-Za-z])|\Z)|(?P<kept>\\.|%\s*derive:[^\n]*)|%[^\n]*",
    re.DOTALL,
)
_LABEL = re.compile(r"\\label\s*\{([^{}]*)\}")
_SILENT = re.compile(
    r"\\(?:tag\*?|intertext|shortintertext)\s*\{(?:[^{}]|\{[^{}]*\})*\}"
    r"|\\(?:eq|auto|c|C)?ref\s*\{[^{}]*\}|\\[hv]?phantom\s*\{(?:[^{}]|\{[^{}]*\})*\}|\\[hm]space\*?\s*\{[^{}]*\}"
    r"|\\(?:nonumber|notag|allowdisplaybreaks|derive(?:proved|exact|open|markhere))(?![A-Za-z])"
)
_WRAPPERS = re.compile(
    r"(?:\\left\s*(?:\\\{|\.)\s*)?\\begin\s*\{(?:split|aligned|gathered)\}(?:\[[tbc]\])?"
    r"|\\end\s*\{(?:split|aligned|gathered)\}(?:\s*\\right\s*(?:\\\}|\.))?|\\(?:boxed|ensuremath)(?![A-Za-z])"
)
_HALVES = re.compile(r"\\right\s*\.(.*?)\\left\s*\.", re.DOTALL)
_EQUATION = re.compile(r"(?<![<>:])=")
_SPACE = (
    r"(?:\\q?quad(?![A-Za-z])|[&\s]|\\[,;:! ]|\{\s*\}|\\[hm]space\*?\{[^{}]*\}"
    r"|\\[hv]?phantom\{(?:[^{}]|\{[^{}]*\})*\}|\\left\s*\.)*"
)
_SIGN = r"(?:[-+=*/<>]|\\(?:cdot|times|odot|otimes|circ|ast|bullet|equiv|approx|simeq|leq?|geq?|pm|mp)(?![A-Za-z]))"
_CONTINUES = re.compile(_SPACE + _SIGN)
_GOES_ON = re.compile(_SIGN + _SPACE + r"$")
_RELATION = re.compile(r"[=<>]|\\(?:equiv|approx|simeq|leq?|geq?|propto|in|to|sim|triangleq|coloneqq)(?![A-Za-z])")
_TEXT = re.compile(r"(?:\\(?:text|textrm|textit|textbf|mbox)\s*\{[^{}]*\}|\\q?quad(?![A-Za-z])|[\s&.,;:]|\\[,;:! ])*")


@dataclass(frozen=True)
class Directive:
    """The text behind `% derive:`, and its line."""

    text: str
    line: int


@dataclass(frozen=True)
class Display:
    """One displayed equation.

    Attributes:
        tex: the formula, without what is not mathematics; macros expanded.
        id: its label, else file:line.
        line: where it begins, from 1.
    """

    tex: str
    id: str
    line: int


@dataclass(frozen=True)
class Include:
    """Another file, whose text stands here."""

    path: str
    line: int


def read_source(text: str, file: str, macros: Macros | None = None) -> Iterator[Directive | Display | Include]:
    """Directives, displays and the names of other files in the order of the file.

    Args:
        macros: the reader's own commands; those that the text defines, if none are given.
    """
    macros = macros_of(text) if macros is None else macros
    text = visible(text)
    at = known = 0
    while at < len(text):
        comment = text.find("%", at) if not _escaped(text, text.find("%", at)) else _next_comment(text, at)
        found = _OPEN.search(text, at)
        if comment >= 0 and (found is None or comment < found.start()):
            end = _end_of_line(text, comment)
            directive = _DIRECTIVE.match(text, comment, end)
            if directive:
                yield Directive(directive[1].strip(), _line(text, comment))
            at = end
        elif found is None or found["end"]:
            return
        elif found["path"] is not None or found["bare"]:
            yield Include((found["path"] or found["bare"]).strip(), _line(text, found.start()))
            at = found.end()
        else:
            macros.learn(_without_comments(text[known : found.start()]))
            known = found.start()
            body, at = _body(text, found)
            if body is not None:
                yield from _displays(text, found, body, file, macros)


def macros_of(*texts: str) -> Macros:
    """The commands that some texts define."""
    return Macros.of("\n".join(_without_comments(visible(text)) for text in texts))


def visible(text: str) -> str:
    """The text with blanks for what TeX does not print: comments (not the directives), verbatim text, \\iffalse."""
    return _HIDDEN.sub(lambda m: m[0] if m["kept"] else re.sub(r"[^\n]", " ", m[0]), text)


def _body(text: str, found: re.Match[str]) -> tuple[tuple[int, int] | None, int]:
    """Where a display's formula begins and ends (None for what is no display), and where to read on."""
    env = found["env"]
    if env and env not in ENVIRONMENTS:
        return None, found.end()
    named = rf"\\end\s*\{{{env}{re.escape(found['star'] or '')}\}}"
    closing = re.compile(named if env else r"(?<!\\)\\\]" if found["bracket"] else r"\$\$")
    end = closing.search(text, found.end())
    return (None, found.end()) if end is None else ((found.end(), end.start()), end.end())


def _displays(text: str, found: re.Match[str], body: tuple[int, int], file: str, macros: Macros) -> Iterator[Display]:
    begin, end = body
    pieces = _rows(text[begin:end]) if found["env"] in ROWS else [(0, text[begin:end])]
    if found["env"] in ROWS:
        pieces = [piece for row in pieces for piece in _columns(*row)]
    pieces = [inner for piece in pieces for inner in _unwrapped(*piece)]
    for offset, raw in _joined(pieces):
        label = _LABEL.search(raw)
        line = _line(text, begin + offset + len(raw) - len(raw.lstrip()))
        plain = _SILENT.sub(" ", _LABEL.sub(" ", _without_comments(raw)))
        if found["env"] in ("alignat", "IEEEeqnarray"):
            plain = re.sub(r"^\s*(?:\[[^\]]*\])?\s*\{[0-9A-Za-z]+\}", " ", plain)
        tex = _HALVES.sub(r" \1 ", macros.expand(_unaligned(plain)))
        if found["env"] == "multline":
            tex = tex.replace(r"\\", " ")
        if not _TEXT.fullmatch(tex):
            yield Display(tex.strip(), label[1].strip() if label else f"{file}:{line}", line)


def _unwrapped(offset: int, row: str) -> list[tuple[int, str]]:
    r"""The rows of an inner split, aligned or gathered, which stand for themselves like those of align."""
    if not _WRAPPERS.search(row):
        return [(offset, row)]
    return [(offset + at, each) for at, each in _rows(_WRAPPERS.sub(lambda m: " " * len(m[0]), row))]


def _columns(offset: int, row: str) -> list[tuple[int, str]]:
    """The equations of a row with several: a &= b & c &= d."""
    places, inner = [], 0
    for token in re.finditer(r"\\begin\b|\\end\b|\\.|&", row):
        inner += (token.group() == r"\begin") - (token.group() == r"\end")
        if token.group() == "&" and inner == 0:
            places.append(token.start())
    cuts = [place for n, place in enumerate(places) if n % 2 == 1 and _EQUATION.search(row[place + 1 :])]
    edges = [0, *cuts, len(row)]
    return [(offset + a, row[a:b]) for a, b in pairwise(edges)]


def _unaligned(row: str) -> str:
    """Without the & of the alignment; those of matrices stay."""
    out, inner, at = [], 0, 0
    for token in re.finditer(r"\\begin\b|\\end\b|\\.|&", row):
        inner += (token.group() == r"\begin") - (token.group() == r"\end")
        if token.group() == "&" and inner == 0:
            out.append(row[at : token.start()] + " ")
            at = token.end()
    return "".join(out) + row[at:]


def _rows(body: str) -> list[tuple[int, str]]:
    r"""The rows between \\ that stand in no brace and no inner environment, and where they begin."""
    rows, start, depth, inner = [], 0, 0, 0
    for token in re.finditer(r"\\begin\b|\\end\b|\\\\\*?(?:\[[^\]]*\])?|\\[{}%&]|[{}]", body):
        kind = token.group()
        depth += (kind == "{") - (kind == "}")
        inner += (kind == r"\begin") - (kind == r"\end")
        if kind.startswith(r"\\") and depth == 0 and inner == 0:
            rows.append((start, body[start : token.start()]))
            start = token.end()
    return [*rows, (start, body[start:])]


def _joined(rows: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Rows that go on with a sign, or behind one, or in brackets that are open, belong to the one above."""
    current: tuple[int, str] | None = None
    for offset, row in rows:
        text, above = _without_comments(row), _without_comments(current[1]) if current is not None else ""
        factor = _RELATION.search(above) and not _RELATION.search(text) and not _TEXT.fullmatch(text)
        sign = _CONTINUES.match(text) or _GOES_ON.search(above)
        if current is not None and (factor or sign or _open_brackets(above) > 0 > _open_brackets(text)):
            current = current[0], f"{current[1]} {row}"
            continue
        if current is not None:
            yield current
        current = offset, row
    if current is not None:
        yield current


def _open_brackets(row: str) -> int:
    return sum((c in "([") - (c in ")]") for c in row)


def _without_comments(text: str) -> str:
    return re.sub(r"(?<!\\)((?:\\\\)*)%[^\n]*", r"\1", text)


def _escaped(text: str, at: int) -> bool:
    """Is the character at this place behind an odd number of backslashes?"""
    count = 0
    while at - count > 0 and text[at - count - 1] == "\\":
        count += 1
    return count % 2 == 1


def _next_comment(text: str, at: int) -> int:
    at = text.find("%", at)
    while at >= 0 and _escaped(text, at):
        at = text.find("%", at + 1)
    return at


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
