"""The values of names and of derivatives: layouts, kinds and directions are asked, once for each claim."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from sympy import Expr, MatrixExpr, S

from derive.algebra import build as b
from derive.algebra.nodes import Entry, Gradient, Jacobian, Pad
from derive.algebra.shapes import is_scalar
from derive.claims.reading.clock import Clock
from derive.claims.reading.meanings import Named, Ratio
from derive.claims.reading.readings import Choices, Misfit
from derive.claims.reading.values import is_column
from derive.claims.reading.vocabulary import Vocabulary
from derive.errors import DeriveError
from derive.program import Program, references
from derive.proof.field.truth import Subject

DIRECTION = "vectors are"
COLUMNS = {"columns": False, "rows": True}  # what is asked, and whether it is a row
Kind = tuple[str, tuple[MatrixExpr, ...]]  # of a derivative, and what is held fixed


class Unknown(DeriveError):
    """What is read, but whose value nothing here knows how to find."""


@dataclass
class Quantities:
    """The quantities of one claim in one run.

    Attributes:
        convention, layout: how vectors and Jacobians lie: row or column, numerator or denominator, or ask.
        partial: what ∂ means: total, immediate, local (of the one equation that defines the quantity), or ask.
        tensors: does the claim differentiate a vector by a matrix?  Then gradients by one may be rows of entries.
    """

    subject: Subject
    vocabulary: Vocabulary
    choices: Choices
    convention: str = "ask"
    layout: str = "ask"
    partial: str = "ask"
    tensors: bool = False
    bounds: bool = False  # are sides compared, so that norms may stand in them?
    left_letters: frozenset[str] = frozenset()  # of the left side: a sum on the right does not reach over them

    @property
    def program(self) -> Program:
        return self.vocabulary.program

    @property
    def clock(self) -> Clock:
        return self.vocabulary.clock

    # How things lie

    @property
    def rows(self) -> bool:
        """Are vectors rows?"""
        if self.convention != "ask":
            return self.convention == "row"
        return self.choices.choose(DIRECTION, COLUMNS)

    @property
    def gradient_rows(self) -> bool:
        """Are gradients by a vector rows?"""
        return self.rows or self.choices.choose("gradients by a vector are", COLUMNS)

    @property
    def transposed(self) -> bool:
        """Are Jacobians in denominator layout?"""
        if self.layout != "ask":
            return self.layout == "denominator"
        return self.choices.choose("the layout of Jacobians is", {"numerator": False, "denominator": True})

    @property
    def flat(self) -> bool:
        """Is a gradient by a matrix a vector of its entries?"""
        options = {"rows of its entries": True, "of its shape": False}
        return self.tensors and self.choices.choose("gradients by a matrix are", options)

    # Names

    def quantity(self, named: Named) -> MatrixExpr:
        """A quantity of the model, a vector lying as vectors do."""
        if named.copy is not None:
            raise Unknown("the copy of a weight that one step uses has no value of its own")
        e = self.vocabulary.reference(named)
        if named.components:
            return self._entry(e, named.components, named.name)
        return b.transpose(e) if is_column(e) and self.rows else e

    @staticmethod
    def _entry(e: MatrixExpr, components: tuple[Expr, ...], name: str) -> MatrixExpr:
        wanted = 1 if e.shape[1] == 1 else 2
        if len(components) != wanted:
            raise Misfit(f"{name} has {wanted} indices, not {len(components)}")
        return Entry(e, *(c - 1 for c in components))

    def ratio(self, r: Ratio) -> MatrixExpr:
        """What a directive calls a derivative."""
        if not r.through:
            value = self.derivative(r.of, r.by, "total")
        else:
            by = self.vocabulary.reference(r.by)
            nodes = ((self.vocabulary.reference(n), self._gradient(r.of, n)) for n in r.through)
            value = self._laid(b.add(*(Gradient(of, by, weight, "immediate") for of, weight in nodes)), r.by)
        return b.negative(value) if r.sign < 0 else value

    # Derivatives

    def derivative(self, of: Named, by: Named, mark: str, entries: bool = False) -> MatrixExpr:
        """d of/d by; `mark` is total, immediate, or any (∂, which may be either).

        Args:
            entries: by the entries of a matrix in a row, whatever the claim does elsewhere.
        """
        return self._derivative(of, by, self._kind(of, by, mark), entries)

    def of_equation(self, of: Named, by: Named, arguments: tuple[Named, ...]) -> MatrixExpr:
        """The derivative of an equation as a function of its arguments, by one of them."""
        held = tuple(self.vocabulary.reference(a) for a in arguments if a != by)
        return self._derivative(of, by, ("total" if by.time is not None else "immediate", held))

    def _derivative(self, of: Named, by: Named, kind: Kind, entries: bool = False) -> MatrixExpr:
        top, bottom = (self.vocabulary.reference(n) for n in (of, by))
        if of.components and not by.components and not is_scalar(bottom.shape):
            unit = Pad(b.ones(1), self._entry(top, of.components, of.name).row, top.shape[0])
            return self._laid(Gradient(top, bottom, unit, kind[0], *kind[1]), by)
        if of.components or (by.components and not is_scalar(top.shape)):
            return self._component(Jacobian(top, bottom, kind[0], *kind[1]), of, by)
        flat = not is_column(bottom) and not is_scalar(bottom.shape)
        if is_scalar(top.shape) and not (flat and (entries or self.flat)):
            whole = self.is_loss(of) and kind == ("total", ())
            value = self._gradient(of, by) if whole else Gradient(top, bottom, b.ones(1), kind[0], *kind[1])
            return self._laid(value, by)
        jacobian = Jacobian(top, bottom, kind[0], *kind[1])
        if is_scalar(top.shape):
            return jacobian if self.gradient_rows else b.transpose(jacobian)
        return b.transpose(jacobian) if self.transposed else jacobian

    @staticmethod
    def _component(jacobian: Jacobian, of: Named, by: Named) -> MatrixExpr:
        places: list[Expr] = []
        for named, e in ((of, jacobian.of), (by, jacobian.by)):
            wanted = 0 if is_scalar(e.shape) else 1 if e.shape[1] == 1 else 2
            if wanted and not named.components:
                raise Unknown(f"a derivative of or by single entries, and {named.name} whole, is not read")
            if len(named.components) != wanted:
                raise Misfit(f"a derivative of single entries, and {named.name} without its {wanted} indices")
            i, j = [*(c - 1 for c in named.components), S.Zero, S.Zero][:2]
            places.append(i * e.shape[1] + j if wanted == 2 else i)
        return Entry(jacobian, *places)

    def _laid(self, gradient: MatrixExpr, by: Named) -> MatrixExpr:
        """A gradient in the shape of its quantity, as the claim lays it."""
        if by.components:
            return self._entry(gradient, by.components, by.name)
        return b.transpose(gradient) if is_column(gradient) and self.gradient_rows else gradient

    def _gradient(self, of: Named, by: Named) -> MatrixExpr:
        """The total derivative of a loss, in the shape of the quantity."""
        top, bottom = self.vocabulary.reference(of), self.vocabulary.reference(by)
        new = self.subject.adjoint.cotangents.get(by.name)
        passed = by.name in self.subject.passed_over
        if of.name != self.program.total or new is None or passed or by.copy is not None:
            return Gradient(top, bottom, b.ones(1))
        names = self.subject.names
        return names.at(new, self.clock.time(by.time)) if by.time is not None else names.ref(new)

    def is_loss(self, named: Named) -> bool:
        """Is it the total loss, or what that is a sum of?"""
        return named.name in self._losses

    @cached_property
    def _losses(self) -> set[str]:
        total = self.program.equations.get(self.program.total)
        summed = references(total) if total is not None else ()
        return {self.program.total, "loss", *(r.name for r in summed if is_scalar(r.shape))}

    def _kind(self, of: Named, by: Named, mark: str) -> Kind:
        """Total or immediate, and what is held fixed besides."""
        if mark != "any" and by.copy is None:
            return mark, ()
        if by.copy is not None or self.is_loss(of) or (by.time is not None and of.time == by.time):
            return "total", ()
        if self.partial != "ask":
            return {"local": "partial"}.get(self.partial, self.partial), ()
        options: dict[str, Kind] = {"the total derivative": ("total", ()), "the immediate one": ("immediate", ())}
        if self._are_states(of, by):
            options["that with the other states held fixed"] = ("separate", ())
        return self.choices.choose(f"∂{of.name}/∂{by.name} is", options)

    def _are_states(self, of: Named, by: Named) -> bool:
        """Are there other states than these?"""
        states = {v.name for v in self.program.states}
        return {of.name, by.name} <= states and len(states) > 1
