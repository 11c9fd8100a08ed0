"""Derivatives of vectors by matrices: where they stand, gradients by a matrix may be rows of its entries."""

from __future__ import annotations

from collections.abc import Iterator

from derive.claims.reading.clock import NoIndex, Scope
from derive.claims.reading.meanings import Named
from derive.claims.reading.vocabulary import Vocabulary
from derive.claims.text.marks import denominator, is_quotient, mark_of
from derive.claims.text.tree import Accent, Font, Fraction, Group, Matrix, Root, Row, Scripted


def has_tensors(row: Row, vocabulary: Vocabulary) -> bool:
    """Is a vector differentiated by a matrix somewhere in it?"""
    return any(_is_tensor(q, vocabulary) for q in _quotients(row))


def _quotients(row: Row) -> Iterator[Fraction]:
    for node in row:
        if is_quotient(node):
            assert isinstance(node, Fraction)
            yield node
        match node:
            case Scripted(base, _, sup, _):
                yield from _quotients((base,))
                yield from _quotients(sup or ())
            case Fraction(top, bottom):
                yield from _quotients(top)
                yield from _quotients(bottom)
            case Matrix(rows):
                for cells in rows:
                    for cell in cells:
                        yield from _quotients(cell)
            case Group() | Root() | Accent() | Font():
                yield from _quotients(node.row)


def _is_tensor(node: Fraction, vocabulary: Vocabulary) -> bool:
    found = denominator(node.bottom, node.top)
    if mark_of(node.top) is None or found is None:
        return False
    top, bottom = _named(node.top[1:], vocabulary), _named(found[0], vocabulary)
    if top is None or bottom is None or top.components or bottom.components:
        return False
    (rows, _), (_, cols) = vocabulary.program[top.name].shape, vocabulary.program[bottom.name].shape
    return bool(rows != 1 and cols != 1)


def _named(row: Row, vocabulary: Vocabulary) -> Named | None:
    try:
        called = vocabulary.called(row, Scope())
        if called is not None:
            return called[0]
        found = vocabulary.find(row, 0, Scope())
    except NoIndex:
        return None
    if found is None or found.match.end != len(row):
        return None
    return next((m for m in found.meanings.values() if isinstance(m, Named)), None)
