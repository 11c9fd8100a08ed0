"""The derivation of a model as a document: which gradients, what is written out, and what holds of each '='."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from time import monotonic

from sympy import MatrixExpr

from derive.algebra.names import Notation
from derive.algebra.text import unicode_text
from derive.calculus.chain import Chain
from derive.calculus.hidden import Hidden
from derive.calculus.textbook import Textbook
from derive.documents.content import Document, Equation, Mark, Rule
from derive.documents.html import html_document
from derive.documents.paper import PaperData, document, told
from derive.documents.pdf import pdf
from derive.documents.summary import summary
from derive.documents.tex import latex_document
from derive.errors import UnsupportedError
from derive.model.model import Model
from derive.proof.agreement import Agreement
from derive.proof.budget import Budget
from derive.proof.equation import check_equation, evaluated
from derive.proof.field.truth import Subject
from derive.proof.verdict import Status, Verdict
from derive.render import fragment

MARKS = {Status.PROVED: Mark.PROVED, Status.CHECKED: Mark.EXACT, Status.OPEN: Mark.UNCHECKED}
SECONDS = 180.0  # for all equations of a document
EACH = 20.0  # for one
STEPS = 3  # at which rules are evaluated
LAST = 2  # the last loss that is written out path by path
MOST_UNROLLED = 12


@dataclass(frozen=True)
class Paper:
    """A checked document.

    Attributes:
        wrong: equations that do not hold, in words; a document that has one must not be handed out.
    """

    model: Model
    document: Document
    wrong: tuple[str, ...] = ()

    @cached_property
    def notation(self) -> Notation:
        return Notation(self.model.adjoint.program.variables)

    def latex(self, fragment: bool = False) -> str:
        """LaTeX, as a document of its own or for a book."""
        return latex_document(self.document, self.notation, self.model.name, fragment)

    def html(self, fragment: bool = False) -> str:
        """A page with MathML and SVG that needs no network, of its own or for the inside of another."""
        return html_document(self.document, self.notation, self.model.name, fragment)

    def pdf(self) -> bytes:
        """The document typeset by an installed TeX.

        Raises:
            ToolError: there is none, or it failed.
        """
        return pdf(self.latex(), self.model.name)

    @property
    def summary(self) -> str:
        """How many equalities were checked, and how."""
        return summary(self.document).replace("$T$", "T")

    def __repr__(self) -> str:
        return f"<Paper of {self.model.name}: {self.summary}>"

    def _repr_html_(self) -> str:
        """The page in a frame of its own, for notebooks: its style stays its own, and nothing in it may run."""
        return fragment("notebook/paper.html.j2", summary=self.summary, page=self.html())


def paper(
    model: Model,
    wrt: Iterable[str] | None = None,
    unroll: int | None = None,
    progress: Callable[[], None] = lambda: None,
    sums: Mapping[str, Verdict | None] | None = None,
    seconds: float = SECONDS,
) -> Paper:
    """The derivation of a model, every '=' checked.

    Args:
        wrt: the gradients to derive, all by default.
        unroll: the last step whose loss is written out path by path, 2 by default.
        progress: called for each equation.
        sums: verdicts on the parameters' double sums that are known already.
        seconds: what the checks may take; equations whose turn comes later are marked as not checked.
    """
    chosen = model.restricted(wrt)
    draft = plan(chosen, wrt, LAST if unroll is None else unroll)
    judge = _Judge(chosen, progress, sums or {}, seconds)
    return Paper(chosen, draft.marked(judge, judge.rule), tuple(judge.wrong))


def plan(model: Model, wrt: Iterable[str] | None, last: int) -> Document:
    """The document before its equations are checked."""
    every = tuple(_chains(model))
    chains = told(every) if wrt is None else every
    return document(PaperData(model.program, model.normal, model.adjoint, chains, last))


def _chains(model: Model) -> Iterator[Textbook]:
    """The parameters whose gradient a textbook would derive path by path."""
    chain = Chain(model.adjoint)
    for v in model.normal.parameters:
        if v.name not in model.adjoint.cotangents:
            continue
        try:
            hidden = Hidden.of(model.program, v.name)
            derivation = model.gradient(v.name)
            gradient = (derivation.symbol, derivation.expression)
        except UnsupportedError:
            continue
        yield Textbook(hidden, model.normal, gradient, (chain.j, chain.k, chain.m))


class _Judge:
    """A mark for each = of an equation."""

    def __init__(self, model: Model, progress: Callable[[], None], sums: Mapping[str, Verdict | None], seconds: float):
        self._end = monotonic() + seconds
        self.sums = {label: v for name, v in sums.items() for label in (f"s:{name}", f"{name}:layout1")}
        chain = Chain(model.adjoint)
        self.model, self.progress = model, progress
        self.indices = (chain.j, chain.k, chain.m)
        self.wrong: list[str] = []

    def __call__(self, e: Equation) -> tuple[Mark, ...]:
        self.progress()
        if e.defines:
            return (Mark.DEFINITION,)
        rights = (e.meaning,) if e.meaning is not None else e.rights
        return tuple(self._mark(e.left, right, self.sums.get(e.label)) for right in rights)

    def rule(self, rule: Rule) -> Mark:
        """Is what a rule says true, of letters that stand for anything?"""
        claim = rule.claim
        agreement = Agreement(Subject(claim.program, claim.program, claim.adjoint))
        places = [(STEPS, claim.sizes(large)) for large in (False, True)]
        marks = []
        for left, right in claim.equations:
            verdict = evaluated(agreement, left, right, places, Budget(EACH))
            marks.append(self._judged(verdict, f"the rule {rule.title}: {unicode_text(left)} = {unicode_text(right)}"))
        return max(marks, key=list(Mark).index)

    def _mark(self, left: MatrixExpr, right: MatrixExpr, known: Verdict | None) -> Mark:
        left_over = self._end - monotonic()
        if known is None and left_over <= 0:
            return Mark.UNCHECKED
        verdict = known or check_equation(self.model.prover, left, right, self.indices, min(EACH, left_over))
        names = self.model.adjoint.program
        return self._judged(verdict, f"{unicode_text(left, names)} = {unicode_text(right, names)}")

    def _judged(self, verdict: Verdict, shown: str) -> Mark:
        mark = MARKS.get(verdict.status, Mark.WRONG)
        if mark is Mark.WRONG:
            self.wrong.append(f"{shown}: {verdict.reason}")
        return mark
