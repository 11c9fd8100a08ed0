"""Is left = right?  What claims about one model share, and what is asked before a claim is judged."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from sympy import MatrixExpr

from derive.algebra.accept import accept
from derive.calculus.ranges import Ranges
from derive.errors import ShapeError, UnsupportedError
from derive.proof.agreement import Agreement
from derive.proof.budget import SECONDS, Budget, OutOfBudget, check_size
from derive.proof.case import Case
from derive.proof.field.truth import Subject
from derive.proof.verdict import Status, Verdict
from derive.proof.wellformed import least_steps, problems
from derive.proof.words.reading import Reader


@dataclass
class Prover:
    """Proves claims about one model; what it learns of the model serves all of them."""

    subject: Subject

    @cached_property
    def reader(self) -> Reader:
        return Reader(self.subject)

    @cached_property
    def ranges(self) -> Ranges:
        """Where the entries of the model's arrays lie."""
        return Ranges(self.subject.normal)

    @cached_property
    def agreement(self) -> Agreement:
        return Agreement(self.subject)

    @cached_property
    def changed(self) -> dict[object, Prover]:
        """The model under assumptions, by what they are: many claims are asked under the same."""
        return {}

    def prove(
        self,
        left: MatrixExpr,
        right: MatrixExpr,
        seconds: float = SECONDS,
        thorough: bool = True,
        within: Budget | None = None,
    ) -> Verdict:
        """The verdict on left = right, for every T and every size.

        A free t stands for any step of the sequence.

        Args:
            within: what else limits the time.
            thorough: look at larger T and sizes too where no proof is found, and at both sides written out.
        """
        try:
            check_size(left, right)
            try:
                # before accept() cancels T (1/T)
                least = max(least_steps(e, self.subject.names) for e in (left, right))
            except UnsupportedError as error:
                return Verdict(Status.OPEN, str(error))
            left, right = accept(left), accept(right)
            wrong = list(problems(left, right, self.subject.names))
        except OutOfBudget as limit:
            return Verdict(Status.OPEN, str(limit))
        except (ShapeError, UnsupportedError) as error:
            wrong = [str(error)]
        if wrong:
            return Verdict(Status.ILL_FORMED, wrong[0], tried=tuple(wrong[1:]))
        return Case(self.reader, self.agreement, (left, right), Budget(seconds, within), thorough, least).verdict()
