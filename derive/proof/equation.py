"""One '=' of a derivation: proved for every T where that can be, else exact at two sets of sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from sympy import Integer, MatrixExpr, Symbol

from derive.algebra.bound import Bound
from derive.algebra.nodes import Jacobian, StepGradient, SumOver, Timed, t
from derive.proof.agreement import WORLDS
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
    budget, found = Budget(seconds), list[Instance]()
    free = prover.agreement.free(left, right)
    for least, shift in WORLDS:
        steps = max([least, *(1 + i for i in _whole_times(left, right))])
        try:
            envs = list(_values(free, indices, steps))
            instance = prover.agreement.exact(left, right, steps, prover.agreement.sizes(shift), budget, envs)
        except (OutOfBudget, ZeroDivisionError) as limit:
            return Verdict(Status.OPEN, str(limit) or "a division by zero", instances=tuple(found))
        if instance is None:
            return Verdict(Status.REFUTED, f"the sides differ at T = {steps}", instances=tuple(found))
        found.append(instance)
    reason = f"exact at {'; '.join(map(str, found))}"
    return Verdict(Status.CHECKED, reason, instances=tuple(found))


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
