"""The nearest true equation: edits of the right side, tried in the field, then judged like any claim."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from time import monotonic

from sympy import MatrixExpr

from derive.claims import values as v
from derive.claims.clock import NoIndex, Scope
from derive.claims.domain import Domain, Env
from derive.claims.edits import Edit, single_edits
from derive.claims.formula import Formula
from derive.claims.judge import TRUE, Judgement, Outcome, Repair
from derive.claims.library import Library, library_for
from derive.claims.marks import binder_of
from derive.claims.outline import Outline
from derive.claims.parse import LatexError
from derive.claims.patterns import TIME
from derive.claims.printing import to_tex
from derive.claims.readings import Choices, Misfit
from derive.claims.rewrite import letters, rewritten
from derive.claims.tree import Leaf, Node, Row, Scripted
from derive.claims.values import Value
from derive.claims.vocabulary import Vocabulary
from derive.errors import DeriveError
from derive.proof.budget import Budget, OutOfBudget
from derive.proof.field.domain import Rows
from derive.proof.field.truth import Truth
from derive.proof.prove import Prover

SECONDS = 5.0
MOST_FOUND = 4  # repairs that are judged
STEPS = 4  # T at which candidates are compared: the order of a product of two factors shows from 3 on
Judged = Callable[[Row], Judgement]


class Remembering(Formula):
    """A formula that knows the products it has seen: a candidate shares most of them with the claim."""

    memory: dict[object, tuple[Row, Value]]

    def product(self, row: Row, scope: Scope) -> Value:
        key = (tuple(map(id, row)), tuple(scope.letters.items()))
        known = self.memory.get(key)
        if known is None:
            known = self.memory[key] = (row, super().product(row, scope))
        return known[1]


@dataclass
class Preset(Choices):
    """Choices that are made already; the first option where one is not."""

    preset: Mapping[str, str] = field(default_factory=dict)

    def choose(self, question: str, options):  # type: ignore[no-untyped-def]
        wanted = self.preset.get(question)
        return options[wanted] if wanted in options else next(iter(options.values()))


@dataclass
class Bench:
    """Compares candidates for one right side with the left one, at one place in the field."""

    prover: Prover
    make: Callable[[Choices], Formula]
    left: Row
    choices: Mapping[str, str]
    single: bool
    memory: dict[object, tuple[Row, Value]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.formula = self._formula()
        self.left_value = v.as_array(self.formula.sum(self.left, Scope()))
        agreement = self.prover.agreement
        steps, sizes = 1 if self.single else STEPS, agreement.sizes(0)
        self.domain = Domain(self.prover.subject.names, steps, sizes)
        self.truth: Truth = agreement.field_at(steps, sizes, Budget(SECONDS))
        self._lefts: dict[object, Rows] = {}

    def _formula(self) -> Remembering:
        formula = self.make(Preset(preset=self.choices))
        formula.__class__ = Remembering
        assert isinstance(formula, Remembering)
        formula.memory = self.memory
        return formula

    def value(self, row: Row) -> MatrixExpr | None:
        """What a candidate is; None where it has no meaning, or another shape than the left side."""
        self.formula.used.clear()
        try:
            _, right = v.sides(self.left_value, self.formula.sum(row, Scope()), self.formula.choices)
        except (DeriveError, LatexError, Misfit, NoIndex):
            return None
        return right

    def agrees(self, right: MatrixExpr) -> bool:
        """Is it equal to the left side, as far as one point of the field tells?"""
        free = self.prover.agreement.free(self.left_value, right)
        try:
            envs = self.domain.envs(self.left_value, right, free)
            return bool(envs) and all(self._same(right, env) for env in envs)
        except (DeriveError, OutOfBudget, ZeroDivisionError, KeyError, TypeError):
            return False

    def _same(self, right: MatrixExpr, env: Env) -> bool:
        key = tuple(sorted((str(s), n) for s, n in env.items()))
        if key not in self._lefts:
            self._lefts[key] = self.truth.value(self.left_value, env)  # type: ignore[index]
        same = self.truth.world.matrices.same
        return same(self._lefts[key], self.truth.value(right, env))  # type: ignore[index]


@dataclass
class Repairer:
    """Repairs one equation."""

    prover: Prover
    vocabulary: Vocabulary
    make: Callable[[Choices], Formula]
    judged: Judged
    single: bool = False

    def repair(self, left: Row, right: Row, readings: list[Mapping[str, str]]) -> Repair | None:
        """The nearest true equation that is found in time."""
        end = monotonic() + SECONDS
        library = self._library(left, right)
        edits = list(single_edits(right, Outline(self.vocabulary), library))
        for choices in readings:
            try:
                bench = Bench(self.prover, self.make, left, choices, self.single)
            except (DeriveError, LatexError, NoIndex):
                continue
            for candidates in (self._singles(edits), self._pairs(edits)):
                found = self._found(bench, left, right, candidates, end)
                if found is not None:
                    return found
        return None

    def _singles(self, edits: list[Edit]) -> Iterator[tuple[Edit, ...]]:
        yield from ((e,) for e in edits)

    def _pairs(self, edits: list[Edit]) -> Iterator[tuple[Edit, ...]]:
        for pair in combinations(edits, 2):
            if not set(pair[0].changes) & set(pair[1].changes):
                yield pair

    def _found(
        self, bench: Bench, left: Row, right: Row, candidates: Iterator[tuple[Edit, ...]], end: float
    ) -> Repair | None:
        hits: list[tuple[Judgement, str, tuple[str, ...]]] = []
        seen: set[object] = set()
        for edits in candidates:
            if monotonic() > end or len(hits) >= MOST_FOUND:
                break
            changes = {key: new for e in edits for key, new in e.changes.items()}
            row = rewritten(right, changes)
            value = bench.value(row)
            if value is None or value in seen or not bench.agrees(value):
                continue
            seen.add(value)
            judgement = self.judged(row)
            if judgement.outcome in TRUE or judgement.outcome is Outcome.CONDITIONAL:
                hits.append((judgement, f"{to_tex(left)} = {to_tex(row)}", tuple(e.words for e in edits)))
        if not hits:
            return None
        order = (Outcome.PROVED, Outcome.CHECKED, Outcome.CONDITIONAL)
        hits.sort(key=lambda h: (order.index(h[0].outcome), len(h[1])))
        best = hits[0]
        return Repair(best[1], best[2], best[0].outcome, tuple(h[1] for h in hits[1:]))

    def _library(self, left: Row, right: Row) -> Library:
        """The times and letters of the claim."""
        outline = Outline(self.vocabulary)
        times: dict[str, Row] = {}
        bound: set[str] = set()
        for row in (right, left):
            for terms in outline.sums(row):
                for term in terms:
                    binders = [*term.binders, *(f.binder for f in term.factors if f.binder is not None)]
                    bound |= {x for b in binders for x in _index_of(b)}
                    for factor in term.factors:
                        time = factor.found.match.values.get(TIME) if factor.found is not None else None
                        if time:
                            times.setdefault(to_tex(time), time)
        for letter in sorted(bound):
            times.setdefault(letter, (Leaf("letter" if len(letter) == 1 else "symbol", letter),))
        used = {x.text for x in letters(right)} & {x.text for t in times.values() for x in letters(t)}
        free = sorted(used - bound - {self.vocabulary.clock.letter})
        return library_for(self.vocabulary, list(times.values()), bound, free)


def _index_of(node: Node) -> list[str]:
    if binder_of(node) is None or not isinstance(node, Scripted):
        return []
    return [x.text for x in letters(node.sub or ())][:1]
