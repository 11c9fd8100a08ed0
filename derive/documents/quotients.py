"""Derivatives and entries as LaTeX."""

from __future__ import annotations

from sympy import MatrixExpr, OneMatrix
from sympy.printing.latex import LatexPrinter

from derive.algebra.names import Notation, index_tex
from derive.algebra.nodes import Entry, Gradient, Jacobian, Norm, Reshape, StepGradient


class DerivativePrinter(LatexPrinter):  # type: ignore[misc]
    """The rules of derivatives, for a printer that has a notation."""

    notation: Notation

    def _print_StepGradient(self, e: StepGradient) -> str:
        return rf"\frac{{dL_{{{index_tex(e.index)}}}}}{{d{self.notation.tex(e.name)}}}"

    def _print_Jacobian(self, e: Jacobian) -> str:
        d = {"total": "d", "immediate": r"\partial^{+}", "partial": r"\partial", "separate": r"\partial"}[e.kind]
        under = d.removesuffix("^{+}")
        tex = rf"\frac{{{d} {self._entries(e.of)}}}{{{under} {self._entries(e.by)}}}"
        if not e.held:
            return tex
        return rf"\left.{tex}\right|_{{{', '.join(self._print(a) for a in e.held)}}}"

    def _print_Gradient(self, e: Gradient) -> str:
        weight = "" if isinstance(e.weight, OneMatrix) else rf"\left({self._print(e.weight)}\right)^\top "
        return weight + self._print_Jacobian(e)

    def _print_Entry(self, e: Entry) -> str:
        col = "" if e.arg.shape[1] == 1 else f",{index_tex(e.col)}"
        return rf"\left({self._print(e.arg)}\right)_{{{index_tex(e.row)}{col}}}"

    def _print_Reshape(self, e: Reshape) -> str:
        rows, cols = (self._print(n) for n in e.shape)
        return rf"\operatorname{{reshape}}_{{{rows} \times {cols}}}({self._print(e.arg)})"

    def _print_Norm(self, e: Norm) -> str:
        return rf"\lVert {self._print(e.arg)} \rVert_{{{e.kind}}}"

    def _entries(self, e: MatrixExpr) -> str:
        """What is differentiated, or by what: the entries of a matrix in a row, under an arrow."""
        tex = self._print(e)
        return tex if 1 in e.shape else rf"\vec{{{tex}}}"
