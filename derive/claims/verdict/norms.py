"""What a paper takes for granted of norms: ‖W‖ ≤ β, by a letter that stands for any such number, or ‖W‖ ≤ 1/2.

A letter is replaced by the norm itself, the least number that it may stand for.  What is proved then holds for every
larger one, if the letter only makes the larger side larger.  So it may stand there as a factor or a term, to a power of
indices: not on the smaller side, not inside a norm or an index, not below a fraction.  And the norm has no time, for
a letter is one number, and exists at every step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace

from derive.claims.reading.meanings import INDEX_LETTERS
from derive.claims.text.parse import parse
from derive.claims.text.patterns import plain
from derive.claims.text.printing import to_tex
from derive.claims.text.tree import Fraction, Group, Leaf, Node, Row, Scripted, is_leaf
from derive.claims.verdict.assumptions import NotUnderstood

LESS, MORE = ("le", "leq", "leqslant", "<"), ("ge", "geq", "geqslant", ">")


@dataclass(frozen=True)
class NormBound:
    """That a norm is at most a value.

    Attributes:
        letter: what stands for the value, β or β_W; None where it is a number.
    """

    tex: str
    norm: Row
    value: Row
    letter: Node | None


def norm_bound(tex: str) -> NormBound | None:
    """The assumption, if it is one about a norm."""
    row = plain(parse(tex))
    places = [k for k, x in enumerate(row) if is_leaf(x, "rel", *LESS, *MORE)]
    if len(places) != 1:
        return None
    left, sign, right = row[: places[0]], row[places[0]], row[places[0] + 1 :]
    if is_leaf(sign, "rel", *MORE):
        left, right = right, left
    if len(left) != 1 or not right or not is_norm(left[0]):
        return None
    return NormBound(tex, left, right, right[0] if len(right) == 1 and _is_letter(right[0]) else None)


def _is_letter(node: Node) -> bool:
    """Is it one symbol, with a mark below that is no index?"""
    match node:
        case Leaf("letter" | "symbol"):
            return True
        case Scripted(Leaf("letter" | "symbol"), sub, None, 0) if sub:
            return not any(isinstance(x, Leaf) and x.text in INDEX_LETTERS for x in sub)
    return False


def is_norm(node: Node) -> bool:
    base = node.base if isinstance(node, Scripted) else node
    return isinstance(base, Group) and base.open == "‖"


def check_letters(
    bounds: Iterable[NormBound], lesser: Iterable[Row], larger: Iterable[Row], other: Iterable[Row]
) -> None:
    """Refuse letters whose least value does not speak for all of them.

    Args:
        lesser: the smaller sides; larger: the larger ones; other: definitions.

    Raises:
        NotUnderstood: where one stands that way.
    """
    letters = [b.letter for b in bounds if b.letter is not None]
    twice = next((x for x in letters if letters.count(x) > 1), None)
    if twice is not None:
        raise NotUnderstood(f"{to_tex((twice,))} is said to be above two norms: one letter for each")
    for letter in letters:
        known = f"{to_tex((letter,))} is known from below only, and stands"
        if any(_places(row, letter) for row in (*lesser, *other, *(b.norm for b in bounds))):
            raise NotUnderstood(f"{known} on the smaller side or in a definition")
        if any(not free for row in larger for free in _places(row, letter)):
            raise NotUnderstood(f"{known} in a norm, an index or a denominator")


def _places(row: Iterable[object], letter: Node, free: bool = True) -> list[bool]:
    """For every place of a letter: may a larger number stand there, without making the whole smaller?"""
    return [found for node in row for found in _in(node, letter, free)]


def _in(node: object, letter: Node, free: bool) -> Iterator[bool]:
    match node:
        case Leaf():
            if node == letter:
                yield free
        case Scripted() if replace(node, sup=None) == letter:
            yield free
            yield from _places(node.sup or (), letter, False)
        case Group():
            yield from _places(node.row, letter, free and node.open in ("(", "[", "{", ""))
        case Scripted():
            plain_power = not node.sub and not node.primes
            yield from _in(node.base, letter, free and plain_power)
            yield from _places((*(node.sub or ()), *(node.sup or ())), letter, False)
        case Fraction():
            yield from _places(node.top, letter, free)
            yield from _places(node.bottom, letter, False)
        case tuple() | list():
            yield from _places(node, letter, False)
        case _ if is_dataclass(node):
            yield from _places([getattr(node, f.name) for f in fields(node)], letter, False)
