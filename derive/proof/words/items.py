"""Words: products of matrices and diagonals at times, and what may be done with them.

A column vector v is diag(v) 1, so a word is a chain of matrices and diagonal letters whose ends are
open, or closed by a vector of ones.  Between two matrices the diagonal letters commute.  A word speaks of no
number of rows, save where a vector of ones meets another: what holds of words holds for all sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import NamedTuple, TypeAlias

from sympy import Symbol


class NotInClass(Exception):
    """The automata cannot express it; the message says why."""


class Time(NamedTuple):
    """anchor + offset; the anchor is an index, T, or None for 0."""

    anchor: Symbol | None
    offset: int

    def shifted(self, d: int) -> Time:
        return Time(self.anchor, self.offset + d)


class Matrix(NamedTuple):
    """A matrix, or its transpose."""

    name: str
    transposed: bool
    time: Time | None

    def transpose(self) -> Matrix:
        return self._replace(transposed=not self.transposed)


class Entry(NamedTuple):
    """A diagonal letter, diag(v)^exponent; a scalar commutes with everything."""

    name: str
    time: Time | None
    exponent: int = 1
    scalar: bool = False


class Cut(NamedTuple):
    """1 1ᵀ in the middle of a chain; `size` is that of the second vector of ones."""

    size: str
    time: None = None

    @property
    def name(self) -> str:
        return f"·{self.size}"


class Factor(NamedTuple):
    """One term of what a run multiplies: a chain, from block row to block column."""

    row: int
    column: int
    coefficient: Fraction
    chain: Chain


class Run(NamedTuple):
    """One block of an ordered product over an index; `ascending` from left to right."""

    index: Symbol
    low: Time
    high: Time
    body: tuple[Factor, ...]
    ascending: bool
    row: int = 0
    column: int = 0

    def with_chains(self, f: Callable[[Chain], Chain]) -> Run:
        return self._replace(body=tuple(x._replace(chain=f(x.chain)) for x in self.body))


Item: TypeAlias = "Matrix | Entry | Cut | Run"
Chain: TypeAlias = "tuple[Item, ...]"


@dataclass(frozen=True)
class Word:
    """A product.  A matrix is `through`, or `column` times `row`; a vector is one of these; a scalar none.

    `scalars` are closed chains, `atoms` scalar letters: factors all of them.
    """

    through: Chain | None = None
    column: Chain | None = None
    row: Chain | None = None
    scalars: tuple[Chain, ...] = ()
    atoms: tuple[Entry, ...] = ()

    def chains(self) -> Iterator[Chain]:
        yield from (c for c in (self.row, self.through, self.column) if c is not None)
        yield from self.scalars


class Range(NamedTuple):
    """A time that must lie in low … T−1+high: outside, the term is zero, or (`strict`) unknown.

    None is no limit at that end.
    """

    time: Time
    low: int | None
    high: int | None
    strict: bool

    def mirrored(self) -> Range:
        """In the time T − 1 − t, the time itself being so already."""
        low, high = (None if end is None else -end for end in (self.high, self.low))
        return self._replace(low=low, high=high)


@dataclass(frozen=True)
class Term:
    """coefficient · Σ over `binders` of the word, where `equal` times are the same and `ranges` are kept."""

    coefficient: Fraction
    word: Word
    binders: tuple[tuple[Symbol, Time, Time], ...] = ()
    equal: tuple[tuple[Time, Time], ...] = ()
    ranges: tuple[Range, ...] = field(default=())

    def with_word(self, word: Word) -> Term:
        return replace(self, word=word)


Terms: TypeAlias = "list[Term]"


def transpose_chain(chain: Chain) -> Chain:
    flipped: list[Item] = []
    for item in reversed(chain):
        if isinstance(item, Matrix):
            flipped.append(item.transpose())
        elif isinstance(item, Run):
            body = tuple(Factor(x.column, x.row, x.coefficient, transpose_chain(x.chain)) for x in item.body)
            flipped.append(item._replace(body=body, ascending=not item.ascending, row=item.column, column=item.row))
        elif isinstance(item, Cut):
            raise NotInClass("ones inside a product that is transposed")
        else:
            flipped.append(item)
    return tuple(flipped)


def transpose(w: Word) -> Word:
    through, column, row = (None if c is None else transpose_chain(c) for c in (w.through, w.row, w.column))
    return replace(w, through=through, column=column, row=row)


def times(a: Word, b: Word) -> tuple[Word, bool]:
    """The matrix product, and whether ones met ones (whose product is the inner size).

    Raises:
        NotInClass: a matrix meets a scalar.
    """
    scalars, met = a.scalars + b.scalars, False
    through, column, row = None, a.column, b.row
    if a.through is not None and b.through is not None:
        through = a.through + b.through
    elif a.through is not None and b.column is not None:
        column = a.through + b.column
    elif a.row is not None and b.through is not None:
        row = a.row + b.through
    elif a.row is not None and b.column is not None:
        met = not a.row and not b.column
        scalars = a.scalars + b.scalars if met else (*a.scalars, *b.scalars, a.row + b.column)
    elif any(c is not None for c in (a.through, a.row, b.through, b.column)):
        raise NotInClass("a matrix product whose inner sizes are not the same kind of thing")
    return Word(through, column, row, scalars, a.atoms + b.atoms), met


def pure(chain: Chain | None) -> bool:
    """Only diagonal letters, so that the vector is an elementwise product."""
    return chain is not None and all(isinstance(i, Entry) for i in chain)


def entrywise(a: Word, b: Word) -> Word:
    """The elementwise product of two words of one shape.

    Raises:
        NotInClass: both are products with a matrix in them.
    """
    scalars, atoms = a.scalars + b.scalars, a.atoms + b.atoms
    if b.through is None and not all(pure(c) for c in (a.column, a.row) if c is not None):
        a, b = b, a
    if a.through is not None and b.through is None:
        a, b = b, a
    left, right = a.column or (), a.row or ()
    if a.through is not None or not (pure(left) and pure(right)):
        raise NotInClass("an elementwise product of two compound factors")
    through = None if b.through is None else left + b.through + right
    column = None if b.column is None else left + b.column
    row = None if b.row is None else b.row + right
    return Word(through, column, row, scalars, atoms)


def diagonal(w: Word) -> Word:
    """diag of a column.

    Raises:
        NotInClass: the column is a product with a matrix in it.
    """
    if not pure(w.column):
        raise NotInClass("the diagonal of a compound vector")
    return replace(w, through=w.column, column=None)


def map_times(term: Term, f: Callable[[Time], Time]) -> Term:
    """Every time of a term replaced, those of bounds too; the indices themselves stay."""

    def chain(c: Chain) -> Chain:
        out: list[Item] = []
        for item in c:
            if isinstance(item, Run):
                out.append(item._replace(low=f(item.low), high=f(item.high)).with_chains(chain))
            elif item.time is not None:
                out.append(item._replace(time=f(item.time)))  # type: ignore[arg-type]
            else:
                out.append(item)
        return tuple(out)

    w = term.word
    through, column, row = (None if c is None else chain(c) for c in (w.through, w.column, w.row))
    atoms = tuple(a if a.time is None else a._replace(time=f(a.time)) for a in w.atoms)
    return Term(
        term.coefficient,
        Word(through, column, row, tuple(map(chain, w.scalars)), atoms),
        tuple((i, f(low), f(high)) for i, low, high in term.binders),
        tuple((f(a), f(b)) for a, b in term.equal),
        tuple(r._replace(time=f(r.time)) for r in term.ranges),
    )


def items(w: Word) -> Iterator[Item]:
    """Every item, those of runs included."""
    todo = [i for c in w.chains() for i in c] + list(w.atoms)
    while todo:
        item = todo.pop(0)
        yield item
        if isinstance(item, Run):
            todo = [i for x in item.body for i in x.chain] + todo
