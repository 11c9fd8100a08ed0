"""Conditions beside an equation: for t = T, t = 1, …, T.  What is not understood is no condition that is left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from derive.claims.reading.meanings import INDEX_LETTERS
from derive.claims.text.indices import is_index
from derive.claims.text.tree import Leaf, Row, is_leaf
from derive.errors import DeriveError

CONNECTIVES = ("where", "with", "and", "for", "if", "at", "when", "so", "i.e.", "thus", "hence", "since", "let")
EQUAL = ("=", ":=", "equiv", "triangleq", "coloneqq", "leftarrow")
ORDER = ("le", "leq", "leqslant", "<", "ge", "geq", "geqslant", ">", "ll", "gg")


class NoClaim(DeriveError):
    """A display that claims no equation: W in R^n, ∝."""


class Side(Protocol):
    """Two rows with a relation between them."""

    @property
    def left(self) -> Row: ...

    @property
    def relation(self) -> str: ...

    @property
    def right(self) -> Row: ...


def limits(chain: Sequence[Side]) -> bool:
    """Is it k > t, an inequality of indices?"""
    rows = [r for side in chain for r in (side.left, side.right)]
    return any(side.relation in ORDER for side in chain) and all(is_index(r) for r in rows)


def is_condition(chain: Sequence[Side]) -> bool:
    """Is it t = T-1, a value of an index?"""
    side = chain[0]
    letter = len(side.left) == 1 and isinstance(side.left[0], Leaf) and side.left[0].text in INDEX_LETTERS
    return letter and len(chain) == 1 and side.relation == "=" and is_index(side.right)


# Words around a condition that say no more than that it is one.
PLAIN_WORDS = frozenset(
    "for if at when where with and the step time last first final in case of we have get all each every steps index "
    "so that is".split()
)


def listed_values(later: list[tuple[str, Row]]) -> list[Row]:
    """The values behind t = 1: 2, …, T."""
    found = []
    for words, part in later:
        inner = tidy(part)
        if words or has_relation(part) or not (is_index(inner) or all(is_leaf(x, "dots") for x in inner)):
            break
        found.append(inner)
    if later[len(found) :] and later[len(found)][0] and not set(later[len(found)][0].lower().split()) <= PLAIN_WORDS:
        raise NoClaim("a condition in words is not understood")
    return [x for x in found if x]


def value_range(first: Row, more: list[Row]) -> tuple[Row, Row]:
    """The first and the last value of a list with dots."""
    if not any(is_leaf(x, "dots") for part in more for x in part) or is_leaf(more[-1][0], "dots"):
        raise NoClaim("a condition of several values is not understood")
    return first, more[-1]


def has_relation(row: Row) -> bool:
    return any(is_leaf(x, "rel", *EQUAL, *ORDER) for x in row)


def tidy(row: Row) -> Row:
    """Without spaces at its ends, and without words of text at its end."""
    start, end = 0, len(row)
    while start < end and (is_leaf(row[start], "sep") or is_leaf(row[start], "word", *CONNECTIVES)):
        start += 1
    while end > start and is_leaf(row[end - 1], "sep"):
        end -= 1
    return row[start:end]
