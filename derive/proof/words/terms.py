"""Terms and times made from parts of expressions."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

from sympy import Expr, MatrixExpr, srepr

from derive.algebra.functions import Apply
from derive.algebra.shapes import is_scalar
from derive.proof.words.items import Chain, Cut, Entry, Matrix, NotInClass, Term, Terms, Time, Word, map_times, pure

Grid: TypeAlias = "list[list[Terms]]"
ONE = Fraction(1)


def is_pure(w: Word) -> bool:
    return all(pure(c) for c in (w.column, w.row) if c is not None)


def is_column(e: MatrixExpr) -> bool:
    return e.shape[1] == 1


def function_name(e: MatrixExpr) -> str:
    return e.name if isinstance(e, Apply) else type(e).__name__


def numbers_of(e: MatrixExpr) -> str:
    """What tells a function's value apart beside its argument: its numbers and its shape."""
    numbers = "".join(f", {srepr(n)}" for n in e.numbers) if isinstance(e, Apply) else ""
    return f"{numbers}; {e.shape[0]} x {e.shape[1]}"


def flat(w: Word, inner: str) -> Chain:
    """A matrix as one chain; `inner` is the length of its row."""
    if w.through is not None:
        return w.through
    if w.column is None or w.row is None:
        raise NotInClass("a product of scalars over an index")
    return (*w.column, Cut(inner), *w.row)


def letter_word(name: str, shape: tuple[Expr, Expr], time: Time | None) -> Word:
    """The word of one letter, by its shape."""
    rows, cols = shape
    if is_scalar(shape):
        return Word(atoms=(Entry(name, time, 1, True),))
    if cols == 1:
        return Word(column=(Entry(name, time),))
    if rows == 1:
        return Word(row=(Entry(name, time),))
    return Word(through=(Matrix(name, False, time),))


def joined_terms(x: Term, y: Term, word: Word) -> Term:
    """The product of two terms, given that of their words."""
    ranges = tuple(dict.fromkeys((*x.ranges, *y.ranges)))
    return Term(x.coefficient * y.coefficient, word, x.binders + y.binders, x.equal + y.equal, ranges)


def all_times(x: Term) -> list[Time]:
    """Every time in a term."""
    found: list[Time] = []

    def note(time: Time) -> Time:
        found.append(time)
        return time

    map_times(x, note)
    return found


def anchors_of(x: Term) -> set[Expr]:
    """What the times in a term are counted from."""
    return {time.anchor for time in all_times(x) if time.anchor is not None}


@lru_cache(10_000)  # substitution is slow, and times are few
def time_of(index: Expr) -> Time:
    """An index as anchor + offset; the anchor may be j − d until d is summed over."""
    constant = int(index.subs(dict.fromkeys(index.free_symbols, 0)))
    anchor = index - constant
    return Time(anchor if anchor != 0 else None, constant)
