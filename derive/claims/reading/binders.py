r"""\sum and \prod: their index, its range in all the ways it is printed, how far they reach, the order of factors."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sympy import Expr, Integer, MatAdd, MatrixExpr, Symbol

from derive.algebra import build as b
from derive.algebra.bound import MatrixSum, OrderedProduct
from derive.algebra.nodes import T, t
from derive.claims.reading import values as v
from derive.claims.reading.below import below, entries_of, strict, unbound, without
from derive.claims.reading.clock import NoIndex, Scope
from derive.claims.reading.meanings import Components, Named
from derive.claims.reading.outline import Outline
from derive.claims.reading.quantities import Quantities
from derive.claims.reading.readings import Misfit
from derive.claims.reading.values import Value
from derive.claims.text.marks import binder_of, direction_of, has_letter
from derive.claims.text.parse import LatexError
from derive.claims.text.tree import Group, Leaf, Node, Row, Scripted, is_leaf

COUNTS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZnd")  # what a book may call the number of entries
LESS, GREATER = ("le", "leq", "leqslant", "<"), ("ge", "geq", "geqslant", ">")


@dataclass(frozen=True)
class Range:
    """An index, and its bounds as the book counts; None where they are left out."""

    letter: str
    low: Expr | None = None
    high: Expr | None = None
    size: Symbol | None = None  # of an index set
    unknown: str = ""  # what stands as the last value and is no name: it can only be the number of entries
    falling: bool = False  # printed from the last value to the first
    arrow: str = ""  # what an arrow over the sign says of the order of factors
    others: tuple[Row, ...] = ()  # values that are left out


class Binders(Quantities):
    """Sums and products over an index."""

    def product(self, row: Row, scope: Scope) -> Value:
        raise NotImplementedError

    def sum(self, row: Row, scope: Scope) -> Value:
        raise NotImplementedError

    def bound(self, row: Row, at: int, scope: Scope) -> tuple[Value, int]:
        """The sum or product whose sign stands at a place of a row."""
        node, kind = row[at], binder_of(row[at])
        found = self._range(node, scope)
        end = self._end(row, at + 1, found.letter, scope) if kind != "sum" else len(row)
        if at + 1 >= end:
            raise LatexError("a sum or a product of nothing", node.at)
        s = self._fresh(found.letter)
        entries = found.size is not None or self._counts_entries(found)
        first = Integer(1) if entries or found.unknown else Integer(self.clock.first)
        shift = Integer(0) if entries and found.low == 0 else first  # entries may be counted from 0
        limits = (None if e is None else e - shift for e in (found.low, found.high))
        inner = scope.binding(found.letter, s + first).limiting(s, *limits)
        body = row[at + 1 : end]
        if found.others:
            return self._but(body, found, s, s + first, shift, inner, kind or "", node.at), end
        value = self.sum(body, inner)
        if kind == "sum":
            return self._summed(v.as_array(value), found, s, shift, node.at), end
        low, high = self._bounds(found, s, shift, v.as_array(value), node.at)
        arrow = direction_of(node)
        found = replace(found, arrow=arrow or "")
        return self._product(v.as_array(value), s, low, high, found, node.at), end

    def _but(
        self, row: Row, found: Range, s: Symbol, index: Expr, shift: Expr, scope: Scope, kind: str, at: int
    ) -> MatrixExpr:
        r"""The sum over j \ne i, of all j but i; over both of them, where nothing says what i is."""
        if kind != "sum":
            raise LatexError("a product that leaves values out is not read", at)
        loose = [x for x in (unbound(o, [*scope.letters, self.clock.letter]) for o in found.others) if x]
        double = False
        if len(loose) == 1 and len(found.others) == 1 and found.low is None and found.high is None:
            options = {f"over {found.letter}": False, f"over {found.letter} and {loose[0]}": True}
            known = loose[0] in self.left_letters or loose[0] == "t"
            ask = self.choices.seldom if known else self.choices.choose
            double = ask(f"the sum over {found.letter} ≠ {loose[0]} goes", options)
        if not double:
            body = without(v.as_array(self.sum(row, scope)), index, [self.clock.value(o, scope) for o in found.others])
            return self._summed(body, found, s, shift, at)
        other = self._fresh(loose[0])
        scope = scope.binding(loose[0], other + (index - s)).limiting(other, None, None)
        body = without(v.as_array(self.sum(row, scope)), index, [other + (index - s)])
        inner = self._summed(body, found, s, shift, at)
        return self._summed(inner, Range(loose[0]), other, shift, at)

    def _summed(self, body: MatrixExpr, found: Range, s: Symbol, shift: Expr, at: int) -> MatrixExpr:
        """A sum; where its terms are entries of vectors of several lengths, each goes over its own."""
        parts: tuple[MatrixExpr, ...] = (body,)
        if isinstance(body, MatAdd) and (found.low is None or found.high is None):
            parts = body.args if len({entries_of(part, s) for part in body.args}) > 1 else parts
        return b.add(*(MatrixSum(part, s, *self._bounds(found, s, shift, part, at)) for part in parts))

    def _counts_entries(self, found: Range) -> bool:
        """Is it a sum over entries from 1 to a size?"""
        return found.high is not None and bool(found.high.free_symbols & set(self.program.sizes))

    def _fresh(self, letter: str) -> Symbol:
        """A name for the index that nothing else has."""
        taken = {"t", "T", *(s.name for s in self.program.sizes), *self.program.constants}
        name = letter if letter not in taken else f"{letter}'"  # a prime: no letter of the claim is called so
        while name in self.used:
            name += "'"
        self.used.add(name)
        return Symbol(name, integer=True)

    @property
    def enclosed(self) -> list[Node]:
        raise NotImplementedError

    @property
    def used(self) -> set[str]:
        return self.__dict__.setdefault("_used", set())  # type: ignore[no-any-return]

    def _product(self, body: MatrixExpr, s: Symbol, low: Expr, high: Expr, found: Range, at: int) -> MatrixExpr:
        if v.is_vector(body):  # entry by entry
            product = OrderedProduct(v.diagonal(body), s, low, high, "ascending")
            column = b.matmul(product, b.ones(product.shape[0]))
            return column if v.is_column(body) else b.transpose(column)
        if not v.is_square(body) and not v.is_single(body):
            raise Misfit(f"a product of factors that are no square matrices: {body.shape[0]} x {body.shape[1]}", at)
        options = {"from the first to the last": "ascending", "from the last to the first": "descending"}
        if found.arrow or found.falling:
            direction = found.arrow or "descending"
        elif v.is_single(body):
            direction = "ascending"
        else:
            direction = self.choices.choose("the factors of ∏ stand, from left to right,", options)
        return OrderedProduct(body, s, low, high, direction)

    # How far it reaches

    def _reach(self, row: Row, at: int, letter: str) -> int:
        """A product ends with the last factor that contains its index; without one, with its first factor."""
        last = max((k for k in range(at, len(row)) if has_letter((row[k],), letter)), default=at)
        return last + 1

    def _end(self, row: Row, at: int, letter: str, scope: Scope) -> int:
        """Where a product ends: what follows and has no time of its own, the W of ∏ D_m W, may belong to it."""
        if any(node is row[at - 1] for node in self.enclosed):
            return len(row)  # (∏ D_m W): all that stands in the brackets
        last = end = self._reach(row, at, letter)
        while end < len(row) and self._is_constant(row, end, scope):
            end += 1
        if end == last:
            return last
        options = {"with its last factor that has the index": last, "with the constant factors behind it": end}
        return self.choices.choose(f"the product over {letter} ends", options)

    def _is_constant(self, row: Row, at: int, scope: Scope) -> bool:
        node = row[at].base if isinstance(row[at], Scripted) else row[at]  # type: ignore[union-attr]
        if isinstance(node, Group) and node.open == "‖":
            return all(self._is_constant(node.row, k, scope) for k in range(len(node.row)))
        found = self.vocabulary.find(row, at, scope)
        meaning = next(iter(found.meanings.values())) if found is not None else None
        return found is not None and found.match.end == at + 1 and isinstance(meaning, Named) and meaning.time is None

    def open_letters(self, row: Row) -> list[str]:
        """The indices of the sums of a term, which go on to its end."""
        found = []
        for node in row:
            if binder_of(node) == "sum" and isinstance(node, Scripted) and node.sub:
                letters = [x.text for x in node.sub if isinstance(x, Leaf) and x.kind in ("letter", "symbol")]
                found += letters[:1]
            elif binder_of(node) == "sum":
                found.append("t")
        return found

    def reaches(self, letter: str, term: Row) -> bool:
        """Does a later term contain an index that only the sum before it gives a value?"""
        own = any(binder_of(n) and (not isinstance(n, Scripted) or has_letter(n.sub or (), letter)) for n in term)
        if own or letter in self.left_letters:
            return False
        return letter in Outline(self.vocabulary).index_letters(term)

    # Ranges

    def _range(self, node: Node, scope: Scope) -> Range:
        sub, sup = (node.sub or (), node.sup or ()) if isinstance(node, Scripted) else ((), ())
        if isinstance(node, Scripted) and node.primes:
            raise LatexError("a sum or product with a prime leaves something out, and nothing says what", node.at)
        try:
            return self._read_range(sub, sup, scope, node.at)
        except NoIndex as error:
            raise LatexError(f"the range of an index is not clear: {error}", node.at) from None

    def _read_range(self, sub: Row, sup: Row, scope: Scope, at: int) -> Range:
        if not sub:
            return Range("t")
        sized = self.vocabulary.with_sizes(scope)  # Σ_{j=1}^{H}
        parts = below(sub, at)
        if parts.range != sub:
            if parts.last and sup:
                raise LatexError("a last value below and one above", sup[0].at)
            return replace(self._read_range(parts.range, parts.last or sup, scope, at), others=parts.others)
        relations = [k for k, x in enumerate(sub) if isinstance(x, Leaf) and x.kind == "rel"]
        if not relations:
            return Range(self._letter(sub, at), high=self.clock.value(sup, sized) if sup else None)
        first = sub[relations[0]]
        assert isinstance(first, Leaf)
        left, right = sub[: relations[0]], sub[relations[0] + 1 :]
        if sup and (first.text in LESS or first.text == "in" or len(relations) == 2):
            raise LatexError("a range that is said below, and a last value above", sup[0].at)
        if first.text == "in":
            return self._index_set(left, right, scope, at)
        if len(relations) == 2:  # 1 ≤ k ≤ t
            middle, far = sub[relations[0] + 1 : relations[1]], sub[relations[1] + 1 :]
            second = sub[relations[1]]
            assert isinstance(second, Leaf)
            low, high = self.clock.value(left, sized), self.clock.value(far, sized)
            low, high = low + strict(first), high - strict(second)
            if first.text in GREATER:  # t ≥ k > 1
                low, high = high + 2 * strict(second), low - 2 * strict(first)
            return Range(self._letter(middle, at), low, high)
        letter, value = self._letter(left, at), self.clock.value(right, sized)
        if first.text in LESS:
            return Range(letter, high=value - strict(first))
        if first.text in GREATER:
            return Range(letter, value + strict(first), self.clock.value(sup, sized) if sup else None)
        if first.text != "=":
            raise LatexError(f"{first.text} says no range", first.at)
        if not sup:
            return Range(letter, low=value)
        equals = next((k for k, x in enumerate(sup) if is_leaf(x, "rel", "=")), -1)
        end = sup[equals + 1 :]
        name = end[0].text if len(end) == 1 and isinstance(end[0], Leaf) and end[0].kind == "letter" else ""
        if name in COUNTS and name not in {*sized.letters, self.clock.letter, *self.left_letters}:
            if value != 1:
                raise LatexError(f"what is {name}? nothing says which number it is", end[0].at)
            return Range(letter, value, unknown=name)
        return self._directed(letter, value, self.clock.value(end, sized), scope)

    def _directed(self, letter: str, start: Expr, end: Expr, scope: Scope) -> Range:
        """From start to end as printed, which may fall: from T to 1, from t to k + 1."""
        rises, falls = self._way(start, end, scope)
        if not rises and not falls:
            options = {"upwards": False, "downwards": True}
            falls = self.choices.choose(f"the range of {letter} runs", options)
        return Range(letter, end, start, falling=True) if falls and not rises else Range(letter, start, end)

    def _way(self, start: Expr, end: Expr, scope: Scope) -> tuple[bool, bool]:
        """Does an index rise, does it fall, from start to end?  Neither where nothing tells."""
        rises, falls = scope.at_least(end - start, -1), scope.at_most(end - start, 1)
        if rises or falls:
            return rises, falls
        first, last = (_added(e, self.clock.first) for e in (start, end))
        to_t = t in end.free_symbols and t not in start.free_symbols
        if first > 0 or to_t:  # from t + 1 on, up to t
            return True, False
        return False, last > 0  # down to k + 1

    def _letter(self, row: Row, at: int) -> str:
        if len(row) == 1 and isinstance(row[0], Leaf) and row[0].kind in ("letter", "symbol"):
            return row[0].text
        raise LatexError("an index is a single letter", at)

    def _index_set(self, left: Row, right: Row, scope: Scope, at: int) -> Range:
        found = self.vocabulary.find(right, 0, scope)
        meaning = next(iter(found.meanings.values())) if found is not None else None
        if not isinstance(meaning, Components):
            raise LatexError("an index set that nothing defines", at, 1, "let U = range(H) says what it is")
        return Range(self._letter(left, at), size=meaning.size)

    def _bounds(self, found: Range, s: Symbol, shift: Expr, body: MatrixExpr, at: int) -> tuple[Expr, Expr]:
        """The values of the model's index; where bounds are left out, all that make sense."""
        if found.size is not None:
            return Integer(0), found.size - 1
        if found.low is not None and found.high is not None:
            return (found.low - shift).expand(), (found.high - shift).expand()
        size = entries_of(body, s)
        if found.unknown and size is None:
            raise LatexError(f"what is {found.unknown}? nothing says which number it is", at)
        bounded = found.low is not None and found.high is not None
        if size is None and not bounded and s not in body.free_symbols:
            raise Misfit(f"a sum over {found.letter} without bounds, of what does not contain it", at)
        first, last = size if size is not None else (Integer(0), T - 1)
        low = first if found.low is None else (found.low - shift).expand()
        high = last if found.high is None else (found.high - shift).expand()
        if size is not None and (low - first).is_negative:
            raise Misfit(f"a sum over {found.letter} that begins before the first entry", at)
        return low, high


def _added(e: Expr, first: int) -> Expr:
    """What is added to the letters of an index, as the book counts from `first`; 0 for a plain number."""
    letters = e.free_symbols - {T}
    return e.as_coeff_Add()[0] - first * len(letters) if e.free_symbols else Integer(0)
