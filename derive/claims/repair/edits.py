"""Typed edits of a formula: what a slip of the pen changes, one at a time, each in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from derive.claims.reading.conditions import ORDER
from derive.claims.reading.meanings import Found
from derive.claims.reading.outline import Outline, Term
from derive.claims.repair.edit import Edit, exchanged
from derive.claims.repair.factors import factor_edits
from derive.claims.repair.library import Library, index_row
from derive.claims.repair.slopes import of_application, of_factors, of_sum, unapplied
from derive.claims.text.patterns import TIME
from derive.claims.text.printing import quoted, to_tex
from derive.claims.text.tree import Group, Leaf, Row, Scripted, is_leaf

PLUS, MINUS = Leaf("op", "+"), Leaf("op", "-")


def single_edits(row: Row, outline: Outline, library: Library) -> Iterator[Edit]:
    """Every edit of one kind at one place."""
    for nodes, found in outline.names(row):
        yield from _of_name(nodes, found, library)
    sums = list(outline.sums(row))
    yield from unapplied(f for terms in sums for term in terms for f in term.factors)
    for terms in sums:
        yield from _of_terms(terms)
        yield from of_sum(terms)
        for term in terms:
            yield from _in_time(term, outline, library)
            yield from binder_edits(term, library)
            yield from factor_edits(term, library)
            yield from of_factors(term.factors)
            for factor in term.factors:
                yield from of_application(factor)


# Terms


def _of_terms(terms: list[Term]) -> Iterator[Edit]:
    for n, term in enumerate(terms):
        shown = quoted(term.nodes)
        if term.sign is not None:
            other = MINUS if term.sign.text == "+" else PLUS
            yield Edit({id(term.sign): (other,)}, f"the sign of {shown}", rank=0)
        else:
            first = term.nodes[0]
            yield Edit({id(first): (MINUS, first)}, f"the sign of {shown}", (first,), rank=0)
        if len(terms) > 1:
            gone: dict[int, Row] = {id(x): () for x in term.nodes}
            if term.sign is not None:
                gone[id(term.sign)] = ()
            elif terms[1].sign is not None and terms[1].sign.text == "+":
                gone[id(terms[1].sign)] = ()
            yield Edit(gone, f"without {shown}")
        if n:
            yield from _bracketed(terms[: n + 1])
        for later in terms[n + 1 :]:
            yield from _exchanged(term, later)


def _exchanged(a: Term, b: Term) -> Iterator[Edit]:
    """z and 1 - z, each where the other should be."""
    for x, y in product(a.factors, b.factors):
        if _rest(x.nodes) == y.nodes or _rest(y.nodes) == x.nodes:
            changes = {**exchanged(x.nodes, y.nodes), **exchanged(y.nodes, x.nodes)}
            yield Edit(changes, f"{quoted(x.nodes)} and {quoted(y.nodes)} exchanged", (*x.nodes, *y.nodes), rank=0)


def _rest(nodes: Row) -> Row:
    return (Group("(", (Leaf("number", "1"), MINUS, *nodes)),)


def _bracketed(terms: list[Term]) -> Iterator[Edit]:
    """Brackets around a sum and a part of its last product: a + b c → (a + b) c; or of its first one."""
    last, first = terms[-1].factors, terms[0]
    for k in range(1, len(last)):
        inside = tuple(x for t in terms[:-1] for x in _signed(t)) + _signed(terms[-1])[: _count(terms[-1], k)]
        after = _signed(terms[-1])[_count(terms[-1], k) :]
        new = (Group("(", inside), *after)
        yield _regrouped(terms, new, f"brackets around the sum before {quoted(after)}")
    for k in range(1, len(first.factors)):
        if first.binders:
            break
        before = _signed(first)[: _count(first, k)]
        op = first.factors[k].op
        inside = _signed(first)[_count(first, k) + (op is not None) :] + tuple(x for t in terms[1:] for x in _signed(t))
        new = (*before, *((op,) if op else ()), Group("(", inside))
        yield _regrouped(terms, new, f"brackets around the sum after {quoted(before)}")


def _signed(term: Term) -> Row:
    return ((term.sign,) if term.sign is not None else ()) + term.nodes


def _count(term: Term, k: int) -> int:
    """How many nodes a term's sign, binders and first k factors are."""
    nodes = sum(len(f.nodes) + (f.op is not None) for f in term.factors[:k])
    return (term.sign is not None) + len(term.binders) + nodes


