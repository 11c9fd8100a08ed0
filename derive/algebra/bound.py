"""Sums and ordered products over an index: what a closed form of BPTT is written with.

SymPy's `Sum` and `Product` reorder or drop matrices; these keep order, bind their index properly
and expand only between integer bounds.  An empty sum is 0, an empty product the identity.
"""

from __future__ import annotations

from typing import Any

from sympy import Basic, Expr, Identity, Integer, MatAdd, MatMul, MatrixExpr, Symbol
from sympy.core.symbol import Str

from derive.algebra.build import add, matmul, zeros
from derive.algebra.nodes import Node, label, number
from derive.errors import ShapeError

MOST_WRITTEN = 100  # terms


class _Level(Symbol):  # type: ignore[misc]
    """A name for an index that no other symbol equals."""


class Bound(Node):
    """Base: (body, index, low, high), the index running over low … high inclusive."""

    def __new__(cls, body: MatrixExpr, index: Symbol, low: Any, high: Any) -> Bound:
        if not isinstance(index, Symbol):
            raise ShapeError(f"the index of a sum or a product is a symbol, not {index!r}")
        return Basic.__new__(cls, body, index, number(low), number(high))

    body = property(lambda self: self.args[0])
    index = property(lambda self: self.args[1])
    low = property(lambda self: self.args[2])
    high = property(lambda self: self.args[3])
    shape = property(lambda self: self.args[0].shape)

    @property
    def depth(self) -> int:
        """How many binders nest inside: the level that names the index in comparisons."""
        return 1 + _depth(self.body)

    @property
    def free_symbols(self) -> set[Symbol]:
        return (self.body.free_symbols - {self.index}) | self.low.free_symbols | self.high.free_symbols

    def _hashable_content(self) -> tuple[Any, ...]:
        # Equality up to the name of the index.  A level, not one shared placeholder: with one name
        # sum_k prod_r f(k, r) would equal sum_k prod_r f(r, k).
        known: tuple[Any, ...] | None = self.__dict__.get("_content")
        if known is None:  # asked for at every comparison
            level = _Level(f"level {self.depth}", integer=True)
            known = self.__dict__["_content"] = (self.body.xreplace({self.index: level}), *self.args[2:])
        return known

    def _eval_subs(self, old: Any, new: Any) -> MatrixExpr:
        low, high = self.low._subs(old, new), self.high._subs(old, new)
        if old == self.index:
            return self.func(self.body, self.index, low, high, *self.args[4:])
        body, index = self.body, self.index
        if index in number(new).free_symbols:  # rename, or the new expression would be captured
            index = _unused(index, body.free_symbols | new.free_symbols)
            body = body.xreplace({self.index: index})
        return self.func(body._subs(old, new), index, low, high, *self.args[4:])

    def at(self, k: int) -> MatrixExpr:
        """The body at one value of the index."""
        return self.body.subs(self.index, Integer(k))

    def doit(self, **hints: Any) -> MatrixExpr:
        """The terms written out, where both bounds are integers and not far apart.

        SymPy's operators call this on their operands, so it must stay cheap.
        """
        if not (self.low.is_Integer and self.high.is_Integer) or self.high - self.low > MOST_WRITTEN:
            return self
        return self.combine([expanded(self.at(k)) for k in range(int(self.low), int(self.high) + 1)])

    def combine(self, terms: list[MatrixExpr]) -> MatrixExpr:
        raise NotImplementedError(type(self).__name__)

    def _sympystr(self, printer: Any) -> str:
        head = type(self).__name__
        return f"{head}({printer._print(self.body)}, {self.index}={self.low}..{self.high})"


def expanded(e: MatrixExpr) -> MatrixExpr:
    """The sums and products inside an expression written out, where their bounds are integers."""
    if isinstance(e, Bound):
        return e.doit()
    if not e.has(Bound):
        return e
    join = {MatMul: matmul, MatAdd: add}.get(e.func, e.func)
    return join(*(expanded(a) if isinstance(a, MatrixExpr) else a for a in e.args))


def _unused(index: Symbol, taken: set[Symbol]) -> Symbol:
    name = index.name
    while Symbol(name, integer=True) in taken:
        name += "'"
    return Symbol(name, integer=True)


def _depth(e: Basic) -> int:
    """How many binders nest in an expression."""
    if isinstance(e, Bound):
        return e.depth
    return max(map(_depth, e.args), default=0)


class MatrixSum(Bound):
    """Σ body over the index."""

    def combine(self, terms: list[MatrixExpr]) -> MatrixExpr:
        return add(*terms) if terms else zeros(self.shape)

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return self.doit()[i, j]


class OrderedProduct(Bound):
    """Π body over the index; `direction` says how the factors lie from left to right.

    "ascending" is body(low) … body(high), "descending" body(high) … body(low).
    """

    def __new__(cls, body: MatrixExpr, index: Symbol, low: Any, high: Any, direction: str | Str) -> OrderedProduct:
        direction = label(direction)
        if direction.name not in {"ascending", "descending"}:
            raise ValueError(f"a direction is ascending or descending, not {direction.name!r}")
        return Basic.__new__(cls, body, index, number(low), number(high), direction)

    direction = property(lambda self: self.args[4].name)

    def combine(self, terms: list[MatrixExpr]) -> MatrixExpr:
        if not terms:
            return Identity(self.shape[0])
        return matmul(*(terms if self.direction == "ascending" else reversed(terms)))

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        product = self.doit()
        return Integer(int(i == j)) if isinstance(product, Identity) else product[i, j]

    def _sympystr(self, printer: Any) -> str:
        return f"{super()._sympystr(printer)[:-1]}, {self.direction})"
