"""Displays that fit the page: where a long right side is broken, by an estimate of its width."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sympy import Identity, MatAdd, MatMul, MatrixExpr, ZeroMatrix

from derive.algebra.bound import MatrixSum
from derive.algebra.nodes import Blocks, SumOver
from derive.algebra.shorthand import scalar_part
from derive.documents.latex import MatrixPrinter
from derive.documents.levels import Level

LINE = 66  # letters of 11 pt mathematics on a line of 16 cm, room for the equation's number left out
_FRACTION = re.compile(r"\\frac\{[^{}]*\}\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}")
_SCRIPT = re.compile(r"[_^]\{([^{}]*)\}|[_^](.)")
_SILENT = re.compile(r"\\(?:left|right|mathrm|mathbf|mathop|limits|operatorname|hat|tilde|bar|dot|vec|overset|,)(?![a-z])")
_WIDE = re.compile(r"\\(?:odot|oslash|sum|prod)(?![a-z])|[=+]| - ")


@dataclass(frozen=True)
class Display:
    """left = rows, one numbered equation; every row but the first starts with an operator."""

    left: str
    rows: tuple[str, ...]
    label: str = ""


def width(tex: str) -> float:
    """How many letters wide the TeX will be, roughly."""
    while True:
        shorter = _FRACTION.sub(lambda m: "".join(m.groups()), tex)
        if shorter == tex:
            break
        tex = shorter
    scripts = 0.0
    while found := _SCRIPT.search(tex):
        inner = found.group(1) if found.group(1) is not None else found.group(2)
        scripts += 0.65 * _letters(inner)
        tex = tex[: found.start()] + tex[found.end() :]
    return scripts + _letters(tex)


def _letters(tex: str) -> float:
    tex = _SILENT.sub("", tex)
    wide = len(_WIDE.findall(tex))
    tex = re.sub(r"\\[A-Za-z]+", "x", tex)
    return len(re.sub(r"[{}\s\\]", "", tex)) + 1.5 * wide


def displays(left: str, e: MatrixExpr, printer: MatrixPrinter, label: str = "") -> list[Display]:
    """left = e; a block matrix too wide for a line is followed by its entries, one display each."""
    rows = list(_rows(e, printer, LINE - width(left)))
    if not isinstance(e, Blocks) or width(rows[0]) <= LINE - width(left):
        return [Display(left, tuple(rows), label)]
    named = [[_entry(left, e.block(i, j), i, j, printer) for j in range(e.block_cols)] for i in range(e.block_rows)]
    table = r" \\ ".join(" & ".join(row) for row in named)
    found = [Display(left, (rf"\begin{{bmatrix}} {table} \end{{bmatrix}}",), label)]
    for i in range(e.block_rows):
        for j in range(e.block_cols):
            if not _plain(e.block(i, j)):
                found += displays(named[i][j], e.block(i, j), printer)
    return found


def _plain(block: MatrixExpr) -> bool:
    return isinstance(block, (ZeroMatrix, Identity))


def _entry(left: str, block: MatrixExpr, i: int, j: int, printer: MatrixPrinter) -> str:
    return printer.doprint(block) if _plain(block) else f"[{left}]_{{{i + 1}{j + 1}}}"


def _rows(e: MatrixExpr, printer: MatrixPrinter, room: float) -> Iterator[str]:
    """The right side cut at the signs of its outermost sum, or else between factors."""
    whole = printer.doprint(e)
    if width(whole) <= room:
        yield whole
        return
    pieces, joint = _pieces(e, printer)
    row = pieces[0]
    for piece in pieces[1:]:
        if width(row) + width(piece) <= room:
            row += f" {piece}"
        else:
            yield row
            row = rf"{joint}{piece}"
    yield row


def _pieces(e: MatrixExpr, printer: MatrixPrinter) -> tuple[list[str], str]:
    """Texts that may stand on rows of their own, and what stands before all but the first."""
    if isinstance(e, MatAdd):
        return printer.terms(e), r"\quad "
    if isinstance(e, (MatrixSum, SumOver)) and printer.level(e) == Level.SUM:
        inner, joint = _pieces(e.body if isinstance(e, MatrixSum) else e.arg, printer)
        head = printer.doprint(e)
        return _behind(head, inner), joint
    if isinstance(e, MatMul) and scalar_part(e) is None:
        return [printer.inside(a, Level.PRODUCT) for a in e.args], r"\quad \cdot "
    return [printer.doprint(e)], ""


def _behind(head: str, inner: list[str]) -> list[str]:
    """The pieces of a sum's body, the first one with the sum's sign; whole, if the body is in parentheses."""
    body = " ".join(inner)
    if not head.endswith(body):
        return [head]
    return [head.removesuffix(body) + inner[0], *inner[1:]]
