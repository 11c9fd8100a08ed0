"""Equations as rows of TeX: what both outputs lay out, each in its way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from derive.documents.content import Equation, Equations, Mark
from derive.documents.latex import MatrixPrinter
from derive.documents.layout import LINE, Display, displays, rows, width


@dataclass(frozen=True)
class Typeset:
    """One numbered display: cells (left, right) of TeX below one another, its label, mark and what stands beside it."""

    cells: tuple[tuple[str, str], ...]
    label: str
    mark: Mark
    beside: str = ""


def typeset(block: Equations, printer: MatrixPrinter) -> list[Typeset]:
    """The displays of a block; a block matrix too wide for a line takes several."""
    return [x for e in block.items for x in _displays(e, printer)]


def _displays(e: Equation, printer: MatrixPrinter) -> Iterator[Typeset]:
    left = printer.doprint(e.left)
    if len(e.rights) > 1:
        room = LINE - width(left)
        cells = [("" if i else left, rows(printer.doprint(right), room)) for i, right in enumerate(e.rights)]
        flat = [(x, f"= {row}" if n == 0 else rf"\quad {row}") for x, found in cells for n, row in enumerate(found)]
        kept = tuple((x if n == 0 else "", row) for n, (x, row) in enumerate(flat))
        yield Typeset(kept, e.label, e.mark, e.beside)
        return
    for i, display in enumerate(displays(left, e.rights[0], printer)):
        yield Typeset(tuple(_cells(display)), e.label if i == 0 else "", e.mark, e.beside)


def _cells(display: Display) -> Iterator[tuple[str, str]]:
    yield display.left, f"= {display.rows[0]}"
    yield from (("", rf"\quad {row}") for row in display.rows[1:])


def fits_beside(block: list[Typeset], shown: list[str]) -> bool:
    """Is there room for what stands beside each equation, in TeX, on one line?"""
    return all(
        len(x.cells) == 1 and width(x.cells[0][0]) + width(x.cells[0][1]) + width(words) <= LINE
        for x, words in zip(block, shown, strict=True)
    )
