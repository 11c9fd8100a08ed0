"""The matrix expressions that equations are made of; with `bound`, all that knows SymPy's internals."""

from derive.algebra.nodes.arrays import Blocks, Concat, Diag, DiagPart, Pad, Slice
from derive.algebra.nodes.core import (
    NONEMPTY,
    B,
    Delta,
    Detach,
    Node,
    Scale,
    SumOver,
    T,
    Timed,
    Unary,
    is_reference,
    label,
    number,
    t,
)
from derive.algebra.nodes.derivatives import Jacobian, StepGradient
from derive.algebra.nodes.losses import (
    FusedLoss,
    LogSoftmax,
    Loss,
    SigmoidCrossEntropy,
    Softmax,
    SoftmaxCrossEntropy,
)

__all__ = [
    "NONEMPTY",
    "B",
    "Blocks",
    "Concat",
    "Delta",
    "Detach",
    "Diag",
    "DiagPart",
    "FusedLoss",
    "Jacobian",
    "LogSoftmax",
    "Loss",
    "Node",
    "Pad",
    "Scale",
    "SigmoidCrossEntropy",
    "Slice",
    "Softmax",
    "SoftmaxCrossEntropy",
    "StepGradient",
    "SumOver",
    "T",
    "Timed",
    "Unary",
    "is_reference",
    "label",
    "number",
    "t",
]
