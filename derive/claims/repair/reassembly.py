"""A product put together anew: its factors in another order, with up to two more, wherever shapes fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

from sympy import Expr

from derive.algebra.shapes import is_scalar, same
from derive.claims.reading import values as v
from derive.claims.reading.clock import NoIndex, Scope
from derive.claims.reading.outline import Factor, Outline, Term
from derive.claims.reading.readings import Misfit
from derive.claims.repair.bench import TROUBLE, Bench
from derive.claims.repair.edit import rewritten_factors
from derive.claims.repair.edits import binder_edits
from derive.claims.repair.library import Library
from derive.claims.text.parse import LatexError
from derive.claims.text.printing import quoted
from derive.claims.text.rewrite import rewritten
from derive.claims.text.tree import Row, is_leaf

MOST_FACTORS, MOST_NEW = 5, 2
Candidate = tuple[Row, tuple[str, ...]]
Shape = tuple[Expr, Expr]


@dataclass(frozen=True)
class Piece:
    """A factor and its shape."""

    factor: Factor
    shape: Shape


def reassemblies(bench: Bench, right: Row, outline: Outline, library: Library) -> Iterator[Candidate]:
    """The right side with one of its products put together anew, those with few new factors first."""
    extra = [Factor(nodes) for nodes, is_vector in library.factors if not is_vector]
    pieces = [p for f in extra if (p := _piece(bench, f)) is not None and not is_scalar(p.shape)]
    starts = [(row, words) for row, words in _renamed(right, outline, library) if bench.is_closed(row, outline)]
    places = [(r, w, term) for r, w in starts for term in outline.terms(r)]
    inside = [(r, w, term) for r, w in starts for n, terms in enumerate(outline.sums(r)) if n for term in terms]
    for chosen in (places, inside):
        for count in range(MOST_NEW + 1):
            for renamed, words, term in chosen:
                for row, more in _put_together(bench, renamed, term, pieces, count):
                    yield row, (*words, *more)


def _renamed(right: Row, outline: Outline, library: Library) -> Iterator[Candidate]:
    """As it stands, and with the index of a sum called as a letter that is free."""
    yield right, ()
    for terms in outline.sums(right):
        for term in terms:
            for edit in binder_edits(term, library):
                if edit.words.startswith("the index"):
                    yield rewritten(right, edit.changes), (edit.words,)


def _piece(bench: Bench, factor: Factor) -> Piece | None:
    try:
        value = bench.formula.product(factor.nodes, Scope())
    except (*TROUBLE, LatexError, Misfit, NoIndex):
        return None
    return Piece(factor, v.shape_of(value))


def _put_together(bench: Bench, right: Row, term: Term, pieces: Sequence[Piece], count: int) -> Iterator[Candidate]:
    """All orders whose shapes fit; a last factor behind ⊗ stays where it is."""
    factors, tail = list(term.factors), list[Factor]()
    if len(factors) > 1 and factors[-1].op is not None and is_leaf(factors[-1].op, "op", "otimes"):
        tail = [factors.pop()]
    own = [_piece(bench, Factor(f.nodes, None, f.found, f.binder)) for f in factors]
    if len(own) > MOST_FACTORS or any(p is None for p in own):
        return
    kept = [p for p in own if p is not None]
    for new in combinations(pieces, count):
        for order in permutations([*kept, *new]):
            if not _fits(order, bool(tail)):
                continue
            words = _words(kept, new, order)
            if words:
                edit = rewritten_factors(term.factors, [*(p.factor for p in order), *tail], "")
                yield rewritten(right, edit.changes), words


def _fits(order: Sequence[Piece], vector: bool) -> bool:
    """Do the shapes chain, to a vector where an outer product follows?"""
    shape: Shape | None = None
    for p in order:
        if is_scalar(p.shape):
            continue
        if shape is not None and not same((shape[1], shape[1]), (p.shape[0], p.shape[0])):
            return False
        shape = p.shape if shape is None else (shape[0], p.shape[1])
    return shape is not None and (not vector or 1 in shape)


def _words(old: Sequence[Piece], new: Sequence[Piece], order: Sequence[Piece]) -> tuple[str, ...]:
    """What was inserted, and what moved."""
    found = [f"{quoted(p.factor.nodes)} inserted" for p in new]
    kept = [p for p in order if not any(p is x for x in new)]
    if kept != list(old):
        found.append(_moved(list(old), kept) or "the factors in the order " + ", ".join(map(_shown, kept)))
    return tuple(found)


def _moved(old: list[Piece], new: list[Piece]) -> str:
    """In words, if but one factor stands at another place."""
    for p in old:
        at = next((n for n, x in enumerate(new) if x is p), None)
        if at is not None and [x for x in old if x is not p] == [x for x in new if x is not p]:
            return f"{_shown(p)} moved " + (f"behind {_shown(new[at - 1])}" if at else f"before {_shown(new[1])}")
    return ""


def _shown(p: Piece) -> str:
    return quoted(p.factor.nodes)
