"""Displays that fit the page: where a long right side is broken, by an estimate of its width."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sympy import Identity, MatrixExpr, ZeroMatrix

from derive.algebra.nodes import Blocks
from derive.documents.latex import MatrixPrinter, stacked

LINE = 72  # letters of 11 pt mathematics on a line of 16 cm, beside the equation's number
_FRACTION = re.compile(r"\\d?frac\{[^{}]*\}\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}")
_SCRIPT = re.compile(r"[_^](?:\{([^{}]*)\}|(\\[A-Za-z]+|.))")
_SILENT = re.compile(
    r"\\(?:left|right|mathrm|mathbf|mathop|limits|operatorname|hat|tilde|bar|dot|vec|over\w+arrow|begin|end|,)(?![a-z])"
)
_WIDE = re.compile(r"\\(?:odot|oslash|sum|prod)(?![a-z])|[=+]| - ")


@dataclass(frozen=True)
class Display:
    """left = rows, one numbered equation; the rows after the first are indented."""

    left: str
    rows: tuple[str, ...]
    label: str = ""
    beside: str = ""

    @property
    def fits(self) -> bool:
        """Is there room for what stands beside it?"""
        return len(self.rows) == 1 and width(self.left) + width(self.rows[0]) + width(self.beside) <= LINE

    @property
    def lines(self) -> list[str]:
        """The rows of an `align`, numbered at the last one."""
        joined = [f"{self.left} &= {self.rows[0]}", *(rf"&\quad {row}" for row in self.rows[1:])]
        aside = rf" && \text{{{self.beside}}}" if self.beside else ""
        return [*(rf"{row} \notag" for row in joined[:-1]), f"{joined[-1]}{aside}{self.label}"]


def width(tex: str) -> float:
    """How many letters wide the TeX will be, roughly."""
    while (shorter := _FRACTION.sub(lambda m: f"d{m[1]}", tex)) != tex:
        tex = shorter
    tex, scripts = tex.replace("bmatrix", ""), 0.0
    while found := _SCRIPT.search(tex):
        scripts += 0.65 * _letters(found[1] if found[1] is not None else found[2])
        tex = tex[: found.start()] + tex[found.end() :]
    return scripts + _letters(tex)


def _letters(tex: str) -> float:
    tex = _SILENT.sub("", tex)
    wide = len(_WIDE.findall(tex))
    return len(re.sub(r"[{}\s\\]", "", re.sub(r"\\[A-Za-z]+", "x", tex))) + 1.5 * wide


def displays(left: str, e: MatrixExpr, printer: MatrixPrinter, label: str = "") -> Iterator[Display]:
    """left = e; a block matrix too wide for a line is followed by its entries, one display each."""
    whole, room = printer.doprint(e), LINE - width(left)
    if not isinstance(e, Blocks) or max(width(row) for row in _block_rows(e, printer)) <= room:
        yield Display(left, rows(whole, room), label)
        return
    cells = [(i, j) for i in range(e.block_rows) for j in range(e.block_cols)]
    short = {c: _entry(left, c, e, printer) for c in cells}
    table = (" & ".join(short[i, j] for j in range(e.block_cols)) for i in range(e.block_rows))
    yield Display(left, (stacked(table),), label)
    for c in cells:
        if not _plain(e.block(*c)):
            yield from displays(short[c], e.block(*c), printer)


def _block_rows(e: Blocks, printer: MatrixPrinter) -> list[str]:
    return [" ".join(printer.doprint(e.block(i, j)) for j in range(e.block_cols)) for i in range(e.block_rows)]


def _plain(block: MatrixExpr) -> bool:
    return isinstance(block, (ZeroMatrix, Identity))


def _entry(left: str, cell: tuple[int, int], e: Blocks, printer: MatrixPrinter) -> str:
    block = e.block(*cell)
    index = "".join(str(n + 1) for n, size in zip(cell, (e.block_rows, e.block_cols), strict=True) if size > 1)
    return printer.doprint(block) if _plain(block) else f"[{left}]_{{{index}}}"


_SIGNS = re.compile(r" [-+] ")
_BREAKS = re.compile(r" (?:[-+]|\\odot|\\oslash|\\otimes) | (?=\(|\\Bigl|\\left|\\mathop|\\operatorname\{diag\})")
_TOKEN = re.compile(r"\\(?:begin|end)|\\[A-Za-z]+|\\.|.", re.DOTALL)


def rows(tex: str, room: float) -> tuple[str, ...]:
    """The TeX on as many rows as it needs, cut at signs first, outside parentheses first."""
    if width(tex) <= room:
        return (tex,)
    best: tuple[str, ...] = (tex,)
    for depth in range(4):
        # delimiters that grow with their contents may not span rows
        cut = tex if depth == 0 else tex.replace(r"\left", r"\Bigl").replace(r"\right", r"\Bigr")
        for breaks in (_SIGNS, _BREAKS):
            found = tuple(_fill(_pieces(cut, breaks, depth), room))
            if max(map(width, found)) < max(map(width, best)):
                best = found
            if max(map(width, found)) <= room + 2:
                return found
    return best


SHORT = 20  # letters: parentheses around no more than this stay on one row


def _pieces(tex: str, breaks: re.Pattern[str], depth: int) -> list[str]:
    """The TeX cut before every break at most `depth` parentheses deep and in no group, matrix or short parenthesis."""
    cuts, group, nested, at, closed = [0], 0, 0, 0, 0
    while at < len(tex):
        token = _TOKEN.match(tex, at)
        assert token is not None
        text = token.group()
        group += (text in ("{", r"\begin")) - (text in ("}", r"\end"))
        if text in ("(", "["):
            nested += 1
            end = _partner(tex, at)
            if width(tex[at:end].replace(r"\Bigr", "")) <= SHORT:
                closed = max(closed, end)
        nested -= text in (")", "]")
        free = at >= closed and group == 0 and nested <= depth
        if at and free and breaks.match(tex, at) and not _HANGING.search(tex[:at].rstrip()):
            cuts.append(at)
        at = token.end()
    return [tex[a:b].strip() for a, b in zip(cuts, [*cuts[1:], len(tex)], strict=True)]


def _partner(tex: str, at: int) -> int:
    """Where the parenthesis that opens here is closed."""
    open_ = 0
    for i in range(at, len(tex)):
        open_ += (tex[i] in "([") - (tex[i] in ")]")
        if not open_:
            return i
    return len(tex)


def _fill(pieces: list[str], room: float) -> Iterator[str]:
    row = pieces[0]
    for piece in pieces[1:]:
        if width(row) + width(piece) <= room:
            row += f" {piece}"
        else:
            yield row
            row = piece if _OPERATOR.match(piece) else rf"\cdot {piece}"
    yield row


_OPERATOR = re.compile(r"[-+]|\\odot|\\oslash|\\otimes")
_LIMITS = r"\\(?:sum|prod|limits)_\{[^{}]*\}(?:\^\{[^{}]*\})?"  # of a sum or a product, whose first factor comes next
_HANGING = re.compile(rf"(?:[-+(]|\\odot|\\oslash|\\otimes|{_LIMITS})$")
