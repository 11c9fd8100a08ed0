"""What parameters are at first: as in PyTorch's own layers, by how many numbers are added up in a product."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sympy import MatAdd, MatrixExpr

from derive.algebra.build import negative
from derive.algebra.nodes import Scale
from derive.kernels.lowering.codenames import CodeNames
from derive.program import Program, Variable, operands


@dataclass(frozen=True)
class Start:
    """How a parameter begins: in words, and the number n of ±1/√n; "" for zero."""

    words: str
    count: str = ""


def start(v: Variable, program: Program, names: CodeNames) -> Start:
    """A bias is zero; others are uniform in ±1/√n, n what a row of a matrix has, or a vector's length."""
    rows, cols = v.shape
    if cols == 1 and is_bias(v.name, program):
        return Start("zero")
    count = names.size(rows if cols == 1 else cols)
    return Start("uniform in ±1" if count == "1" else f"uniform in ±1/sqrt({count})", count)


def is_bias(name: str, program: Program) -> bool:
    """Is it added and never multiplied?"""
    parents = [(e, a) for root in program.equations.values() for e, a in _edges(root)]
    meets = [e for e, a in parents if a == program.ref(name) or a == negative(program.ref(name))]
    return bool(meets) and all(isinstance(e, (MatAdd, Scale)) for e in meets)


def _edges(e: MatrixExpr) -> Iterator[tuple[MatrixExpr, MatrixExpr]]:
    for a in operands(e):
        yield e, a
        yield from _edges(a)
