"""Losses: one entry each.  `expand` is the definition; `companion` names the function through which
a composition is recognised and computed stably as one fused node."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sympy import MatrixExpr, S

from derive.algebra import build as b
from derive.algebra.functions import Apply
from derive.algebra.nodes import FusedLoss, SigmoidCrossEntropy, SoftmaxCrossEntropy


@dataclass(frozen=True)
class LossEntry:
    """`expand(target, prediction)` is 1×1; with `logits` the prediction is already the logits."""

    name: str
    expand: Callable[[MatrixExpr, MatrixExpr], MatrixExpr] | None
    fused: type[FusedLoss] | None = None
    companion: str = ""  # "softmax" or an elementwise function's name
    logits: bool = False
    help: str = ""


def _cross_entropy(y: MatrixExpr, p: MatrixExpr) -> MatrixExpr:
    return b.negative(b.dot(y, Apply("log", p)))


def _binary_cross_entropy(y: MatrixExpr, p: MatrixExpr) -> MatrixExpr:
    one = b.ones(*p.shape)
    on = b.hadamard(y, Apply("log", p))
    off = b.hadamard(b.subtract(one, y), Apply("log", b.subtract(one, p)))
    return b.negative(b.total(b.add(on, off)))


def _squared_error(y: MatrixExpr, a: MatrixExpr) -> MatrixExpr:
    d = b.subtract(a, y)
    return b.scale(S.Half, b.dot(d, d))


LOSSES: dict[str, LossEntry] = {
    entry.name: entry
    for entry in (
        LossEntry("cross_entropy", _cross_entropy, SoftmaxCrossEntropy, "softmax", help="-y.T @ log(p)"),
        LossEntry(
            "cross_entropy_with_logits", None, SoftmaxCrossEntropy, "softmax", logits=True, help="-y.T @ log softmax(z)"
        ),
        LossEntry("squared_error", _squared_error, help="1/2 |a - y|^2"),
        LossEntry("binary_cross_entropy", _binary_cross_entropy, SigmoidCrossEntropy, "sigmoid"),
    )
}
