"""The derivation of a model as a LaTeX document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sympy import HadamardProduct, Identity, MatrixExpr, OneMatrix

from derive.algebra.bound import OrderedProduct
from derive.algebra.functions import Apply
from derive.algebra.names import Notation, index_tex
from derive.algebra.nodes import Blocks, Delta, Detach, DiagPart, Node, Pad, Slice
from derive.calculus.adjoint import Adjoint
from derive.documents.escape import escape_tex
from derive.documents.latex import MatrixPrinter
from derive.documents.layout import Display, displays
from derive.documents.reading import Section, fold_program, listed, sections
from derive.documents.rules import Rule, rules
from derive.program import Program, Variable, operands
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
class Line:
    """A sentence and the equations it speaks of."""

    words: str
    displays: tuple[Display, ...]


@dataclass(frozen=True)
class Contents:
    """The document's data, all of it TeX."""

    title: str
    symbols: tuple[tuple[str, str, str], ...]
    model: tuple[Line, ...]
    conventions: tuple[str, ...]
    normal: tuple[Line, ...]
    rules: tuple[Rule, ...]
    sections: tuple[tuple[str, str, tuple[Line, ...]], ...]
    assumptions: tuple[str, ...] = field(default=())
