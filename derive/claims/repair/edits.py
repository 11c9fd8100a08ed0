"""Typed edits of a formula: what a slip of the pen changes, one at a time, each in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from derive.claims.reading.meanings import Found
from derive.claims.reading.outline import Factor, Outline, Term
from derive.claims.repair.library import Library, index_row
from derive.claims.text.marks import is_transpose
from derive.claims.text.patterns import TIME
from derive.claims.text.printing import to_tex
from derive.claims.text.tree import Group, Leaf, Node, Row, Scripted, is_leaf

TOP = Leaf("symbol", "top")
PLUS, MINUS = Leaf("op", "+"), Leaf("op", "-")


@dataclass(frozen=True)
class Edit:
    """What replaces some nodes (by identity), and what that is in words."""

    changes: Mapping[int, Row]
    words: str
    kept: tuple[Node, ...] = field(default=(), repr=False)  # so that no other object takes over an id
    indices: bool = False  # does it change an index or a time?
    rank: int = 1  # 0 for the slips that are most common, 2 for those that change a shape: tried in that order


def single_edits(row: Row, outline: Outline, library: Library) -> Iterator[Edit]:
    """Every edit of one kind at one place."""
    for nodes, found in outline.names(row):
        yield from _of_name(nodes, found, library)
    for terms in outline.sums(row):
        yield from _of_terms(terms)
        for term in terms:
            yield from _in_time(term, outline, library)
            yield from binder_edits(term, library)
            yield from _of_factors(term, library)


# Terms


def _of_terms(terms: list[Term]) -> Iterator[Edit]:
    for n, term in enumerate(terms):
        shown = to_tex(term.nodes)
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


def _bracketed(terms: list[Term]) -> Iterator[Edit]:
    """Brackets around a sum and a part of its last product: a + b c → (a + b) c; or of its first one."""
    last, first = terms[-1].factors, terms[0]
    for k in range(1, len(last)):
        inside = tuple(x for t in terms[:-1] for x in _signed(t)) + _signed(terms[-1])[: _count(terms[-1], k)]
        after = _signed(terms[-1])[_count(terms[-1], k) :]
        new = (Group("(", inside), *after)
        yield _regrouped(terms, new, f"brackets around the sum before {to_tex(after)}")
    for k in range(1, len(first.factors)):
        if first.binders:
            break
        before = _signed(first)[: _count(first, k)]
        op = first.factors[k].op
        inside = _signed(first)[_count(first, k) + (op is not None) :] + tuple(x for t in terms[1:] for x in _signed(t))
        new = (*before, *((op,) if op else ()), Group("(", inside))
        yield _regrouped(terms, new, f"brackets around the sum after {to_tex(before)}")


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
        equals = next((k for k, x in enumerate(node.sub) if is_leaf(x, "rel", "=")), None)
        if equals is None:
            continue
        low, letter = node.sub[equals + 1 :], node.sub[:equals]
        for new in (library.shifted(low, 1), library.shifted(low, -1)):
            if new is not None:
                words = f"the lower bound {to_tex(low)} → {to_tex(new)}"
                yield _rescripted(node, (*letter, node.sub[equals], *new), node.sup, words)
        for step in (1, -1):
            high = library.shifted(node.sup or (), step)
            if high is not None:
                yield _rescripted(node, node.sub, high, f"the upper bound {to_tex(node.sup or ())} → {to_tex(high)}")
        for name in library.free_letters:
            if name != to_tex(letter):
                new = (*index_row(name), node.sub[equals], *low)
                yield _rescripted(node, new, node.sup, f"the index {to_tex(letter)} → {name}")


def _rescripted(node: Scripted, sub: Row | None, sup: Row | None, words: str) -> Edit:
    return Edit({id(node): (replace(node, sub=sub, sup=sup),)}, words, (node,), indices=True, rank=0)


# Factors


def _of_factors(term: Term, library: Library) -> Iterator[Edit]:
    factors = term.factors
    for n, factor in enumerate(factors):
        yield from _of_power(factor, library)
        yield _transposed(factor)
        yield from _of_sign(factor)
        if len(factors) > 1:
            yield from _without(factors, n)
            yield from _moved(factors, n)
            yield from _turned(factors, n)
        yield from _inserted(factors, n, library)


def _of_name(nodes: Row, found: Found, library: Library) -> Iterator[Edit]:
    """Another time, or another quantity of the same shape."""
    time = found.match.values.get(TIME)
    shown = to_tex(nodes)
    if time:
        near = [new for step in (1, -1) if (new := library.shifted(time, step)) is not None]
        texts = {to_tex(time), *map(to_tex, near)}
        for new in (*near, *(other for other in library.times if to_tex(other) not in texts)):
            words = f"the time of {shown}: {to_tex(time)} → {to_tex(new)}"
            yield Edit(_exchanged(time, new), words, nodes, indices=True, rank=0 if new in near else 1)
    for word, same_shape in library.alike(found):
        written = library.written(word, time, found.match.sup)
        if written is not None:
            words = f"{to_tex(written)} for {shown}"
            yield Edit(_exchanged(nodes, written), words, nodes, rank=1 if same_shape else 2)


def _exchanged(old: Row, new: Row) -> dict[int, Row]:
    """A row in the place of some nodes that stand side by side."""
    changes: dict[int, Row] = {id(x): () for x in old}
    changes[id(old[0])] = new
    return changes


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
            changes |= _exchanged(time, new)
        else:
            yield Edit(changes, f"every time in {to_tex(term.nodes)} one step {words}", term.nodes)


def _transposed(factor: Factor) -> Edit:
    """With a transpose above it, or without."""
    last, shown = factor.nodes[-1], to_tex(factor.nodes)
    new = _with_transpose(last)
    less = isinstance(last, Scripted) and is_transpose((last.sup or ())[-1:])
    words = f"{shown} without its transpose" if less else f"{shown} transposed"
    return Edit({id(last): new}, words, (last,), rank=0)


def _of_power(factor: Factor, library: Library) -> Iterator[Edit]:
    """Squared or not; another exponent."""
    last = factor.nodes[-1]
    sup = last.sup or () if isinstance(last, Scripted) else ()
    shown = to_tex(factor.nodes)
    if isinstance(last, Scripted) and is_leaf(sup[-1] if sup else last.base, "number", "2"):
        yield Edit({id(last): (replace(last, sup=sup[:-1] or None),)}, f"{shown} not squared", (last,))
    elif not (sup and is_transpose(sup[-1:])):
        two = Leaf("number", "2")
        new = replace(last, sup=(*sup, two)) if isinstance(last, Scripted) else Scripted(last, sup=(two,))
        yield Edit({id(last): (new,)}, f"{shown} squared", (last,))
    own = factor.found is None or factor.found.match.sup == sup
    if own and isinstance(last, Scripted) and len(sup) > 1 and any(is_leaf(x, "op", "+", "-") for x in sup):
        for exponent in library.differences:
            words = f"the exponent {to_tex(sup)} → {to_tex(exponent)}"
            yield Edit({id(last): (replace(last, sup=exponent),)}, words, (last,))


def _of_sign(factor: Factor) -> Iterator[Edit]:
    """Another product sign."""
    if factor.op is None:
        return
    for text in ("odot", "otimes", ""):
        if text != factor.op.text:
            new: Row = (Leaf("op", text),) if text else ()
            shown = rf"\{text}" if text else "a matrix product"
            yield Edit({id(factor.op): new}, f"{shown} before {to_tex(factor.nodes)}", (factor.op,))


def _laid_out(factors: list[Factor]) -> Row:
    out: list[Node] = []
    for n, f in enumerate(factors):
        out += ([f.op] if f.op is not None and n else []) + list(f.nodes)
    return tuple(out)


def rewritten_factors(old: tuple[Factor, ...], new: list[Factor], words: str) -> Edit:
    nodes = [x for f in old for x in ((f.op,) if f.op else ()) + f.nodes]
    changes: dict[int, Row] = {id(x): () for x in nodes}
    changes[id(nodes[0])] = _laid_out(new)
    return Edit(changes, words, tuple(nodes))


def _without(factors: tuple[Factor, ...], n: int) -> Iterator[Edit]:
    """Without a factor, or without two that stand side by side."""
    for end in (n + 1, n + 2):
        if end <= len(factors) and end - n < len(factors):
            gone = to_tex(_laid_out(list(factors[n:end])))
            yield rewritten_factors(factors, [*factors[:n], *factors[end:]], f"without {gone}")


def _moved(factors: tuple[Factor, ...], n: int) -> Iterator[Edit]:
    """One factor at another place."""
    rest = [f for k, f in enumerate(factors) if k != n]
    for place in range(len(factors)):
        if place != n:
            new = [*rest[:place], factors[n], *rest[place:]]
            where = "to the end" if place == len(rest) else f"before {to_tex(rest[place].nodes)}"
            words = f"{to_tex(factors[n].nodes)} moved {where}"
            yield replace(rewritten_factors(factors, new, words), rank=0 if place == n + 1 else 1)


def _turned(factors: tuple[Factor, ...], n: int) -> Iterator[Edit]:
    """A ⊙ (W v) → (Wᵀ A) ⊙ v: a matrix that acts on the wrong factor, and should stand transposed."""
    group = factors[n].nodes[0]
    if len(factors[n].nodes) != 1 or not isinstance(group, Group) or len(group.row) < 2:
        return
    op = factors[n].op or next((f.op for f in factors if f.op is not None), None)
    rest = _laid_out([f for k, f in enumerate(factors) if k != n])
    matrix, vector = group.row[0], group.row[1:]
    new: Row = (Group("(", (*_with_transpose(matrix), Group("[", rest))), *((op,) if op else ()), *vector)
    words = f"{to_tex((matrix,))} transposed, acting on {to_tex(rest)}"
    nodes = [x for f in factors for x in ((f.op,) if f.op else ()) + f.nodes]
    yield Edit(_exchanged(tuple(nodes), new), words, tuple(nodes))


def _with_transpose(node: Node) -> Row:
    sup = node.sup or () if isinstance(node, Scripted) else ()
    if sup and is_transpose(sup[-1:]):
        assert isinstance(node, Scripted)
        return (replace(node, sup=sup[:-1] or None),)
    return (replace(node, sup=(*sup, TOP)) if isinstance(node, Scripted) else Scripted(node, sup=(TOP,)),)


def _inserted(factors: tuple[Factor, ...], n: int, library: Library) -> Iterator[Edit]:
    """A factor more, before one or at the end."""
    ops = [f.op for f in factors if f.op is not None]
    for nodes, elementwise in library.factors:
        signs: list[Leaf | None] = [ops[0] if ops else Leaf("op", "odot")] if elementwise else [None]
        for op in signs:
            first = factors[n]
            before = [*factors[:n], Factor(nodes, first.op if n else None), replace(first, op=op)]
            words = f"{to_tex(nodes)} inserted before {to_tex(first.nodes)}"
            yield rewritten_factors(factors, [*before, *factors[n + 1 :]], words)
            if n == len(factors) - 1:
                yield rewritten_factors(factors, [*factors, Factor(nodes, op)], f"{to_tex(nodes)} inserted at the end")
