"""Is an equation true?  Each reading is judged by the proof room; what they say together is the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from sympy import HadamardProduct, MatAdd, MatMul, MatrixExpr, Symbol

from derive.algebra.build import add, hadamard, matmul, scale, transpose
from derive.algebra.functions import Apply
from derive.algebra.nodes import Delta, Entry, Jacobian, Scale, StepGradient, t
from derive.claims.reading.quantities import DIRECTION
from derive.claims.reading.readings import Search
from derive.claims.verdict.domain import LATE, Domain, Env, NoValue, whole_steps
from derive.claims.verdict.places import FARTHEST, Places
from derive.claims.verdict.verdicts import TRUE, WORSE, Judged, Judgement, Outcome, combined
from derive.errors import UnsupportedError
from derive.proof.budget import Budget, OutOfBudget
from derive.proof.jumps import at_jumps, restated
from derive.proof.prove import Prover
from derive.proof.verdict import Instance, Status, Verdict

SECONDS = 8.0  # for all readings of a claim
Pair = tuple[MatrixExpr, MatrixExpr]


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
    """Judges equations about one model; all that one judge is asked has to be done in its time."""

    prover: Prover
    only: int = 0  # how many steps the sequence has; 0 for any number
    budget: Budget = field(default_factory=lambda: Budget(SECONDS))
    short: set[str] = field(default_factory=set)  # indices whose ranges end before they begin where nothing is asked
    _known: dict[object, list[Env]] = field(default_factory=dict)  # the values of free indices of what is judged

    def anew(self) -> Judge:
        """One that has half the time, for another claim."""
        return Judge(self.prover, self.only, Budget(SECONDS / 2))

    def judge(self, found: Search[tuple[Pair, ...]]) -> Judgement:
        """The verdict on a claim with several readings."""
        if not found.readings:
            if not found.complete:
                return Judgement(Outcome.OPEN, "there are more readings than are tried")
            reason = str(found.misfit) if found.misfit else "no reading makes sense"
            return Judgement(Outcome.ILL_FORMED, reason, at=found.misfit.at if found.misfit else 0)
        judged = [Judged(r.choices, self._chain(r.result)) for r in found.readings]
        together = combined(judged, found.complete)
        rows = all(j.choices.get(DIRECTION) == "rows" for j in judged)
        if not rows or together.outcome not in TRUE:
            return together
        # True of row vectors, without sense for columns: nobody said how they lie.
        columns = Judged({DIRECTION: "columns"}, Verdict(Status.ILL_FORMED, str(found.misfit or "it makes no sense")))
        reading = {DIRECTION: "rows"}
        return Judgement(Outcome.CONDITIONAL, f"true where {DIRECTION} rows", (*judged, columns), reading)

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
        except NoValue as error:
            return Verdict(Status.ILL_FORMED, str(error))
        except (UnsupportedError, ZeroDivisionError, RecursionError) as error:
            return Verdict(Status.OPEN, str(error) or type(error).__name__)

    def _judged(self, left: MatrixExpr, right: MatrixExpr) -> Verdict:
        budget, instances = self.budget, list[Instance]()
        budget.spend()
        self.short = set[str]()
        self._known.clear()
        places = Places(self.prover.agreement, self.only)
        if places.is_far(left, right):
            return Verdict(Status.OPEN, f"what it names lies more than {FARTHEST} steps apart: too far to be evaluated")
        for steps, sizes in places.of(left, right):
            try:
                envs = self._envs(left, right, steps, sizes)
            except OutOfBudget:
                if not places.more:
                    raise
                budget.spend()  # time that is up is no reason to go on
                continue  # too many values of free indices; fewer have been looked at
            places.asked(steps, bool(envs))
            if not envs:
                continue
            instance = self.prover.agreement.exact(left, right, steps, sizes, budget, envs)
            if instance is None:
                return self._denied(left, right, steps, sizes, budget)
            instances.append(instance)
        if not instances:
            where = Domain(self.prover.subject.names, LATE, self.prover.agreement.sizes(0)).outside(left, right)
            return Verdict(Status.ILL_FORMED, f"its indices are in range at no step{': ' * bool(where)}{where}")
        unlike = self._unlike(left, right, instances[0], budget)
        if unlike is not None:
            return unlike
        proof = self._proof(left, right)
        if proof is not None:
            return proof
        where = "; ".join(map(str, instances))
        bits, least = min(i.bits for i in instances), min(i.T for i in instances)
        reason = f"exact at {where}; a false equation would pass with probability below 2^-{bits}"
        checked = Verdict(Status.CHECKED, reason, 1, tuple(instances))
        chosen = {i.T: i for i in sorted(instances, key=lambda i: i.T) if i.T in (least, instances[0].T)}
        jumps = [(i.T, i.sizes, self._envs(left, right, i.T, i.sizes)) for i in chosen.values()]
        found = restated(checked, at_jumps(self.prover.agreement, left, right, jumps, budget))
        for steps in range(1, least):
            self._envs(left, right, steps, instances[0].sizes)
        short = tuple(f"the range of {k} does not end before it begins" for k in sorted(self.short))
        return replace(found, assumptions=(*found.assumptions, *short)) if found.status is Status.CHECKED else found

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

    def _envs(self, left: MatrixExpr, right: MatrixExpr, steps: int, sizes: Mapping[str, int]) -> list[Env]:
        key = (left, right, steps, *sizes.items())
        if key not in self._known:
            domain = Domain(self.prover.subject.names, steps, sizes, self.budget.spend)
            self._known[key] = domain.envs(left, right, self.prover.agreement.free(left, right))
            self.short |= domain.short
        return self._known[key]

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
        unknown = Verdict(Status.OPEN, "the field denies it, which knows functions by their listed relations only")
        jump = at_jumps(agreement, left, right, [(last, sizes, self._envs(left, right, last, sizes))], budget)
        return restated(unknown, jump) if jump.example is not None else unknown

    def _proof(self, left: MatrixExpr, right: MatrixExpr) -> Verdict | None:
        """A proof for every T, where the equation is about all steps and has no derivative that stands for itself."""
        symbols = (Jacobian, StepGradient, Entry, Delta)
        free = self.prover.agreement.free(left, right)
        if self.only or len(free) > 1 or any(e.has(*symbols) for e in (left, right)):
            return None
        if not self._is_about_all(left, right, free):
            return None
        to_t: dict[Symbol, Symbol] = dict.fromkeys(free, t)
        left, right = left.xreplace(to_t), right.xreplace(to_t)
        verdict = self.prover.prove(left, right, thorough=False, within=self.budget)
        return verdict if verdict.status in (Status.PROVED, Status.REFUTED) else None

    def _is_about_all(self, left: MatrixExpr, right: MatrixExpr, free: Iterable[Symbol]) -> bool:
        """Is the equation meant for every number of steps, and for each of them?"""
        if any(k not in (0, -1) for k in whole_steps(left, right)):
            return False
        sizes, index = self.prover.agreement.sizes(0), next(iter(free), None)
        if index is None:
            return all(self._envs(left, right, n, sizes) for n in (1, 2, 3))  # none: about a step that they do not have
        return all([e[index] for e in self._envs(left, right, n, sizes)] == list(range(n)) for n in (2, 3))
