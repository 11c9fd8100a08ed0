"""Rows that may be a time or an index: t, k+1, 2t - 1."""

from __future__ import annotations

from derive.claims.text.tree import Leaf, Row, is_leaf


def is_index(row: Row) -> bool:
    """Is it a time or an index: symbols and whole numbers with signs between them, 2t - 1?"""
    last = "sign"
    for node in row:
        if is_leaf(node, "op", "+", "-"):
            if last == "sign" and node is not row[0]:
                return False
            last = "sign"
        elif isinstance(node, Leaf) and (node.kind == "letter" or (node.kind == "symbol" and node.text in INDICES)):
            if last == "symbol":
                return False
            last = "symbol"
        elif is_leaf(node, "number") and last == "sign":
            last = "number"
        else:
            return False
    return last != "sign"


INDICES = ("tau", "star", "ell", "nu", "kappa", "theta")


def has_time_letter(row: Row) -> bool:
    """Does a letter stand in it that may be a time, not T?"""
    return is_index(row) and any(x.text != "T" for x in row if isinstance(x, Leaf) and x.kind in ("letter", "symbol"))
