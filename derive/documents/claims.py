"""A rule of differentiation as a small program of its own, so that it can be checked like any other equation."""

from __future__ import annotations

from dataclasses import dataclass

from sympy import MatrixExpr, Rational, Symbol, Transpose

from derive.algebra import build as b
from derive.algebra.functions import Apply
from derive.algebra.nodes import FusedLoss, SigmoidCrossEntropy, Softmax
from derive.calculus.adjoint import Adjoint, adjoint
from derive.calculus.pullback import pullback
from derive.program import Program, Variable, references

FACTOR = Rational(3, 7)  # for the constant of a scaled term: any number
RESULT = "result_of_rule"


@dataclass(frozen=True)
class Claim:
    """y = f(a, …) with a given dL/dy, and for each argument: its gradient is what the rule says."""

    program: Program
    adjoint: Adjoint
    equations: tuple[tuple[MatrixExpr, MatrixExpr], ...]

    def sizes(self, large: bool) -> dict[str, int]:
        """Sizes at which every sample has a meaning: parts lie inside what they are parts of."""
        known = {"n": 3, "m": 8, "p": 1, "q": 3} if large else {"n": 2, "m": 7, "p": 1, "q": 2}
        others = (s.name for s in self.program.sizes if s.name not in known)
        return known | {name: 2 + i + large for i, name in enumerate(others)}


def claim(sample: MatrixExpr, program: Program) -> Claim:
    """The rule of one node, with the letters of the sample as given arrays."""
    sample = sample.xreplace({Symbol("gamma"): FACTOR})
    small = _program(sample, program)
    y = small.ref(RESULT)
    given = small.ref(f"d_{RESULT}")
    active = {r.name for r, _ in pullback(sample, y, given, small) for r in references(r)}
    if isinstance(sample, FusedLoss):
        active = {sample.logits.name}
    back = adjoint(small, sorted(active), {RESULT: f"d_{RESULT}"})
    sums: dict[str, list[MatrixExpr]] = {}
    for x, h in pullback(sample, y, given, small):
        name, value = (x.arg.name, b.transpose(h)) if isinstance(x, Transpose) else (x.name, h)
        if name in active:
            sums.setdefault(name, []).append(value)
    pairs = ((back.program.ref(back.cotangents[name]), b.add(*terms)) for name, terms in sums.items())
    return Claim(small, back, tuple(pairs))


def _program(sample: MatrixExpr, program: Program) -> Program:
    refs = {r.name: r for r in references(sample)}
    own = {n: program.variables[n] for n in refs} if isinstance(sample, FusedLoss) else {}
    axes = program.axes(sample) if own else frozenset("")
    variables = {
        n: Variable(n, "input", r.shape, own[n].axes if own else axes, onehot=bool(own) and own[n].onehot)
        for n, r in refs.items()
    }
    equations: dict[str, MatrixExpr] = {}
    if isinstance(sample, FusedLoss):
        p = sample.companion.name
        variables[p] = Variable(p, "result", variables[p].shape, variables[p].axes)
        z = sample.logits
        equations[p] = Apply("sigmoid", z) if isinstance(sample, SigmoidCrossEntropy) else Softmax(z)
    equations[RESULT] = sample
    variables[RESULT] = Variable(RESULT, "result", sample.shape, axes)
    new = f"d_{RESULT}"
    variables[new] = Variable(new, "cotangent", sample.shape, axes, of=RESULT)
    sizes = {s for v in variables.values() for n in v.shape for s in n.free_symbols}
    sizes |= {s for s in sample.free_symbols if isinstance(s, Symbol) and s.name in ("p", "q")}
    return Program(
        "rule",
        tuple(sorted(sizes, key=str)),
        variables,
        equations,
        constants=program.constants,
        outputs=(RESULT,),
        assumptions=tuple(a for a in program.assumptions if a.name in own),
    )
