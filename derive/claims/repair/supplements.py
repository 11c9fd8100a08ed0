"""Terms that may be missing in a sum: what the right side lacks is known as a number, so each is one comparison."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise

from derive.claims.reading.outline import Outline, Term
from derive.claims.repair.bench import Bench, Numbers
from derive.claims.repair.edits import PLUS, single_edits
from derive.claims.repair.library import Library
from derive.claims.text.marks import is_quotient
from derive.claims.text.printing import quoted, to_tex
from derive.claims.text.rewrite import rewritten
from derive.claims.text.tree import Fraction, Leaf, Row

Candidate = tuple[Row, tuple[str, ...]]
MOST_PATHS = 40
ODOT = Leaf("op", "odot")


def supplements(bench: Bench, right: Row, outline: Outline, library: Library) -> Iterator[tuple[Row, tuple[str, ...]]]:
    """The right side with a term more."""
    base = bench.numbers(bench.base) if bench.base is not None else None
    if base is None:
        return
    missing = bench.minus(bench.wanted, base)
    terms = outline.terms(right)
    yield from _two_paths(bench, right, terms, missing)
    for row in _terms(right, terms, outline, library):
        value = bench.value(row)
        if value is not None and bench.numbers(value) == missing:
            yield (*right, PLUS, *row), (f"the term {quoted(row)} added",)


def _terms(right: Row, terms: list[Term], outline: Outline, library: Library) -> Iterator[Row]:
    """A parameter times a derivative, a path that leaves a node out, a term that is there changed."""
    for derivative in (*library.residuals(), *_quotients(right, library)):
        yield from ((*matrix, *derivative) for matrix in library.matrices)
        yield derivative
    for derivative in _derivatives(outline, library):
        for factor, is_vector in library.factors:
            if is_vector:
                yield (*factor, ODOT, *derivative)
            else:
                yield (*factor, *derivative)
                yield (*derivative, *factor)
        yield derivative
    for term in terms:
        yield from _contracted(term.nodes)
    for term in terms:
        for edit in single_edits(term.nodes, outline, library):
            yield rewritten(term.nodes, edit.changes)


def _two_paths(bench: Bench, right: Row, terms: list[Term], missing: Numbers) -> Iterator[Candidate]:
    """Two paths that are missing, each with fewer nodes than one that is there."""
    shorter: dict[str, Row] = {}
    for term in terms:
        waiting = [term.nodes]
        while waiting and len(shorter) < MOST_PATHS:
            for row in _contracted(waiting.pop()):
                if to_tex(row) not in shorter:
                    shorter[to_tex(row)] = row
                    waiting.append(row)
    known = [(row, n) for row in shorter.values() if (v := bench.value(row)) is not None and (n := bench.numbers(v))]
    for (a, x), (c, y) in combinations(known, 2):
        if bench.minus(missing, x) == y:
            yield (*right, PLUS, *a, PLUS, *c), (f"the term {quoted(a)} added", f"the term {quoted(c)} added")


def _derivatives(outline: Outline, library: Library) -> Iterator[Row]:
    """The derivatives that have a name here, at each time in use."""
    for word, time in library.derivatives():
        written = library.written(word, time)
        if written is not None:
            yield written


def _quotients(right: Row, library: Library) -> Iterator[Row]:
    """Derivatives of what is differentiated here, by the vectors at hand."""
    tops = {to_tex(x.top): x.top for x in right if isinstance(x, Fraction) and is_quotient(x) and len(x.top) == 2}
    for top in tops.values():
        yield from ((Fraction(top, (top[0], *written)),) for written, *_ in library.vectors())


def _contracted(nodes: Row) -> Iterator[Row]:
    """∂a/∂b ∂b/∂c → ∂a/∂c."""
    for at, (a, b) in enumerate(pairwise(nodes)):
        if is_quotient(a) and is_quotient(b):
            assert isinstance(a, Fraction)
            assert isinstance(b, Fraction)
            yield (*nodes[:at], Fraction(a.top, b.bottom), *nodes[at + 2 :])