def _regrouped(terms: list[Term], new: Row, words: str) -> Edit:
    nodes = [x for t in terms for x in _signed(t)]
    changes: dict[int, Row] = {id(x): () for x in nodes}
    changes[id(nodes[0])] = new
    return Edit(changes, words, tuple(nodes))


# Binders


def binder_edits(term: Term, library: Library) -> Iterator[Edit]:
    binders = [*term.binders, *(f.binder for f in term.factors if f.binder is not None)]
    for node in binders:
        if not isinstance(node, Scripted) or not node.sub:
            continue
        relations = [k for k, x in enumerate(node.sub) if is_leaf(x, "rel", "=", *ORDER)]
        if len(relations) != 1:
            continue
        (equals,) = relations
        low, letter = node.sub[equals + 1 :], node.sub[:equals]
        which = "the lower bound" if is_leaf(node.sub[equals], "rel", "=") else "the bound"
        for new in library.near(low):
            words = f"{which} {quoted(low)} → {quoted(new)}"
            yield _rescripted(node, (*letter, node.sub[equals], *new), node.sup, words)
        for high in library.near(node.sup or ()):
            yield _rescripted(node, node.sub, high, f"the upper bound {quoted(node.sup or ())} → {quoted(high)}")
        for name in library.free_letters:
            if name != to_tex(letter):
                new = (*index_row(name), node.sub[equals], *low)
                yield _rescripted(node, new, node.sup, f"the index {quoted(letter)} → ${name}$")


def _rescripted(node: Scripted, sub: Row | None, sup: Row | None, words: str) -> Edit:
    return Edit({id(node): (replace(node, sub=sub, sup=sup),)}, words, (node,), indices=True, rank=0)


# Names


def _of_name(nodes: Row, found: Found, library: Library) -> Iterator[Edit]:
    """Another time, or another quantity of the same shape."""
    time = found.match.values.get(TIME)
    shown = quoted(nodes)
    if time:
        near = library.near(time)
        texts = {to_tex(time), *map(to_tex, near)}
        for new in (*near, *(other for other in library.times if to_tex(other) not in texts)):
            words = f"the time of {shown}: {quoted(time)} → {quoted(new)}"
            yield Edit(exchanged(time, new), words, nodes, indices=True, rank=0 if new in near else 1)
    yield from _of_indices(nodes, found, library)
    for word, same_shape in library.alike(found):
        for when in library.usual_times(word, time):
            written = library.written(word, when, found.match.sup)
            if written is not None:
                words = f"{quoted(written)} for {shown}"
                yield Edit(exchanged(nodes, written), words, nodes, rank=1 if same_shape else 2)


def _of_indices(nodes: Row, found: Found, library: Library) -> Iterator[Edit]:
    """The entries of a matrix transposed, another letter for an index of an entry."""
    shown = quoted(nodes)
    places = [found.match.values[x] for x in sorted(found.word.entries) if x in found.match.values]
    if len(places) == 2:
        (i,), (j,) = places
        yield Edit({id(i): (j,), id(j): (i,)}, f"the indices of {shown} exchanged", nodes, indices=True, rank=0)
    for (old,) in places:
        for letter in library.entry_letters:
            if to_tex((old,)) != letter:
                words = f"the index {quoted((old,))} of {shown} → ${letter}$"
                yield Edit({id(old): index_row(letter)}, words, nodes, indices=True)


def _in_time(term: Term, outline: Outline, library: Library) -> Iterator[Edit]:
    """All times of a term, one step later or earlier."""
    times = [t for _, found in outline.names(term.nodes) if (t := found.match.values.get(TIME))]
    if len(times) < 2:
        return
    for step, words in ((1, "later"), (-1, "earlier")):
        changes: dict[int, Row] = {}
        for time in times:
            new = library.shifted(time, step)
            if new is None:
                break
            changes |= exchanged(time, new)
        else:
            yield Edit(changes, f"every time in {quoted(term.nodes)} one step {words}", term.nodes)
