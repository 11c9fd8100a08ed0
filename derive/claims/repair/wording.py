"""A derived equation in the claim's own notation: its names for things, its way to count steps, its rows or columns."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from sympy import Expr, MatAdd, MatrixExpr, OneMatrix, Symbol, Transpose

from derive.algebra.bound import Bound
from derive.algebra.names import Notation, index_tex
from derive.algebra.nodes import T, Timed, is_reference
from derive.algebra.shorthand import terms_of
from derive.claims.reading.clock import Clock
from derive.claims.reading.directives import Quantity, Quotient
from derive.claims.reading.meanings import Word
from derive.claims.repair.library import Library, is_of_loss
from derive.claims.text.parse import parse
from derive.claims.text.patterns import TIME
from derive.claims.text.printing import to_tex
from derive.documents.latex import MatrixPrinter
from derive.documents.levels import Level
from derive.program import Program, Variable


def worded(
    e: MatrixExpr, program: Program, library: Library, letters: Collection[str], rows: bool, gradient_rows: bool
) -> str:
    """The LaTeX of an expression; vectors are rows if the claim's are, or gradients by them.

    Args:
        letters: of the claim's sums and products; where each has but one index, the claim's is taken.

    Raises:
        LatexError: a name or an index of the model cannot be read as LaTeX.
    """
    clock = library.vocabulary.clock
    indices = {x.index for x in e.atoms(Bound)}
    if len(indices) == len(letters) == 1 and not {s.name for s in e.free_symbols} & set(letters):
        e = e.xreplace({index: Symbol(letter, integer=True) for index, letter in zip(indices, letters, strict=True)})
    counted = _counted(e.xreplace({T: _steps(clock)}), clock)
    return InClaim(Wording(program.variables, program.total, library), rows, gradient_rows).doprint(counted)


def _steps(clock: Clock) -> Expr:
    """How many steps there are, by the claim's letter for the last one."""
    return Symbol(clock.letter, integer=True) - (clock.last - T) if clock.letter else T


def said(index: Expr, clock: Clock) -> Expr:
    """A step of the model as the claim counts: its letters do so too, but for that of the last step."""
    letters = index.free_symbols - {Symbol(clock.letter, integer=True), T}
    return (index.xreplace({s: s - clock.first for s in letters}) + clock.first).expand()


def _counted(e: MatrixExpr, clock: Clock) -> MatrixExpr:
    """With the bounds of sums and products as the claim counts."""
    if not e.args or not e.has(Bound):
        return e
    args = [_counted(a, clock) if isinstance(a, MatrixExpr) else a for a in e.args]
    if isinstance(e, Bound):
        body, index, low, high, *rest = args
        return type(e)(body, index, said(low, clock), said(high, clock), *rest)
    return e.func(*args)


ONES = re.compile(r"\\mathbf\{1\}(\^\{\\top\})?")


class Wording(Notation):
    """The claim's name for a quantity or for a derivative of the loss, where it has one."""

    def __init__(self, variables: Mapping[str, Variable], total: str, library: Library):
        super().__init__(variables)
        self.total, self.library = total, library
        self.words: dict[tuple[bool, str], Word] = {}
        for word in library.vocabulary.words:
            meaning = word.meanings[0] if len(word.meanings) == 1 and not word.entries else None
            if isinstance(meaning, Quantity):
                self._know(False, meaning, word)
            elif isinstance(meaning, Quotient) and is_of_loss(meaning, total):
                self._know(True, meaning.by, word)

    def _know(self, derivative: bool, q: Quantity, word: Word) -> None:
        if q.time in ("", TIME) and not q.components and not q.copy:
            self.words.setdefault((derivative, q.name), word)

    def is_fraction(self, name: str) -> bool:
        v = self.variables.get(name)
        return super().is_fraction(name) and v is not None and (True, v.of) not in self.words

    def tex(self, name: str, index: Any = None) -> str:
        """The name at a step of the model, which the claim may count from another number."""
        v = self.variables.get(name)
        derivative = v is not None and v.role == "adjoint"
        word = self.words.get((derivative, v.of if v is not None and derivative else name))
        clock = self.library.vocabulary.clock
        if word is not None:
            time = parse(index_tex(said(index, clock))) if index is not None else None
            row = self.library.written(word, time)
            if row is not None:
                return to_tex(row)
        if v is not None and derivative:
            return rf"\frac{{\partial {self.tex(self.total)}}}{{\partial {self.tex(v.of, index)}}}"
        return super().tex(name, None if index is None else said(index, clock))


class InClaim(MatrixPrinter):
    """As claims are written: 1 - h^2 for every entry, and where vectors are rows, a column is a name transposed."""

    def __init__(self, notation: Wording, rows: bool, gradient_rows: bool):
        super().__init__(notation)
        self.rows, self.gradient_rows = rows, gradient_rows

    def column_of(self, e: MatrixExpr) -> MatrixExpr | None:
        """None where names are rows, which need no transposes."""
        return None if self.rows or self.gradient_rows else super().column_of(e)

    def terms(self, e: MatrixExpr) -> list[str]:
        found = zip(terms_of(e) if isinstance(e, MatAdd) else [e], super().terms(e), strict=True)
        return [re.sub(ONES, "1", tex) if isinstance(a, OneMatrix) else tex for a, tex in found]

    def raised(self, e: MatrixExpr, power: str) -> str:
        return super().raised(e, power.removeprefix(r"\odot "))

    def is_row(self, e: MatrixExpr) -> bool:
        """Does the claim's name stand for this column transposed?"""
        if not is_reference(e) or e.shape[1] != 1 or e.shape[0] == 1:
            return False
        v = self.notation.variables.get(e.name)
        return self.gradient_rows if v is not None and v.role == "adjoint" else self.rows

    def level(self, e: MatrixExpr) -> Level:
        if self.is_row(e):
            return Level.POWER
        return super().level(e.arg if isinstance(e, Transpose) and self.is_row(e.arg) else e)

    def _print_Transpose(self, e: MatrixExpr) -> str:
        return self._name(e.arg) if self.is_row(e.arg) else super()._print_Transpose(e)

    def _print_Timed(self, e: Timed) -> str:
        return self._column(e) if self.is_row(e) else self._name(e)

    def _print_MatrixSymbol(self, e: MatrixExpr) -> str:
        return self._column(e) if self.is_row(e) else self._name(e)

    def _print_OneMatrix(self, e: MatrixExpr) -> str:
        return super()._print_OneMatrix(e.T if self.rows and 1 in e.shape else e)

    def _name(self, e: MatrixExpr) -> str:
        return self.notation.tex(e.name, e.index if isinstance(e, Timed) else None)

    def _column(self, e: MatrixExpr) -> str:
        name = self._name(e)
        return rf"({name})^{{\top}}" if "^" in name or super().level(e) < Level.ATOM else rf"{name}^{{\top}}"
