"""Is an equation true?  Each reading is judged by the proof room; what they say together is the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sympy import HadamardProduct, MatAdd, MatMul, MatrixExpr, Symbol

from derive.algebra.build import add, hadamard, matmul, scale, transpose
from derive.algebra.functions import Apply
from derive.algebra.nodes import Delta, Entry, Jacobian, Scale, StepGradient, t
from derive.claims.domain import Domain, Env, whole_steps
from derive.claims.readings import Search
from derive.errors import UnsupportedError
from derive.proof.budget import Budget, OutOfBudget
from derive.proof.prove import Prover
from derive.proof.verdict import Counterexample, Instance, Status, Verdict

PLACES = ((3, 0), (4, 1), (2, 1), (1, 0))  # T, and the order of the sizes
SECONDS = 8.0  # for one reading
Pair = tuple[MatrixExpr, MatrixExpr]


class Outcome(StrEnum):
    """What is said of a claim."""

    PROVED = "proved"
    CHECKED = "checked"
    CONDITIONAL = "conditional"
    REFUTED = "refuted"
    ILL_FORMED = "ill-formed"
    OPEN = "open"
    UNREADABLE = "unreadable"


WORSE = (Status.REFUTED, Status.ILL_FORMED, Status.OPEN, Status.CHECKED, Status.PROVED)
TRUE = (Outcome.PROVED, Outcome.CHECKED)
FALSE = (Outcome.REFUTED, Outcome.ILL_FORMED)


@dataclass(frozen=True)
class Judged:
    """One reading and its verdict."""

    choices: Mapping[str, str]
    verdict: Verdict

    @property
    def outcome(self) -> Outcome:
        return Outcome(str(self.verdict.status))


@dataclass(frozen=True)
class Repair:
    """The nearest true equation.

    Attributes:
        edits: what was changed, in words.
        reading: the choices under which it is true, where it has false readings too.
        others: further ones that are as near.
    """

    latex: str
    edits: tuple[str, ...]
    outcome: Outcome
    others: tuple[str, ...] = ()
    reading: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        return {
            "latex": self.latex,
            "edits": list(self.edits),
            "status": str(self.outcome),
            "others": list(self.others),
            "reading": dict(self.reading),
        }

    def lines(self) -> list[str]:
        """For readers."""
        found = [f"nearest true equation ({self.outcome}): {self.latex}", f"edits: {'; '.join(self.edits)}"]
        found += [f"where {'; '.join(f'{q} {a}' for q, a in self.reading.items())}"] if self.reading else []
        return found + [f"as near: {x}" for x in self.others]


@dataclass(frozen=True)
class Judgement:
    """The verdict on a claim.

    Attributes:
        readings: each with its own verdict, equal ones once.
        reading: the choices under which a conditional claim is true.
    """

    outcome: Outcome
    reason: str
    readings: tuple[Judged, ...] = ()
    reading: Mapping[str, str] = field(default_factory=dict)
    at: int = 0
    help: str = ""
    repair: Repair | None = None

    @property
    def status(self) -> Outcome:
        """What is said of the claim."""
        return self.outcome

    @property
    def counterexample(self) -> Counterexample | None:
        """Values at which the sides differ, where it is refuted."""
        return self.verdict.counterexample if self.verdict is not None else None

    @property
    def certificate(self) -> str | None:
        """The proof, as JSON, where it is proved."""
        return self.verdict.certificate if self.verdict is not None else None

    @property
    def reading_needed(self) -> Mapping[str, str]:
        """The choices without which it is false."""
        return self.reading if self.outcome is Outcome.CONDITIONAL else {}

    @property
    def verdict(self) -> Verdict | None:
        """Of the reading that decides."""
        return next((r.verdict for r in self.readings if r.outcome is self.outcome), None)


def fingerprint(pairs: tuple[Pair, ...]) -> object:
    """The same for equations and their transposes."""
    return tuple(frozenset(((left, right), (turned(left), turned(right)))) for left, right in pairs)


def turned(e: MatrixExpr) -> MatrixExpr:
    """The transpose, inside functions that go entry by entry too."""
    match e:
        case Apply():
            return Apply(e.name, *map(turned, e.matrices), *e.numbers)
        case Scale():
            return scale(e.coefficient, turned(e.arg))
        case MatAdd():
            return add(*map(turned, e.args))
        case HadamardProduct():
            return hadamard(*map(turned, e.args))
        case MatMul():
            return matmul(*map(turned, reversed(e.args)))
    return transpose(e)


@dataclass
class Judge:
    """Judges equations about one model."""

    prover: Prover
    single: bool = False  # is the sequence one step long?

    def judge(self, found: Search[tuple[Pair, ...]]) -> Judgement:
        """The verdict on a claim with several readings."""
        if not found.readings:
            if not found.complete:
                return Judgement(Outcome.OPEN, "there are more readings than are tried")
            reason = str(found.misfit) if found.misfit else "no reading makes sense"
            return Judgement(Outcome.ILL_FORMED, reason, at=found.misfit.at if found.misfit else 0)
        judged = [Judged(r.choices, self._chain(r.result)) for r in found.readings]
        return combined(judged, found.complete)

    def _chain(self, pairs: tuple[Pair, ...]) -> Verdict:
        """A chain is as good as its worst pair."""
        worst: Verdict | None = None
        for left, right in pairs:
            verdict = self._equation(left, right)
            if worst is None or WORSE.index(verdict.status) < WORSE.index(worst.status):
                worst = verdict
            if verdict.status is Status.REFUTED:
                return verdict
        assert worst is not None
        return worst

    def equation(self, left: MatrixExpr, right: MatrixExpr) -> Judged:
        """The verdict on one equation."""
        return Judged({}, self._equation(left, right))

    def _equation(self, left: MatrixExpr, right: MatrixExpr) -> Verdict:
        try:
            return self._judged(left, right)
        except OutOfBudget as limit:
            self.prover.agreement.forget()
            return Verdict(Status.OPEN, str(limit))
        except (UnsupportedError, ZeroDivisionError, RecursionError) as error:
            return Verdict(Status.OPEN, str(error) or type(error).__name__)

    def _judged(self, left: MatrixExpr, right: MatrixExpr) -> Verdict:
        budget, instances = Budget(SECONDS), list[Instance]()
        for steps, sizes in self._places(left, right):
            envs = self._envs(left, right, steps, sizes)
            if not envs:
                continue
            instance = self.prover.agreement.exact(left, right, steps, sizes, budget, envs)
            if instance is None:
                return self._denied(left, right, steps, sizes, budget)
            instances.append(instance)
        if not instances:
            return Verdict(Status.ILL_FORMED, "its indices are in range at no step")
        unlike = self._unlike(left, right, instances[0], budget)
        if unlike is not None:
            return unlike
        proof = self._proof(left, right)
        if proof is not None:
            return proof
        places = "; ".join(map(str, instances))
        bits = min(i.bits for i in instances)
        reason = f"exact at {places}; a false equation would pass with probability below 2^-{bits}"
        return Verdict(Status.CHECKED, reason, 1, tuple(instances))

    def _unlike(self, left: MatrixExpr, right: MatrixExpr, place: Instance, budget: Budget) -> Verdict | None:
        """Real numbers that tell the sides apart: the field does not know all that is special about one-hot vectors."""
        envs = self._envs(left, right, place.T, place.sizes)
        try:
            example = self.prover.agreement.counterexample(left, right, place.T, place.sizes, budget, envs)
        except ZeroDivisionError:
            return Verdict(Status.OPEN, "no real values were found at which both sides are defined")
        if example is None:
            return None
        return Verdict(Status.REFUTED, f"the sides differ at T = {place.T}", 1, counterexample=example)

    def _places(self, left: MatrixExpr, right: MatrixExpr) -> list[tuple[int, Mapping[str, int]]]:
        agreement = self.prover.agreement
        if self.single:
            return [(1, agreement.sizes(shift)) for shift in (0, 1)]
        named = max(whole_steps(left, right), default=0)
        found = []
        for steps, shift in PLACES:
            least = agreement.steps(max(steps, named + min(steps, 2)), left, right)
            found.append((least, agreement.sizes(shift, left, right)))
        return list({(n, tuple(sizes.items())): (n, sizes) for n, sizes in found}.values())

    def _envs(self, left: MatrixExpr, right: MatrixExpr, steps: int, sizes: Mapping[str, int]) -> list[Env]:
        free = self.prover.agreement.free(left, right)
        return Domain(self.prover.subject.names, steps, sizes).envs(left, right, free)

    def _denied(
        self, left: MatrixExpr, right: MatrixExpr, last: int, sizes: Mapping[str, int], budget: Budget
    ) -> Verdict:
        """Where the field tells the sides apart: the least T at which real numbers do, or that it knows too little."""
        agreement = self.prover.agreement
        for steps in range(max(1, agreement.least), last + 1):
            envs = self._envs(left, right, steps, sizes)
            if not envs or (steps < last and agreement.exact(left, right, steps, sizes, budget, envs) is not None):
                continue
            try:
                example = agreement.counterexample(left, right, steps, sizes, budget, envs)
            except ZeroDivisionError:
                continue
            if example is not None:
                reason = f"the sides differ at T = {steps}"
                return Verdict(Status.REFUTED, reason, 1, counterexample=example)
        return Verdict(Status.OPEN, "the field denies it, which knows functions by their listed relations only")

    def _proof(self, left: MatrixExpr, right: MatrixExpr) -> Verdict | None:
        """A proof for every T, where the equation is about all steps and has no derivative that stands for itself."""
        symbols = (Jacobian, StepGradient, Entry, Delta)
        free = self.prover.agreement.free(left, right)
        if self.single or len(free) > 1 or any(e.has(*symbols) for e in (left, right)):
            return None
        if any(k not in (0, -1) for k in whole_steps(left, right)):
            return None
        to_t: dict[Symbol, Symbol] = dict.fromkeys(free, t)
        left, right = left.xreplace(to_t), right.xreplace(to_t)
        if free and not self._at_every_step(left, right):
            return None
        verdict = self.prover.prove(left, right, SECONDS, thorough=False)
        return verdict if verdict.status in (Status.PROVED, Status.REFUTED) else None

    def _at_every_step(self, left: MatrixExpr, right: MatrixExpr) -> bool:
        """Is every step one at which the equation is meant?"""
        sizes = self.prover.agreement.sizes(0)
        return all(len(self._envs(left, right, steps, sizes)) == steps for steps in (2, 3))


def combined(judged: list[Judged], complete: bool) -> Judgement:
    """What the readings say together."""
    sensible = [j for j in judged if j.outcome is not Outcome.ILL_FORMED]
    if not sensible:
        return Judgement(Outcome.ILL_FORMED, judged[0].verdict.reason, tuple(judged))
    kept, by = tuple(sensible), {o: [j for j in sensible if j.outcome is o] for o in Outcome}
    true = [*by[Outcome.PROVED], *by[Outcome.CHECKED]]
    false, undecided = by[Outcome.REFUTED], by[Outcome.OPEN]
    if true and false:
        reading = told_apart(true[0], false)
        shown = "; ".join(f"{question} {answer}" for question, answer in reading.items())
        reason = f"true where {shown}" if shown else "true under some readings, false under others"
        return Judgement(Outcome.CONDITIONAL, reason, kept, reading)
    if undecided or not complete:
        reason = undecided[0].verdict.reason if undecided else "there are more readings than are tried"
        return Judgement(Outcome.OPEN, reason, kept)
    if false:
        return Judgement(Outcome.REFUTED, false[0].verdict.reason, kept)
    outcome = Outcome.PROVED if not by[Outcome.CHECKED] else Outcome.CHECKED
    verdict = (by[outcome] or true)[0].verdict
    return Judgement(outcome, verdict.reason, kept, dict(true[0].choices) if len(true) == 1 else {})


def told_apart(true: Judged, false: list[Judged]) -> dict[str, str]:
    """The fewest choices of a true reading that no false one shares, those that are asked last first."""
    kept = dict(true.choices)
    for question in list(kept):
        fewer = {q: a for q, a in kept.items() if q != question}
        if not any(all(f.choices.get(q, a) == a for q, a in fewer.items()) for f in false):
            kept = fewer
    return kept
