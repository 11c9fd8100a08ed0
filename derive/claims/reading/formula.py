"""Rows of printed symbols → values: sums, products, names, powers and functions, one reading per run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sympy import MatrixExpr

from derive.algebra.nodes import Kronecker
from derive.algebra.shapes import same
from derive.claims.reading import values as v
from derive.claims.reading.atoms import Atoms
from derive.claims.reading.clock import Scope
from derive.claims.reading.lengths import is_open
from derive.claims.reading.meanings import (
    ENTRY_LETTERS,
    Components,
    Definition,
    FunctionName,
    Meaning,
    Named,
    Ratio,
    Size,
)
from derive.claims.reading.progression import Progressions
from derive.claims.reading.readings import Misfit
from derive.claims.reading.values import Value
from derive.claims.text.marks import binder_of, is_quotient, is_slice, is_transpose, prefix_of, signed_terms, trimmed
from derive.claims.text.parse import LatexError
from derive.claims.text.tree import Fraction, Group, Leaf, Node, Row, Scripted, is_leaf

SPACES = ("quad", "qquad")  # they may stand inside a product
DEEPEST = 12  # definitions inside definitions
TIGHT = ("", "cdot", "times")  # what a product of matrices is written with


@dataclass
class Operand:
    """A factor, and the sign between it and the one before."""

    op: str
    value: Value
    at: int


class Formula(Atoms, Progressions):
    """The values of rows in one run."""

    depth = 0

    def sum(self, row: Row, scope: Scope) -> Value:
        """The value of a sum of products."""
        row = trimmed(row)
        if not row:
            raise LatexError("something is missing here", 0)
        terms, dotted = self.progressions(self.terms(row), scope)
        total: Value | None = dotted[0] if dotted else None
        for sign, term in terms:
            if not term:
                raise LatexError("a term is missing", row[-1].at)
            value = self.product(term, scope)
            value = v.negative(value) if sign < 0 else value
            total = value if total is None else v.add(total, value, self.choices, term[0].at)
        assert total is not None
        return total

    def product(self, row: Row, scope: Scope) -> Value:
        """The value of a product, whose factors may be separated by signs."""
        operands: list[Operand] = []
        op, at = "", 0
        while at < len(row):
            node = row[at]
            if isinstance(node, Leaf) and node.kind == "op" and node.text not in "+-":
                if op or not operands:
                    raise LatexError(f"{node.text} has nothing before it", node.at)
                op, at = node.text, at + 1
                continue
            if is_leaf(node, "sep", *SPACES):
                at += 1
                continue
            if isinstance(node, Leaf) and node.kind == "sep":
                raise LatexError(f"{node.text} inside a formula is not read", node.at)
            value, at = self.factor(row, at, scope)
            operands.append(Operand(op, value, node.at))
            op = ""
        if op or not operands:
            raise LatexError("a product ends in a sign", row[-1].at)
        return self._combined(operands)

    def _combined(self, operands: list[Operand]) -> Value:
        loose = any(o.op not in TIGHT for o in operands)
        tight = any(o.op in TIGHT for o in operands[1:])
        if loose and tight and len(operands) > 2:
            question = "an elementwise product of products is read"
            if self.choices.choose(question, {"products first": True, "from left to right": False}):
                operands = self._tightened(operands)
        operands = self._vectors_first(operands)
        total = operands[0].value
        for o in operands[1:]:
            total = self.times(total, o.op, o.value, o.at)
        return total

    def _vectors_first(self, operands: list[Operand]) -> list[Operand]:
        """W v u: (W v) ⊙ u, or W (v ⊙ u), as where a diag is left out."""
        for k in range(1, len(operands) - 1):
            x, y, z = operands[k - 1 : k + 2]
            side_by_side = all(o.op in TIGHT for o in (y, z)) and v.is_column(y.value) and v.is_column(z.value)
            matrix = v.is_array(x.value) and not v.is_vector(x.value) and not v.is_single(x.value)
            if side_by_side and matrix and same(v.shape_of(y.value), v.shape_of(z.value)):
                question = "a matrix and two vectors side by side are multiplied"
                if self.choices.choose(question, {"from left to right": False, "the vectors first": True}):
                    joint = Operand(y.op, v.elementwise(y.value, z.value, z.at), y.at)
                    return [*operands[:k], joint, *operands[k + 2 :]]
        return operands

    def _tightened(self, operands: list[Operand]) -> list[Operand]:
        """What stands side by side multiplied out."""
        out = [operands[0]]
        for o in operands[1:]:
            if o.op in TIGHT:
                out[-1] = Operand(out[-1].op, self.times(out[-1].value, o.op, o.value, o.at), out[-1].at)
            else:
                out.append(o)
        return out

    def times(self, x: Value, op: str, y: Value, at: int) -> Value:
        """One product; two columns side by side are multiplied entry by entry."""
        alike = v.is_vector(x) and v.is_vector(y) and v.is_column(x) == v.is_column(y)
        match op:
            case "odot" | "circ" | "bullet":
                return v.elementwise(x, y, at)
            case "oslash" | "/" | "div":
                return v.divided(x, y, at)
            case "otimes":
                return self._tensor(x, y, at)
            case "" | "cdot" | "times" | "*" | "ast":
                if alike and (is_open(x) or is_open(y)):
                    raise Misfit("a vector times 𝟏, which is neither a sum nor an outer product", at)
                if alike and self.choices.resort:
                    ways = {"entry by entry": v.elementwise, "a scalar product": v.inner}
                    return self.choices.choose("a product of two vectors is", ways)(x, y, at)
                if alike and op == "cdot":
                    ways = {"entry by entry": v.elementwise, "a scalar product": v.inner}
                    return self.choices.seldom("a · of two vectors is", ways)(x, y, at)
                if alike:
                    return v.elementwise(x, y, at)
                if op in ("*", "ast") and v.is_square(x) and v.is_square(y):
                    options: Mapping[str, Callable[[], Value]] = {
                        "a product of matrices": lambda: v.matrix_product(x, y, self.choices, at),
                        "elementwise": lambda: v.elementwise(x, y, at),
                    }
                    return self.choices.choose("* of matrices is", options)()
                return v.matrix_product(x, y, self.choices, at)
        raise LatexError(f"{op} is no product that is known", at)

    def _tensor(self, x: Value, y: Value, at: int) -> Value:
        if not (v.is_vector(x) and v.is_vector(y)):
            if isinstance(x, MatrixExpr) and isinstance(y, MatrixExpr) and not (v.is_single(x) or v.is_single(y)):
                return Kronecker(x, y)
            return v.outer(x, y, at)
        options: Mapping[str, Callable[[], Value]] = {
            "an outer product": lambda: v.outer(x, y, at),
            "elementwise": lambda: v.elementwise(x, y, at),
        }
        return self.choices.choose("⊗ is", options)()

    # Factors

    def factor(self, row: Row, at: int, scope: Scope) -> tuple[Value, int]:
        """The factor that begins at a place of a row, and where the next one does."""
        node = row[at]
        if binder_of(node):
            return self.bound(row, at, scope)
        found = self.vocabulary.find(row, at, scope)
        if found is not None and isinstance(node, Scripted) and self._is_power(node, found.match.sup, scope):
            value, _ = self.factor((node.base,), 0, scope)
            return self.scripted(value, node.sup or (), scope, node.at), at + 1
        if found is None and is_quotient(node):
            assert isinstance(node, Fraction)
            return self.quotient(node, row, at, scope)
        if found is None and prefix_of(node):
            return self.prefixed(row, at, scope)
        if found is None and isinstance(node, Scripted) and is_quotient(node.base) and node.sub is None:
            assert isinstance(node.base, Fraction)
            value, _ = self.quotient(node.base, (node.base,), 0, scope)
            return self.scripted(value, node.sup or (), scope, node.at), at + 1
        if is_leaf(node, "symbol", "partial") or (is_leaf(node, "letter", "d") and self.is_slash(row, at)):
            return self.slashed(row, at, scope)
        if found is not None:
            meaning = self.meaning(found)
            if isinstance(meaning, FunctionName):
                return self.applied(meaning.name, row, found.match.end, found.match.sup, found.match.primes, scope)
            meaning, above = self._indexed(meaning, found.match.sup, scope)
            value, end = self.named(meaning, found.match.end, node)
            value = self.primed(value, found.match.primes, node)
            value = self.scripted(value, above, scope, node.at)
            return self.sliced(value, row, end, scope) if is_slice(row, end) else (value, end)
        called = self.function(row, at, scope)
        if called is not None:
            return called
        if isinstance(node, Scripted):
            special = self.special(node, scope)
            if special is not None:
                return special, at + 1
            if isinstance(node.base, Scripted) and not node.primes:
                value, _ = self.factor((node.base,), 0, scope)
                return self.scripted(value, node.sup or (), scope, node.at), at + 1
            if node.sub is not None or node.primes:
                raise self.unknown(node)
            return self.scripted(self.atom(node.base, scope), node.sup or (), scope, node.at), at + 1
        return self.atom(node, scope), at + 1

    def _is_power(self, node: Scripted, above: Row, scope: Scope) -> bool:
        """Is the number above L^2, which may be a step, a power?  The name by itself must be one too."""
        sup = node.sup or ()
        number = len(sup) == 1 and isinstance(sup[0], Leaf) and sup[0].kind == "number" and not above
        if not number or node.sub or node.primes or self.vocabulary.find((node.base,), 0, scope) is None:
            return False
        return self.choices.choose("a number above a name is", {"a step": False, "a power": True})

    def _indexed(self, meaning: Meaning, above: Row, scope: Scope) -> tuple[Meaning, Row]:
        """W^⊤_{ij} is (W^⊤)_{ij}; a letter above a vector, h_t^j, counts its entries."""
        if not isinstance(meaning, Named):
            return meaning, above
        if is_transpose(above) and len(meaning.components) == 2:
            return replace(meaning, components=meaning.components[::-1]), ()
        inner = above[0].row if len(above) == 1 and isinstance(above[0], Group) and above[0].open == "(" else above
        letter = inner[0].text if len(inner) == 1 and isinstance(inner[0], Leaf) and inner[0].kind == "letter" else ""
        if letter not in ENTRY_LETTERS or meaning.time is None or meaning.components:
            return meaning, above
        if not v.is_vector(self.vocabulary.reference(meaning)):
            return meaning, above
        return replace(meaning, components=(self.clock.value(inner, scope),)), ()

    def named(self, meaning: Meaning, end: int, node: Node) -> tuple[Value, int]:
        match meaning:
            case Named():
                return self.quantity(meaning), end
            case Ratio():
                return self.ratio(meaning), end
            case Size(symbol):
                return symbol, end
            case Definition(row, inner, hidden):
                if self.depth >= DEEPEST:
                    raise LatexError("definitions go round in a circle", node.at)
                now = self.vocabulary
                self.depth += 1
                self.vocabulary = replace(now, words=now.words[hidden:]) if hidden else now
                try:
                    return self.sum(row, inner), end
                finally:
                    self.depth, self.vocabulary = self.depth - 1, now
            case Components():
                raise LatexError("an index set stands where a value is expected", node.at)
        raise LatexError("a function without arguments", node.at)

    def terms(self, row: Row) -> list[tuple[int, Row]]:
        """The terms of a sum; the body of a Σ reaches over later terms that contain its index."""
        found: list[tuple[int, Row]] = []
        for sign, term in signed_terms(row):
            letters = self.open_letters(found[-1][1]) if found else ()
            if found and any(self.reaches(letter, term) for letter in letters):
                before_sign, before = found[-1]
                joint = Leaf("op", "+" if sign > 0 else "-", term[0].at if term else 0)
                found[-1] = (before_sign, (*before, joint, *term))
            else:
                found.append((sign, term))
        return found
