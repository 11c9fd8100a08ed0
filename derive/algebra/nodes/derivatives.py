"""Symbols for derivatives, which a derivation is written with and whose values only checks know."""

from __future__ import annotations

from typing import Any

from sympy import Basic, Expr, MatrixExpr, S
from sympy.core.symbol import Str
from sympy.matrices.expressions.matexpr import MatrixElement

from derive.algebra.nodes.core import Node, label, number


class StepGradient(Node):
    """The symbol dL_j/dname: what step j's loss contributes to the gradient of `name`."""

    def __new__(cls, name: str | Str, index: Any, rows: Any, cols: Any = S.One) -> StepGradient:
        return Basic.__new__(cls, label(name), number(index), number(rows), number(cols))

    name = property(lambda self: self.args[0].name)
    index = property(lambda self: self.args[1])
    shape = property(lambda self: (self.args[2], self.args[3]))

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return MatrixElement(self, i, j)

    def _sympystr(self, printer: Any) -> str:
        return f"dL_{self.index}/d{self.name}"


KINDS = {"total": "d", "immediate": "∂⁺", "partial": "∂", "separate": "∂"}


class Jacobian(Node):
    """The Jacobian of one quantity by another, in numerator layout: a row for each entry of `of`.

    Matrices count row by row.  `kind` says what is held fixed: nothing ("total"), all values of
    other steps ("immediate", ∂⁺), all but the named one ("partial": the derivative of the one
    equation that defines `of`), or the other states, at every step ("separate": what is left of
    dc[t]/dc[k] where the gates count as given); and, whatever the kind, the values in `held`.
    By W[k], for a W that all steps share, is by the copy of it that step k uses.
    """

    def __new__(cls, of: MatrixExpr, by: MatrixExpr, kind: str | Str = "total", *held: MatrixExpr) -> Jacobian:
        kind = label(kind)
        if kind.name not in KINDS:
            raise ValueError(f"a derivative is one of {', '.join(KINDS)}, not {kind.name!r}")
        return Basic.__new__(cls, of, by, kind, *held)

    of = property(lambda self: self.args[0])
    by = property(lambda self: self.args[1])
    kind = property(lambda self: self.args[2].name)
    held = property(lambda self: self.args[3:])

    @property
    def shape(self) -> tuple[Expr, Expr]:
        (r, c), (m, n) = self.of.shape, self.by.shape
        return (r * c).expand(), (m * n).expand()

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return MatrixElement(self, i, j)

    def _sympystr(self, printer: Any) -> str:
        d = KINDS[self.kind]
        return f"{d}{printer._print(self.of)}/{d[0]}{printer._print(self.by)}"


class Gradient(Jacobian):
    """The derivative of the sum of an array's entries, each times that of a weight, in the shape of `by`."""

    def __new__(
        cls, of: MatrixExpr, by: MatrixExpr, weight: MatrixExpr, kind: str | Str = "total", *held: MatrixExpr
    ) -> Gradient:
        return Basic.__new__(cls, of, by, weight, label(kind), *held)

    weight = property(lambda self: self.args[2])
    kind = property(lambda self: self.args[3].name)
    held = property(lambda self: self.args[4:])

    @property
    def shape(self) -> tuple[Expr, Expr]:
        return self.by.shape  # type: ignore[no-any-return]


class Kronecker(Node):
    """A ⊗ B: the derivative of (A g) Bᵀ-like products by a matrix whose entries count row by row.

    Entry ((i, k), (j, l)) is A_ij B_kl, pairs counting row by row.  (Magnus & Neudecker, ch. 2.)
    """

    def __new__(cls, left: MatrixExpr, right: MatrixExpr) -> Kronecker:
        return Basic.__new__(cls, left, right)

    @property
    def shape(self) -> tuple[Expr, Expr]:
        (m, n), (p, q) = self.args[0].shape, self.args[1].shape
        return (m * p).expand(), (n * q).expand()

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        left, right = self.args
        p, q = right.shape
        return left[i // p, j // q] * right[i % p, j % q]
