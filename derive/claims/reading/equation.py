"""A display as what it claims: the equations in it, the definitions beside them, remarks left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from derive.claims.reading.clock import Scope
from derive.claims.reading.conditions import (
    CONNECTIVES,
    EQUAL,
    ORDER,
    PLAIN_WORDS,
    NoClaim,
    has_relation,
    is_condition,
    limits,
    listed_values,
    tidy,
    value_range,
)
from derive.claims.reading.meanings import Named
from derive.claims.reading.vocabulary import Vocabulary
from derive.claims.text.indices import is_index
from derive.claims.text.parse import LatexError
from derive.claims.text.patterns import plain
from derive.claims.text.tree import (
    Accent,
    Font,
    Group,
    Leaf,
    Matrix,
    Node,
    Row,
    Scripted,
    is_leaf,
    leaves,
)
from derive.errors import DeriveError

NAMES = (":=", "coloneqq", "triangleq")  # what is left of these is defined
STATEMENTS = ("in", "propto", "sim", "approx", "simeq", "to", "rightarrow")


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
        ranges: their first and last values, as in "t = 1, …, T".
    """

    sides: tuple[Side, ...]
    definitions: tuple[Side, ...] = ()
    others: tuple[Side, ...] = ()
    conditions: tuple[tuple[str, Row], ...] = ()
    ranges: tuple[tuple[Row, Row], ...] = ()


def read_claim(row: Row) -> Claim:
    """What a display claims: its first equation (a chain is all its pairs); later ones define.

    Raises:
        NoClaim, NoRelation: it claims no equation.
        LatexError: a side is missing.
    """
    cut = list(_parts(_with_dots(plain(row))))
    parts = [p for _, p in cut]
    first = next((p for p in parts if any(not is_leaf(x, "sep") and not is_leaf(x, "word") for x in p)), ())
    if any(is_leaf(x, "rel", *STATEMENTS) for x in first):
        raise NoClaim("a statement that is no equation")
    if len(first) == 1 and isinstance(first[0], Matrix):
        raise LatexError("equations in an array are not read: align has rows", first[0].at)
    if not has_relation(first):
        raise NoRelation("an expression, which claims nothing: there is no relation sign in it")
    sides, definitions, others, conditions = list[Side](), list[Side](), list[Side](), list[tuple[str, Row]]()
    ranges, listed = list[tuple[Row, Row]](), 0
    for number, (words, part) in enumerate(cut):
        if number < listed:
            continue
        if not has_relation(part):
            if not _is_silent(part, number + 1 == len(cut)):
                raise LatexError("this is no equation, and no remark that is understood", part[0].at)
            continue
        chain = list(_chain(part))
        if not sides:
            sides = chain
        elif limits(chain):
            raise NoClaim("a condition that is an inequality is not understood")
        elif is_condition(chain):
            if not set(words.lower().split()) <= PLAIN_WORDS:
                raise NoClaim("a condition in words is not understood")
            more = listed_values(cut[number + 1 :])
            listed = number + 1 + len(more)
            if more:
                ranges.append(value_range(chain[0].right, more))
            else:
                conditions.append((chain[0].left[0].text, chain[0].right))  # type: ignore[union-attr]
        elif chain[0].relation in EQUAL and len(chain[0].left) == 1 and _is_symbol(chain[0].left[0]):
            definitions.append(chain[0])
        else:
            others += chain
    return Claim(tuple(sides), tuple(definitions), tuple(others), tuple(conditions), tuple(ranges))


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


def _is_silent(part: Row, last: bool) -> bool:
    """May it be left out: words, the number of an equation at its end, "for all t"?"""
    inner = tidy(part)
    if not inner or all(is_leaf(x, "word") for x in inner):
        return True
    if is_leaf(inner[0], "symbol", "forall"):
        return is_index(inner[1:]) and len(inner) == 2
    number = inner[0] if len(inner) == 1 else None
    return last and isinstance(number, Group) and number.open == "(" and all(map(_is_number, number.row))


def _is_number(node: Node) -> bool:
    return isinstance(node, Leaf) and (node.kind in ("number", "sep") or is_leaf(node, "op", "*", "-"))


def _with_dots(row: Row) -> Row:
    """1..T prints dots."""
    out: list[Node] = []
    for node in row:
        if is_leaf(node, "sep", ".") and out and (is_leaf(out[-1], "sep", ".") or is_leaf(out[-1], "dots")):
            if is_leaf(out[-1], "sep"):
                out[-1:] = [Leaf("sep", ",", node.at), Leaf("dots", "…", node.at)]
            continue
        if out and is_leaf(out[-1], "dots") and not is_leaf(node, "sep") and len(out) > 1 and is_leaf(out[-2], "sep"):
            out.append(Leaf("sep", ",", node.at))
        out.append(node)
    return tuple(out)


