"""What makes a claim meaningless: shapes that differ, names nobody knows, indices that nobody binds."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import MatrixExpr, MatrixSymbol, Symbol

from derive.algebra.bound import Bound
from derive.algebra.nodes import T, Timed, is_reference, t
from derive.algebra.shapes import same, shape_text
from derive.algebra.text import unicode_text
from derive.program import Program, operands


def problems(left: MatrixExpr, right: MatrixExpr, program: Program) -> Iterator[str]:
    """What is wrong with the claim, in words; nothing if it can be judged."""
    if not same(left.shape, right.shape):
        yield f"the left side is {shape_text(left.shape)}, the right side {shape_text(right.shape)}"
    for side in (left, right):
        yield from _names(side, program)
    known = {t, T, *program.sizes, *(Symbol(n, real=True) for n in program.constants)}
    for s in sorted((left.free_symbols | right.free_symbols) - known, key=str):
        if isinstance(s, Symbol):
            yield f"the index {s} is not bound by a sum or a product"


def _names(e: MatrixExpr, program: Program) -> Iterator[str]:
    if is_reference(e):
        yield from _name(e, program)
    if isinstance(e, Bound) and e.index in (t, T):
        yield f"{e.index} is no name for the index of a sum"
    for a in operands(e):
        yield from _names(a, program)


def _name(e: MatrixExpr, program: Program) -> Iterator[str]:
    shown = unicode_text(e)
    v = program.variables.get(e.name)
    if v is None:
        yield f"{shown} is no quantity of the model {program.name}"
    elif not same(e.shape, v.shape):
        yield f"{shown} is {shape_text(v.shape)} in the model, not {shape_text(e.shape)}"
    elif isinstance(e, Timed) and not v.timed:
        yield f"{shown} has a time, but {e.name} is the same at every step"
    elif isinstance(e, MatrixSymbol) and v.timed:
        yield f"{shown} has a value per step: write {e.name}[t]"
