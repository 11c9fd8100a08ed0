"""Models, gradients and steps as a notebook shows them: MathML and escaped text.

A notebook's viewer that does not trust what it shows drops MathML; what is nothing but equations has `_repr_latex_`
beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from sympy import MatrixExpr

from derive.algebra.names import Notation
from derive.calculus.adjoint import Step
from derive.documents.latex import MatrixPrinter
from derive.documents.mathml import aligned, math_element
from derive.documents.preliminaries import symbols
from derive.documents.prose import name_tex, pieces
from derive.program import Program
from derive.render import fragment

Pair = tuple[MatrixExpr, MatrixExpr]


def model_html(program: Program) -> str:
    """The equations, and every symbol with its shape and meaning."""
    notation = Notation(program.variables)
    table = symbols(program, MatrixPrinter(notation))
    return fragment(
        "notebook/model.html.j2",
        heading=f"{program.name}: {program.title}" if program.title else program.name,
        equations=aligned(((program.ref(n), e) for n, e in program.equations.items()), program),
        head=table.head,
        rows=[[prose(cell, notation) for cell in row] for row in table.rows],
    )


def steps_html(steps: Iterable[Step], program: Program) -> str:
    """Each step with its rule and reason."""
    notation = Notation(program.variables)
    shown = (
        {"equation": aligned([(s.left, s.right)], program), "rule": s.rule, "reason": prose(s.reason, notation)}
        for s in steps
    )
    return fragment("notebook/steps.html.j2", steps=list(shown))


def derivation_html(gradient: Iterable[Pair], steps: Iterable[Step], program: Program) -> str:
    """The gradient, and folded behind it how it comes about."""
    return fragment(
        "notebook/derivation.html.j2", equations=aligned(gradient, program), steps=steps_html(steps, program)
    )


def prose(words: str, notation: Notation) -> str:
    """A sentence with marks (see `prose.pieces`) as HTML."""
    return "".join(_piece(p.kind, p.text, notation) for p in pieces(words))


def _piece(kind: str, text: str, notation: Notation) -> str:
    if kind == "math":
        return math_element(text)
    return math_element(name_tex(text, notation)) if kind == "name" else escape(text)
