r"""What stands below a sum besides its range: values left out, j \ne i; a range written as a list, t = 1, …, T."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sympy import Expr, MatrixExpr, Symbol

from derive.algebra import build as b
from derive.algebra.nodes import Delta, Entry, Pad
from derive.claims.reading.meanings import split_at
from derive.claims.text.parse import LatexError
from derive.claims.text.tree import Leaf, Row, is_leaf

UNEQUAL = ("ne", "neq")


@dataclass(frozen=True)
class Below:
    r"""The parts of what stands below: k = 1, the … T behind it, and the i of k \ne i."""

    range: Row
    last: Row = ()
    others: tuple[Row, ...] = ()


def below(sub: Row, at: int) -> Below:
    """What stands below a sum or a product, in its parts.

    Raises:
        LatexError: there is more than is understood.
    """
    parts = [p for p in split_at(sub, ",") if p]
    if not any(is_leaf(x, "rel", *UNEQUAL) or is_leaf(x, "dots") for x in sub):
        return Below(sub)
    dots = next((k for k, p in enumerate(parts) if any(is_leaf(x, "dots") for x in p)), None)
    last: Row = ()
    if dots is not None:
        inner = [p for p in (_around_dots(parts[dots])) if p]
        parts[dots : dots + 1] = [inner[0], (), *inner[1:]] if _begins(parts[dots]) else [(), *inner]
        place = parts.index(())
        if place != 1 or len(parts) < 3 or any(is_leaf(x, "rel") for x in parts[2]):
            raise LatexError("a list of values that is no first, …, last", at)
        last = parts[2]
        parts = [parts[0], *parts[3:]]
    unequal = [p for p in parts if any(is_leaf(x, "rel", *UNEQUAL) for x in p)]
    ranges = [p for p in parts if p not in unequal]
    pairs = [_sides(p, at) for p in unequal]
    letter = ranges[0][:1] if ranges else pairs[0][0]
    if len(ranges) > 1 or any(left != letter and right != letter for left, right in pairs):
        raise LatexError("several ranges below one sign", at)
    others = tuple(right if left == letter else left for left, right in pairs)
    return Below(ranges[0] if ranges else letter, last, others)


def _begins(part: Row) -> bool:
    return not is_leaf(part[0], "dots")


def _around_dots(part: Row) -> list[Row]:
    at = next(k for k, x in enumerate(part) if is_leaf(x, "dots"))
    return [part[:at], part[at + 1 :]]


def _sides(part: Row, at: int) -> tuple[Row, Row]:
    place = next(k for k, x in enumerate(part) if is_leaf(x, "rel", *UNEQUAL))
    left, right = part[:place], part[place + 1 :]
    if not left or not right or any(isinstance(x, Leaf) and x.kind in ("rel", "sep") for x in (*left, *right)):
        raise LatexError("what is unequal to what?", at)
    return left, right


def without(body: MatrixExpr, index: Expr, others: Sequence[Expr]) -> MatrixExpr:
    """The terms of a sum but those at some values of its index, each of which is left out once."""
    for other in dict.fromkeys(others):
        body = b.add(body, b.negative(Delta(body, index, other)))
    return body


def unbound(row: Row, letters: Sequence[str]) -> str:
    """The letter that is left out, if nothing says which value it has: then a sum may go over it too."""
    name = row[0].text if len(row) == 1 and isinstance(row[0], Leaf) and row[0].kind == "letter" else ""
    return "" if name in letters else name


def strict(sign: Leaf) -> int:
    """1 for < and >, which leave the bound out."""
    return 1 if sign.text in ("<", ">") else 0


def entries_of(body: MatrixExpr, s: Symbol) -> tuple[Expr, Expr] | None:
    """The range of an index that counts entries."""
    for e in body.atoms(Pad):
        rest = (e.low - s).expand()
        if rest.is_Integer:
            return -rest, e.shape[0] - 1 - rest
    for e in body.atoms(Entry):
        for place, size in ((e.row, e.arg.shape[0]), (e.col, e.arg.shape[1])):
            rest = (place - s).expand()
            if rest.is_Integer:
                return -rest, size - 1 - rest
    return None
