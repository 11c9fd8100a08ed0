"""Slips with functions and slopes: 1 − f² → f ⊙ (1 − f) and back, tanh(c) → 1 − tanh²(c) and back, σ(o) → o."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise

from derive.claims.reading.outline import Factor, Term
from derive.claims.repair.edit import Edit, exchanged, rewritten_factors
from derive.claims.text.printing import quoted, to_tex
from derive.claims.text.tree import Group, Leaf, Node, Row, Scripted, is_leaf

ONE, MINUS, TWO, TIMES = Leaf("number", "1"), Leaf("op", "-"), Leaf("number", "2"), Leaf("op", "odot")


def of_sum(terms: list[Term]) -> Iterator[Edit]:
    """1 − f² or 1 − tanh²(c), the whole of a sum."""
    if len(terms) != 2 or terms[1].sign is None or terms[1].sign.text != "-":
        return
    first, second = terms[0].nodes, terms[1].nodes
    if terms[0].sign is not None or len(first) != 1 or not is_leaf(first[0], "number", "1"):
        return
    f, old = _root(second[0]), (*first, terms[1].sign, *second)
    if len(second) == 1 and f is not None:
        new: Row = (f, TIMES, Group("(", (ONE, MINUS, f)))
        yield Edit(exchanged(old, new), f"{quoted(new)} for {quoted(old)}", old, rank=0)
    elif len(second) == 2 and f is not None and is_leaf(f, "symbol", "tanh"):  # the slope where the function belongs
        new = (f, second[1])
        yield Edit(exchanged(old, new), f"{quoted(new)} for {quoted(old)}", old)


def of_factors(factors: tuple[Factor, ...]) -> Iterator[Edit]:
    """f ⊙ (1 − f), two factors side by side."""
    for n, (a, b) in enumerate(pairwise(factors)):
        for one, other in ((a, b), (b, a)):
            group = other.nodes[0]
            if len(one.nodes) == len(other.nodes) == 1 and isinstance(group, Group) and _is_rest(group, one.nodes):
                new = (Group("(", (ONE, MINUS, _squared(one.nodes[0]))),)
                words = f"{quoted(new)} for {quoted((*a.nodes, *((b.op,) if b.op else ()), *b.nodes))}"
                kept = [*factors[:n], replace(a, nodes=new), *factors[n + 2 :]]
                yield replace(rewritten_factors(factors, kept, words), rank=0)


def of_application(factor: Factor) -> Iterator[Edit]:
    """The slope of a function where the function stands; the other function."""
    found = _application(factor.nodes)
    if found is None:
        return
    name, argument = found
    other = Leaf("symbol", "sigma" if name.text == "tanh" else "tanh")
    yield Edit({id(name): (other,)}, f"{quoted((other,))} for {quoted((name,))}", factor.nodes)
    slope: Row
    if name.text == "tanh":
        slope = (ONE, MINUS, Scripted(name, sup=(TWO,)), argument)
    else:
        slope = (name, argument, TIMES, Group("(", (ONE, MINUS, name, argument)))
    new: Row = (Group("(", slope),)
    yield Edit(exchanged(factor.nodes, new), f"{quoted(new)} for {quoted(factor.nodes)}", factor.nodes)


def unapplied(factors: Iterable[Factor]) -> Iterator[Edit]:
    """σ(o) → o wherever it stands: o is the value already."""
    places: dict[str, list[Row]] = {}
    for factor in factors:
        if _application(factor.nodes) is not None:
            places.setdefault(to_tex(factor.nodes), []).append(factor.nodes)
    for rows in places.values():
        argument = rows[0][1]
        assert isinstance(argument, Group)
        new = argument.row if len(argument.row) == 1 else (argument,)
        changes = {key: row for nodes in rows for key, row in exchanged(nodes, new).items()}
        yield Edit(changes, f"{quoted(new)} for {quoted(rows[0])}", tuple(x for nodes in rows for x in nodes))


def _application(nodes: Row) -> tuple[Leaf, Group] | None:
    """The function and its argument of tanh(…) or σ(…)."""
    if len(nodes) != 2 or not isinstance(nodes[0], Leaf) or not isinstance(nodes[1], Group):
        return None
    known = nodes[0].kind in ("symbol", "word") and nodes[0].text in ("tanh", "sigma", "sigmoid")
    return (nodes[0], nodes[1]) if known else None


def _root(node: Node) -> Node | None:
    """f of f²."""
    if not isinstance(node, Scripted) or (node.sup or ())[-1:] != (TWO,):
        return None
    rest = (node.sup or ())[:-1]
    if node.sub is None and not rest and not node.primes:
        return node.base
    return replace(node, sup=rest or None)


def _squared(node: Node) -> Node:
    return replace(node, sup=(*(node.sup or ()), TWO)) if isinstance(node, Scripted) else Scripted(node, sup=(TWO,))


def _is_rest(group: Group, f: Row) -> bool:
    """Is it (1 − f)?"""
    if len(group.row) != len(f) + 2 or not is_leaf(group.row[0], "number", "1"):
        return False
    return is_leaf(group.row[1], "op", "-") and to_tex(group.row[2:]) == to_tex(f)
