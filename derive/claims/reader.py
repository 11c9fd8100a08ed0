"""One claim, from its LaTeX to a verdict."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

from sympy import MatrixExpr, Symbol

from derive.algebra.bound import Bound, MatrixSum
from derive.algebra.build import zeros
from derive.algebra.nodes import T, Timed, t
from derive.claims.reading import values as v
from derive.claims.reading.clock import Scope
from derive.claims.reading.conditions import EQUAL, ORDER, NoClaim
from derive.claims.reading.equation import Claim, Side, defined, named, of_arguments, read_claim
from derive.claims.reading.formula import Formula
from derive.claims.reading.readings import Choices, Misfit, Search, search
from derive.claims.reading.repeated import repeated
from derive.claims.reading.stage import Definition, Stage
from derive.claims.reading.tensors import has_tensors
from derive.claims.reading.vocabulary import Vocabulary
from derive.claims.repair.bench import Preset, Where
from derive.claims.repair.repairer import SECONDS, Repairer
from derive.claims.text.marks import binder_of
from derive.claims.text.parse import LET, parse
from derive.claims.text.patterns import plain
from derive.claims.text.printing import to_tex
from derive.claims.text.rewrite import letters
from derive.claims.text.tree import Fraction, Row, Scripted
from derive.claims.verdict.assumptions import NotUnderstood, start_text, starting_at_zero, starts, zero_state
from derive.claims.verdict.bounds import compares_norms, judged_bound, lesser_rows
from derive.claims.verdict.judge import Judge, Pair, fingerprint
from derive.claims.verdict.norms import check_letters, norm_bound
from derive.claims.verdict.verdicts import FALSE, TRUE, Judgement, Outcome
from derive.errors import ShapeError
from derive.proof.prove import Prover


class Reader:
    """Reads and judges the claims of one stage."""

    def __init__(self, prover: Prover, stage: Stage, repairs: bool = True, seconds: float = SECONDS):
        self.stage, self.repairs, self.seconds = stage, repairs, seconds
        self._zero: Reader | None = None
        self._norms = [b for b in map(norm_bound, stage.assumptions) if b is not None]
        others = [tex for tex in stage.assumptions if norm_bound(tex) is None]
        zero = [zero_state(tex, self.vocabulary(prover)) for tex in others]
        self.prover = starting_at_zero(prover, *zero) if zero else prover
        self.judge = Judge(self.prover, stage.clock.only)

    def vocabulary(self, prover: Prover) -> Vocabulary:
        """The model's names and the paper's."""
        found = self.stage.vocabulary(prover)
        for bound in self._norms:
            found = found.defining(bound.tex, bound.value, bound.norm) if bound.letter is not None else found
        return found

    def definition(self, tex: str) -> tuple[Definition | None, bool]:
        """The equation, if its left side is a symbol that nothing explains, and whether it is all that stands there."""
        claim = read_claim(plain(parse(tex)))
        side = claim.sides[0]
        if len(claim.sides) != 1 or side.relation not in EQUAL or side.accumulates or len(side.left) != 1:
            return None, False
        known = self.vocabulary(self.prover).find(side.left, 0, Scope())
        if isinstance(side.left[0], Fraction) or (known is not None and not known.match.sup):
            return None, False
        return Definition(to_tex(side.left), side.left, side.right), not (claim.definitions or claim.others)

    def judged(self, tex: str) -> Judgement:
        """The verdict on a display; what holds for each of some symbols is as good as its worst part."""
        verdicts = [self._display(read_claim(plain(parse(each)))) for each in self._written_out(tex)]
        return min(verdicts, key=lambda j: ORDER_OF_OUTCOMES.index(j.outcome))

    def _display(self, claim: Claim) -> Judgement:
        known = self.vocabulary(self.prover)
        claim = of_arguments(known, named(known, claim))
        vocabulary, others = defined(known, claim)
        equations = tuple(s for s in claim.sides if s.relation not in ORDER)
        parts = [equations] if equations else []
        verdicts = [self._sides(sides, claim, vocabulary) for sides in parts]
        verdicts += [self._sides((s,), claim, vocabulary) for s in claim.sides if s.relation in ORDER]
        for side in others:  # a second equation is no part of the claim, but what is false beside it is said
            judgement = self._sides((side,), claim, vocabulary)
            if judgement.outcome not in (*TRUE, Outcome.CONDITIONAL):
                beside = f"the equation beside it, {to_tex(side.left)} = …: {judgement.reason}"
                verdicts.append(replace(judgement, reason=beside))
        worst = min(verdicts, key=lambda j: ORDER_OF_OUTCOMES.index(j.outcome))
        if worst.outcome in TRUE or not self._is_partial(claim):
            reasons = dict.fromkeys(j.reason for j in verdicts)
            return replace(worst, reason=CHAINED.join(reasons)) if worst.outcome is Outcome.PROVED else worst
        return Judgement(Outcome.OPEN, "said of some steps, and not true of every one")

    def _is_partial(self, claim: Claim) -> bool:
        """Is it said of some steps only, t = 2, …, T?"""
        clock, scope = self.stage.clock, Scope()
        ends = (tuple(clock.time(clock.value(row, scope)) for row in pair) for pair in claim.ranges)
        return any(pair not in ((0, T - 1), (T - 1, 0)) for pair in ends)

    def _written_out(self, tex: str) -> Iterator[str]:
        """The claim for each value of the symbols that stand for several."""
        for values in product(*(o.values for o in self.stage.each)):
            text = tex
            for order, value in zip(self.stage.each, values, strict=True):
                text = re.sub(re.escape(order.tex) + r"(?![A-Za-z])", f" {value} ".replace("\\", r"\\"), text)
            yield text

    def _maker(self, sides: tuple[Side, ...], claim: Claim, vocabulary: Vocabulary) -> Callable[[Choices], Formula]:
        """Formulas for one run each."""
        rows = (*(r for s in (*sides, *claim.definitions) for r in (s.left, s.right)),)
        tensors = any(has_tensors(r, vocabulary) for r in rows)
        bounds = any(s.relation in ORDER for s in (*sides, *claim.sides))
        taken = frozenset(x.text for side in sides for x in letters(_unlimited(side.left)))

        def make(choices: Choices) -> Formula:
            s = self.stage
            ways = (s.convention, s.layout, s.partial, tensors, bounds, taken)
            return Formula(self.prover.subject, vocabulary, choices, *ways)

        return make

    def _sides(self, sides: tuple[Side, ...], claim: Claim, vocabulary: Vocabulary) -> Judgement:
        """The verdict on a chain, all its pairs in one reading."""
        found = self._search(sides, self._maker(sides, claim, vocabulary), self._scope(claim))
        judgement = self._judged(sides, claim, vocabulary, found).counted_from(self.stage.clock.first)
        if found.doubtful and judgement.outcome in FALSE:
            reason = f"{found.doubtful}, the one reading that is known, it is not true"
            return Judgement(Outcome.UNREADABLE, reason, help=LET)
        return judgement

    def _judged(
        self, sides: tuple[Side, ...], claim: Claim, vocabulary: Vocabulary, found: Search[tuple[Pair, ...]]
    ) -> Judgement:
        make, scope = self._maker(sides, claim, vocabulary), self._scope(claim)
        if sides[0].relation in ORDER or compares_norms(found):
            return judged_bound(
                self.judge, found, tuple(s.relation for s in sides), self._given(sides, claim, vocabulary)
            )
        judgement = self.judge.judge(found)
        if judgement.outcome is Outcome.REFUTED and found.passed:
            rare = self.judge.judge(self._search(sides, make, scope, rare=True))
            judgement = rare if rare.outcome is Outcome.CONDITIONAL else judgement
        if judgement.outcome is Outcome.REFUTED:
            judgement = self._from_zero(sides, claim, judgement)
        if not self.repairs or judgement.outcome not in FALSE or found.doubtful:
            return judgement
        if len(sides) > 1:  # the first pair that is false alone
            alone = (self._sides((s,), claim, vocabulary) for s in sides)
            repair = next((j.repair for j in alone if j.outcome in FALSE), None)
            return replace(judgement, repair=repair, sought=True)
        side = sides[0]

        def again(row: Row) -> Judgement:
            return self.judge.anew().judge(self._search((replace(side, right=row),), make, scope))

        where = Where(scope, self.stage.clock.only, claim.conditions)
        repairer = Repairer(self.prover, vocabulary, make, again, self.judge.anew, where, self.seconds)
        return replace(judgement, repair=repairer.repair(side.left, side.right, _plans(found)), sought=True)

    def _given(self, sides: tuple[Side, ...], claim: Claim, vocabulary: Vocabulary) -> tuple[Pair, ...]:
        """Norms with the numbers that they do not exceed.

        Raises:
            NotUnderstood: a norm has a time or several readings, or a letter stands where it speaks for itself only.
        """
        if not self._norms:
            return ()
        lesser = [r for s in sides for r in lesser_rows(s.left, s.right, s.relation)]
        larger = [r for s in sides for r in (s.left, s.right) if r not in lesser]
        defined = [s.right for s in claim.definitions] + [s.right for s in self.stage.definitions]
        check_letters(self._norms, lesser, larger, defined)
        given: list[Pair] = []
        known = self.stage.vocabulary(self.prover)
        for bound in self._norms:
            if bound.letter is not None and known.find(bound.value, 0, Scope()) is not None:
                raise NotUnderstood(
                    f"{to_tex(bound.value)} has a meaning already: a letter of its own says what {bound.tex} says"
                )
            side = Side(bound.norm, "le", bound.norm if bound.letter is not None else bound.value)
            found = self._search((side,), self._maker((side,), claim, vocabulary), self._scope(claim))
            pairs = {r.result[0] for r in found.readings}
            if len(pairs) != 1 or not found.complete or any(e.atoms(Timed, Bound) for e in next(iter(pairs))):
                raise NotUnderstood(f"what {bound.tex} is about has a time, or several readings: it is used of weights")
            given += [] if bound.letter is not None else pairs
        return tuple(given)

    def _scope(self, claim: Claim) -> Scope:
        """The values of indices that a display is about."""
        scope = Scope()
        if len({letter for letter, _ in claim.conditions}) < len(claim.conditions):
            raise NoClaim("a condition of several values is not understood")
        for letter, row in claim.conditions:
            scope = scope.binding(letter, self.stage.clock.value(row, Scope()))
        return scope

    def _summed(self, left: MatrixExpr, right: MatrixExpr) -> Pair:
        """Both sides with a sum over every index that is repeated in a term and is not on the other side.

        Raises:
            Misfit: an index is free.
        """
        free, sides = self.prover.agreement.free, [left, right]
        for n, (own, other) in enumerate(((right, left), (left, right))):
            place = 1 - n
            for s in sorted(free(own, own) - free(other, other) - {t}, key=str):
                summed = repeated(sides[place], s)
                if summed is not None:
                    sides[place] = summed
                elif place == 1:
                    raise Misfit(f"the index {s} is free: no sum binds it, and it is not on the left side", 1_000_001)
        return sides[0], sides[1]

    def _vanishes(self, sides: tuple[Side, ...], claim: Claim, vocabulary: Vocabulary) -> bool:
        """Is there nothing but zeros in it?  Then it says nothing."""
        found = self._search(sides, self._maker(sides, claim, vocabulary), self._scope(claim))
        left = (side for r in found.readings[:1] for side, _ in r.result)
        return all(self.judge.equation(e, zeros(e.shape)).outcome in TRUE for e in left)

    def _from_zero(self, sides: tuple[Side, ...], claim: Claim, judgement: Judgement) -> Judgement:
        """A false equation that is true of sequences that start at zero is true under that condition."""
        program = self.prover.subject.reading
        values = starts(program)
        if not values or self.stage.clock.only == 1:
            return judgement
        if self._zero is None:
            self._zero = Reader(starting_at_zero(self.prover, *values), replace(self.stage, assumptions=[]), False)
        vocabulary, _ = defined(self._zero.vocabulary(self._zero.prover), claim)
        other = self._zero._sides(sides, claim, vocabulary)
        if other.outcome not in (*TRUE, Outcome.CONDITIONAL) or self._zero._vanishes(sides, claim, vocabulary):
            return judgement
        question = f"the state before the first step ({', '.join(start_text(program, v) for v in values)}) is"
        zero = [replace(r, choices={question: "zero", **r.choices}) for r in other.readings]
        any_ = [replace(r, choices={question: "any", **r.choices}) for r in judgement.readings]
        needed = {question: "zero", **(other.reading_needed if other.outcome is Outcome.CONDITIONAL else {})}
        words = ", and ".join(f"{asked} {answer}" for asked, answer in needed.items())
        return Judgement(Outcome.CONDITIONAL, f"true where {words}", (*zero, *any_), needed)

    def _search(
        self, sides: tuple[Side, ...], make: Callable[[Choices], Formula], scope: Scope, rare: bool = False
    ) -> Search[tuple[Pair, ...]]:
        """The readings of one chain."""

        def run(choices: Choices) -> tuple[Pair, ...]:
            formula = make(choices)
            return tuple(self._pair(side, formula, choices, scope) for side in sides)

        return search(run, fingerprint, rare)

    def _pair(self, side: Side, formula: Formula, choices: Choices, scope: Scope) -> Pair:
        try:
            left, right = formula.sum(side.left, scope), formula.sum(side.right, scope)
        except ShapeError as error:
            raise Misfit(str(error)) from None
        if side.accumulates:
            right = accumulated(v.as_array(right))
        left, right = v.sides(left, right, choices)
        return (left, right) if formula.bounds else self._summed(left, right)


def _unlimited(row: Row) -> Row:
    """Without what stands above the signs of sums and products."""
    return tuple(replace(x, sup=None) if isinstance(x, Scripted) and binder_of(x) else x for x in row)


def _plans(found: Search[tuple[Pair, ...]]) -> list[Preset]:
    """Readings in which a repair is looked for: those that make sense, and the usual ones if these are far-fetched."""
    plans = [Preset(resort=r.resort, rare=r.rare, preset=r.choices) for r in found.readings[:MOST_PLANS]]
    if all(p.resort for p in plans):
        plans += [Preset(preset={"gradients by a vector are": way}) for way in ("columns", "rows")]
    return plans


CHAINED = "; and the next of the chain "
MOST_PLANS, STEP = 4, Symbol("t'", integer=True)


def accumulated(right: MatrixExpr) -> MatrixExpr:
    """What is added in every step, over all steps."""
    return MatrixSum(right.xreplace({t: STEP}), STEP, 0, T - 1) if t in right.free_symbols else right


ORDER_OF_OUTCOMES = (
    Outcome.UNREADABLE, Outcome.ILL_FORMED, Outcome.REFUTED, Outcome.OPEN, Outcome.CONDITIONAL, Outcome.CHECKED,
    Outcome.PROVED,
)  # fmt: skip
