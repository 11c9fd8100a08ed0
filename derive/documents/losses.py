"""Losses as LaTeX: as the user named them, and fused with what they are taken of."""

from __future__ import annotations

from sympy import MatrixExpr, MatrixSymbol, OneMatrix
from sympy.printing.latex import LatexPrinter

from derive.algebra.nodes import Loss, SigmoidCrossEntropy, SoftmaxCrossEntropy, Timed
from derive.algebra.shapes import is_scalar
from derive.documents.levels import Level, parentheses

LOG_SOFTMAX = r"\log\operatorname{softmax}"


class LossPrinter(LatexPrinter):  # type: ignore[misc]
    """The rules of losses, for a printer that has `inside`, `raised` and `call`."""

    def _print_Loss(self, e: Loss) -> str:
        y, p = e.target, e.prediction
        if e.kind == "squared_error":
            return rf"\frac{{1}}{{2}} \lVert {self._print(p)} - {self.inside(y, Level.SUM)} \rVert^{{2}}"
        if e.kind == "cross_entropy_with_logits":
            return f"-{self._against(y)} {self.call(LOG_SOFTMAX, p)}"
        on = f"-{self._against(y)} {self._log(p)}"
        return on if e.kind == "cross_entropy" else f"{on} - {self._off(y)} {self._log_off(p)}"

    def _against(self, y: MatrixExpr) -> str:
        return self.inside(y, Level.PRODUCT) if is_scalar(y.shape) else self.raised(y, r"\top")

    def _off(self, y: MatrixExpr) -> str:
        one = self._print(OneMatrix(*y.shape))
        return f"({one} - {self.inside(y, Level.SUM)})" + ("" if is_scalar(y.shape) else r"^{\top}")

    def _log(self, p: MatrixExpr) -> str:
        named = isinstance(p, (Timed, MatrixSymbol))
        return rf"\log {self._print(p)}" if named else self.call(r"\log", p)

    def _log_off(self, p: MatrixExpr) -> str:
        return r"\log" + parentheses(f"{self._print(OneMatrix(*p.shape))} - {self.inside(p, Level.SUM)}")

    def _print_SoftmaxCrossEntropy(self, e: SoftmaxCrossEntropy) -> str:
        return self._print_Loss(Loss("cross_entropy_with_logits", e.target, e.logits))

    def _print_SigmoidCrossEntropy(self, e: SigmoidCrossEntropy) -> str:
        sign = r"\operatorname{softplus}"
        off = f"{self._off(e.target)} {self.call(sign, e.logits)}"
        return f"{self._against(e.target)} {sign}{parentheses('-' + self.inside(e.logits, Level.SUM))} + {off}"
