"""One gradient and how it is derived."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from sympy import Integer, MatrixExpr

from derive.algebra.nodes import StepGradient
from derive.calculus.adjoint import Adjoint, Step
from derive.calculus.chain import Chain
from derive.calculus.closed import ClosedForm
from derive.calculus.recursion import readable
from derive.errors import InputError, UnsupportedError
from derive.model.given import check_seconds, check_whole
from derive.model.steps import Steps
from derive.program import references
from derive.proof.budget import SECONDS
from derive.proof.prove import Prover
from derive.proof.verdict import Verdict

LONGEST = 50  # steps written out: 1,300 terms are more than anybody reads


@dataclass(frozen=True)
class Derivation:
    """dL/dname; for a state, the gradients of its boundary values.

    The same gradient three ways: `recursion` (BPTT), `expression` (a double sum over steps and
    hidden states) and `unrolled(n)` (the first steps written out).
    """

    name: str
    prover: Prover

    @property
    def adjoint(self) -> Adjoint:
        return self.prover.subject.adjoint

    @property
    def symbol(self) -> MatrixExpr:
        """dL/dname in formulas."""
        program = self.adjoint.program
        return program.ref(self.adjoint.cotangents[self.targets[0]])

    def prove(self, formula_: MatrixExpr | None = None, seconds: float = SECONDS) -> Verdict:
        """Is this gradient what the formula says, for every T and every size?

        Without a formula: is the double sum (`expression`) the gradient?

        Raises:
            InputError: the formula is none.
            UnsupportedError: there is no double sum to prove.
        """
        claimed = self.expression if formula_ is None else formula("formula", formula_)
        return self.prover.prove(self.symbol, claimed, check_seconds(seconds))

    @property
    def targets(self) -> tuple[str, ...]:
        """The names whose cotangents are asked for: several for a state with lags."""
        v = self.adjoint.program[self.name]
        return tuple(i for i in v.initial if i) if v.role == "state" else (self.name,)

    @cached_property
    def recursion(self) -> Steps:
        """The BPTT recursion down to this gradient, in an order in which it can be evaluated."""
        steps = {s.left.name: s for s in readable(self.adjoint)}
        wanted = [self.adjoint.cotangents[n] for n in self.targets]
        live: set[str] = set()
        while wanted:
            name = wanted.pop()
            if name in steps and name not in live:
                live.add(name)
                wanted.extend(r.name for r in references(steps[name].right))
        return Steps.of((s for n, s in steps.items() if n in live), self.adjoint.program)

    @property
    def steps(self) -> Steps:
        """Every step, with the contributions, rule and reason of each."""
        return self.recursion

    @cached_property
    def closed_form(self) -> ClosedForm:
        """The double sum, explicit and with symbols for its blocks.

        Raises:
            UnsupportedError: it would help nobody; the message says why, and the recursion stands.
        """
        v = self.adjoint.program[self.name]
        if v.role != "param":
            raise UnsupportedError(f"dL/d{self.name} has a value per step or sequence: see the recursion")
        return Chain(self.adjoint).closed_form(self.name)

    @property
    def expression(self) -> MatrixExpr:
        """The gradient as a sum over steps and hidden states."""
        return self.closed_form.expression

    def unrolled(self, last: int) -> Steps:
        """The contributions of steps 0 … last, written out over the hidden states.

        With a loss that is a sum over steps, contribution j is dL_j/dname.

        Raises:
            InputError: not a whole number from 0 to 50.
            UnsupportedError: there is no closed form.
        """
        check_whole("last", last, LONGEST)
        form, shape = self.closed_form, self.adjoint.program[self.name].shape
        if not form.by_steps:
            raise UnsupportedError(
                f"what one step's loss contributes to {self.name} is no sum over the hidden states: see the recursion"
            )
        steps = []
        for j in range(last + 1):
            left = StepGradient(self.name, Integer(j), *shape)
            right = form.contribution(j, last + 1)
            reason = f"the paths from step {j} back to {self.name}, one term each"
            steps.append(Step(left, right, "sum over paths", reason))
        return Steps.of(steps, self.adjoint.program)

    def latex(self) -> str:
        """The gradient as one LaTeX expression: the double sum, else the last line of the recursion."""
        from derive.documents.latex import latex

        try:
            return latex(self.closed_form.compact, self.adjoint.program)
        except UnsupportedError:
            return latex(self.recursion[-1].right, self.adjoint.program)

    @property
    def _shown(self) -> list[tuple[MatrixExpr, MatrixExpr]]:
        """The gradient as a notebook shows it: the double sum, else the last line of the recursion."""
        try:
            form = self.closed_form
            return [(self.symbol, form.compact), *((d.left, d.right) for d in form.definitions)]
        except UnsupportedError:
            return [(self.recursion[-1].left, self.recursion[-1].right)]

    def _repr_latex_(self) -> str:
        from derive.documents.latex import aligned

        return aligned(self._shown, self.adjoint.program)

    def _repr_html_(self) -> str:
        from derive.documents.notebook import derivation_html

        return derivation_html(self._shown, self.recursion, self.adjoint.program)

    def __repr__(self) -> str:
        return f"<Derivation of dL/d{self.name} in {self.adjoint.program.name}>"


def formula(name: str, given: object) -> MatrixExpr:
    """What the caller means: a matrix expression, or the gradient of a derivation.

    Raises:
        InputError: neither.
    """
    if isinstance(given, Derivation):
        return given.symbol
    if isinstance(given, MatrixExpr):
        return given
    raise InputError(name, "a formula (a matrix expression) or a derivation", type(given).__name__)
