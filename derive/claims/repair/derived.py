"""The true equation for a left side, as it is derived: what a repair falls back on where no few edits help."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr, MatMul, MatrixExpr, Transpose

from derive.algebra.build import transpose
from derive.algebra.nodes import Gradient, Jacobian, Timed, is_reference, t
from derive.algebra.shapes import same
from derive.calculus.chain import Chain, readable
from derive.calculus.local import jacobian
from derive.documents.latex import latex
from derive.errors import DeriveError
from derive.proof.field.truth import Subject

WORDS = "derived anew, in the model's own names, steps counted from 0"


def derived(left: MatrixExpr, subject: Subject) -> Iterator[tuple[MatrixExpr, MatrixExpr]]:
    """Equations whose left side is the one given; whether they are true is for the caller to judge."""
    if isinstance(left, Transpose):
        yield from ((transpose(a), transpose(b)) for a, b in derived(left.arg, subject))
        return
    try:
        right = _right(left, subject)
    except DeriveError:
        return
    for e in () if right is None else (right, transpose(right)):
        if same(left.shape, e.shape):
            yield left, e
            return


def shown(left: MatrixExpr, right: MatrixExpr, subject: Subject) -> str:
    """The equation as LaTeX."""
    return f"{latex(left, subject.names)} = {latex(right, subject.names)}"


def _right(left: MatrixExpr, subject: Subject) -> MatrixExpr | None:
    adjoint = subject.adjoint
    names = {new: name for name, new in adjoint.cotangents.items()}
    if is_reference(left) and left.name in names:
        if not isinstance(left, Timed):
            return Chain(adjoint).closed_form(names[left.name]).expression  # type: ignore[no-any-return]
        step = next((s for s in readable(adjoint) if s.left.name == left.name), None)
        return None if step is None else step.right.xreplace({t: left.index})
    if isinstance(left, Gradient):
        return transpose(_local(left.of, left.by, subject))
    if isinstance(left, Jacobian):
        return _local(left.of, left.by, subject)
    if isinstance(left, MatMul):
        first, last = _untransposed(left.args[0]), _untransposed(left.args[-1])
        if isinstance(first, Jacobian) and isinstance(last, Jacobian):
            return _local(first.of, last.by, subject)
    return None


def _untransposed(e: MatrixExpr) -> MatrixExpr:
    return e.arg if isinstance(e, Transpose) else e


def _local(of: MatrixExpr, by: MatrixExpr, subject: Subject) -> MatrixExpr:
    """A derivative within one step, written out."""
    if not isinstance(of, Timed):
        raise DeriveError("it has no step")
    now: Expr = of.index
    moved = by.xreplace({by.index: (by.index - now + t).expand()}) if isinstance(by, Timed) else by
    return jacobian(subject.reading, of.name, moved).xreplace({t: now})
