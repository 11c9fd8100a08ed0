"""The parts of a formula that a repair may change: terms, binders and factors, found without evaluating anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from derive.claims.reading.clock import NoIndex, Scope
from derive.claims.reading.meanings import FUNCTION_NAMES, Found
from derive.claims.reading.vocabulary import Vocabulary
from derive.claims.text.marks import binder_of, has_letter, is_quotient, is_slice, prefix_of
from derive.claims.text.patterns import TIME
from derive.claims.text.rewrite import letters
from derive.claims.text.tree import Accent, Font, Fraction, Group, Leaf, Matrix, Node, Root, Row, Scripted, is_leaf


@dataclass(frozen=True)
class Factor:
    """A factor, the sign before it, and what is known of its name."""

    nodes: Row
    op: Leaf | None = None
    found: Found | None = None
    binder: Scripted | None = None  # of a product over an index, whose body the other nodes are


@dataclass(frozen=True)
class Term:
    """A product, with the binders that stand before it and the sign before all."""

    sign: Leaf | None
    binders: tuple[Node, ...]
    factors: tuple[Factor, ...]

    @property
    def all_binders(self) -> list[Node]:
        """Those before it, and those of its products over an index."""
        return [*self.binders, *(f.binder for f in self.factors if f.binder is not None)]

    @property
    def nodes(self) -> Row:
        """Without its sign."""
        return (*self.binders, *(n for f in self.factors for n in ((f.op,) if f.op else ()) + f.nodes))


@dataclass
class Outline:
    """Walks through a formula."""

    vocabulary: Vocabulary
    scope: Scope = field(default_factory=Scope)

    def sums(self, row: Row) -> Iterator[list[Term]]:
        """Every sum of products, the outermost first."""
        own = self.terms(row)
        yield own
        for term in own:
            for n, factor in enumerate(term.factors):
                if factor.binder is not None:
                    behind = [x for f in term.factors[n + 1 :] for x in ((f.op,) if f.op else ()) + f.nodes]
                    if behind:  # its body may be longer
                        yield self.terms((*factor.nodes[1:], *behind))
                    yield from self.sums(factor.nodes[1:])
                elif factor.found is None:
                    for inner in _rows(factor.nodes):
                        yield from self.sums(inner)

    def bound_letters(self, row: Row) -> set[str]:
        """The letters that some sum or product in it binds."""
        terms = (term for terms in self.sums(row) for term in terms)
        return {x for term in terms for node in term.all_binders for x in index_of(node)}

    def index_letters(self, row: Row) -> set[str]:
        """The letters in the times and the entries of its names; in exponents too."""
        values = (value for _, found in self.names(row) for value in found.match.values.values())
        return {x.text for value in values for x in letters(value)}

    def time_letters(self, row: Row) -> set[str]:
        """The letters in the times of its names."""
        times = (found.match.values.get(TIME, ()) for _, found in self.names(row))
        return {x.text for time in times for x in letters(time)}

    def names(self, row: Row) -> Iterator[tuple[Row, Found]]:
        """Every name in it, those in derivatives too."""
        at = 0
        while at < len(row):
            found = self._find(row, at)
            if found is not None and not binder_of(row[at]):
                yield row[at : found.match.end], found
                at = found.match.end
                continue
            for inner in _children(row[at]):
                yield from self.names(inner)
            at += 1

    def _find(self, row: Row, at: int) -> Found | None:
        try:
            return self.vocabulary.find(row, at, self.scope)
        except NoIndex:
            return None

    def terms(self, row: Row) -> list[Term]:
        """The terms of one row."""
        found, sign, start = list[Term](), None, 0
        for at, node in enumerate((*row, None)):
            if node is not None and not is_leaf(node, "op", "+", "-"):
                continue
            if at > start:
                found.append(self._term(sign, row[start:at]))
            sign, start = node if isinstance(node, Leaf) else None, at + 1
        return found

    def _term(self, sign: Leaf | None, row: Row) -> Term:
        at = 0
        while at < len(row) and (binder_of(row[at]) == "sum" or is_leaf(row[at], "sep")):
            at += 1
        return Term(sign, row[:at], tuple(self._factors(row, at)))

    def _factors(self, row: Row, at: int) -> Iterator[Factor]:
        op: Leaf | None = None
        while at < len(row):
            node = row[at]
            if isinstance(node, Leaf) and node.kind == "op":
                op, at = node, at + 1
                continue
            if is_leaf(node, "sep"):
                at += 1
                continue
            end, found, binder = self._factor(row, at)
            yield Factor(row[at:end], op, found, binder)
            op, at = None, end

    def _factor(self, row: Row, at: int) -> tuple[int, Found | None, Scripted | None]:
        node = row[at]
        if binder_of(node) and isinstance(node, Scripted):
            letters = [x.text for x in node.sub or () if isinstance(x, Leaf) and x.kind in ("letter", "symbol")]
            ends = [k for k in range(at + 1, len(row)) if letters and has_letter((row[k],), letters[0])]
            end = len(row) if binder_of(node) == "sum" else max(ends, default=at + 1) + 1
            return end, None, node
        if is_quotient(node):
            assert isinstance(node, Fraction)
            return at + (2 if len(node.top) == 1 else 1), None, None
        found = self._find(row, at)
        if found is not None:
            end = found.match.end
            is_function = found.word.names & set(FUNCTION_NAMES.values())
            end = end + 1 if is_function and end < len(row) else end
            return (end + 1 if is_slice(row, end) else end), (None if is_function else found), None
        if prefix_of(node):
            return min(at + 2, len(row)), None, None
        head = node.base if isinstance(node, Scripted) else node
        called = isinstance(head, Leaf) and (head.text in FUNCTION_NAMES or head.text.lower() == "diag")
        return (min(at + 2, len(row)) if called else at + 1), None, None


def _children(node: Node) -> Iterator[Row]:
    """The rows inside a node in which names may stand; not its scripts."""
    match node:
        case Scripted(base, sub, _, _) if sub is not None and prefix_of(node):
            yield sub
        case Scripted(base):
            yield from _children(base)
        case Fraction(top, bottom):
            yield top
            yield bottom
        case Matrix(rows):
            for cells in rows:
                yield from cells
        case Group() | Root() | Accent() | Font():
            yield node.row
        case Leaf():
            pass


def _rows(nodes: Row) -> Iterator[Row]:
    """The rows inside the nodes of a factor."""
    for node in nodes:
        match node:
            case Scripted(base):
                yield from _rows((base,))
            case Group() | Root():
                yield node.row
            case Fraction() if not is_quotient(node):
                yield node.top
                yield node.bottom
            case Matrix(rows):
                for cells in rows:
                    yield from cells
            case Accent() | Font() | Leaf() | Fraction():
                pass


def index_of(node: Node) -> list[str]:
    """The letter of a binder's index."""
    if binder_of(node) is None or not isinstance(node, Scripted):
        return []
    return [x.text for x in node.sub or () if isinstance(x, Leaf) and x.kind in ("letter", "symbol")][:1]
