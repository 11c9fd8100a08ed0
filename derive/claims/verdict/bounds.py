"""Inequalities: a violation in real numbers is looked for; without one nothing is claimed."""

from __future__ import annotations

from sympy import MatrixExpr

from derive.claims.reading.readings import Search
from derive.claims.verdict.domain import Domain
from derive.claims.verdict.judge import Pair
from derive.claims.verdict.verdicts import Judged, Judgement, Outcome, combined
from derive.errors import UnsupportedError
from derive.proof.budget import Budget, OutOfBudget
from derive.proof.field.reals import DIGITS, Reals
from derive.proof.field.truth import Truth
from derive.proof.prove import Prover
from derive.proof.verdict import Counterexample, Status, Verdict

GREATER = ("ge", "geq", "geqslant", ">", "gg")
VAGUE = ("ll", "gg")  # much less than: nothing that numbers could deny
DRAWS, SECONDS = 8, 3.0
PLACES = ((1, 0), (2, 1), (3, 0), (4, 1))  # T, and the order of the sizes
CLEAR = 1e-20  # relative: what rounding cannot explain


def judged_bound(prover: Prover, found: Search[tuple[Pair, ...]], relation: str, single: bool) -> Judgement:
    """The verdict on left ≤ right (or ≥): refuted by numbers, else open."""
    if not found.readings:
        reason = str(found.misfit) if found.misfit else "no reading makes sense"
        return Judgement(Outcome.ILL_FORMED, reason, at=found.misfit.at if found.misfit else 0)
    if relation in VAGUE:
        return Judgement(Outcome.OPEN, f"{relation} is no relation that numbers can deny")
    judged = []
    for reading in found.readings:
        left, right = reading.result[0] if relation not in GREATER else reading.result[0][::-1]
        judged.append(Judged(reading.choices, _bound(prover, left, right, single)))
    return combined(judged, found.complete)


def _bound(prover: Prover, left: MatrixExpr, right: MatrixExpr, single: bool) -> Verdict:
    """Is left ≤ right violated somewhere?"""
    budget, tried = Budget(SECONDS), 0
    try:
        for seed in range(1, DRAWS + 1):
            for steps, shift in PLACES:
                example = _violation(prover, left, right, 1 if single else steps, shift, seed, budget)
                if example is not None:
                    return Verdict(Status.REFUTED, f"it is violated at T = {example.T}", 1, counterexample=example)
                tried += 1
    except OutOfBudget:
        pass
    except (UnsupportedError, ZeroDivisionError) as error:
        return Verdict(Status.OPEN, str(error) or "a division by zero")
    return Verdict(Status.OPEN, f"not violated at {tried} random points; bounds are not proved")


def _violation(
    prover: Prover, left: MatrixExpr, right: MatrixExpr, steps: int, shift: int, seed: int, budget: Budget
) -> Counterexample | None:
    agreement, subject = prover.agreement, prover.subject
    sizes = agreement.sizes(shift)
    truth = Truth(subject, sizes, steps, Reals(), seed)
    truth.world.budget = budget
    free = agreement.free(left, right)
    context = truth.world.domain.context  # type: ignore[attr-defined]
    for env in Domain(subject.names, steps, sizes).envs(left, right, free):
        a, b = truth.value(left, env), truth.value(right, env)
        for i, (u, v) in enumerate(zip(a, b, strict=True)):
            for j, (x, y) in enumerate(zip(u, v, strict=True)):
                if x - y > CLEAR * (1 + abs(y)):
                    shown = [context.nstr(z, DIGITS) for z in (x, y)]
                    step = next((n for s, n in env.items() if str(s) == "t"), None)
                    return Counterexample(steps, sizes, seed, step, (i, j), *shown)
    return None
