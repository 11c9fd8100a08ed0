"""Trees with some of their nodes replaced; what does not change stays the same object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from derive.claims.text.tree import Accent, Font, Fraction, Group, Leaf, Matrix, Node, Root, Row, Scripted


def rewritten(row: Row, changes: Mapping[int, Row]) -> Row:
    """The row with some nodes replaced; parts without them stay the same objects."""
    out: list[Node] = []
    for node in row:
        if id(node) in changes:
            out += changes[id(node)]
        else:
            out.append(_rewritten(node, changes))
    return row if len(out) == len(row) and all(a is b for a, b in zip(out, row, strict=True)) else tuple(out)


def _rewritten(node: Node, changes: Mapping[int, Row]) -> Node:
    match node:
        case Scripted(base, sub, sup, _):
            inner = rewritten((base,), changes)
            new_sub = None if sub is None else rewritten(sub, changes)
            new_sup = None if sup is None else rewritten(sup, changes)
            if inner[0] is base and len(inner) == 1 and new_sub is sub and new_sup is sup:
                return node
            base = inner[0] if len(inner) == 1 else Group("", inner)
            return replace(node, base=base, sub=new_sub or None, sup=new_sup or None)
        case Group() | Root() | Accent() | Font():
            row = rewritten(node.row, changes)
            return node if row is node.row else replace(node, row=row)
        case Fraction(top, bottom):
            new_top, new_bottom = rewritten(top, changes), rewritten(bottom, changes)
            return node if new_top is top and new_bottom is bottom else replace(node, top=new_top, bottom=new_bottom)
        case Matrix(rows):
            new = tuple(tuple(rewritten(cell, changes) for cell in cells) for cells in rows)
            same = all(a is b for old, now in zip(rows, new, strict=True) for a, b in zip(old, now, strict=True))
            return node if same else replace(node, rows=new)
    return node


def with_letter(row: Row, name: str, new: Row) -> Row:
    """The row with a row in the place of each occurrence of a letter."""
    return rewritten(row, {id(x): new for x in letters(row) if x.text == name})


def letters(row: Row) -> list[Leaf]:
    """The letters in it: the objects themselves."""
    found: list[Leaf] = []
    for node in row:
        match node:
            case Leaf("letter" | "symbol"):
                found.append(node)
            case Scripted(base, sub, sup, _):
                found += letters((base,)) + letters(sub or ()) + letters(sup or ())
            case Fraction(top, bottom):
                found += letters(top) + letters(bottom)
            case Matrix(rows):
                found += [x for cells in rows for cell in cells for x in letters(cell)]
            case Group() | Root() | Accent() | Font():
                found += letters(node.row)
    return found
