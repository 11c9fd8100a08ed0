"""Edits of the factors of a product: transposed, moved, left out, inserted, squared, with another sign."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from derive.claims.reading.outline import Factor, Term
from derive.claims.repair.edit import Edit, exchanged, laid_out, rewritten_factors
from derive.claims.repair.library import Library
from derive.claims.text.indices import is_index
from derive.claims.text.marks import is_quotient, is_transpose
from derive.claims.text.printing import quoted
from derive.claims.text.tree import Fraction, Group, Leaf, Node, Row, Scripted, is_leaf

TOP = Leaf("symbol", "top")


def factor_edits(term: Term, library: Library) -> Iterator[Edit]:
    factors = term.factors
    if len(factors) > 1 and all(f.op is None and f.binder is None for f in factors):
        yield _reversed(factors)
    for n, factor in enumerate(factors):
        yield from _of_power(factor, library)
        yield _transposed(factor)
        yield from _of_sign(factor)
        if len(factors) > 1:
            yield from _without(factors, n)
            yield from _moved(factors, n)
            yield from _turned(factors, n)
        yield from _inserted(factors, n, library)


def _transposed(factor: Factor) -> Edit:
    """With a transpose above it, or without."""
    last, shown = factor.nodes[-1], quoted(factor.nodes)
    new = _with_transpose(last)
    less = isinstance(last, Scripted) and is_transpose((last.sup or ())[-1:])
    words = f"{shown} without its transpose" if less else f"{shown} transposed"
    return Edit({id(last): new}, words, (last,), rank=0)


def _reversed(factors: tuple[Factor, ...]) -> Edit:
    """A product of matrices transposed: A B v → vᵀ Bᵀ Aᵀ; a diagonal matrix, and a derivative, stay what they are."""
    new = [Factor(_as_transposed(f)) for f in reversed(factors)]
    shown = quoted(laid_out(list(factors)))
    return replace(rewritten_factors(factors, new, f"{shown} transposed"), rank=2)


def _as_transposed(factor: Factor) -> Row:
    *before, last = factor.nodes
    fixed = is_quotient(last) or (before and is_leaf(before[0], "word", "diag"))
    return factor.nodes if fixed else (*before, *_with_transpose(last))


def _of_power(factor: Factor, library: Library) -> Iterator[Edit]:
    """Squared or not; another exponent."""
    last = factor.nodes[-1]
    sup = last.sup or () if isinstance(last, Scripted) else ()
    shown = quoted(factor.nodes)
    if isinstance(last, Scripted) and is_leaf(sup[-1] if sup else last.base, "number", "2"):
        yield Edit({id(last): (replace(last, sup=sup[:-1] or None),)}, f"{shown} not squared", (last,))
    elif not (sup and is_transpose(sup[-1:])):
        yield Edit({id(last): _squared(last)}, f"{shown} squared", (last,), rank=0 if factor.found is not None else 1)
    if isinstance(last, Scripted) and isinstance(last.base, Group) and sup == (Leaf("number", "2"),):
        *before, end = last.base.row
        inside = (*before, *_squared(end))
        yield Edit(
            {id(last): (replace(last.base, row=inside),)}, f"the square in {shown} on {quoted((end,))} only", (last,)
        )
    own = factor.found is None or factor.found.match.sup == sup
    if own and isinstance(last, Scripted) and is_index(sup) and not (is_leaf(sup[0], "number") or is_transpose(sup)):
        near = library.near(sup)
        for exponent in (*near, *(x for x in library.differences if x not in near)):
            words = f"the exponent {quoted(sup)} → {quoted(exponent)}"
            yield Edit({id(last): (replace(last, sup=exponent),)}, words, (last,), rank=0 if exponent in near else 1)


def _squared(node: Node) -> Row:
    two = Leaf("number", "2")
    return (replace(node, sup=(*(node.sup or ()), two)) if isinstance(node, Scripted) else Scripted(node, sup=(two,)),)


def _of_sign(factor: Factor) -> Iterator[Edit]:
    """Another product sign."""
    if factor.op is None:
        return
    plus = Leaf("op", "+")
    yield Edit({id(factor.op): (plus,)}, f"$+$ for {quoted((factor.op,))} before {quoted(factor.nodes)}", (factor.op,))
    for text in ("odot", "otimes", ""):
        if text != factor.op.text:
            new: Row = (Leaf("op", text),) if text else ()
            shown = rf"$\{text}$" if text else "a matrix product"
            yield Edit({id(factor.op): new}, f"{shown} before {quoted(factor.nodes)}", (factor.op,))


def _without(factors: tuple[Factor, ...], n: int) -> Iterator[Edit]:
    """Without a factor, or without two that stand side by side."""
    for end in (n + 1, n + 2):
        if end <= len(factors) and end - n < len(factors):
            gone = quoted(laid_out(list(factors[n:end])))
            yield rewritten_factors(factors, [*factors[:n], *factors[end:]], f"without {gone}")


def _moved(factors: tuple[Factor, ...], n: int) -> Iterator[Edit]:
    """One factor at another place."""
    rest = [f for k, f in enumerate(factors) if k != n]
    for place in range(len(factors)):
        if place != n:
            new = [*rest[:place], factors[n], *rest[place:]]
            where = "to the end" if place == len(rest) else f"before {quoted(rest[place].nodes)}"
            words = f"{quoted(factors[n].nodes)} moved {where}"
            yield replace(rewritten_factors(factors, new, words), rank=0 if place == n + 1 else 1)


def _turned(factors: tuple[Factor, ...], n: int) -> Iterator[Edit]:
    """A ⊙ (W v) → (Wᵀ A) ⊙ v: a matrix that acts on the wrong factor, and should stand transposed."""
    group = factors[n].nodes[0]
    if len(factors[n].nodes) != 1 or not isinstance(group, Group) or len(group.row) < 2:
        return
    op = factors[n].op or next((f.op for f in factors if f.op is not None), None)
    rest = laid_out([f for k, f in enumerate(factors) if k != n])
    matrix, vector = group.row[0], group.row[1:]
    new: Row = (Group("(", (*_with_transpose(matrix), Group("[", rest))), *((op,) if op else ()), *vector)
    words = f"{quoted((matrix,))} transposed, acting on {quoted(rest)}"
    nodes = [x for f in factors for x in ((f.op,) if f.op else ()) + f.nodes]
    yield Edit(exchanged(tuple(nodes), new), words, tuple(nodes))


def _with_transpose(node: Node) -> Row:
    sup = node.sup or () if isinstance(node, Scripted) else ()
    if sup and is_transpose(sup[-1:]):
        assert isinstance(node, Scripted)
        return (replace(node, sup=sup[:-1] or None),)
    if sup and is_leaf(sup[-1], "number"):
        return (Scripted(Group("(", (node,)), sup=(TOP,)),)
    return (replace(node, sup=(*sup, TOP)) if isinstance(node, Scripted) else Scripted(node, sup=(TOP,)),)


def _is_number(nodes: Row) -> bool:
    return len(nodes) == 1 and (is_leaf(nodes[0], "number") or isinstance(nodes[0], Fraction))


def _inserted(factors: tuple[Factor, ...], n: int, library: Library) -> Iterator[Edit]:
    """A factor more: at the end, which is where it is written most often, or before another."""
    ops = [f.op for f in factors if f.op is not None]
    for nodes, elementwise in library.factors:
        if n and _is_number(nodes):
            continue  # numbers stand first
        op = (ops[0] if ops else Leaf("op", "odot")) if elementwise else None
        if not n and not _is_number(nodes):
            yield rewritten_factors(factors, [*factors, Factor(nodes, op)], f"{quoted(nodes)} inserted at the end")
        first = factors[n]
        before = [*factors[:n], Factor(nodes, first.op if n else None), replace(first, op=op)]
        words = f"{quoted(nodes)} inserted before {quoted(first.nodes)}"
        yield rewritten_factors(factors, [*before, *factors[n + 1 :]], words)
