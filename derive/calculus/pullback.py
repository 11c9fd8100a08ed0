"""One pullback per node: from the cotangent of an output to those of its operands.

For y = f(a, …) and the cotangent g = dL/dy, `pullback(f(a, …), y, g, program)` lists the pairs
(operand, contribution to its cotangent).  Gradients have the shape of their variable.
(Magnus & Neudecker, Matrix Differential Calculus, 3rd ed., ch. 9; Giles 2008.)
"""

from __future__ import annotations

from functools import singledispatch

from sympy import HadamardProduct, Identity, MatAdd, MatMul, MatrixExpr, OneMatrix, S, Transpose, ZeroMatrix

from derive.algebra import build as b
from derive.algebra.functions import Apply
from derive.algebra.nodes import (
    Concat,
    Detach,
    Diag,
    DiagPart,
    LogSoftmax,
    Pad,
    Scale,
    SigmoidCrossEntropy,
    Slice,
    Softmax,
    SoftmaxCrossEntropy,
)
from derive.errors import UnsupportedError
from derive.program import Program

Contributions = list[tuple[MatrixExpr, MatrixExpr]]


@singledispatch
def pullback(node: MatrixExpr, y: MatrixExpr, g: MatrixExpr, program: Program) -> Contributions:
    """The contributions of g = dL/dy to the operands of `node` = y."""
    raise UnsupportedError(f"no pullback for {type(node).__name__}: register one in derive.calculus.pullback")


@pullback.register(OneMatrix)
@pullback.register(ZeroMatrix)
@pullback.register(Identity)
@pullback.register(Detach)
def _(node: MatrixExpr, y: MatrixExpr, g: MatrixExpr, program: Program) -> Contributions:
    return []


@pullback.register(MatAdd)
def _(node: MatAdd, y: MatrixExpr, g: MatrixExpr, program: Program) -> Contributions:
    return [(a, g) for a in node.args]


@pullback.register(Scale)
def _(node: Scale, y: MatrixExpr, g: MatrixExpr, program: Program) -> Contributions:
    return [(node.arg, b.scale(node.coefficient, g))]


@pullback.register(MatMul)
def _(node: MatMul, y: MatrixExpr, g: MatrixExpr, program: Program) -> Contributions:
    # Y = L A R:  dL/dA = Lᵀ G Rᵀ
    def part(i: int) -> MatrixExpr:
        left = [b.transpose(a) for a in reversed(node.args[:i])]
        right = [b.transpose(a) for a in reversed(node.args[i + 1 :])]
        return b.matmul(*left, g, *right)

    return [(a, part(i)) for i, a in enumerate(node.args) if not isinstance(a, OneMatrix)]


@pullback.register(HadamardProduct)
def _(node: HadamardProduct, y: MatrixExpr, g: MatrixExpr, program: Program) -> Contributions:
    return [(a, b.hadamard(g, *node.args[:i], *node.args[i + 1 :])) for i, a in enumerate(node.args)]


@pullback.register(Transpose)
def _(node: Transpose, y: MatrixExpr, g: MatrixExpr, program: Program) -> Contributions:
    return [(node.arg, b.transpose(g))]


@pullback.register(Apply)
def _(node: Apply, y: MatrixExpr, g: MatrixExpr, program: Program) -> Contributions:
    slopes = ((a, node.slope(i, y)) for i, a in enumerate(node.matrices))
    return [(a, b.hadamard(g, slope)) for a, slope in slopes if slope is not None]


def column_sums(a: MatrixExpr, c: MatrixExpr) -> MatrixExpr:
    """1 1ᵀ (a∘c): the column sums of a∘c in every row; 1 (aᵀ c) for columns."""
    rows, cols = a.shape
    if cols == 1:
        return b.matmul(b.ones(rows), b.transpose(a), c)
    return b.matmul(b.ones(rows), b.ones(1, rows), b.hadamard(a, c))


@pullback.register(Softmax)
def _(node: Softmax, y: MatrixExpr, g: MatrixExpr, program: Program) -> Contributions:
    return [(node.arg, b.hadamard(y, b.subtract(g, column_sums(y, g))))]


@pullback.register(LogSoftmax)
def _(node: LogSoftmax, y: MatrixExpr, g: MatrixExpr, program: Program) -> Contributions:
    # exp(y) is the softmax, and stays finite
    return [(node.arg, b.subtract(g, b.hadamard(Apply("exp", y), column_sums(b.ones(*g.shape), g))))]


@pullback.register(SoftmaxCrossEntropy)
def _(node: SoftmaxCrossEntropy, y: MatrixExpr, g: MatrixExpr, program: Program) -> Contributions:
    scale = b.broadcast(g, node.logits.shape)
    return [
        (node.logits, b.hadamard(scale, softmax_error(node, program))),
        (node.target, b.negative(b.hadamard(scale, LogSoftmax(node.logits)))),
    ]


def softmax_error(node: SoftmaxCrossEntropy, program: Program) -> MatrixExpr:
    """p − y where the target sums to one, p (1ᵀ y) − y in general."""
    target, p = node.target, node.companion
    if not program.assumes_sum_one(target.name):
        p = b.hadamard(p, b.matmul(b.ones(p.shape[0]), b.total(target)))
    return b.subtract(p, target)


@pullback.register(SigmoidCrossEntropy)
def _(node: SigmoidCrossEntropy, y: MatrixExpr, g: MatrixExpr, program: Program) -> Contributions:
    scale = b.broadcast(g, node.logits.shape)
    return [
        (node.logits, b.hadamard(scale, b.subtract(node.companion, node.target))),
        (node.target, b.negative(b.hadamard(scale, node.logits))),
    ]


@pullback.register(Concat)
def _(node: Concat, y: MatrixExpr, g: MatrixExpr, program: Program) -> Contributions:
    return [(a, Slice(g, *rows)) for a, rows in zip(node.args, node.bounds(), strict=True)]


@pullback.register(Slice)
def _(node: Slice, y: MatrixExpr, g: MatrixExpr, program: Program) -> Contributions:
    return [(node.arg, Pad(g, node.low, node.arg.shape[0]))]


@pullback.register(Pad)
def _(node: Pad, y: MatrixExpr, g: MatrixExpr, program: Program) -> Contributions:
    return [(node.arg, Slice(g, node.low, (node.low + node.arg.shape[0]).expand()))]


@pullback.register(Diag)
def _(node: Diag, y: MatrixExpr, g: MatrixExpr, program: Program) -> Contributions:
    return [(node.arg, DiagPart(g))]


@pullback.register(DiagPart)
def _(node: DiagPart, y: MatrixExpr, g: MatrixExpr, program: Program) -> Contributions:
    return [(node.arg, Diag(g))]


def rule_name(node: MatrixExpr) -> str:
    """What the reader is told was applied."""
    names = {
        MatAdd: "sum",
        Scale: "constant factor",
        MatMul: "matrix product",
        HadamardProduct: "elementwise product",
        Transpose: "transpose",
        Softmax: "softmax",
        LogSoftmax: "log-softmax",
        SoftmaxCrossEntropy: "softmax with cross-entropy",
        SigmoidCrossEntropy: "sigmoid with cross-entropy",
        Concat: "stacking",
        Slice: "slice",
        Pad: "zero padding",
        Diag: "diagonal matrix",
        DiagPart: "diagonal",
    }
    return f"slope of {node.name}" if isinstance(node, Apply) else names.get(type(node), "chain rule")


SCALAR_ONE = b.ones(S.One)
