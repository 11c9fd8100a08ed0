"""An edit of a formula: what replaces which nodes, in words too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from derive.claims.reading.outline import Factor
from derive.claims.text.tree import Node, Row


@dataclass(frozen=True)
class Edit:
    """What replaces some nodes (by identity), and what that is in words."""

    changes: Mapping[int, Row]
    words: str
    kept: tuple[Node, ...] = field(default=(), repr=False)  # so that no other object takes over an id
    indices: bool = False  # does it change an index or a time?
    rank: int = 1  # 0 for the slips that are most common, 2 for those that change a shape: tried in that order


def exchanged(old: Row, new: Row) -> dict[int, Row]:
    """A row in the place of some nodes that stand side by side."""
    changes: dict[int, Row] = {id(x): () for x in old}
    changes[id(old[0])] = new
    return changes


def laid_out(factors: list[Factor]) -> Row:
    out: list[Node] = []
    for n, f in enumerate(factors):
        out += ([f.op] if f.op is not None and n else []) + list(f.nodes)
    return tuple(out)


def rewritten_factors(old: tuple[Factor, ...], new: list[Factor], words: str) -> Edit:
    nodes = [x for f in old for x in ((f.op,) if f.op else ()) + f.nodes]
    changes: dict[int, Row] = {id(x): () for x in nodes}
    changes[id(nodes[0])] = laid_out(new)
    return Edit(changes, words, tuple(nodes))
