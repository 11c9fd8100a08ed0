"""Indices as they are printed: times, components, bounds.  The book may count from 1, and names its last step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import prod

from sympy import Expr, Integer, Symbol

from derive.algebra.nodes import T, t
from derive.claims.text.parse import LatexError, parse
from derive.claims.text.printing import to_tex
from derive.claims.text.tree import Group, Leaf, Node, Row, Scripted, is_leaf
from derive.errors import DeriveError

LONGEST = 6  # digits


class NoIndex(DeriveError):
    """What stands where an index is expected is none."""


MOST_STEPS = 12  # of a sequence whose length is said


@dataclass(frozen=True)
class Clock:
    """How a book counts.

    Attributes:
        first: the number of the first step.
        last: the value of the book's last letter (T, \\tau), in the model's T; None where there is none.
        letter: that letter.
        only: how many steps there are; 0 if it is said for any number of them.
    """

    first: int = 0
    letter: str = "T"
    last: Expr = T
    only: int = 0

    @staticmethod
    def of(first: int, last: str) -> Clock:
        """From `time FIRST..LAST`: LAST is a number, or a letter and a number (T, T-1, \\tau)."""
        row = parse(last)
        letters = [x for x in row if isinstance(x, Leaf) and x.kind in ("letter", "symbol")]
        if not letters:
            value = Clock(first).value(row, Scope())
            if not 1 <= value - first + 1 <= MOST_STEPS:
                raise NoIndex(f"time {first}..{last}: the last step is a letter, or one of the first {MOST_STEPS}")
            return Clock(first, "", T, only=int(value - first + 1))
        name = letters[0].text
        s = Symbol(name, integer=True)
        offset = Clock(first, "").value(row, Scope({name: s})) - s
        return Clock(first, name, T + first - 1 - offset)

    def value(self, row: Row, scope: Scope) -> Expr:
        """What an index is, counted as the book counts.

        Raises:
            NoIndex: it is no sum of letters and whole numbers.
        """
        total: Expr = Integer(0)
        for sign, part in _signed(row):
            factors = [self._factor(node, scope) for node in part]
            if sum(not f.is_Integer for f in factors) > 1:
                raise NoIndex("a product of two letters")
            total += sign * prod(factors, start=Integer(1))
        return total.expand()

    def _factor(self, node: Node, scope: Scope) -> Expr:
        if isinstance(node, Group) and node.open in ("(", ""):
            return self.value(node.row, scope)
        if isinstance(node, Leaf) and node.kind == "number" and node.text.isdigit() and len(node.text) <= LONGEST:
            return Integer(int(node.text))
        if isinstance(node, Scripted) and to_tex((node,)) in scope.letters:
            return scope.letters[to_tex((node,))]
        if not isinstance(node, Leaf) or node.kind not in ("letter", "symbol"):
            raise NoIndex("no letter and no number")
        found = scope.letters.get(node.text)
        if found is not None:
            return found
        if node.text == self.letter:
            return self.last
        return self.free(node.text)

    def free(self, name: str) -> Expr:
        """An index that nothing binds: t counts from 0, whatever the book does."""
        return (t if name == "t" else Symbol(name, integer=True)) + self.first

    def time(self, value: Expr) -> Expr:
        """A step of the model: 0 is the first one."""
        return (value - self.first).expand()


@dataclass(frozen=True)
class Scope:
    """What letters stand for at one place: indices of sums, arguments of definitions."""

    letters: Mapping[str, Expr] = field(default_factory=dict)
    limits: Mapping[Symbol, tuple[Expr | None, Expr | None]] = field(default_factory=dict)

    def binding(self, name: str, value: Expr) -> Scope:
        return replace(self, letters={**self.letters, name: value})

    def limiting(self, index: Symbol, low: Expr | None, high: Expr | None) -> Scope:
        """With what is known of an index of a sum: its bounds, as the book counts."""
        return replace(self, limits={**self.limits, index: (low, high)})

    def at_most(self, e: Expr, most: int) -> bool:
        """Is it never more, as far as the bounds of the indices tell?"""
        return self._limit(e, 1, most)

    def at_least(self, e: Expr, least: int) -> bool:
        """Is it never less?"""
        return self._limit(-e, 1, -least)

    def _limit(self, e: Expr, side: int, most: int) -> bool:
        e = e.expand()
        for _ in range(len(self.limits) + 1):  # an index may be bounded by another one
            if e.is_Integer:
                return bool(e <= most)
            for s in sorted(e.free_symbols & set(self.limits), key=str):
                c = e.coeff(s)
                low, high = self.limits[s]
                end = high if c > 0 else low
                if end is not None:
                    e = (e + c * (end - s)).expand()
        for s in sorted(e.free_symbols - {T}, key=str):  # a free index is a step, a size at least 1
            if s.is_positive and e.coeff(s) > 0:
                return False
            e = e.subs(s, 1 if s.is_positive else T - 1 if e.coeff(s) > 0 else 0).expand()
        return bool(e.coeff(T) <= 0 and e.subs(T, 1) <= most)


def _signed(row: Row) -> Iterator[tuple[int, list[Node]]]:
    """The terms of a sum, with their signs."""
    sign, part = 1, list[Node]()
    for number, node in enumerate(row):
        if not is_leaf(node, "op", "+", "-"):
            part.append(node)
            continue
        if part:
            yield sign, part
        elif number:
            raise NoIndex("two signs in a row")
        sign, part = (1 if is_leaf(node, "op", "+") else -1), []
    if not part:
        raise NoIndex("an index ends in a sign, or is empty")
    yield sign, part


@lru_cache(1000)
def read_index(text: str) -> Row:
    """An index of a directive."""
    try:
        return parse(text)
    except LatexError as error:
        raise NoIndex(f"{text!r} is no index: {error.message}") from None
