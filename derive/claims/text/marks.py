r"""The syntax of derivatives and binders: which nodes say d, ∂, ∂⁺, \sum or \prod, and where their parts lie."""

from __future__ import annotations

from derive.claims.text.tree import Accent, Fraction, Group, Leaf, Row, Scripted, is_leaf, leaves

BINDERS = {"sum": "sum", "prod": "product", "bigodot": "elementwise"}
TRANSPOSES = ("top", "intercal")


def mark_of(row: Row) -> str | None:
    """The kind of derivative that a numerator begins with: any (∂), total (d), immediate (∂⁺), power (d²)."""
    if not row:
        return None
    head = row[0]
    if is_leaf(head, "letter", "d"):
        return "total"
    if is_leaf(head, "symbol", "partial"):
        return "any"
    if isinstance(head, Scripted) and head.sub is None and head.sup:
        if is_leaf(head.base, "symbol", "partial"):
            return "immediate" if is_leaf(head.sup[0], "op", "+") else "power"
        if is_leaf(head.base, "letter", "d"):
            return "power"
    return None


def denominator(row: Row, numerator: Row) -> tuple[Row, Row] | None:
    """What a derivative is taken by, and the numbers before the mark: ∂o and T in T · ∂o."""
    head = numerator[0].base if isinstance(numerator[0], Scripted) else numerator[0]
    for at, node in enumerate(row):
        mark = node.base if isinstance(node, Scripted) else node
        if isinstance(mark, Leaf) and mark == head:
            before = row[:at]
            if before and is_leaf(before[-1], "op", "cdot", "*", "times"):
                before = before[:-1]
            return row[at + 1 :], before
    return None


def is_quotient(node: object) -> bool:
    """Is it a derivative written as a fraction?"""
    return (
        isinstance(node, Fraction)
        and mark_of(node.top) is not None
        and bool(node.bottom)
        and denominator(node.bottom, node.top) is not None
    )


def prefix_of(node: object) -> str | None:
    r"""nabla or partial, where it has a subscript: \nabla_x L, \partial_w h."""
    if not isinstance(node, Scripted) or node.sub is None:
        return None
    for name in ("nabla", "partial"):
        if is_leaf(node.base, "symbol", name):
            return name
    return None


def binder_of(node: object) -> str | None:
    """sum, product or elementwise."""
    base = _without_arrow(node.base if isinstance(node, Scripted) else node)
    return BINDERS.get(base.text) if isinstance(base, Leaf) and base.kind == "symbol" else None


ARROWS = {"overrightarrow": "ascending", "overleftarrow": "descending"}


def direction_of(node: object) -> str | None:
    """The order of factors that an arrow over ∏ says: the way the index grows."""
    base = node.base if isinstance(node, Scripted) else node
    while isinstance(base, Group) and len(base.row) == 1:
        base = base.row[0]
    return ARROWS.get(base.name) if isinstance(base, Accent) else None


def _without_arrow(base: object) -> object:
    while isinstance(base, (Accent, Group)) and len(base.row) == 1:
        if isinstance(base, Accent) and base.name not in ARROWS:
            break
        base = base.row[0]
    return base


def is_transpose(row: Row) -> bool:
    """Is it what says "transposed" above an array?"""
    return len(row) == 1 and (is_leaf(row[0], "letter", "T") or is_leaf(row[0], "symbol", *TRANSPOSES))


def is_slice(row: Row, at: int) -> bool:
    """Do brackets with a colon stand there: W[:, n:]?"""
    node = row[at] if at < len(row) else None
    node = node.base if isinstance(node, Scripted) else node
    return isinstance(node, Group) and node.open == "[" and any(is_leaf(x, "sep", ":") for x in node.row)


def has_letter(row: Row, name: str) -> bool:
    return any(x.text == name and x.kind in ("letter", "symbol") for x in leaves(row))


def signed_terms(row: Row) -> list[tuple[int, Row]]:
    """The terms of a sum, with their signs; a sign that stands first belongs to the first one."""
    terms: list[tuple[int, Row]] = []
    sign, start = 1, 0
    for at, node in enumerate(row):
        if not is_leaf(node, "op", "+", "-"):
            continue
        if at > start:
            terms.append((sign, row[start:at]))
            sign = 1
        sign = sign if is_leaf(node, "op", "+") else -sign
        start = at + 1
    terms.append((sign, row[start:]))
    return terms


def trimmed(row: Row) -> Row:
    """Without spaces and punctuation at its ends."""
    start, end = 0, len(row)
    while start < end and is_leaf(row[start], "sep"):
        start += 1
    while end > start and is_leaf(row[end - 1], "sep"):
        end -= 1
    return row[start:end]
