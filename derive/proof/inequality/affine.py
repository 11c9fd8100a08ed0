"""Steps and numbers of factors, such as t − k + 1: combinations of indices, and which of them are never negative.

An expression is a tuple of pairs (index, coefficient), sorted, without zeros; the constant goes with the index "".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

Affine: TypeAlias = "tuple[tuple[str, int], ...]"
Facts: TypeAlias = "tuple[Affine, ...]"  # each of which is at least zero

MOST = 400  # inequalities while indices are eliminated
CONSTANT = ""
ZERO: Affine = ()
ONE: Affine = ((CONSTANT, 1),)


def affine(parts: Mapping[str, int]) -> Affine:
    """From coefficients."""
    return tuple(sorted((s, c) for s, c in parts.items() if c))


def plus(a: Affine, b: Affine, times: int = 1) -> Affine:
    """a + times · b."""
    found = dict(a)
    for s, c in b:
        found[s] = found.get(s, 0) + times * c
    return affine(found)


def minus(a: Affine, b: Affine) -> Affine:
    return plus(a, b, -1)


def replaced(a: Affine, values: Mapping[str, Affine]) -> Affine:
    """With expressions in the place of indices, all at once."""
    found: Affine = ()
    for s, c in a:
        found = plus(found, values.get(s, ((s, 1),)), c)
    return found


def readable(a: Affine) -> str:
    """For readers: T - 1 - t."""
    text = " ".join(f"{'-' if c < 0 else '+'} {abs(c) if not s or abs(c) > 1 else ''}{s}" for s, c in reversed(a))
    return text.removeprefix("+ ").replace("- ", "-", 1) if text.startswith("-") else text.removeprefix("+ ") or "0"


def indices(a: Affine) -> set[str]:
    return {s for s, _ in a if s}


def never_negative(a: Affine, facts: Iterable[Affine]) -> bool:
    """Do the facts say that a ≥ 0?  False where that is not seen.

    a < 0 is −a − 1 ≥ 0, as all values are integers; it is added to the facts and index after index is eliminated
    (Fourier & Motzkin).  If a number below zero is left over, it contradicts them.
    """
    if all(not s for s, _ in a):
        return sum(c for _, c in a) >= 0
    rows = {plus(((CONSTANT, -1),), a, -1), *facts}
    while True:
        if any(all(not s for s, _ in row) and sum(c for _, c in row) < 0 for row in rows):
            return True
        left = sorted({s for row in rows for s in indices(row)}, key=lambda s: (_products(s, rows), s))
        if not left or len(rows) + _products(left[0], rows) > MOST:
            return False
        rows = _without(left[0], rows)


def _products(s: str, rows: set[Affine]) -> int:
    """How many inequalities come of it to eliminate an index."""
    signs = [dict(r).get(s, 0) for r in rows]
    return sum(c > 0 for c in signs) * sum(c < 0 for c in signs)


def _without(s: str, rows: set[Affine]) -> set[Affine]:
    """What follows for the other indices: each lower bound of s is at most each upper one."""
    below = [(r, dict(r)[s]) for r in rows if dict(r).get(s, 0) > 0]
    above = [(r, -dict(r)[s]) for r in rows if dict(r).get(s, 0) < 0]
    found = {r for r in rows if s not in indices(r)}
    for r, c in below:
        for q, d in above:
            found.add(plus(plus((), r, d), q, c))
    return found
