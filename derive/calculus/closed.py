"""A gradient as sums over steps: the paths it is made of, and their terms written out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from sympy import Integer, MatAdd, MatrixExpr, Symbol

from derive.algebra import build as b
from derive.algebra.bound import Bound, MatrixSum
from derive.algebra.nodes import T, is_reference, t
from derive.calculus.adjoint import Step
from derive.program import operands, rebuild, references


@dataclass(frozen=True)
class Path:
    """One kind of term: `summand` in j and k, summed over k and over the j that reach it, or in j alone."""

    summand: MatrixExpr
    double: bool
    backward: bool
    j: Symbol
    k: Symbol

    def sum(self) -> MatrixExpr:
        if not self.double:
            return MatrixSum(self.summand, self.j, 0, T - 1)
        bounds = (self.j, T - 1) if self.backward else (0, self.j)
        return MatrixSum(MatrixSum(self.summand, self.k, *bounds), self.j, 0, T - 1)

    def reached(self, j: int, steps: int) -> range:
        """The k of step j, of T = steps."""
        if not self.double:
            return range(j, j + 1)
        return range(j, steps) if self.backward else range(j + 1)

    def at(self, j: int, k: int) -> MatrixExpr:
        """The term of one pair of steps."""
        return self.summand.subs({self.j: Integer(j), self.k: Integer(k)})


@dataclass(frozen=True)
class ClosedForm:
    """A gradient as sums over steps.

    Attributes:
        compact: the sum, with symbols for the one-step block matrix and what goes with it.
        definitions: what those symbols stand for at step t.
        short_paths: the summands of `compact`, path by path.
        rest: the terms of `compact` that are no sums over steps; they count once, not per sequence.
        recurrent: the cotangents of recurrences, which gather what comes from several steps.
    """

    compact: MatrixExpr
    definitions: tuple[Step, ...]
    short_paths: tuple[Path, ...] = field(repr=False)
    rest: MatrixExpr = field(repr=False)
    recurrent: frozenset[str] = field(default=frozenset(), repr=False)

    @cached_property
    def expression(self) -> MatrixExpr:
        """The sum, explicit in the model's own quantities."""
        return self._explicit(self.compact)

    @cached_property
    def paths(self) -> tuple[Path, ...]:
        """The explicit summands, path by path."""
        return tuple(replace(p, summand=self._explicit(p.summand)) for p in self.short_paths)

    @property
    def by_steps(self) -> bool:
        """Is each summand what one step's loss contributes: does none go through a second recurrence?"""
        return not any(r.name in self.recurrent for p in self.paths for r in references(p.summand))

    def contribution(self, j: int, steps: int) -> MatrixExpr:
        """The summands of step j written out, with T = steps."""
        terms = [expand(p.at(j, k), steps) for p in self.paths for k in p.reached(j, steps)]
        return b.add(*terms) if terms else b.zeros(self.compact.shape)

    def _explicit(self, e: MatrixExpr) -> MatrixExpr:
        known = {s.left.name: s.right for s in self.definitions}
        return _substitute(e, known) if known else e


def _substitute(e: MatrixExpr, known: Mapping[str, MatrixExpr]) -> MatrixExpr:
    """Replace symbols by what they stand for, at their own time."""
    if is_reference(e):
        return known[e.name].xreplace({t: e.index}) if e.name in known else e
    if isinstance(e, Bound):
        return e.func(_substitute(e.body, known), *e.args[1:])
    if not operands(e):
        return e
    parts = [_substitute(a, known) for a in operands(e)]
    return b.matmul(*parts) if e.is_MatMul else rebuild(e, parts)


def expand(e: MatrixExpr, steps: int) -> MatrixExpr:
    """A closed form with T = steps, every sum and product written out."""
    return _expand(e.subs(T, steps))


def _expand(e: MatrixExpr) -> MatrixExpr:
    if isinstance(e, Bound):
        if not (e.low.is_Integer and e.high.is_Integer):
            return e
        terms = [_expand(e.at(k)) for k in range(int(e.low), int(e.high) + 1)]
        return e.combine(terms)
    if is_reference(e) or not operands(e):
        return e
    parts = [_expand(a) for a in operands(e)]
    if isinstance(e, MatAdd):
        return b.add(*parts)
    return b.matmul(*parts) if e.is_MatMul else rebuild(e, parts)
