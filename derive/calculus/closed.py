"""A gradient as sums over steps: the paths it is made of, and their terms written out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from sympy import Expr, HadamardProduct, Integer, MatAdd, MatMul, MatrixExpr, Symbol, Transpose

from derive.algebra import build as b
from derive.algebra.bound import Bound, MatrixSum
from derive.algebra.nodes import Delta, T, Timed, is_reference, t
from derive.calculus.adjoint import Step
from derive.program import operands, rebuild, references

LONG = 8  # a factor of more names than this is better read under a name of its own


def is_long(e: MatrixExpr) -> bool:
    return sum(1 for _ in references(e)) > LONG


@dataclass(frozen=True)
class Path:
    """One kind of term: `summand` in j and k, summed over k and over the j that reach it, or in j alone.

    `only` is the one step j whose loss counts, where there is but one; the summand is that of this step.  `late` steps
    pass between k, or what the summand in j alone is a factor of, and the first step whose cotangent it reads.
    """

    summand: MatrixExpr
    double: bool
    backward: bool
    j: Symbol
    k: Symbol
    only: Expr | None = None
    late: int = 0

    def sum(self) -> MatrixExpr:
        j = self.j if self.only is None else self.only
        one_step = self.summand
        if self.double:
            bounds = (j + self.late, T - 1) if self.backward else (0, j - self.late)
            one_step = MatrixSum(self.summand, self.k, *bounds)
        if self.only is not None:
            return one_step
        late = 0 if self.double else self.late
        return MatrixSum(one_step, self.j, *((0, T - 1 - late) if self.backward else (late, T - 1)))

    def settled(self, known: Mapping[str, MatrixExpr]) -> Path:
        """The path with its j in place, if all but one step's summand are zero: Σ_j [j = T−1] a_j = a_{T−1}."""
        if self.late and not self.double:
            return self
        explicit = _substitute(self.summand, known)
        for d in explicit.atoms(Delta):
            at = next(
                (i for i, own in ((d.at, d.time), (d.time, d.at)) if own == self.j and i.free_symbols <= {T}), None
            )
            if at is not None and b.is_zero(_with(explicit, {d: b.zeros(d.shape)})):
                return replace(self, summand=_undelayed(self.summand.subs(self.j, at)), only=at)
        return self

    def reached(self, j: int, steps: int) -> range:
        """The k of step j, of T = steps."""
        if self.only is not None and self.only.subs(T, steps) != j:
            return range(0)
        if not self.double:
            inside = j < steps - self.late if self.backward else j >= self.late
            return range(j, j + 1) if inside else range(0)
        return range(j + self.late, steps) if self.backward else range(j - self.late + 1)

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
        cotangents: every name that stands for what arrives somewhere from losses.
        mixed: those that hold what comes from the losses of other steps than their own.
    """

    compact: MatrixExpr
    definitions: tuple[Step, ...]
    short_paths: tuple[Path, ...] = field(repr=False)
    rest: MatrixExpr = field(repr=False)
    cotangents: frozenset[str] = field(default=frozenset(), repr=False)
    mixed: frozenset[str] = field(default=frozenset(), repr=False)

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
        """Is each summand what the loss of its step j contributes, and nothing left over?"""
        return b.is_zero(self.rest) and all(self._is_of_step(p) for p in self.paths)

    def _is_of_step(self, path: Path) -> bool:
        j = path.j if path.only is None else path.only
        found = (r for r in references(path.summand) if r.name in self.cotangents)
        return all(isinstance(r, Timed) and r.index == j and r.name not in self.mixed for r in found)

    def contribution(self, j: int, steps: int) -> MatrixExpr:
        """The summands of step j written out, with T = steps."""
        terms = [expand(p.at(j, k), steps) for p in self.paths for k in p.reached(j, steps)]
        return b.add(*terms) if terms else b.zeros(self.compact.shape)

    def _explicit(self, e: MatrixExpr) -> MatrixExpr:
        known = {s.left.name: s.right for s in self.definitions}
        return _undelayed(_substitute(e, known)) if known else e


def _undelayed(e: MatrixExpr) -> MatrixExpr:
    """[i = i] a is a."""
    return _with(e, {d: d.arg for d in e.atoms(Delta) if d.at == d.time})


def _with(e: MatrixExpr, values: Mapping[MatrixExpr, MatrixExpr]) -> MatrixExpr:
    """Parts replaced, what becomes zero or one simplified."""
    if e in values or not e.has(*values):
        return values.get(e, e)
    if isinstance(e, Bound):
        return e.func(_with(e.body, values), *e.args[1:])
    parts = [_with(a, values) for a in operands(e)]
    join = {MatAdd: b.add, HadamardProduct: b.hadamard, MatMul: b.matmul, Transpose: b.transpose}.get(e.func)
    return join(*parts) if join else rebuild(e, parts)


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
