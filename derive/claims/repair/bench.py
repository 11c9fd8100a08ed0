"""Candidates for the right side of an equation, compared with the left one at one random point of the field."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sympy import MatrixExpr

from derive.algebra.nodes import t
from derive.claims.reading import values as v
from derive.claims.reading.binders import Range
from derive.claims.reading.clock import NoIndex, Scope
from derive.claims.reading.formula import Formula
from derive.claims.reading.outline import Factor, Outline, Term
from derive.claims.reading.readings import Choices, Misfit
from derive.claims.reading.values import Value
from derive.claims.text.marks import binder_of, is_quotient
from derive.claims.text.parse import LatexError
from derive.claims.text.tree import Node, Row
from derive.claims.verdict.domain import Domain, Env, reach
from derive.claims.verdict.places import FARTHEST
from derive.errors import DeriveError
from derive.proof.budget import Budget, OutOfBudget
from derive.proof.prove import Prover

NEAR = 4  # nodes that a name or a function with its argument takes, and one to look ahead
STEPS = 4  # T: the order of a product of two factors shows from 3 on
Numbers = tuple[object, ...]
Option = TypeVar("Option")
TROUBLE = (DeriveError, OutOfBudget, ZeroDivisionError, KeyError, TypeError, RecursionError)


class Remembering(Formula):
    """A formula that knows the products it has seen: a candidate shares most of them with the claim."""

    @property
    def memory(self) -> dict[object, tuple[Any, Any]]:
        return self.__dict__.setdefault("_memory", {})  # type: ignore[no-any-return]

    def _range(self, node: Node, scope: Scope) -> Range:
        key = ("range", id(node), tuple(scope.letters.items()))
        known = self.memory.get(key)
        if known is None:
            known = self.memory[key] = ((node,), super()._range(node, scope))
        return known[1]  # type: ignore[return-value]

    def sum(self, row: Row, scope: Scope) -> Value:
        key = ("+", tuple(map(id, row)), tuple(scope.letters.items()))
        known = self.memory.get(key)
        if known is None:
            known = self.memory[key] = (row, super().sum(row, scope))
        return known[1]

    def factor(self, row: Row, at: int, scope: Scope) -> tuple[Value, int]:
        near = row[at : at + NEAR]
        key = ("factor", tuple(map(id, near)), tuple(scope.letters.items()))
        known = self.memory.get(key)
        if known is not None:
            return known[1][0], at + known[1][1]
        value, end = super().factor(row, at, scope)
        if end - at < NEAR and binder_of(row[at]) is None:
            self.memory[key] = (near, (value, end - at))
        return value, end

    def product(self, row: Row, scope: Scope) -> Value:
        key = (tuple(map(id, row)), tuple(scope.letters.items()))
        known = self.memory.get(key)
        if known is None:
            known = self.memory[key] = (row, super().product(row, scope))
        return known[1]

    def times(self, x: Value, op: str, y: Value, at: int) -> Value:
        key = ("·", id(x), op, id(y))
        known = self.memory.get(key)
        if known is None:
            try:
                value = super().times(x, op, y, at)
            except Misfit as error:
                value = error
            known = self.memory[key] = ((x, y), value)
        if isinstance(known[1], Misfit):
            raise known[1].with_traceback(None)
        return known[1]  # type: ignore[no-any-return]

    def bound(self, row: Row, at: int, scope: Scope) -> tuple[Value, int]:
        if binder_of(row[at]) == "sum":
            return super().bound(row, at, scope)
        end = self._end(row, at + 1, self._range(row[at], scope).letter, scope)
        key = ("∏", tuple(map(id, row[at:end])), tuple(scope.letters.items()))
        known = self.memory.get(key)
        if known is None:
            known = self.memory[key] = (row, super().bound(row, at, scope)[0])
        return known[1], end


@dataclass
class Preset(Choices):
    """Choices that are made already; the first option where one is not."""

    preset: Mapping[str, str] = field(default_factory=dict)

    def choose(self, question: str, options: Mapping[str, Option]) -> Option:
        wanted = self.preset.get(question, "")
        return options[wanted] if wanted in options else next(iter(options.values()))


@dataclass(frozen=True)
class Where:
    """What an equation is said of.

    Attributes:
        scope: the values of indices that are given beside it.
        only: how many steps there are; 0 for any number.
        conditions: the letters and the values, as they are printed.
    """

    scope: Scope = field(default_factory=Scope)
    only: int = 0
    conditions: Sequence[tuple[str, Row]] = ()


def is_one_name(row: Row, outline: Outline) -> bool:
    """Is it a quantity or a derivative, and nothing beside it?"""
    match outline.terms(row):
        case [Term(None, (), (Factor(nodes, None, found),))]:
            return is_quotient(nodes[0]) if found is None else not found.match.sup
    return False


class Bench:
    """One reading of one equation, with its left side as it stands.

    Raises:
        DeriveError: the left side has no value in this reading.
    """

    def __init__(
        self,
        prover: Prover,
        make: Callable[[Choices], Formula],
        left: Row,
        right: Row,
        choices: Preset,
        where: Where,
        outline: Outline,
        budget: Budget,
    ):
        self.prover, self.printed, self.where, self.budget = prover, left, where, budget
        formula = make(choices)
        self.formula = Remembering(**{f: getattr(formula, f) for f in formula.__dataclass_fields__})
        self.names_one = is_one_name(left, outline)
        self.left = v.as_array(self.formula.sum(left, where.scope))
        self.closed = self.is_closed(right, outline)
        self.base = self.value(right)
        far = min(reach(self.left, *([self.base] if self.base is not None else [])), FARTHEST)
        steps, sizes = where.only or STEPS + far, prover.agreement.sizes(0)
        self.domain = Domain(prover.subject.names, steps, sizes, budget.spend)
        self.truth = prover.agreement.field_at(steps, sizes, budget)
        self.envs = self._envs(self.left if self.base is None else self.base) or self._envs(self.left)
        self.env = self.envs[len(self.envs) // 2] if self.envs else {}
        if where.only == 1:
            self.env = {t: 0, **self.env}  # a candidate may name the step that neither side names
        self.wanted = self._flat(self.left, self.env)

    def _envs(self, right: MatrixExpr) -> list[Env]:
        free = self.prover.agreement.free(self.left, right)
        try:
            return self.domain.envs(self.left, right, free)
        except TROUBLE:
            return []

    def is_closed(self, row: Row, outline: Outline) -> bool:
        """Are its indices bound, or free on the left side too?"""
        if self.where.only == 1:
            return True  # every time is the one step
        own = {str(s) for s in self.prover.agreement.free(self.left, self.left)} | {self.formula.clock.letter}
        own |= set(self.where.scope.letters)
        return outline.time_letters(row) <= own | outline.bound_letters(row)

    def value(self, row: Row) -> MatrixExpr | None:
        """What a candidate is; None where it has no meaning, or another shape than the left side.

        Raises:
            OutOfBudget: the time for all candidates is up.
        """
        self.budget.spend()
        self.formula.used.clear()
        try:
            _, right = v.sides(self.left, self.formula.sum(row, self.where.scope), self.formula.choices)
        except (*TROUBLE, LatexError, Misfit, NoIndex):
            return None
        return right

    def says_nothing(self, value: MatrixExpr) -> bool:
        """Is it the quantity on the left under another name?  Of a product, to be put otherwise is something."""
        return self.names_one and value == self.left

    def numbers(self, right: MatrixExpr) -> Numbers | None:
        """Its entries at the point, for one value of the free indices; `agrees` asks whether it has a value there.

        None too where it has more entries than the left side: a column and a row, added as a program would.
        """
        try:
            found = self._flat(right, self.env)
        except TROUBLE:
            return None
        return found if len(found) == len(self.wanted) else None

    def _flat(self, e: MatrixExpr, env: Env) -> Numbers:
        return tuple(x for row in self.truth.value(e, env) for x in row)

    def minus(self, a: Numbers, b: Numbers) -> Numbers:
        """a - b."""
        scalars = self.truth.world.matrices.scalars
        return tuple(scalars.add(x, scalars.neg(y)) for x, y in zip(a, b, strict=True))

    def agrees(self, right: MatrixExpr) -> bool:
        """Is it equal to the left side for every value of the free indices?"""
        same = self.truth.world.matrices.same
        try:
            envs: Sequence[Env] = self._envs(right)
            return bool(envs) and all(same(self.truth.value(self.left, e), self.truth.value(right, e)) for e in envs)
        except TROUBLE:
            return False
