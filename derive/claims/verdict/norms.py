"""What a paper takes for granted of norms: ‖W‖ ≤ β, by a letter that stands for any such number, or ‖W‖ ≤ 1/2."""

from __future__ import annotations

from dataclasses import dataclass

from derive.claims.text.parse import parse
from derive.claims.text.patterns import plain
from derive.claims.text.printing import to_tex
from derive.claims.text.tree import Group, Leaf, Node, Row, Scripted, is_leaf

LESS, MORE = ("le", "leq", "leqslant", "<"), ("ge", "geq", "geqslant", ">")


@dataclass(frozen=True)
class NormBound:
    """That a norm is at most a value."""

    tex: str
    norm: Row
    value: Row

    @property
    def letter(self) -> str:
        """The letter that the value is, as TeX; "" for a number.

        A bound is proved for the least such number, the norm itself: where the letter makes only the larger side
        larger, that is a proof for all of them.
        """
        bare = self.value[0].base if len(self.value) == 1 and isinstance(self.value[0], Scripted) else self.value[0]
        named = len(self.value) == 1 and isinstance(bare, Leaf) and bare.kind in ("letter", "symbol")
        return to_tex(self.value) if named else ""

    def is_in(self, *rows: Row) -> bool:
        """Does the letter occur there?"""
        return bool(self.letter) and any(self.letter in to_tex(row) for row in rows)


def norm_bound(tex: str) -> NormBound | None:
    """The assumption, if it is one about a norm."""
    row = plain(parse(tex))
    places = [k for k, x in enumerate(row) if is_leaf(x, "rel", *LESS, *MORE)]
    if len(places) != 1:
        return None
    left, sign, right = row[: places[0]], row[places[0]], row[places[0] + 1 :]
    if is_leaf(sign, "rel", *MORE):
        left, right = right, left
    return NormBound(tex, left, right) if len(left) == 1 and right and is_norm(left[0]) else None


def is_norm(node: Node) -> bool:
    base = node.base if isinstance(node, Scripted) else node
    return isinstance(base, Group) and base.open == "‖"
