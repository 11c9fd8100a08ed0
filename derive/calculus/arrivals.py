"""Which names of an adjoint program stand for what arrives from losses, and which from those of several steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sympy import HadamardProduct, MatAdd, MatMul, MatrixExpr, Transpose

from derive.algebra.build import is_zero
from derive.algebra.nodes import (
    Blocks,
    Concat,
    Delta,
    Detach,
    Diag,
    DiagPart,
    Pad,
    Scale,
    Slice,
    SumOver,
    Timed,
    is_reference,
    t,
)
from derive.program import Program, operands, references

# Zero where all their operands are.
LINEAR = (
    MatAdd,
    Scale,
    Transpose,
    Concat,
    Blocks,
    Slice,
    Pad,
    Diag,
    DiagPart,
    SumOver,
    Delta,
    Detach,
)  # 0 where all are


def arriving(program: Program) -> frozenset[str]:
    """The cotangents and their carries, and what is calculated from them on the way."""
    own = {n for n in program.equations if program[n].role in ("adjoint", "carry")}
    return _closure(program, program.equations, own, lambda r, known: r.name in known)


def mixed(program: Program, among: frozenset[str]) -> frozenset[str]:
    """Those that hold what comes from the losses of other steps than their own."""

    def is_late(r: MatrixExpr, known: set[str]) -> bool:
        return r.name in among and (r.name in known or not isinstance(r, Timed) or r.index != t)

    return _closure(program, among, set(), is_late)


def vanishes(e: MatrixExpr, zero: Callable[[MatrixExpr], bool]) -> bool:
    """Is an expression zero where some references are, whatever the others hold?"""
    if is_reference(e):
        return zero(e)
    parts = operands(e)
    if isinstance(e, (MatMul, HadamardProduct)):
        return any(vanishes(a, zero) for a in parts)
    return is_zero(e) or (isinstance(e, LINEAR) and all(vanishes(a, zero) for a in parts))


def _closure(
    program: Program, names: Iterable[str], found: set[str], counts: Callable[[MatrixExpr, set[str]], bool]
) -> frozenset[str]:
    """The names whose equations read something that counts, given those that are found already."""
    left = {n: tuple(references(program.equations[n])) for n in names if n not in found}
    more = True
    while more:
        new = {n for n, read in left.items() if any(counts(r, found) for r in read)}
        found, more = found | new, bool(new)
        left = {n: read for n, read in left.items() if n not in new}
    return frozenset(found)
