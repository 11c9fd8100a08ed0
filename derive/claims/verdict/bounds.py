"""Inequalities: a violation in real numbers is looked for, then a proof by rules that the checker follows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from sympy import MatrixExpr

from derive.algebra.build import ones, split
from derive.algebra.nodes import Norm
from derive.algebra.text import unicode_text
from derive.claims.reading.conditions import ORDER
from derive.claims.reading.readings import Search
from derive.claims.text.tree import Row
from derive.claims.verdict.domain import Domain, Env, NoValue
from derive.claims.verdict.facts import facts, within
from derive.claims.verdict.judge import Judge, Pair
from derive.claims.verdict.verdicts import WORSE, Judged, Judgement, Outcome, combined
from derive.errors import UnsupportedError
from derive.proof.budget import Budget, OutOfBudget
from derive.proof.checker import CertificateError
from derive.proof.field.points import ANY, LARGE, SMALL, SPARSE, Points
from derive.proof.field.reals import DIGITS, Reals
from derive.proof.field.truth import Truth
from derive.proof.inequality.certificate import Goal, certificate, reasons, used
from derive.proof.inequality.encode import Encoder, statement
from derive.proof.inequality.equations import Equations
from derive.proof.inequality.premises import Premises
from derive.proof.inequality.rules import Premise, Rules
from derive.proof.inequality.search import prove
from derive.proof.inequality.terms import TermError
from derive.proof.verdict import Counterexample, Status, Verdict

STRICT = ("<", ">")
GREATER = ("ge", "geq", "geqslant", ">", "gg")
VAGUE = ("ll", "gg")  # much less than: nothing that numbers could deny
SECONDS = 3.0
DRAWN = (ANY, SMALL, LARGE, SPARSE)
PLACES = ((1, 0), (2, 1), (4, 0))  # T, and the order of the sizes
CLEAR = 1e-20  # relative: what rounding cannot explain


def judged_bound(
    judge: Judge, found: Search[tuple[Pair, ...]], relations: tuple[str, ...], assumed: tuple[Pair, ...] = ()
) -> Judgement:
    """The verdict on a chain of sides between which these relations stand, all of norms: its worst pair.

    Args:
        assumed: norms with numbers that they do not exceed.
    """
    if not found.readings:
        reason = str(found.misfit) if found.misfit else "no reading makes sense"
        return Judgement(Outcome.ILL_FORMED, reason, at=found.misfit.at if found.misfit else 0)
    for relation in relations:
        if relation in VAGUE:
            return Judgement(Outcome.OPEN, f"{relation} is no relation that numbers can deny")
    judged, known = [], dict[Pair, Verdict]()
    for reading in found.readings:
        pairs = zip(reading.result, relations, strict=True)
        verdicts = [
            _Bound(judge, *(pair[::-1] if r in GREATER else pair), r, known, assumed).verdict() for pair, r in pairs
        ]
        judged.append(Judged(reading.choices, min(verdicts, key=lambda v: WORSE.index(v.status))))
    return combined(judged, found.complete)


def lesser_rows(left: Row, right: Row, relation: str) -> tuple[Row, ...]:
    """The side that is said to be the smaller one; both, of an equation."""
    return (right,) if relation in GREATER else (left,) if relation in ORDER else (left, right)


def compares_norms(found: Search[tuple[Pair, ...]]) -> bool:
    """Is a norm a side of what is read?"""
    return any(e.has(Norm) for r in found.readings for pair in r.result for e in pair)


@dataclass
class _Bound:
    """left ≤ right, or left = right, in one reading."""

    judge: Judge
    left: MatrixExpr
    right: MatrixExpr
    relation: str
    known: dict[Pair, Verdict]  # on equations that proofs wanted to use
    assumed: tuple[Pair, ...]

    def __post_init__(self) -> None:
        self.prover, self.budget, self.tried = self.judge.prover, Budget(SECONDS), 0

    def verdict(self) -> Verdict:
        """Refuted by numbers, proved by a certificate, else open."""
        try:
            found = self._refuted(1) or (self._proved_in_time() if self.tried else None) or self._refuted(2)
        except NoValue as error:
            return Verdict(Status.ILL_FORMED, str(error))
        except (UnsupportedError, TermError, ZeroDivisionError) as error:
            return Verdict(Status.OPEN, str(error) or "a division by zero")
        return found or Verdict(Status.OPEN, f"not violated at {self.tried} random points, and no rule proves it")

    def _refuted(self, seed: int) -> Verdict | None:
        """A violation, if one is found in time."""
        self.budget = Budget(SECONDS)
        for (steps, shift), points in product(PLACES, DRAWN):
            try:
                found = self._violation(self.judge.only or steps, shift, seed, points)
            except ZeroDivisionError:
                continue  # a logarithm of zero: other values do better
            except OutOfBudget:
                return None
            if isinstance(found, Counterexample):
                return Verdict(Status.REFUTED, f"it is violated at T = {found.T}", 1, counterexample=found)
            self.tried += found
        return None

    def _proved_in_time(self) -> Verdict | None:
        self.budget = Budget(SECONDS)
        try:
            return self._proved()
        except OutOfBudget:
            return None

    def _proved(self) -> Verdict | None:
        subject = self.prover.subject
        program = subject.reading
        encoder = Encoder(program.numbers, subject.names.sizes)
        ways = [(self.left, self.right)] + ([(self.right, self.left)] if self.relation not in ORDER else [])
        premises = Premises(Equations(subject), encoder, self._holds, self.prover.ranges, self.budget).of(
            self.left, self.right
        )
        premises += tuple(self._assumption(encoder, *pair) for pair in self.assumed)
        goals = []
        for left, right in ways:
            given = facts(program, encoder, left, right)
            inside = within(program, encoder, given, left, right)
            a, b = encoder.number(left), encoder.number(right)
            proof = prove(a, b, Rules(premises, inside), given, self.budget)
            if proof is None:
                return None
            goals.append(Goal(a, b, given, inside, proof))
        if self.relation in STRICT:
            return Verdict(Status.OPEN, "that it is at most that is proved, that it is less is not")
        rests = self._rests_on(goals, premises)
        claim = statement(self.prover, self.left, self.right, "≤" if self.relation in ORDER else "=", rests)
        try:
            text = certificate(goals, premises, claim)
        except CertificateError as error:  # a bug of ours: say so, claim nothing
            return Verdict(Status.OPEN, f"the certificate was rejected: {error}")
        reason = f"true for {claim['for']}, by {'; '.join(reasons(goals, premises))}"
        return Verdict(Status.PROVED, reason, max(1, self.prover.agreement.least), assumptions=rests, certificate=text)

    @staticmethod
    def _assumption(encoder: Encoder, norm: MatrixExpr, number: MatrixExpr) -> Premise:
        """That a norm is at most a number."""
        _, kind, m = encoder.number(norm)
        factor, one = split(number)
        if one != ones(1) or not factor.is_Rational or factor < 0:
            raise UnsupportedError("what a norm is assumed not to exceed is a letter or a number")
        why = f"{unicode_text(norm)} ≤ {factor} (because it is assumed)"
        return Premise(f"norm {kind}", (), m, ("num", str(factor)), (), why)

    def _holds(self, left: MatrixExpr, right: MatrixExpr) -> bool:
        """Is an equation true that a proof wants to use?"""
        if (left, right) not in self.known:
            self.known[left, right] = self.judge.anew().equation(left, right).verdict
        return self.known[left, right].status in (Status.PROVED, Status.CHECKED)

    def _rests_on(self, goals: list[Goal], premises: tuple[Premise, ...]) -> tuple[str, ...]:
        """What the equations rest on that a proof uses: what is said of the data in them, and that nothing jumps."""
        equations = [p for g in goals for p in map(premises.__getitem__, used(g.proof)) if p.head == "norm"]
        stated = self.prover.subject.reading.assumptions
        said = [a.text for a in stated if any(p.reads(a.name) for p in equations)]
        jumps = [a for v in self.known.values() for a in v.assumptions if "jumps" in a] if equations else []
        return tuple(dict.fromkeys([*said, *jumps]))

    def _violation(self, steps: int, shift: int, seed: int, points: Points) -> Counterexample | bool:
        """Values at which it is wrong; else whether it says anything there."""
        agreement, subject, left, right = self.prover.agreement, self.prover.subject, self.left, self.right
        sizes = agreement.sizes(shift)
        truth = Truth(subject, sizes, steps, Reals(), seed, points)
        truth.world.budget = self.budget
        envs = Domain(subject.names, steps, sizes).envs(left, right, agreement.free(left, right))
        if any(truth.value(a)[0][0] > truth.value(c)[0][0] for a, c in self.assumed):
            return False
        for env in envs:
            if self._exceeds(truth, env) is None:
                continue
            fine = Truth(subject, sizes, steps, Reals(3 * DIGITS), seed, points)  # where large numbers cancel
            fine.world.budget = self.budget
            found = self._exceeds(fine, env)
            if found is not None:
                step = next((n for s, n in env.items() if str(s) == "t"), None)
                return Counterexample(steps, sizes, seed, step, *found, points)
        return bool(envs)

    def _exceeds(self, truth: Truth, env: Env) -> tuple[tuple[int, int], str, str] | None:
        """An entry, with both sides, where the smaller one is clearly the larger one (of an equation, they differ)."""
        context = truth.world.domain.context  # type: ignore[attr-defined]
        left, right = truth.value(self.left, env), truth.value(self.right, env)
        for i, (u, v) in enumerate(zip(left, right, strict=True)):
            for j, (x, y) in enumerate(zip(u, v, strict=True)):
                if (x - y if self.relation in ORDER else abs(x - y)) > CLEAR * (1 + abs(y)):
                    return (i, j), context.nstr(x, DIGITS), context.nstr(y, DIGITS)
        return None
