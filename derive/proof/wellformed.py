"""What makes a claim meaningless: shapes that differ, names nobody knows, indices that nobody binds."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sympy import Expr, MatrixExpr, MatrixSymbol, Pow, Symbol

from derive.algebra.bound import Bound
from derive.algebra.nodes import NONEMPTY, Delta, Jacobian, StepGradient, T, Timed, is_reference, t
from derive.algebra.shapes import same, shape_text
from derive.algebra.text import unicode_text
from derive.program import Program, operands


def problems(left: MatrixExpr, right: MatrixExpr, program: Program) -> Iterator[str]:
    """What is wrong with the claim, in words; nothing if it can be judged."""
    if not same(left.shape, right.shape):
        yield f"the left side is {shape_text(left.shape)}, the right side {shape_text(right.shape)}"
    for side in (left, right):
        yield from _names(side, program)
    for s in sorted((left.free_symbols | right.free_symbols) - _taken(program), key=str):
        if isinstance(s, Symbol):
            yield f"the index {s} is not bound by a sum or a product"


def _taken(program: Program) -> set[Symbol]:
    """The symbols that mean something already."""
    return {t, T, NONEMPTY, *program.sizes, *program.numbers}


def _names(e: MatrixExpr, program: Program) -> Iterator[str]:
    if is_reference(e):
        yield from _name(e, program)
    if isinstance(e, Bound) and (e.index in _taken(program) or not INDEX.fullmatch(e.index.name)):
        yield f"{e.index} is no name for the index of a sum"
    if isinstance(e, StepGradient):
        yield from _name(MatrixSymbol(e.name, *e.shape), program)
    for r in (e.of, e.by) if isinstance(e, Jacobian) else ():
        if r.name in program.variables and program[r.name].role in ("adjoint", "carry"):
            yield f"{unicode_text(e)} is a derivative of a derivative"
    for time in _times(e):
        if not _is_time(time):
            yield f"{time} is no time and no bound: only sums of indices, T and whole numbers are"
    for a in operands(e):
        yield from _names(a, program)


def reach(e: MatrixExpr) -> int:
    """How far its times may lie from the ends of the sequence: 6 in h[T-6], 12 in a sum of those from T-6 on."""
    own = int(max((abs(time.as_coeff_Add()[0]) for time in _times(e)), default=0))
    inner = max(map(reach, operands(e)), default=0)
    return own + inner if isinstance(e, Bound) else max(own, inner)


def divides_by_steps(e: MatrixExpr) -> bool:
    """Is there a 1/T in it, which means nothing at T = 0?"""
    return any(p.base == T and p.exp.could_extract_minus_sign() for p in e.atoms(Pow))


INDEX = re.compile(r"[^\W\d_]\w*'*")


def _times(e: MatrixExpr) -> tuple[Expr, ...]:
    if isinstance(e, Bound):
        return e.low, e.high
    if isinstance(e, Delta):
        return e.at, e.time
    return (e.index,) if isinstance(e, (Timed, StepGradient)) else ()


def _is_time(e: Expr) -> bool:
    """Is it a whole number plus whole multiples of symbols?"""
    rest = e
    for s in e.free_symbols:
        c = e.coeff(s)
        if not c.is_Integer:
            return False
        rest -= c * s
    return bool(rest.expand().is_Integer)


def _name(e: MatrixExpr, program: Program) -> Iterator[str]:
    v = program.variables.get(e.name)
    if v is None:
        yield f"{unicode_text(e)} is no quantity of the model {program.name}"
    elif not same(e.shape, v.shape):
        yield f"{unicode_text(e)} is {shape_text(v.shape)} in the model, not {shape_text(e.shape)}"
    elif isinstance(e, Timed) and not v.timed:
        yield f"{unicode_text(e)} has a time, but {e.name} is the same at every step"
    elif isinstance(e, MatrixSymbol) and v.timed:
        yield f"{unicode_text(e)} has a value per step: write {e.name}[t]"
