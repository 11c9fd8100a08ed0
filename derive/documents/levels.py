"""How tightly the TeX of a node holds together: what decides about parentheses."""

from __future__ import annotations

import re
from enum import IntEnum
from functools import singledispatch

from sympy import HadamardProduct, MatAdd, MatMul, MatrixExpr, Transpose

from derive.algebra.bound import Bound
from derive.algebra.functions import Apply
from derive.algebra.nodes import (
    Delta,
    FusedLoss,
    Jacobian,
    Kronecker,
    LogSoftmax,
    Loss,
    Scale,
    SigmoidCrossEntropy,
    StepGradient,
    SumOver,
)
from derive.algebra.shapes import is_scalar

_TALL = re.compile(r"\\(?:d?frac|sum|prod|begin|left|mathop|overleftarrow|overrightarrow)\b")


def parentheses(tex: str, left: str = "(", right: str = ")") -> str:
    return rf"\left{left}{tex}\right{right}" if _TALL.search(tex) else f"{left}{tex}{right}"


class Level(IntEnum):
    """An operand below what its place needs gets parentheses."""

    ADD = 0
    MINUS = 1
    SUM = 2
    ENTRYWISE = 3
    PRODUCT = 4
    POWER = 5  # stands beside anything, but carries no superscript
    ATOM = 6


@singledispatch
def level(e: MatrixExpr) -> Level:
    """The level of the TeX of a node."""
    return Level.ATOM


@level.register
def _(e: MatAdd) -> Level:
    return Level.ADD


@level.register
def _(e: Scale) -> Level:
    return Level.MINUS if e.coefficient.could_extract_minus_sign() else Level.PRODUCT


@level.register(MatMul)
@level.register(Delta)
def _(e: MatrixExpr) -> Level:
    return Level.PRODUCT


@level.register
def _(e: HadamardProduct) -> Level:
    return Level.PRODUCT if is_scalar(e.shape) else Level.ENTRYWISE


@level.register
def _(e: Kronecker) -> Level:
    return Level.ENTRYWISE


@level.register
def _(e: Apply) -> Level:
    if e.name == "reciprocal":
        return Level.POWER if is_scalar(e.shape) else Level.ENTRYWISE
    return Level.POWER if e.name == "power" else Level.ATOM


@level.register
def _(e: Bound) -> Level:
    return Level.SUM


@level.register
def _(e: SumOver) -> Level:
    return level(e.arg) if e.axes == "b" else Level.SUM


@level.register(LogSoftmax)
@level.register(Transpose)
@level.register(StepGradient)
@level.register(Jacobian)
def _(e: MatrixExpr) -> Level:
    return Level.POWER


@level.register
def _(e: FusedLoss) -> Level:
    return Level.ADD if isinstance(e, SigmoidCrossEntropy) else Level.MINUS


@level.register
def _(e: Loss) -> Level:
    return {"squared_error": Level.PRODUCT, "binary_cross_entropy": Level.ADD}.get(e.kind, Level.MINUS)
