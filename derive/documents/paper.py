"""The derivation of a model as a LaTeX document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from sympy import MatrixExpr, preorder_traversal

from derive.algebra.functions import Apply
from derive.algebra.names import Notation
from derive.calculus.adjoint import Adjoint
from derive.documents.escape import escape_tex
from derive.documents.latex import MatrixPrinter
from derive.documents.layout import Display, displays
from derive.documents.preliminaries import assumptions, conventions, symbol_rows
from derive.documents.reading import Section, fold_program, sections
from derive.documents.rules import Rule, rules
from derive.program import Program
from derive.render import render


@dataclass(frozen=True)
class PaperData:
    """What a paper is made of.

    Attributes:
        program: the model as the user wrote it.
        normal: its normal form, on which the derivation works.
        names: the program that knows every name in the sections: the adjoint program.
        sections: the derivation.
    """

    program: Program
    normal: Program
    names: Program
    sections: tuple[Section, ...]


def paper_data(program: Program, normal: Program, adjoint: Adjoint, more: Iterable[Section] = ()) -> PaperData:
    """The data of the usual paper: recursion, gradients, closed forms, and what the caller adds."""
    return PaperData(program, normal, adjoint.program, (*sections(normal, adjoint), *more))


def latex_document(data: PaperData) -> str:
    """A complete document for pdflatex; the same bytes on every run."""
    return render("latex/paper.tex.j2", **vars(_Paper(data).contents()))


@dataclass(frozen=True)
class Block:
    """A paragraph and the rows of the equations behind it."""

    words: str
    rows: tuple[str, ...]


@dataclass(frozen=True)
class Contents:
    """The document's data, all of it TeX."""

    title: str
    symbols: tuple[tuple[str, str, str], ...]
    model: tuple[str, ...]
    conventions: tuple[str, ...]
    normal: tuple[str, ...]
    rules: tuple[Rule, ...]
    sections: tuple[tuple[str, str, tuple[Block, ...]], ...]
    assumptions: str


class _Paper:
    def __init__(self, data: PaperData):
        self.data = data
        self.printer = MatrixPrinter(Notation(data.names.variables))
        self.equations = fold_program(data.normal)

    def contents(self) -> Contents:
        program = self.data.program
        return Contents(
            title=escape_tex(program.title or program.name),
            symbols=symbol_rows(program, self.printer),
            model=self._rows(self._define(program, program.equations, "")),
            conventions=conventions(program, self._nodes(), self.printer),
            normal=self._rows(self._define(self.data.normal, self.equations, "n:")),
            rules=tuple(rules(self.data.normal, {v.of for v in self.data.names.roles("adjoint")})),
            sections=tuple((escape_tex(s.title), self.prose(s.intro), self._blocks(s)) for s in self.data.sections),
            assumptions=assumptions(program, self.printer),
        )

    def _nodes(self) -> set[type | str]:
        """The kinds of nodes that the document shows, functions by name."""
        shown = [*self.equations.values(), *(s.right for section in self.data.sections for s in section.steps)]
        return {n.name if isinstance(n, Apply) else type(n) for e in shown for n in preorder_traversal(e)}

    def _define(self, program: Program, equations: Mapping[str, MatrixExpr], prefix: str) -> Iterator[Display]:
        for name, e in equations.items():
            label = rf"\label{{{prefix}{name}}}" if prefix else ""
            yield from displays(self.printer.doprint(program.ref(name)), e, self.printer, label)

    @staticmethod
    def _rows(shown: Iterable[Display]) -> tuple[str, ...]:
        return tuple(row for display in shown for row in display.lines)

    def _blocks(self, section: Section) -> tuple[Block, ...]:
        shown = [(s, list(displays(self.printer.doprint(s.left), s.right, self.printer))) for s in section.steps]
        if section.beside:
            beside = [replace(d[0], beside=self.prose(s.reason)) for s, d in shown if len(d) == 1]
            if len(beside) == len(shown) and all(d.fits for d in beside):
                return (Block("", self._rows(beside)),)
        ends = ":" if section.beside else ""
        return tuple(Block(self.prose(s.reason[:1].upper() + s.reason[1:] + ends), self._rows(d)) for s, d in shown)

    _MARK = re.compile(r"`([A-Za-z]\w*)(?:\[([-+0-9tTkjm]+)\])?`|@([A-Za-z]\w*)|dL/d([A-Za-z]\w*)")

    def prose(self, text: str) -> str:
        """Plain text as TeX: `h[t]` is a symbol, @h the number of its equation, all else is escaped."""
        out, at = "", 0
        for mark in self._MARK.finditer(text):
            out += escape_tex(text[at : mark.start()]) + self._marked(mark)
            at = mark.end()
        return out + escape_tex(text[at:])

    def _marked(self, mark: re.Match[str]) -> str:
        name, index, equation, of = mark.groups()
        if of:
            return f"$dL/d{self.printer.notation.tex(of)}$"
        if equation:
            return rf"\eqref{{n:{equation}}}" if equation in self.equations else escape_tex(equation)
        return f"${self.printer.notation.tex(name, index)}$"
