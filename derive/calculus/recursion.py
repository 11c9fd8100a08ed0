"""The adjoint recursion of BPTT as a person writes it: what comes from another step stands where it arrives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from sympy import Expr, MatAdd, MatrixExpr

from derive.algebra import build as b
from derive.algebra.nodes import is_reference, t
from derive.calculus.adjoint import Adjoint, Contribution, Step
from derive.calculus.arrivals import arriving, vanishes
from derive.program import operands, rebuild, references


def readable(adjoint: Adjoint) -> tuple[Step, ...]:
    """The steps with carries replaced by what they stand for.

    One that a step after the last would not make zero, as where a loss reads the state before, keeps its name: it is
    zero there by definition.
    """
    equations, names = adjoint.program.equations, arriving(adjoint.program)
    carried = {
        s.left.name: s
        for s in adjoint.steps
        if s.left.name in adjoint.carries.values() and vanishes(equations[s.left.name], lambda r: r.name in names)
    }

    def visit(e: MatrixExpr) -> MatrixExpr:
        if is_reference(e) and e.name in carried:
            return equations[e.name].xreplace({t: e.index})
        if is_reference(e) or not operands(e):
            return e
        parts = [visit(a) for a in operands(e)]
        return b.add(*parts) if isinstance(e, MatAdd) else rebuild(e, parts)

    return tuple(
        _with_later(replace(s, right=visit(s.right)), s, carried) for s in adjoint.steps if s.left.name not in carried
    )


def _with_later(shown: Step, step: Step, carried: Mapping[str, Step]) -> Step:
    """With the uses at other steps among the reasons of a cotangent, and their terms among its parts."""
    at = [(carried[r.name], r.index) for r in references(step.right) if r.name in carried]
    if not at or not step.left.has(t):
        return shown
    later = tuple(
        replace(p, value=p.value.xreplace({t: index})) for carry, index in dict.fromkeys(at) for p in carry.parts
    )
    own = later[0].operand.name
    parts = (*step.parts, *later)
    rule = parts[0].rule if len(parts) == 1 else "sum over all uses"
    uses = [*_uses("", step.parts, own), *(u for carry, index in dict.fromkeys(at) for u in _later(carry, index))]
    return replace(shown, rule=rule, reason=f"{own} is used {' and '.join(uses)}", parts=parts)


def _later(carry: Step, index: Expr) -> Iterator[str]:
    steps = int(index - t)
    when = f"{abs(steps)} steps " if abs(steps) > 1 else "one step "
    return _uses(when + ("later " if steps > 0 else "before "), carry.parts)


def _uses(when: str, parts: tuple[Contribution, ...], own: str = "") -> Iterator[str]:
    """By what a name is used, in words; not by itself at the same step, which is the seed."""
    if users := sorted({p.source for p in parts} - {own}):
        yield f"{when}by {', '.join(users)}"
