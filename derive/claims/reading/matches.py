"""Which of the names that fit at a place of a row is meant there."""

from __future__ import annotations

from collections.abc import Iterable

from derive.claims.reading.meanings import INDEX_LETTERS, Word
from derive.claims.text.indices import has_time_letter
from derive.claims.text.patterns import TIME, Match
from derive.claims.text.tree import Group, Leaf, Row, is_leaf

PLACES = ("second", "first")  # where the time stands in h_{k,m}, if both letters may be times


def best_match(words: Iterable[Word], row: Row, at: int) -> tuple[Word, list[Match]] | None:
    """The longest name, the latest where two are equally long, and how it fits: in both ways of `PLACES`, or in one."""
    best: tuple[Word, Match] | None = None
    swapped: Match | None = None
    for word in words:
        matches = [m for m in word.pattern.matches(row, at) if word.fits(m)]
        for match in matches:
            if best is None or _is_better(word, match, best[1]):
                best = word, match
                swapped = next((m for m in matches if word.entries and _is_swapped(m, match)), None)
    if best is None:
        return None
    word, match = best
    if swapped is None:
        return word, [match]
    if _may_be_time(swapped) != _may_be_time(match):
        return word, [swapped if _may_be_time(swapped) else match]
    return word, [match, swapped]


def _is_swapped(a: Match, b: Match) -> bool:
    """Do two letters that may be times stand for each other's?"""
    if a.end != b.end or a.sup != b.sup or len(b.values) != 2 or a.values == b.values:
        return False
    swapped = sorted(map(repr, a.values.values())) == sorted(map(repr, b.values.values()))
    return swapped and all(len(row) == 1 and isinstance(row[0], Leaf) for row in b.values.values())


def _may_be_time(match: Match) -> bool:
    """Is it a letter that times have: k, not i?"""
    return is_leaf(match.values[TIME][0], "letter", *INDEX_LETTERS)


def _is_better(word: Word, match: Match, best: Match) -> bool:
    """Longer, or with less above it; an entry (h_i^2) only where what stands above is a time: h_i^{(t)}, h_i^{t-1}."""
    timed = bool(best.sup) and (isinstance(best.sup[0], Group) or has_time_letter(best.sup))
    if match.end == best.end and word.entries and not timed:
        return False
    return (match.end, -len(match.sup)) > (best.end, -len(best.sup))
