"""Equations that a bound may rest on: the chain rule over steps where one state carries the past, one step written out,
and what the adjoint says of gradients.  Each is asked of the prover before it is used, but that for ∂⁺ over several
steps, which is no equation: it holds by how the state is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from sympy import Expr, Integer, MatrixExpr, Symbol

from derive.algebra.bound import MatrixSum, OrderedProduct
from derive.algebra.build import matmul, scale, split, transpose
from derive.algebra.nodes import Detach, Jacobian, SumOver, T, Timed, is_reference, t
from derive.calculus.local import jacobian
from derive.errors import UnsupportedError
from derive.program import Program, references
from derive.proof.field.truth import Subject

MOST_NESTED = 8  # names within names
J, K, I = (Symbol(s, integer=True) for s in ("j", "k", "i"))


@dataclass(frozen=True)
class Equation:
    """left = right for all J (and K) at which the expressions in `given` are ≥ 0.

    Attributes:
        least: what else has to be ≥ 0 for ‖right‖ ≤ ‖left‖; below it the left side is zero.
        equal: is it an equation, that can be checked?  Else ‖left‖ ≤ ‖right‖ by what `why` says.
    """

    left: MatrixExpr
    right: MatrixExpr
    given: tuple[Expr, ...]
    why: str
    least: tuple[Expr, ...] = ()
    equal: bool = True


@dataclass(frozen=True)
class Equations:
    """The equations about derivatives in one model."""

    subject: Subject

    @property
    def program(self) -> Program:
        return self.subject.normal

    def about(self, x: MatrixExpr) -> Iterator[Equation]:
        """Those with this derivative, or gradient, on the left side, at any steps."""
        if isinstance(x, Jacobian):
            pair = (x.of, x.by)
            known = all(isinstance(r, Timed) and r.name in self.program.variables for r in pair)
            if known and not x.held and x.kind in ("total", "immediate"):
                between = (x.of.index - x.by.index).expand()
                yield from self._derivative(x.of.name, x.by.name, x.kind, between if between.is_Integer else None)
        elif is_reference(x):
            yield from self._gradient(x)

    # Derivatives of quantities

    def _derivative(self, of: str, by: str, kind: str, between: Expr | None) -> Iterator[Equation]:
        at = self.program.at
        whole = kind == "immediate" or between == 0 or (between == 1 and of == by and self._is_sole(by))
        if between is not None and (of != by or between) and whole:
            try:
                step = jacobian(self.program, of, self.program.ref(by, -int(between)))
            except UnsupportedError:
                return
            left = Jacobian(at(of, J), at(by, J - between), kind)
            step = self.in_own_names(step)
            yield Equation(left, step.xreplace({t: J}), (J,), f"one step of {of}, written out by the chain rule")
        elif self._is_sole(by) and (of == by or self._passes(of, by)):
            one = Jacobian(at(by, I), at(by, I - 1), kind)
            product = OrderedProduct(one, I, K + 1, J, "descending")
            left = Jacobian(at(of, J), at(by, K), kind)
            right = product if of == by else matmul(Jacobian(at(of, J), at(by, J), kind), product)
            total = kind == "total"
            why = f"{by} alone carries what came before from step to step"
            why += "" if total else ", and within a step only what stands one step before counts"
            yield Equation(left, right, (), why, (J - K,), equal=total)

    def in_own_names(self, e: MatrixExpr) -> MatrixExpr:
        """With what the names stand for that the user did not write."""
        for _ in range(MOST_NESTED):
            new = {r for r in references(e) if self._is_ours(r.name)}
            if not new:
                break
            e = e.xreplace({r: self._meant(r) for r in new})
        return e

    def _is_ours(self, name: str) -> bool:
        """Is it a value of the model to which the user gave no name?"""
        names = self.subject.names
        known = name in self.subject.reading.variables or name not in names.equations
        return not known and name not in self._of and names[name].role != "carry"

    def _meant(self, r: MatrixExpr) -> MatrixExpr:
        e = self.subject.names.equations[r.name]
        return e.xreplace({t: r.index}) if isinstance(r, Timed) else e

    def _is_sole(self, state: str) -> bool:
        """Is a vector, read one step later, all by which a step reaches later ones?"""
        v = self.program.variables.get(state)
        if v is None or v.role != "state" or v.backward or v.shape[1] != 1 or len(v.initial) > 1:
            return False
        for name, e in self.program.equations.items():
            for r in references(e):
                later = isinstance(r, Timed) and r.offset != 0
                if later and r.name in self.program.equations and (r.name, r.offset) != (state, -1):
                    return False
            if e.has(Detach) or (e.has(SumOver) and self.program[name].timed):
                return False
        return True

    def _passes(self, of: str, state: str) -> bool:
        """Does the past reach a quantity of a step by that step's state only?"""
        v = self.program[of]
        if not v.timed or of not in self.program.equations or v.shape[1] != 1:
            return False
        todo, seen = [of], {state}
        while todo:
            name = todo.pop()
            if name in seen:
                continue
            seen.add(name)
            for r in references(self.program.equations[name]) if name in self.program.equations else ():
                if isinstance(r, Timed) and r.offset != 0 and r.name in self.program.equations:
                    return False
                todo.append(r.name)
        return True

    # Gradients of the loss

    @cached_property
    def _of(self) -> dict[str, str]:
        return {new: name for name, new in self.subject.adjoint.cotangents.items()}

    def _gradient(self, x: MatrixExpr) -> Iterator[Equation]:
        """What a gradient is: a sum over the losses of its step and later ones, and the adjoint's equation."""
        names = self.subject.names
        if x.name in self._of:
            yield from self._summed(x.name, self._of[x.name])
        if x.name not in names.equations or (x.name not in self._of and names[x.name].role != "carry"):
            return
        e = self.in_own_names(names.equations[x.name])
        c, inner = split(e)
        why = f"{x.name} by the chain rule, from what comes after it"
        if isinstance(x, Timed) and not e.has(SumOver):
            yield Equation(names.at(x.name, J), e.xreplace({t: J}), (J,), why)
        elif isinstance(inner, SumOver) and "t" in inner.axes and not inner.arg.has(SumOver):
            terms = MatrixSum(inner.arg.xreplace({t: I}), I, Integer(0), T - 1)
            yield Equation(x, scale(c, terms), (), f"{x.name} by the chain rule, over all steps")

    def _summed(self, gradient: str, name: str) -> Iterator[Equation]:
        """dL/ds_k = Σ_{j≥k} dL_j/ds_k, where the loss is a sum over steps and s carries all."""
        total = self.program.total
        c, e = split(self.program.equations[total]) if total else (Integer(1), None)
        if not isinstance(e, SumOver) or "t" not in e.axes or not isinstance(e.arg, Timed) or e.arg.offset != 0:
            return
        if not self._is_sole(name) or not self._passes(e.arg.name, name):
            return
        each = transpose(Jacobian(self.program.at(e.arg.name, I), self.program.at(name, K)))
        right = scale(c, MatrixSum(each, I, K, T - 1))
        why = f"the losses of its step and of later ones depend on {name}"
        yield Equation(self.subject.names.at(gradient, K), right, (K,), why)
