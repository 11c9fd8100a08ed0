"""One '=' of a derivation: proved for every T where that can be, else exact at two sets of sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product

from sympy import Integer, MatrixExpr, Symbol

from derive.algebra.bound import Bound
from derive.algebra.nodes import Jacobian, StepGradient, SumOver, Timed, t
from derive.errors import UnsupportedError
from derive.proof.agreement import WORLDS, Agreement
from derive.proof.budget import Budget, OutOfBudget
from derive.proof.field.rules import Env
from derive.proof.prove import Prover
from derive.proof.verdict import Instance, Status, Verdict

SECONDS = 20.0  # for one equation


def check_equation(
    prover: Prover, left: MatrixExpr, right: MatrixExpr, indices: Sequence[Symbol] = (), seconds: float = SECONDS
) -> Verdict:
    """The verdict on an equation of a derivation.

    Derivatives as symbols have values in the field only; such an equation is evaluated on both sides,
    with every value of its free indices.

    Args:
        indices: j, k and m: free, they stand for 0 ≤ k ≤ j < T and for 1 ≤ m < T.
    """
    free, sides = prover.agreement.free(left, right), (left, right)
    if any(e.has(Jacobian, StepGradient) for e in sides):
        return _evaluated(prover, left, right, indices, seconds)
    if free <= {t}:
        return prover.prove(left, right, seconds, thorough=False)
    taken = {n.index for e in sides for n in e.atoms(Bound)} | {t, *indices[2:]}  # m is 1 or larger
    if len(free) > 1 or free & taken or any(e.has(SumOver) for e in sides):
        return _evaluated(prover, left, right, indices, seconds)
    to_t = dict.fromkeys(free, t)
    return prover.prove(left.xreplace(to_t), right.xreplace(to_t), seconds, thorough=False)


def _evaluated(
    prover: Prover, left: MatrixExpr, right: MatrixExpr, indices: Sequence[Symbol], seconds: float
) -> Verdict:
    """Both sides at two sets of sizes, with every value of the free indices."""
    agreement = prover.agreement
    free, last = agreement.free(left, right), max(_whole_times(left, right), default=0)
    places = [(max(steps, 1 + last, agreement.least), agreement.sizes(shift)) for steps, shift in WORLDS]
    return evaluated(agreement, left, right, places, Budget(seconds), lambda steps: list(_values(free, indices, steps)))


def evaluated(
    agreement: Agreement,
    left: MatrixExpr,
    right: MatrixExpr,
    places: Iterable[tuple[int, Mapping[str, int]]],
    budget: Budget,
    envs_at: Callable[[int], Sequence[Env] | None] = lambda steps: None,
) -> Verdict:
    """The verdict on an equation by its values, exact at some T and sizes; what only the field denies is open.

    Args:
        envs_at: the values of the free indices at one T; None for t at every step.
    """
    found = list[Instance]()
    try:
        for steps, sizes in places:
            envs = envs_at(steps)
            instance = agreement.exact(left, right, steps, sizes, budget, envs)
            if instance is None:
                return _denied(agreement, left, right, steps, sizes, budget, envs)
            found.append(instance)
    except (OutOfBudget, UnsupportedError, ZeroDivisionError) as limit:
        return Verdict(Status.OPEN, str(limit) or "a division by zero", instances=tuple(found))
    return Verdict(Status.CHECKED, f"exact at {'; '.join(map(str, found))}", instances=tuple(found))


def _denied(
    agreement: Agreement,
    left: MatrixExpr,
    right: MatrixExpr,
    steps: int,
    sizes: Mapping[str, int],
    budget: Budget,
    envs: Sequence[Env] | None,
) -> Verdict:
    """What to say where the field tells two sides apart."""
    try:
        example = agreement.counterexample(left, right, steps, sizes, budget, envs)
    except ZeroDivisionError:
        return Verdict(Status.REFUTED, f"the sides differ at T = {steps}, where no real values were found", 1)
    if example is None:
        return Verdict(Status.OPEN, "the field knows functions by their listed relations only")
    return Verdict(Status.REFUTED, f"the sides differ at T = {steps}", 1, counterexample=example)


def _values(free: frozenset[Symbol], indices: Sequence[Symbol], steps: int) -> Iterator[Env]:
    """Every value of the free indices at which the equation is meant."""
    names = sorted(free, key=str)
    j, k, m = indices or (None, None, None)
    for values in product(range(steps), repeat=len(names)):
        env = dict(zip(names, values, strict=True))
        if not (j in env and k in env and env[k] > env[j]) and env.get(m, 1) >= 1:  # type: ignore[arg-type]
            yield env


def _whole_times(*sides: MatrixExpr) -> Iterator[int]:
    """The steps that are written as numbers: L_3 needs T = 4."""
    for e in sides:
        yield from (int(r.index) for r in e.atoms(Timed) if isinstance(r.index, Integer))
