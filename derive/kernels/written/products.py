"""Matrix products for arrays whose last axes are components: weights on the right of rows of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sympy import Expr, MatrixExpr, OneMatrix, Transpose

from derive.algebra.nodes import is_reference
from derive.algebra.shapes import is_scalar
from derive.kernels.written.codes import ATOM, PRODUCT

if TYPE_CHECKING:
    from derive.kernels.written.expressions import Writer


@dataclass(frozen=True)
class Factor:
    """A factor as it is written.

    Attributes:
        kind: "column" and "row" are both [.., n], "matrix" is [.., r, c].
        shared: has no leading axes.
        turned: the text of the transpose, for a weight; `weight` whether the text itself is the plain name.
        classes: the text of class indices, for a one-hot column or row.
        ones: all entries are one; the text is not needed then.
    """

    kind: str
    shape: tuple[Expr, Expr]
    text: str
    level: int = ATOM
    shared: bool = False
    turned: str = ""
    weight: bool = False
    classes: str = ""
    ones: bool = False

    @property
    def atom(self) -> str:
        return self.text if self.level >= ATOM else f"({self.text})"

    @property
    def term(self) -> str:
        return self.text if self.level >= PRODUCT else f"({self.text})"


def product(factors: Sequence[MatrixExpr], to: Writer) -> tuple[str, int]:
    """The text of a product of two factors or more, and how tightly it binds."""
    made = _chain([_factor(a, to) for a in factors], to)
    if made.kind == "row" and not is_scalar(made.shape):
        return to.phrase("row", made.atom), ATOM
    return made.text, made.level


def _factor(a: MatrixExpr, to: Writer) -> Factor:
    turned = isinstance(a, Transpose)
    base = a.arg if turned else a
    shared = not to.batched(a)
    if isinstance(a, OneMatrix):
        kind = "column" if a.shape[1] == 1 else "row" if a.shape[0] == 1 else "matrix"
        text = to.phrase("ones", shape=to.shape(a) if kind != "row" else to.size(a.shape[1]))
        return Factor(kind, a.shape, text, shared=True, ones=True)
    if base.shape[1] == 1:
        classes = to.reference(base) if is_reference(base) and to.program[base.name].onehot else ""
        code = to.full(base)
        return Factor("row" if turned else "column", a.shape, code.text, code.level, shared, classes=classes)
    if is_reference(base) and shared:
        plain = to.full(base).text
        other = to.phrase("weight transpose", plain)
        texts = (other, plain) if turned else (plain, other)
        return Factor("matrix", a.shape, texts[0], ATOM, True, texts[1], weight=not turned)
    code = to.full(a)
    kind = "column" if a.shape[1] == 1 else "matrix"
    other = to.phrase("transpose", code.at(ATOM)) if kind == "matrix" else ""
    return Factor(kind, a.shape, code.text, code.level, shared, other)


def _chain(factors: list[Factor], to: Writer) -> Factor:
    """A product in the order that keeps what is between small: vectors first, outer products last."""
    if len(factors) == 1:
        return factors[0]
    for n in range(1, len(factors)):
        if factors[n].shape[0] == 1:  # the inner size is 1
            return _pair(_chain(factors[:n], to), _chain(factors[n:], to), to)
    if factors[-1].kind == "column":
        return _pair(factors[0], _chain(factors[1:], to), to)
    return _pair(_chain(factors[:-1], to), factors[-1], to)


def _pair(x: Factor, y: Factor, to: Writer) -> Factor:
    shape, shared = (x.shape[0], y.shape[1]), x.shared and y.shared
    kinds = (x.kind, y.kind)
    if kinds == ("matrix", "column"):
        return _times_column(x, y, to, shape, shared)
    if kinds == ("row", "matrix"):
        return _row_times(x, y, to, shape, shared)
    if kinds == ("row", "column"):
        atom = y.atom if x.ones else x.atom if y.ones else f"({x.term} * {y.atom})"
        return Factor("column", shape, to.phrase("sum", atom), ATOM, shared)
    if kinds == ("matrix", "matrix"):
        return Factor("matrix", shape, f"{x.term} @ {y.atom}", PRODUCT, shared, "")
    return _outer(x, y, to, shape, shared)


def _times_column(x: Factor, y: Factor, to: Writer, shape: tuple[Expr, Expr], shared: bool) -> Factor:
    if y.ones:
        return Factor("column", shape, to.phrase("sum columns", x.atom), ATOM, shared)
    if y.classes and x.turned and x.shared:
        return Factor("column", shape, to.phrase("gather", x.turned, y.classes), ATOM)
    if x.weight:
        return Factor("column", shape, to.phrase("linear", y.term, x.text), PRODUCT, shared)
    if x.shared and x.turned:
        return Factor("column", shape, f"{y.term} @ {x.turned}", PRODUCT, shared)
    text = f"({x.term} @ {to.phrase('column', y.atom)})"
    return Factor("column", shape, to.phrase("uncolumn", text), ATOM, shared)


def _row_times(x: Factor, y: Factor, to: Writer, shape: tuple[Expr, Expr], shared: bool) -> Factor:
    if x.ones:
        return Factor("row", shape, to.phrase("sum rows", y.atom), ATOM, shared)
    if x.classes and y.shared:
        return Factor("row", shape, to.phrase("gather", y.atom, x.classes), ATOM)
    if y.shared:
        return Factor("row", shape, f"{x.term} @ {y.atom}", PRODUCT, shared)
    text = f"({to.phrase('row', x.atom)} @ {y.atom})"
    return Factor("row", shape, to.phrase("unrow", text), ATOM, shared)


def _outer(x: Factor, y: Factor, to: Writer, shape: tuple[Expr, Expr], shared: bool) -> Factor:
    """Inner size 1: every entry of one with every entry of the other."""
    if is_scalar(x.shape) and y.kind != "matrix":
        return Factor(y.kind, shape, f"{x.term} * {y.atom}", PRODUCT, shared)
    if is_scalar(y.shape) and x.kind != "matrix":
        return Factor(x.kind, shape, f"{x.term} * {y.atom}", PRODUCT, shared)
    left = to.phrase("column", x.atom) if x.kind == "column" else x.term
    right = to.phrase("row", y.atom) if y.kind == "row" else y.atom
    return Factor("matrix", shape, f"{left} * {right}", PRODUCT, shared)
