"""A display as what it claims: the equations in it, the definitions beside them, remarks left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from derive.claims.reading.clock import NoIndex, Scope
from derive.claims.reading.meanings import INDEX_LETTERS, Named
from derive.claims.reading.vocabulary import Vocabulary
from derive.claims.text.indices import is_index
from derive.claims.text.marks import denominator, is_quotient, mark_of
from derive.claims.text.parse import LatexError
from derive.claims.text.patterns import plain
from derive.claims.text.tree import (
    Accent,
    Font,
    Fraction,
    Group,
    Leaf,
    Matrix,
    Node,
    Root,
    Row,
    Scripted,
    is_leaf,
    leaves,
)
from derive.errors import DeriveError

CONNECTIVES = ("where", "with", "and", "for", "if", "so", "i.e.", "thus", "hence", "since", "let")
EQUAL = ("=", ":=", "equiv", "triangleq", "coloneqq", "approx", "simeq", "leftarrow")
ORDER = ("le", "leq", "leqslant", "<", "ge", "geq", "geqslant", ">", "ll", "gg")


STATEMENTS = ("in", "propto", "sim", "to", "rightarrow")


class NoClaim(DeriveError):
    """A display that claims no equation: W in R^n, ∝."""


class NoRelation(DeriveError):
    """A formula without a relation sign."""


@dataclass(frozen=True)
class Side:
    """Two rows with a relation between them; `accumulates` for X += e, which says that X is the sum of all e."""

    left: Row
    relation: str
    right: Row
    accumulates: bool = False


@dataclass(frozen=True)
class Claim:
    """What a display says.

    Attributes:
        sides: its first equation; a chain is all its pairs.
        definitions: later equations with a plain symbol on their left.
        others: later equations that claim something too.
        conditions: values of indices, as in "for t = T".
    """

    sides: tuple[Side, ...]
    definitions: tuple[Side, ...] = ()
    others: tuple[Side, ...] = ()
    conditions: tuple[tuple[str, Row], ...] = ()


def read_claim(row: Row) -> Claim:
    """What a display claims: its first equation (a chain is all its pairs); later ones define.

    Raises:
        NoClaim, NoRelation: it claims no equation.
        LatexError: a side is missing.
    """
    parts = list(_parts(plain(row)))
    first = next((p for p in parts if any(not is_leaf(x, "sep") and not is_leaf(x, "word") for x in p)), ())
    if any(is_leaf(x, "rel", *STATEMENTS) for x in first):
        raise NoClaim("a statement that is no equation")
    if len(first) == 1 and isinstance(first[0], Matrix):
        raise LatexError("equations in an array are not read: align has rows", first[0].at)
    if not _has_relation(first):
        raise NoRelation("an expression, which claims nothing: there is no relation sign in it")
    sides, definitions, others, conditions = list[Side](), list[Side](), list[Side](), list[tuple[str, Row]]()
    for number, part in enumerate(parts):
        if not _has_relation(part):
            if not _is_silent(part):
                raise LatexError("this is no equation, and no remark that is understood", part[0].at)
            continue
        chain = list(_chain(part))
        if not sides:
            sides = chain
        elif _limits(chain):
            raise NoClaim("a condition that is an inequality is not understood")
        elif _is_condition(chain, parts[number + 1 :]):
            conditions.append((chain[0].left[0].text, chain[0].right))  # type: ignore[union-attr]
        elif chain[0].relation in EQUAL and len(chain[0].left) == 1 and _is_symbol(chain[0].left[0]):
            definitions.append(chain[0])
        else:
            others += chain
    return Claim(tuple(sides), tuple(definitions), tuple(others), tuple(conditions))


def _limits(chain: list[Side]) -> bool:
    """Is it k > t, an inequality of indices?"""
    rows = [r for side in chain for r in (side.left, side.right)]
    return any(side.relation in ORDER for side in chain) and all(is_index(r) for r in rows)


def _is_condition(chain: list[Side], later: list[Row]) -> bool:
    """Is it t = T-1, one value of an index; not t = 1, …, T?"""
    side = chain[0]
    letter = len(side.left) == 1 and isinstance(side.left[0], Leaf) and side.left[0].text in INDEX_LETTERS
    listed = any(is_leaf(x, "dots") for part in later[:2] for x in part)
    return letter and len(chain) == 1 and side.relation == "=" and is_index(side.right) and not listed


def _is_symbol(node: Node) -> bool:
    """A letter with what stands around it, or brackets with something below: [K_t]_{11}; no fraction."""
    match node:
        case Scripted(base):
            return _is_symbol(base) or isinstance(base, Group)
        case Accent() | Font():
            return True
        case Leaf(kind):
            return kind in ("letter", "symbol", "word")
    return False


SHORT = 2  # nodes of what may stand between commas: 2, …, T


def _is_silent(part: Row) -> bool:
    """May it be left out: words, a number of an equation, the end of a list, "for all t"?"""
    inner = _tidy(part)
    return len(inner) <= SHORT or all(is_leaf(x, "word") for x in inner) or is_leaf(inner[0], "symbol", "forall")


def _parts(row: Row) -> Iterator[Row]:
    """What stands between commas, semicolons and wide spaces; brackets around an equation are a remark."""
    found: list[list[Node]] = [[]]
    for node in row:
        if is_leaf(node, "sep", ",", ";", "quad", "qquad", ".") or _is_text(node):
            found.append([])
        elif isinstance(node, Group) and node.open in ("(", "[") and not found[-1] and _is_remark(node.row):
            found += [*map(list, _parts(node.row)), []]
        elif found[-1] or not _goes_on(node) or len(found) == 1:
            found[-1].append(node)
        else:  # a sign behind a wide space goes on with what stood before
            found.pop()
            while len(found) > 1 and not found[-1]:
                found.pop()
            found[-1].append(node)
    yield from map(tuple, found)


def _goes_on(node: Node) -> bool:
    return isinstance(node, Leaf) and (node.kind == "op" or is_leaf(node, "rel", "="))


def _is_text(node: Node) -> bool:
    """Several words between the formulas."""
    return isinstance(node, Leaf) and node.kind == "word" and " " in node.text


def _is_remark(row: Row) -> bool:
    return _has_relation(row) or (bool(row) and is_leaf(row[0], "word") and len(row[0].text) > 4)  # type: ignore[union-attr]


def _has_relation(row: Row) -> bool:
    return any(is_leaf(x, "rel", *EQUAL, *ORDER) for x in row)


def _chain(row: Row) -> Iterator[Side]:
    """The pairs of a chain a = b = c."""
    places = [k for k, x in enumerate(row) if is_leaf(x, "rel", *EQUAL, *ORDER)]
    edges = [-1, *places, len(row)]
    members = [_tidy(row[a + 1 : b]) for a, b in pairwise(edges)]
    for n, place in enumerate(places):
        sign, left, right = row[place], members[n], members[n + 1]
        assert isinstance(sign, Leaf)
        accumulates = bool(left) and is_leaf(left[-1], "op", "+") and sign.text == "="
        left = _tidy(left[:-1]) if accumulates else left
        if not left or not right:
            raise LatexError("a side of the equation is missing", sign.at)
        if not accumulates and sign.text in ("=", "leftarrow") and _begins_with(right, left):
            accumulates, right = True, _tidy(right[len(left) + 1 :])
        if sign.text == "leftarrow" and not accumulates and right[: len(left)] == left:
            raise NoClaim("an update, which is no equation")
        yield Side(left, sign.text, right, accumulates)


def _begins_with(right: Row, left: Row) -> bool:
    """X = X + e."""
    n = len(left)
    return right[:n] == left and len(right) > n + 1 and is_leaf(right[n], "op", "+")


def _tidy(row: Row) -> Row:
    """Without spaces at its ends, and without words of text at its end."""
    start, end = 0, len(row)
    while start < end and (is_leaf(row[start], "sep") or is_leaf(row[start], "word", *CONNECTIVES)):
        start += 1
    while end > start and is_leaf(row[end - 1], "sep"):
        end -= 1
    return row[start:end]


def defined(vocabulary: Vocabulary, claim: Claim) -> tuple[Vocabulary, tuple[Side, ...]]:
    """The vocabulary with the symbols that later equations define, and those equations that say something else.

    What a directive said goes before them; of a name of the model they are claims, unless they cut it: W_f = W_f[:n].
    """
    others = list(claim.others)
    for side in claim.definitions:
        found = vocabulary.find(side.left, 0, Scope())
        whole = found is not None and found.match.end == len(side.left) and not found.match.sup
        cut = bool(side.right) and side.right[: len(side.left)] == side.left
        if found is None or not whole or cut:
            tex = "".join(x.text for x in leaves(side.left))
            vocabulary = vocabulary.defining(tex, side.left, side.right)
        else:
            others.append(side)
    return vocabulary, tuple(side for side in others if not _is_assigned(side.left, vocabulary))


def _is_assigned(row: Row, vocabulary: Vocabulary) -> bool:
    """Is it a variable of a program, a name without a time that a directive explains?  Then that is what it means."""
    found = vocabulary.find(row, 0, Scope())
    if found is None or found.word.own or found.match.end != len(row):
        return False
    return len(found.word.pattern.variants) == 1


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
