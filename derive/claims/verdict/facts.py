"""What is known of the indices of a claim wherever it is meant: the reverse of `Domain`, for every T at once."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr, HadamardProduct, MatMul, MatrixExpr, Transpose

from derive.algebra.bound import Bound
from derive.algebra.nodes import Jacobian, Norm, Scale, T, Timed, t
from derive.errors import UnsupportedError
from derive.program import Program, operands
from derive.proof.inequality.affine import Affine, Facts, minus, never_negative
from derive.proof.inequality.encode import Encoder
from derive.proof.inequality.rules import Within


def facts(program: Program, encoder: Encoder, left: MatrixExpr, right: MatrixExpr) -> Facts:
    """Combinations of indices that are never negative at the places that `Domain` gives to left ≤ right.

    Those at which a derivative at a step after the last makes the left side zero are left out: there it is true.
    """
    step, sides = encoder.step, (left, right)
    found: dict[Affine, None] = {step(T - 1): None}
    found |= {a: None for x in _factors(left) if isinstance(x, Jacobian) for a in _before_the_end(program, encoder, x)}
    if any(t in e.free_symbols for e in sides):
        found |= {step(t): None, step(T - 1 - t): None}
    parts = [x for e in sides for x in _certain(e)]
    for _ in range(2):  # that a derivative is not one after the end may follow from what else there is
        for e in parts:
            for fact in _said(e, program, encoder, tuple(found)):
                found[fact] = None
    return tuple(found)


def _factors(e: MatrixExpr) -> Iterator[MatrixExpr]:
    """What makes the whole zero where it is zero."""
    yield e
    if isinstance(e, (Norm, Transpose, Scale, MatMul, HadamardProduct)):
        for a in operands(e):
            yield from _factors(a)


def _before_the_end(program: Program, encoder: Encoder, x: Jacobian) -> Iterator[Affine]:
    v = program.variables.get(x.of.name) if isinstance(x.of, Timed) else None
    if v is not None and not v.backward:
        yield from _steps(encoder, T - 1 - x.of.index)


def within(program: Program, encoder: Encoder, known: Facts, *sides: MatrixExpr) -> tuple[Within, ...]:
    """What is known of the indices of sums and products: that what stands inside has a value at each of them."""
    found: dict[Within, None] = {}
    free = {encoder.index(s) for e in sides for s in e.free_symbols}
    for bound in (x for e in sides for x in _certain(e) if isinstance(x, Bound)):
        low, high, i = encoder.step(bound.low), encoder.step(bound.high), encoder.index(bound.index)
        if i in free:
            continue  # its name is that of another index too
        inside = (*known, minus(((i, 1),), low), minus(high, ((i, 1),)))
        for e in _certain(bound.body):
            for fact in _said(e, program, encoder, inside) if not isinstance(e, Bound) else ():
                found[Within(i, low, high, fact)] = None
    return tuple(found)


def _certain(e: MatrixExpr) -> Iterator[MatrixExpr]:
    """The parts that have a value wherever the whole has: no factor of what may be zero, nothing inside a sum."""
    yield e
    if isinstance(e, Bound):
        return
    if isinstance(e, (MatMul, HadamardProduct)) and not all(isinstance(a, (Norm, Bound)) for a in operands(e)):
        return
    if not isinstance(e, Jacobian):
        for a in operands(e):
            yield from _certain(a)


def _said(e: MatrixExpr, program: Program, encoder: Encoder, known: Facts) -> Iterator[Affine]:
    if isinstance(e, Bound):
        yield from _steps(encoder, e.high - e.low + 1)
    elif isinstance(e, Timed):
        yield from _exists(e, program, encoder)
    elif isinstance(e, Jacobian) and isinstance(e.of, Timed) and isinstance(e.by, Timed):
        last = list(_before_the_end(program, encoder, e))
        if last and never_negative(last[0], known):  # a derivative at a step after the last is zero, whatever it is by
            yield from _exists(e.of, program, encoder)
            yield from _exists(e.by, program, encoder)


def _exists(r: Timed, program: Program, encoder: Encoder) -> Iterator[Affine]:
    """Of states and values of the model that run forward: from the first boundary value to the last step."""
    v = program.variables.get(r.name)
    if v is None or v.backward:
        return
    before = max(1, len(v.initial)) if v.role == "state" else 0
    yield from _steps(encoder, r.index + before)
    yield from _steps(encoder, T - 1 - r.index)


def _steps(encoder: Encoder, e: Expr) -> Iterator[Affine]:
    try:
        yield encoder.step(e)
    except UnsupportedError:
        return
