"""Values of expressions: matrix expressions, or coefficients, and products of many of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from sympy import Expr, MatrixExpr, S

from derive.algebra import build as b
from derive.algebra.shapes import Shape, is_scalar, shape_text
from derive.program import operands

Value: TypeAlias = Expr  # a MatrixExpr or a coefficient


def is_array(v: Value) -> bool:
    return isinstance(v, MatrixExpr)


def as_array(v: Value) -> MatrixExpr:
    """A coefficient as a 1×1 array."""
    return v if is_array(v) else b.scale(v, b.ones(1))


def stretch(v: Value, shape: Shape) -> MatrixExpr:
    """A coefficient or a scalar as an array of that shape; an array of it as it is."""
    if not is_array(v):
        return b.scale(v, b.ones(*shape))
    return b.broadcast(v, shape) if is_scalar(v.shape) else v


def text_of(v: Value) -> str:
    """ "a vector of H", "a scalar", "a number": how a message calls a value."""
    return shape_text(v.shape) if is_array(v) else "a number"


def size_text(shape: Shape) -> str:
    """A shape as a declaration writes it."""
    return str(shape[0]) if shape[1] == 1 else f"{shape[0]} x {shape[1]}"


@dataclass
class Run:
    """Factors of one kind of product, folded at once: pairwise would be quadratic in their number."""

    coefficient: Expr = S.One
    operator: str = "*"
    factors: list[MatrixExpr] = field(default_factory=list)

    def copy(self) -> Run:
        return Run(self.coefficient, self.operator, list(self.factors))

    @property
    def shape(self) -> Shape:
        if not self.factors:
            return S.One, S.One
        return self.factors[0].shape[0], self.factors[-1 if self.operator == "@" else 0].shape[1]

    def times(self, v: Value) -> None:
        """Multiply elementwise; shapes agree or one is a scalar."""
        if not is_array(v):
            self.coefficient *= v
            return
        if self.operator == "@" and len(self.factors) > 1:
            self.factors = [b.matmul(*self.factors)]
        self.operator = "*"
        if self.factors and is_scalar(self.shape) and not is_scalar(v.shape):
            self.factors = [b.broadcast(b.hadamard(*self.factors), v.shape)]
        self.factors.append(stretch(v, self.shape) if self.factors else v)

    def dot(self, v: MatrixExpr) -> None:
        """Multiply as matrices; inner sizes agree."""
        if self.operator == "*" and len(self.factors) > 1:
            self.factors = [b.hadamard(*self.factors)]
        self.operator = "@"
        self.factors.append(v)

    def value(self) -> Value:
        if not self.factors:
            return self.coefficient
        fold = b.matmul if self.operator == "@" else b.hadamard
        return b.scale(self.coefficient, fold(*self.factors))


LARGEST, DEEPEST = 50_000, 160


class Measure:
    """Size and depth of expressions as trees: `norm2` and `** 2` double what they are applied to."""

    def __init__(self) -> None:
        self._known: dict[MatrixExpr, tuple[int, int]] = {}
        self._doubled = 0

    def __call__(self, e: MatrixExpr) -> tuple[int, int]:
        todo = [e]
        while todo:
            a = todo[-1]
            parts = operands(a) if a not in self._known else ()
            if missing := [p for p in parts if p not in self._known]:
                todo.extend(missing)
                continue
            todo.pop()
            if a not in self._known:
                sizes, depths = zip((1, 0), *(self._known[p] for p in parts), strict=True)
                self._known[a] = sum(sizes), 1 + max(depths)
        return self._known[e]

    def fits(self, *values: Value | None) -> bool:
        """May an expression be made of these?"""
        found = [self(v) for v in values if v is not None and is_array(v)]
        return sum(size for size, _ in found) <= LARGEST and all(depth <= DEEPEST for _, depth in found)

    def may_double(self, e: MatrixExpr) -> bool:
        """May `e` be written twice?  What all doublings of a cell add is limited too."""
        self._doubled += self(e)[0]
        return self._doubled <= LARGEST
