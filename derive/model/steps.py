"""Steps of a derivation, as a user holds them: they know the names of their program, and so can show themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from derive.algebra.text import unicode_text
from derive.calculus.adjoint import Step
from derive.program import Program


@dataclass(frozen=True, repr=False)
class ShownStep(Step):
    """A step with the program whose names it uses."""

    program: Program = field(kw_only=True, compare=False)

    def __repr__(self) -> str:
        return f"{unicode_text(self.left, self.program)} = {unicode_text(self.right, self.program)}"

    def _repr_latex_(self) -> str:
        from derive.documents.latex import aligned

        return aligned([(self.left, self.right)], self.program)

    def _repr_html_(self) -> str:
        from derive.documents.notebook import steps_html

        return steps_html([self], self.program)


class Steps(tuple[ShownStep, ...]):
    """Steps in their order, one below the other in a notebook."""

    __slots__ = ()

    @classmethod
    def of(cls, steps: Iterable[Step], program: Program) -> Steps:
        return cls(ShownStep(s.left, s.right, s.rule, s.reason, s.parts, program=program) for s in steps)

    def __repr__(self) -> str:
        return "\n".join(map(repr, self))

    def _repr_latex_(self) -> str:
        from derive.documents.latex import aligned

        return aligned([(s.left, s.right) for s in self], self[0].program) if self else ""

    def _repr_html_(self) -> str:
        from derive.documents.notebook import steps_html

        return steps_html(self, self[0].program) if self else ""
