"""The tree of an equation as it is printed: atoms with scripts, brackets, fractions, marks between them.

Places (`at`, in characters) do not count when trees are compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True)
class Leaf:
    """One token; `kind` is letter, number, symbol, word, dots, op, rel, sep or bar."""

    kind: str
    text: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Scripted:
    """An atom with what stands below and above it."""

    base: Node
    sub: Row | None = None
    sup: Row | None = None
    primes: int = 0

    @property
    def at(self) -> int:
        return self.base.at


@dataclass(frozen=True)
class Group:
    """A row between brackets: (, [, {, <, | or ‖; "" for the braces of TeX, which are not printed."""

    open: str
    row: Row
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Fraction:
    top: Row
    bottom: Row
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Root:
    row: Row
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Accent:
    """hat, tilde, bar … over a row."""

    name: str
    row: Row
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Font:
    """A row in another alphabet: transparent, unless a name distinguishes it."""

    name: str
    row: Row
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Matrix:
    """Rows of cells; `cases` says that the second one of each is a condition."""

    rows: tuple[tuple[Row, ...], ...]
    at: int = field(default=0, compare=False)
    cases: bool = False


Node: TypeAlias = Leaf | Scripted | Group | Fraction | Root | Accent | Font | Matrix
Row: TypeAlias = tuple[Node, ...]


def leaves(row: Row) -> Iterator[Leaf]:
    """Every token of a row, in reading order."""
    for node in row:
        yield from _leaves(node)


def _leaves(node: Node) -> Iterator[Leaf]:
    match node:
        case Leaf():
            yield node
        case Scripted(base, sub, sup, _):
            yield from _leaves(base)
            yield from leaves(sub or ())
            yield from leaves(sup or ())
        case Fraction(top, bottom, _):
            yield from leaves(top)
            yield from leaves(bottom)
        case Matrix(rows, _):
            for cells in rows:
                for cell in cells:
                    yield from leaves(cell)
        case Group() | Root() | Accent() | Font():
            yield from leaves(node.row)


def is_leaf(node: Node, kind: str, *texts: str) -> bool:
    return isinstance(node, Leaf) and node.kind == kind and (not texts or node.text in texts)
