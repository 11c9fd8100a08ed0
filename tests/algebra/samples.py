"""One sample or more of every node class, on symbolic sizes: what the laws of expressions run over."""

from __future__ import annotations

from sympy import (
    HadamardProduct,
    Identity,
    Integer,
    MatAdd,
    MatMul,
    MatrixExpr,
    MatrixSymbol,
    OneMatrix,
    Rational,
    Symbol,
    Transpose,
    ZeroMatrix,
    symbols,
)

from derive.algebra.bound import MatrixSum, OrderedProduct
from derive.algebra.functions import FUNCTIONS, Apply
from derive.algebra.nodes import (
    Blocks,
    Concat,
    Delta,
    Detach,
    Diag,
    DiagPart,
    Entry,
    Gradient,
    Jacobian,
    Kronecker,
    LogSoftmax,
    Loss,
    Norm,
    Pad,
    Reshape,
    Scale,
    SigmoidCrossEntropy,
    Slice,
    Softmax,
    SoftmaxCrossEntropy,
    StepGradient,
    SumOver,
    T,
    Timed,
    t,
)

H, I = symbols("H I", integer=True, positive=True)
k, r = symbols("k r", integer=True)

h, x, y, z = (Timed(name, t, rows) for name, rows in (("h", H), ("x", I), ("y", H), ("z", H)))
W, U = MatrixSymbol("W", H, H), MatrixSymbol("U", H, I)
M = Timed("M", t, H, I)
s = Timed("s", t, 1)


def J(index: object) -> Timed:
    """A square matrix at a time: what ordered products are made of."""
    return Timed("J", index, H, H)


def applications() -> tuple[Apply, ...]:
    """Every elementwise function on arrays and numbers of the right count."""
    operands = (h, z)
    numbers = (Integer(3),)
    return tuple(Apply(f.name, *operands[: f.arity], *numbers[: f.parameters]) for f in FUNCTIONS.values())


SAMPLES: dict[type[MatrixExpr], tuple[MatrixExpr, ...]] = {
    Timed: (h, Timed("h", t - 2, H), Timed("h", T - 1, H), Timed("h", -1, H), M),
    StepGradient: (StepGradient("W", k, H, H), StepGradient("h", 2, H)),
    Jacobian: (Jacobian(h, Timed("h", t - 1, H), "partial"), Jacobian(h, W, "immediate"), Jacobian(s, U)),
    Gradient: (Gradient(h, W, h), Gradient(s, Timed("x", t, I), s, "immediate", Timed("h", t - 1, H))),
    Entry: (Entry(h, k), Entry(W, k, 2)),
    Reshape: (Reshape(W, 1, H * H), Reshape(Transpose(W), H * H, 1)),
    Norm: (Norm(h), Norm(W, "F")),
    Kronecker: (Kronecker(W, Transpose(h)), Kronecker(Diag(h), Transpose(x))),
    Scale: (Scale(Rational(1, 2), h), Scale(1 / T, W), Scale(-1, Timed("h", t - 1, H)), Scale(Symbol("tau"), M)),
    Apply: (*applications(), Apply("leaky_relu", M, Rational(1, 5)), Apply("power", M, -2)),
    Softmax: (Softmax(h), Softmax(M)),
    LogSoftmax: (LogSoftmax(h), LogSoftmax(M)),
    Detach: (Detach(h), Detach(M)),
    Loss: (Loss("cross_entropy", y, h), Loss("squared_error", y, z)),
    SoftmaxCrossEntropy: (SoftmaxCrossEntropy(y, z, h),),
    SigmoidCrossEntropy: (SigmoidCrossEntropy(y, z, h),),
    SumOver: (SumOver(h, "t"), SumOver(h, "b"), SumOver(M, "tb")),
    Delta: (Delta(h, t, T - 1), Delta(W, -1, T - 1)),
    Concat: (Concat(h, x), Concat(W, W), Concat(h, z, x)),
    Slice: (Slice(h, 0, H - 1), Slice(Timed("w", t, H + I, I), H, H + I)),
    Pad: (Pad(x, H, H + I), Pad(M, I, H + I)),
    Diag: (Diag(h), Diag(MatMul(U, x))),
    DiagPart: (DiagPart(W), DiagPart(Diag(h))),
    Blocks: (Blocks(2, 2, W, U, ZeroMatrix(I, H), Identity(I)), Blocks(1, 2, W, U), Blocks(2, 1, h, x)),
    MatrixSum: (MatrixSum(J(k), k, 0, T - 1), MatrixSum(MatMul(J(k), MatrixSum(J(r), r, k, t)), k, 0, t)),
    OrderedProduct: (
        OrderedProduct(J(r), r, k + 1, t, "descending"),
        OrderedProduct(MatMul(Diag(Timed("h", r, H)), W), r, 1, t, "ascending"),
    ),
    MatAdd: (MatAdd(h, z), MatAdd(W, J(t), Transpose(W))),
    MatMul: (MatMul(W, h), MatMul(W, U, x)),
    HadamardProduct: (HadamardProduct(h, z), HadamardProduct(h, y, z)),
    Transpose: (Transpose(W), Transpose(h)),
    OneMatrix: (OneMatrix(H, I),),
    ZeroMatrix: (ZeroMatrix(H, I),),
    Identity: (Identity(H),),
}
ALL = [e for group in SAMPLES.values() for e in group]
