"""The project proves itself: a model's whole derivation, held to the truth that no rule touches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sympy import Integer, MatrixExpr

from derive.algebra.nodes import StepGradient
from derive.algebra.text import unicode_text
from derive.calculus.chain import Chain
from derive.calculus.closed import ClosedForm
from derive.calculus.recursion import readable
from derive.errors import UnsupportedError
from derive.proof.agreement import WORLDS
from derive.proof.budget import Budget, OutOfBudget
from derive.proof.equation import evaluated
from derive.proof.field.world import Sweep
from derive.proof.prove import Prover
from derive.proof.verdict import Instance, Status, Verdict

SECONDS = 60.0  # for one equation, or one double sum

Equation = tuple[MatrixExpr, MatrixExpr]


@dataclass(frozen=True)
class DerivationProof:
    """What holds of a derivation.

    Attributes:
        name: of the model.
        equations: how many equations were evaluated on both sides.
        instances: T and sizes at which they were, and how sure that is.
        wrong: equations that do not hold, in words.
        unchecked: equations that were too large to evaluate, in words.
        sums: for each parameter, the verdict on "the gradient is its double sum"; None where it has none.
    """

    name: str
    equations: int
    instances: tuple[Instance, ...]
    wrong: tuple[str, ...]
    unchecked: tuple[str, ...]
    sums: Mapping[str, Verdict | None]

    @property
    def ok(self) -> bool:
        bad = (Status.REFUTED, Status.ILL_FORMED)
        return not self.wrong and not any(v is not None and v.status in bad for v in self.sums.values())

    def of_status(self, status: Status) -> list[str]:
        """The parameters whose double sum has this status."""
        return [name for name, v in self.sums.items() if v is not None and v.status is status]

    def as_json(self) -> dict[str, object]:
        verdicts = {name: None if v is None else v.as_json() for name, v in self.sums.items()}
        return {
            "equations": self.equations,
            "checked": [i.as_json() for i in self.instances],
            "wrong": list(self.wrong),
            "unchecked": list(self.unchecked),
            "sums": {n: None if v is None else {**v, "certificate": None} for n, v in verdicts.items()},
            "ok": self.ok,
        }


def work_of(prover: Prover) -> int:
    """How many times `progress` is called."""
    return sum(1 for _ in equations(prover)) * len(WORLDS) + len(prover.subject.normal.parameters)


def prove_derivation(
    prover: Prover, progress: Callable[[], None] = lambda: None, proofs: bool = True
) -> DerivationProof:
    """Evaluate every equation of the derivation, and prove the double sums; without `proofs` evaluate them too.

    Every adjoint equation is evaluated with true derivatives in place of its names; the adjoint program
    as a whole is run and its gradients compared; the first steps written out likewise.
    """
    agreement, wrong, unchecked, instances = prover.agreement, list[str](), list[str](), list[Instance]()
    count = 0
    for given, shift in WORLDS:
        steps, sizes, bits = max(given, agreement.least), agreement.sizes(shift), list[int]()
        for left, right in equations(prover):
            shown = f"{unicode_text(left, prover.subject.names)} at T = {steps}"
            count += 1
            progress()
            verdict = evaluated(agreement, left, right, [(steps, sizes)], Budget(SECONDS))
            if verdict.status is Status.OPEN:
                unchecked.append(f"{shown}: {verdict.reason}")
            elif verdict.status is Status.REFUTED:
                wrong.append(shown)
            else:
                bits += (i.bits for i in verdict.instances)
        if not unchecked:
            wrong += (f"dL/d{name} by the program at T = {steps}" for name in _run(prover, steps, shift))
        if bits:
            instances.append(Instance(steps, sizes, min(bits)))
    sums = {}
    for name, left, form in _closed_forms(prover):
        sums[name] = None if form is None else _judged(prover, left, form.expression, proofs)
        wrong += _unrolled(prover, name, form)
        progress()
    return DerivationProof(prover.subject.names.name, count, tuple(instances), tuple(wrong), tuple(unchecked), sums)


def _judged(prover: Prover, left: MatrixExpr, right: MatrixExpr, proofs: bool) -> Verdict:
    """The verdict on a double sum."""
    if proofs:
        return prover.prove(left, right, SECONDS)
    agreement = prover.agreement
    places = [(max(given, agreement.least), agreement.sizes(shift)) for given, shift in WORLDS]
    return evaluated(agreement, left, right, places, Budget(SECONDS))


def equations(prover: Prover) -> Iterator[Equation]:
    """The recorded steps, with carries by name and as a reader sees them."""
    adjoint = prover.subject.adjoint
    raw = {s.left: s.right for s in adjoint.steps}
    yield from raw.items()
    yield from ((s.left, s.right) for s in readable(adjoint) if raw[s.left] != s.right)


def _run(prover: Prover, steps: int, shift: int) -> Iterator[str]:
    """The given names whose gradient the adjoint program, run as it is, gets wrong."""
    truth = prover.agreement.field_world(steps, shift, Budget(SECONDS))
    sweep = Sweep(truth.world, prover.subject.names)
    for name, new in prover.subject.adjoint.cotangents.items():
        v = prover.subject.normal[name]
        if v.given:
            times = range(steps) if v.timed else (None,)
            same = truth.world.matrices.same
            if not all(same(sweep.get((new, now)).rows, truth.gradient(name, now).rows) for now in times):
                yield name


def _closed_forms(prover: Prover) -> Iterator[tuple[str, MatrixExpr, ClosedForm | None]]:
    """Each parameter, its gradient's name, and its double sum."""
    adjoint = prover.subject.adjoint
    chain = Chain(adjoint)
    for v in prover.subject.normal.parameters:
        if v.name in adjoint.cotangents:
            try:
                form: ClosedForm | None = chain.closed_form(v.name)
            except UnsupportedError:
                form = None
            yield v.name, adjoint.program.ref(adjoint.cotangents[v.name]), form


def _unrolled(prover: Prover, name: str, form: ClosedForm | None) -> Iterator[str]:
    """The steps' contributions, written out over the hidden states, that are wrong."""
    if form is None or not form.by_steps:
        return
    (given, shift), shape = WORLDS[0], prover.subject.names[name].shape
    steps = max(given, prover.agreement.least)
    budget, sizes = Budget(SECONDS), prover.agreement.sizes(shift)
    for j in range(steps):
        left, right = StepGradient(name, Integer(j), *shape), form.contribution(j, steps)
        try:
            if prover.agreement.exact(left, right, steps, sizes, budget) is None:
                yield f"dL_{j}/d{name} written out"
        except (OutOfBudget, UnsupportedError, ZeroDivisionError):  # no step has a loss of its own, or it is too large
            return
