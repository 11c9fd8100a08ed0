"""The true equation for a left side, as it is derived: what a repair falls back on where no few edits help."""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import suppress

from sympy import Expr, MatAdd, MatMul, MatrixExpr, Symbol, Transpose

from derive.algebra.bound import MatrixSum
from derive.algebra.build import add, transpose
from derive.algebra.nodes import Gradient, Jacobian, SumOver, T, Timed, is_reference, t
from derive.algebra.shapes import same
from derive.calculus.chain import READABLE, Chain
from derive.calculus.local import jacobian
from derive.calculus.recursion import readable
from derive.claims.verdict.verdicts import ANEW
from derive.documents.fold import helpers, substitute
from derive.documents.latex import latex
from derive.errors import DeriveError
from derive.program import references
from derive.proof.field.truth import Subject

STEP = Symbol("k", integer=True)
IN_OTHER_WORDS = f"{ANEW}, in the model's own names, steps counted from 0"


def derived(left: MatrixExpr, subject: Subject, named: Container[str] = ()) -> Iterator[tuple[MatrixExpr, MatrixExpr]]:
    """Equations whose left side is the one given; whether they are true is for the caller to judge.

    Args:
        named: the quantities whose derivatives the claim has names for; these are reached first.
    """
    if isinstance(left, Transpose):
        yield from ((transpose(a), transpose(b)) for a, b in derived(left.arg, subject, named))
        return
    with suppress(DeriveError):
        for right in _rights(left, subject, named):
            turned = right if same(left.shape, right.shape) else transpose(right)
            if same(left.shape, turned.shape):
                yield left, turned


def shown(left: MatrixExpr, right: MatrixExpr, subject: Subject) -> str:
    """The equation as LaTeX."""
    return f"{latex(left, subject.names)} = {latex(right, subject.names)}"


def _rights(left: MatrixExpr, subject: Subject, named: Container[str]) -> Iterator[MatrixExpr]:
    """What is derived, the shortest first."""
    adjoint = subject.adjoint
    names = {new: name for name, new in adjoint.cotangents.items()}
    if is_reference(left) and left.name in names:
        closed = None if isinstance(left, Timed) else Chain(adjoint).closed_form(names[left.name])
        if closed is not None and not any(path.double for path in closed.short_paths):
            yield closed.expression
        step = next((s for s in readable(adjoint) if s.left.name == left.name), None)
        if step is not None:
            index = left.index if isinstance(left, Timed) else t
            for right in (*_towards(step.right, subject, named), _in_own_names(step.right, subject), step.right):
                yield _summed(right.xreplace({t: index}))
        if closed is not None:
            yield closed.expression
    elif isinstance(left, Gradient):
        yield transpose(_local(left.of, left.by, subject))
    elif isinstance(left, Jacobian):
        yield _local(left.of, left.by, subject)
    elif isinstance(left, MatMul):
        first, last = _untransposed(left.args[0]), _untransposed(left.args[-1])
        if isinstance(first, Jacobian) and isinstance(last, Jacobian):
            yield _local(first.of, last.by, subject)


def _towards(e: MatrixExpr, subject: Subject, named: Container[str]) -> Iterator[MatrixExpr]:
    """With derivatives that have no name written out, each once, if that leads to some that have one."""
    by = {new: name for name, new in subject.adjoint.cotangents.items()}
    steps = {s.left.name: s.right for s in readable(subject.adjoint)}
    todo, done = True, set[str]()
    while todo:
        unnamed = {r for r in references(e) if by.get(r.name, "") not in named and r.name in steps.keys() - done}
        todo = bool(unnamed)
        done |= {r.name for r in unnamed}
        e = substitute(e, {r.name: steps[r.name] for r in unnamed})
    reached = {by[r.name] for r in references(e) if r.name in by}
    if reached and all(name in named for name in reached) and sum(1 for _ in references(e)) <= READABLE:
        yield substitute(e, helpers(subject.normal, subject.reading.variables))


def _in_own_names(e: MatrixExpr, subject: Subject) -> MatrixExpr:
    """Without the names that only the normal form has, and without their derivatives."""
    own = subject.reading.variables
    values = helpers(subject.normal, own)
    hidden = {new for name, new in subject.adjoint.cotangents.items() if name not in own}
    for step in readable(subject.adjoint):
        if step.left.name in hidden:
            values[step.left.name] = substitute(step.right, values)
    for _ in values:
        if not any(r.name in values for r in references(e)):
            break
        e = substitute(e, values)
    return e


def _summed(e: MatrixExpr) -> MatrixExpr:
    """The sum over the steps of one sequence as a sum with an index."""
    if isinstance(e, SumOver):
        return MatrixSum(e.arg.xreplace({t: STEP}), STEP, 0, T - 1) if "t" in e.axes else e.arg
    return add(*map(_summed, e.args)) if isinstance(e, MatAdd) else e


def _untransposed(e: MatrixExpr) -> MatrixExpr:
    return e.arg if isinstance(e, Transpose) else e


def _local(of: MatrixExpr, by: MatrixExpr, subject: Subject) -> MatrixExpr:
    """A derivative within one step, written out."""
    if not isinstance(of, Timed):
        raise DeriveError("it has no step")
    now: Expr = of.index
    moved = by.xreplace({by.index: (by.index - now + t).expand()}) if isinstance(by, Timed) else by
    return jacobian(subject.reading, of.name, moved).xreplace({t: now})
