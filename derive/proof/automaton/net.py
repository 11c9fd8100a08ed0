"""Networks that read words along the time line: what a term or a recursion says, item by item.

A network has a reference time that its arcs advance.  An arc reads a letter at a time relative to it,
or moves it.  Bounds of indices become waits, ordered products become loops, and the equations of a
recursion become arcs between the cotangents.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple, TypeAlias

from derive.proof.words.items import Item, NotInClass

MOST_NODES = 20_000


class Letter(NamedTuple):
    """Read an item whose time is the reference plus `at`.

    Of an item without a time, `at` tells the step of the equation or factor in which it stands; a mark has none.
    """

    item: Item
    at: int | None


class Step(NamedTuple):
    """Advance the reference."""

    by: int


class End(NamedTuple):
    """The word is over, and T is the reference plus `at`."""

    at: int


Move: TypeAlias = "Letter | Step | End"


class Arc(NamedTuple):
    weight: Fraction
    moves: tuple[Move, ...]
    target: int


ONE = Fraction(1)
FARTHEST = 64  # steps, between times that are named in one word


def _distance(m: Move) -> int:
    return m.by if isinstance(m, Step) else m.at or 0


@dataclass
class Net:
    """Nodes by number; node 0 is where reading starts, at reference 0, and node 1 where it ends."""

    arcs: list[list[Arc]] = field(default_factory=lambda: [[], []])
    names: dict[Hashable, int] = field(default_factory=dict)

    START, END = 0, 1

    def node(self, name: Hashable = None) -> int:
        """A new node, or the one of that name."""
        if name is not None and name in self.names:
            return self.names[name]
        if len(self.arcs) >= MOST_NODES:
            raise NotInClass(f"more than {MOST_NODES} states")
        self.arcs.append([])
        if name is not None:
            self.names[name] = len(self.arcs) - 1
        return len(self.arcs) - 1

    def arc(self, source: int, moves: Iterable[Move], weight: Fraction = ONE, target: int | None = None) -> int:
        """An arc to `target`, or to a new node."""
        moves = tuple(moves)
        if any(abs(_distance(m)) > FARTHEST for m in moves):
            raise NotInClass(f"times more than {FARTHEST} steps apart")
        end = self.node() if target is None else target
        self.arcs[source].append(Arc(weight, moves, end))
        return end

    def wait(self, source: int, least: int, most: int | None) -> int:
        """Advance the reference by `least` to `most` steps, any number of them where that is None."""
        at = self.arc(source, [Step(least)] if least else [])
        if most is not None and most - least > FARTHEST:
            raise NotInClass(f"times more than {FARTHEST} steps apart")
        if most is None:
            self.arc(at, [Step(1)], target=at)
            return at
        end = self.arc(at, [])
        for _ in range(most - least):
            at = self.arc(at, [Step(1)])
            self.arc(at, [], target=end)
        return end

    def letters(self) -> Iterator[Letter]:
        """Every letter with a time."""
        for arcs in self.arcs:
            for a in arcs:
                yield from (m for m in a.moves if isinstance(m, Letter) and m.at is not None)

    @property
    def shortest_end(self) -> int:
        """The least T − reference at which a word ends, at most 0."""
        return min((m.at for arcs in self.arcs for a in arcs for m in a.moves if isinstance(m, End)), default=0)
