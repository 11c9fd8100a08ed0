"""Softmax and losses: what works along the components."""

from __future__ import annotations

from typing import Any

from sympy import Basic, Expr, MatrixExpr, S, Sum, Symbol, exp, log
from sympy.core.symbol import Str

from derive.algebra.nodes.core import Node, Unary, label
from derive.algebra.shapes import conform


class Softmax(Unary):
    """Softmax along the first axis."""

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return exp(self.arg[i, j]) / _column_sum(self.arg, j)


class LogSoftmax(Unary):
    """log softmax along the first axis, finite where the softmax underflows."""

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return self.arg[i, j] - log(_column_sum(self.arg, j))


def _column_sum(a: MatrixExpr, j: Any) -> Expr:
    rows = a.shape[0]
    if rows.is_Integer:
        return sum((exp(a[k, j]) for k in range(int(rows))), S.Zero)
    k = Symbol("k_", integer=True)
    return Sum(exp(a[k, j]), (k, 0, rows - 1))


class Loss(Node):
    """A named loss of a target and a prediction, as the user wrote it: 1×1 (see `losses`)."""

    def __new__(cls, kind: str | Str, target: MatrixExpr, prediction: MatrixExpr) -> Loss:
        conform(label(kind).name, target.shape, prediction.shape)
        return Basic.__new__(cls, label(kind), target, prediction)

    kind = property(lambda self: self.args[0].name)
    target = property(lambda self: self.args[1])
    prediction = property(lambda self: self.args[2])
    shape = (S.One, S.One)

    def _sympystr(self, printer: Any) -> str:
        return f"{self.kind}({printer._print(self.target)}, {printer._print(self.prediction)})"


class FusedLoss(Node):
    """A loss on the logits z with its companion p = softmax(z) or sigmoid(z).

    The companion is never differentiated through: the slope p − y is that of the composition.
    """

    def __new__(cls, target: MatrixExpr, logits: MatrixExpr, companion: MatrixExpr) -> FusedLoss:
        conform(cls.__name__, target.shape, logits.shape, companion.shape)
        return Basic.__new__(cls, target, logits, companion)

    target = property(lambda self: self.args[0])
    logits = property(lambda self: self.args[1])
    companion = property(lambda self: self.args[2])
    shape = (S.One, S.One)

    def _sympystr(self, printer: Any) -> str:
        return f"{type(self).__name__}({printer._print(self.target)}, {printer._print(self.logits)})"


class SoftmaxCrossEntropy(FusedLoss):
    """−yᵀ log softmax(z)."""


class SigmoidCrossEntropy(FusedLoss):
    """Σ y softplus(−z) + (1 − y) softplus(z): binary cross-entropy of sigmoid(z)."""