def _parts(row: Row) -> Iterator[tuple[str, Row]]:
    """What stands between commas, semicolons and wide spaces, and the words before it.

    Brackets around an equation are a remark.
    """
    found: list[tuple[str, list[Node]]] = [("", [])]
    for node in row:
        if is_leaf(node, "sep", ",", ";", "quad", "qquad", ".") or _is_text(node):
            words = node.text if isinstance(node, Leaf) and _is_text(node) else ""
            waiting = found.pop()[0] if not found[-1][1] and len(found) > 1 else ""
            found.append((f"{waiting} {words}".strip(), []))
        elif isinstance(node, Group) and node.open in ("(", "[") and not found[-1][1] and _is_remark(node.row):
            found += [*((words, list(inner)) for words, inner in _parts(node.row)), ("", [])]
        elif found[-1][1] or not _goes_on(node) or len(found) == 1:
            found[-1][1].append(node)
        else:  # a sign behind a wide space goes on with what stood before
            found.pop()
            while len(found) > 1 and not found[-1][1]:
                found.pop()
            found[-1][1].append(node)
    yield from ((words, tuple(nodes)) for words, nodes in found)


def _goes_on(node: Node) -> bool:
    return isinstance(node, Leaf) and (node.kind == "op" or is_leaf(node, "rel", "="))


def _is_text(node: Node) -> bool:
    """Words between the formulas."""
    return isinstance(node, Leaf) and node.kind == "word" and (" " in node.text or node.text in CONNECTIVES)


def _is_remark(row: Row) -> bool:
    """An equation in brackets, or words."""
    return has_relation(row) or (bool(row) and is_leaf(row[0], "word") and len(row[0].text) > 4)  # type: ignore[union-attr]


def _chain(row: Row) -> Iterator[Side]:
    """The pairs of a chain a = b = c."""
    places = [k for k, x in enumerate(row) if is_leaf(x, "rel", *EQUAL, *ORDER)]
    edges = [-1, *places, len(row)]
    members = [tidy(row[a + 1 : b]) for a, b in pairwise(edges)]
    for n, place in enumerate(places):
        sign, left, right = row[place], members[n], members[n + 1]
        assert isinstance(sign, Leaf)
        accumulates = bool(left) and is_leaf(left[-1], "op", "+") and sign.text == "="
        left = tidy(left[:-1]) if accumulates else left
        if not left or not right:
            raise LatexError("a side of the equation is missing", sign.at)
        if not accumulates and sign.text in ("=", "leftarrow") and _begins_with(right, left):
            accumulates, right = True, tidy(right[len(left) + 1 :])
        if sign.text == "leftarrow" and not accumulates and right[: len(left)] == left:
            raise NoClaim("an update, which is no equation")
        yield Side(left, sign.text, right, accumulates)


def _begins_with(right: Row, left: Row) -> bool:
    """X = X + e."""
    n = len(left)
    return right[:n] == left and len(right) > n + 1 and is_leaf(right[n], "op", "+")


def of_arguments(vocabulary: Vocabulary, claim: Claim) -> Claim:
    r"""L(U, W, V) = … and L_t(\theta) = …: what a loss on the left side is said to be a function of is left out."""
    first, *others = claim.sides
    group = first.left[-1]
    found = vocabulary.find(first.left, 0, Scope())
    called = isinstance(group, Group) and group.open == "(" and found is not None
    if not called or found is None or found.match.end != len(first.left) - 1 or found.match.sup:
        return claim
    losses = {"loss", vocabulary.program.total}
    if not all(isinstance(m, Named) and m.name in losses for m in found.meanings.values()):
        return claim
    return replace(claim, sides=(replace(first, left=first.left[:-1]), *others))


def named(vocabulary: Vocabulary, claim: Claim) -> Claim:
    """Of a chain δ := a = b, whose δ nothing explains, the claim is a = b; δ is a name for a."""
    first = claim.sides[0]
    symbol = first.left[0] if len(first.left) == 1 else None
    if len(claim.sides) < 2 or first.relation not in NAMES or symbol is None or not _is_symbol(symbol):
        return claim
    if vocabulary.find(first.left, 0, Scope()) is not None:
        return claim
    return replace(claim, sides=claim.sides[1:], definitions=(first, *claim.definitions))


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
