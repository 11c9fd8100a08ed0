"""What stands above and below brackets: transposes, powers, entries."""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Expr, MatrixExpr

from derive.algebra import build as b
from derive.algebra.nodes import Entry
from derive.claims.reading import values as v
from derive.claims.reading.clock import NoIndex, Scope
from derive.claims.reading.lengths import ones
from derive.claims.reading.meanings import ENTRY_LETTERS
from derive.claims.reading.quantities import Quantities
from derive.claims.reading.values import Value
from derive.claims.text.marks import is_transpose
from derive.claims.text.parse import LET, LatexError
from derive.claims.text.tree import Leaf, Node, Row, Scripted, is_leaf

NO_INDEX = ("dagger", "top", "intercal", "star", "prime", "bot", "infty")  # what may stand above and is no letter


class Scripts(Quantities):
    """What a script makes of a value."""

    @staticmethod
    def unknown(node: Node) -> LatexError:
        head = node
        while isinstance(head, Scripted):
            head = head.base
        text = head.text if isinstance(head, Leaf) else "this"
        text = f"\\{text}" if isinstance(head, Leaf) and head.kind == "symbol" else text
        return LatexError(f"{text} is no name of the model", node.at, len(text), LET)

    def scripted(self, value: Value, sup: Row, scope: Scope, at: int) -> Value:
        """A transpose or a power."""
        if not sup:
            return value
        letter = sup[0].text if len(sup) == 1 and isinstance(sup[0], Leaf) else ""
        if letter in ENTRY_LETTERS and letter in self.left_letters and v.is_array(value) and v.is_vector(value):
            options = {"a power": False, "an index of its entries": True}
            if self.choices.choose("a letter above a vector is", options):
                return entry(value, [self.clock.value(sup, scope) - 1])
        if is_transpose(sup) and value == 1 and not v.is_array(value) and is_leaf(sup[0], "symbol"):
            return ones() if self.convention == "row" else b.transpose(ones())
        if is_transpose(sup) and v.is_array(value) and not (v.is_single(value) and is_leaf(sup[0], "letter", "T")):
            steps = is_leaf(sup[0], "letter", "T") and self.clock.letter == "T" and v.is_square(value)
            if steps and not self.choices.seldom("^T is", {"a transpose": True, "a power": False}):
                return v.raised(value, self.clock.last, at)
            return v.transposed(value)
        if is_transpose(sup[-1:]) and len(sup) > 1 and not is_leaf(sup[-2], "op"):
            return v.transposed(self.scripted(value, sup[:-1], scope, at))
        elementwise = is_leaf(sup[0], "op", "odot", "circ") and len(sup) > 1
        sup = sup[1:] if elementwise else sup
        if any(is_leaf(x, "symbol", *NO_INDEX) for x in sup):
            raise LatexError("an inverse or an adjoint is not read", sup[0].at or at)
        try:
            exponent = self.clock.value(sup, scope)
        except NoIndex as error:
            raise LatexError(f"what stands above is no exponent: {error}", sup[0].at or at) from None
        if elementwise:
            return v.each_raised(value, exponent, at)
        return v.raised(value, exponent, at)

    def behind(self, whole: Value, node: Scripted | None, scope: Scope) -> Value:
        """The entry that stands below brackets, if one does, and what stands above them."""
        if node is None or node.sub is None:
            return whole if node is None else self.scripted(whole, node.sup or (), scope, node.at)
        names = [x for x in node.sub or () if not is_leaf(x, "sep")]
        letters = [x.text for x in names if isinstance(x, Leaf)]
        wanted = 1 if v.is_vector(whole) else 2
        if len(letters) != len(names) or len(names) != wanted or not set(letters) <= ENTRY_LETTERS:
            raise self.unknown(node)
        places = [self.clock.value((x,), scope) - 1 for x in names]
        return self.scripted(entry(whole, places), node.sup or (), scope, node.at)


def entry(x: Value, places: Sequence[Expr]) -> MatrixExpr:
    """The entry of a vector, whichever way it lies, or of a matrix; places count from 0."""
    return Entry(v.as_array(x), 0, *places) if v.is_row(x) else Entry(v.as_array(x), *places)
