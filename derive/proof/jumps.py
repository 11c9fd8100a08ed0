"""Where functions jump, or their slopes do: the field, whose values are random, never comes there.

step(z) + step(-z) = 1 holds wherever it is tried at random, and not at z = 0.  So claims are asked, in real numbers,
where arguments are zero too: at zeros, at zeros among other values, at the few numbers that occur.  What a formula
says by itself is false if it is false there.  A derivative has no value at a kink but by convention (ours is a slope
of 0): a claim with derivatives that fails there, and only there, holds away from the kinks, and its verdict says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sympy import MatrixExpr, Rational

from derive.algebra.functions import FUNCTIONS, Apply
from derive.algebra.nodes import Jacobian, Scale, StepGradient
from derive.program import references
from derive.proof.agreement import Agreement
from derive.proof.budget import Budget, OutOfBudget
from derive.proof.field.points import SPARSE, ZERO, Points
from derive.proof.field.rules import Env
from derive.proof.field.truth import Subject
from derive.proof.verdict import Counterexample, Status, Verdict

DRAWS = 6  # of each kind
MOST_NUMBERS = 8  # that occur, with their opposites
LARGEST = 1000


@dataclass(frozen=True)
class Found:
    """A point at which the sides differ, or what is taken for granted; neither where all is well."""

    example: Counterexample | None = None
    assumption: str = ""


def rough(subject: Subject, *sides: MatrixExpr) -> list[Apply]:
    """The functions in a claim and in its model that jump or have a kink."""
    found = subject.functions.union(*(e.atoms(Apply) for e in sides))
    return sorted((x for x in found if not x.function.smooth), key=str)


def at_jumps(
    agreement: Agreement,
    left: MatrixExpr,
    right: MatrixExpr,
    places: Sequence[tuple[int, Mapping[str, int], Sequence[Env] | None]],
    budget: Budget,
    proved: bool = False,
) -> Found:
    """What holds of a claim, true elsewhere, where functions of it or of its model jump.

    Args:
        places: T, sizes, and the values of the free indices, if it is others than t at every step.
        proved: its functions were letters without a meaning, so that a jump that was not met cannot matter.
    """
    subject = agreement.subject
    functions = rough(subject, left, right)
    if not functions:
        return Found()
    derived, met = has_derivatives(subject, left, right), set[object]()
    for steps, sizes, envs in places:
        for seed, points in _draws(agreement, left, right):
            try:
                truth = agreement.real_world(steps, sizes, seed, points, budget)
                example = agreement.compare(left, right, truth, envs)
            except ZeroDivisionError:
                continue  # a side has no value there: it says nothing
            except OutOfBudget:
                return Found(assumption="" if proved else _away(functions))
            here = truth.matrices.at_kinks
            if example is not None:
                return Found(assumption=_away(functions)) if derived and here else Found(example)
            met |= here
    own = {x for e in (left, right) for x in e.atoms(Apply) if x.function.jumps}
    missed = own - met or (derived and not met) or any(map(_mixed, own))
    return Found(assumption=_away(functions)) if missed and not proved else Found()


def restated(verdict: Verdict, found: Found) -> Verdict:
    """The verdict on a claim that is true elsewhere.  What a certificate says has no exceptions: it goes with one."""
    if found.example is not None:
        reason = f"the sides differ at T = {found.example.T}, where a function jumps"
        return Verdict(Status.REFUTED, reason, 1, counterexample=found.example)
    if not found.assumption:
        return verdict
    assumptions = (*verdict.assumptions, found.assumption)
    if verdict.status is Status.PROVED:
        places = "; ".join(map(str, verdict.instances))
        return Verdict(Status.CHECKED, f"exact at {places}", verdict.least, verdict.instances, assumptions=assumptions)
    return replace(verdict, assumptions=assumptions)


def _mixed(x: Apply) -> bool:
    """Does it jump where several quantities cancel, as at x - 2 y = 0?

    Values at which they do are met by chance, and together with zeros that may hide what happens there.
    """
    return any(len(set(references(a))) > 1 for a in x.matrices)


def has_derivatives(subject: Subject, *sides: MatrixExpr) -> bool:
    """Does a claim read a derivative, which is the model's own convention at a kink?"""
    names = {r.name for e in sides for r in references(e)}
    known = subject.normal.variables
    return any(e.has(Jacobian, StepGradient) for e in sides) or any(n not in known for n in names)


def _draws(agreement: Agreement, *sides: MatrixExpr) -> Iterator[tuple[int, Points]]:
    few = Points(zeros=Rational(1, 3), pool=_numbers(agreement.subject, *sides))
    yield 1, ZERO
    yield from ((seed, points) for seed in range(1, DRAWS + 1) for points in (SPARSE, few))


def _numbers(subject: Subject, *sides: MatrixExpr) -> tuple[Rational, ...]:
    """1 and the numbers that occur, at which an argument such as x - 1/2 is zero, each with its opposite."""
    scales = (x.coefficient for e in (*sides, *subject.reading.equations.values()) for x in e.atoms(Scale))
    found = [c for c in (*scales, *subject.names.numbers.values()) if isinstance(c, Rational)]
    sizes = dict.fromkeys(abs(c) for c in (Rational(1), *sorted(found, key=str)) if c and abs(c) <= LARGEST)
    return tuple(sign * c for c in list(sizes)[:MOST_NUMBERS] for sign in (1, -1))


def _away(functions: Sequence[Apply]) -> str:
    names = sorted({x.name for x in functions})
    one = [n for n in names if FUNCTIONS[n].arity == 1]
    two = [n for n in names if FUNCTIONS[n].arity == 2]
    parts = [f"no argument of {', '.join(one)} is 0"] if one else []
    parts += [f"no two arguments of {', '.join(two)} are equal"] if two else []
    return f"away from the jumps: {'; '.join(parts)}"
