"""One rule per node: its value at a step, from the values of its operands."""

from __future__ import annotations

from functools import singledispatch
from typing import Any, Protocol

import numpy as np
from sympy import Expr, HadamardProduct, Identity, MatAdd, MatMul, MatrixExpr, OneMatrix, Transpose, ZeroMatrix

from derive.algebra.functions import Apply
from derive.algebra.losses import LOSSES
from derive.algebra.nodes import (
    Blocks,
    Concat,
    Delta,
    Detach,
    Diag,
    DiagPart,
    LogSoftmax,
    Loss,
    Pad,
    Scale,
    SigmoidCrossEntropy,
    Slice,
    Softmax,
    SoftmaxCrossEntropy,
    SumOver,
    is_reference,
)
from derive.errors import UnsupportedError
from derive.interpreter.scalar import apply_function
from derive.program import operands

Array = np.ndarray[Any, Any]


class Run(Protocol):
    """What a rule may ask of the evaluation it is part of."""

    steps: int
    batch: int

    def number(self, e: Expr) -> float: ...
    def integer(self, e: Expr) -> int: ...
    def time(self, index: Expr, now: int | None) -> int: ...
    def lookup(self, r: MatrixExpr, now: int | None) -> Array: ...


@singledispatch
def evaluate(node: MatrixExpr, run: Run, now: int | None) -> Array:
    """The value of an expression at step `now`: [..., B or 1, r, c]."""
    if is_reference(node):
        return run.lookup(node, now)
    raise UnsupportedError(f"the interpreter has no rule for {type(node).__name__}")


def _all(node: MatrixExpr, run: Run, now: int | None) -> list[Array]:
    return [evaluate(a, run, now) for a in operands(node)]


@evaluate.register(OneMatrix)
def _(node: OneMatrix, run: Run, now: int | None) -> Array:
    return np.ones([1, *(run.integer(n) for n in node.shape)])


@evaluate.register(ZeroMatrix)
def _(node: ZeroMatrix, run: Run, now: int | None) -> Array:
    return np.zeros([1, *(run.integer(n) for n in node.shape)])


@evaluate.register(Identity)
def _(node: Identity, run: Run, now: int | None) -> Array:
    return np.eye(run.integer(node.shape[0]))[None]


@evaluate.register(MatAdd)
def _(node: MatAdd, run: Run, now: int | None) -> Array:
    first, *rest = _all(node, run, now)
    for a in rest:
        first = first + a
    return first


@evaluate.register(MatMul)
def _(node: MatMul, run: Run, now: int | None) -> Array:
    first, *rest = _all(node, run, now)
    for a in rest:
        first = first @ a
    return first


@evaluate.register(HadamardProduct)
def _(node: HadamardProduct, run: Run, now: int | None) -> Array:
    first, *rest = _all(node, run, now)
    for a in rest:
        first = first * a
    return first


@evaluate.register(Scale)
def _(node: Scale, run: Run, now: int | None) -> Array:
    return run.number(node.coefficient) * evaluate(node.arg, run, now)


@evaluate.register(Transpose)
def _(node: Transpose, run: Run, now: int | None) -> Array:
    return evaluate(node.arg, run, now).swapaxes(-1, -2)


@evaluate.register(Apply)
def _(node: Apply, run: Run, now: int | None) -> Array:
    return apply_function(node.name, _all(node, run, now), [run.number(n) for n in node.numbers])


@evaluate.register(Softmax)
def _(node: Softmax, run: Run, now: int | None) -> Array:
    return np.exp(_log_softmax(evaluate(node.arg, run, now)))


@evaluate.register(LogSoftmax)
def _(node: LogSoftmax, run: Run, now: int | None) -> Array:
    return _log_softmax(evaluate(node.arg, run, now))


def _log_softmax(z: Array) -> Array:
    z = z - z.real.max(axis=-2, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-2, keepdims=True))


@evaluate.register(SoftmaxCrossEntropy)
def _(node: SoftmaxCrossEntropy, run: Run, now: int | None) -> Array:
    y, z = evaluate(node.target, run, now), evaluate(node.logits, run, now)
    return -(y * _log_softmax(z)).sum(axis=-2, keepdims=True)


@evaluate.register(SigmoidCrossEntropy)
def _(node: SigmoidCrossEntropy, run: Run, now: int | None) -> Array:
    y, z = evaluate(node.target, run, now), evaluate(node.logits, run, now)
    on, off = apply_function("softplus", [-z], []), apply_function("softplus", [z], [])
    return (y * on + (1 - y) * off).sum(axis=(-2, -1), keepdims=True)


@evaluate.register(Loss)
def _(node: Loss, run: Run, now: int | None) -> Array:
    entry = LOSSES[node.kind]
    if entry.logits:
        y, z = evaluate(node.target, run, now), evaluate(node.prediction, run, now)
        return -(y * _log_softmax(z)).sum(axis=-2, keepdims=True)
    return evaluate(entry.expand(node.target, node.prediction), run, now)  # type: ignore[misc]


@evaluate.register(SumOver)
def _(node: SumOver, run: Run, now: int | None) -> Array:
    times = range(run.steps) if "t" in node.axes else [now]
    total: Array = np.zeros([1, *(run.integer(n) for n in node.shape)])
    for time in times:
        a = evaluate(node.arg, run, time)
        if "b" in node.axes:  # a body that lacks the batch axis counts once per sequence
            a = np.broadcast_to(a, (*a.shape[:-3], run.batch, *a.shape[-2:])).sum(axis=-3, keepdims=True)
        total = total + a
    return total


@evaluate.register(Delta)
def _(node: Delta, run: Run, now: int | None) -> Array:
    a = evaluate(node.arg, run, now)
    return a if run.time(node.at, now) == run.time(node.time, now) else np.zeros_like(a)


@evaluate.register(Concat)
def _(node: Concat, run: Run, now: int | None) -> Array:
    parts = _all(node, run, now)
    lead = np.broadcast_shapes(*(a.shape[:-2] for a in parts))
    return np.concatenate([np.broadcast_to(a, (*lead, *a.shape[-2:])) for a in parts], axis=-2)


@evaluate.register(Slice)
def _(node: Slice, run: Run, now: int | None) -> Array:
    return evaluate(node.arg, run, now)[..., run.integer(node.low) : run.integer(node.high), :]


@evaluate.register(Pad)
def _(node: Pad, run: Run, now: int | None) -> Array:
    a, low = evaluate(node.arg, run, now), run.integer(node.low)
    after = run.integer(node.shape[0]) - low - a.shape[-2]
    return np.pad(a, [(0, 0)] * (a.ndim - 2) + [(low, after), (0, 0)])


@evaluate.register(Diag)
def _(node: Diag, run: Run, now: int | None) -> Array:
    a = evaluate(node.arg, run, now)
    return a * np.eye(a.shape[-2])


@evaluate.register(DiagPart)
def _(node: DiagPart, run: Run, now: int | None) -> Array:
    return np.diagonal(evaluate(node.arg, run, now), axis1=-2, axis2=-1)[..., None]


@evaluate.register(Detach)
def _(node: Detach, run: Run, now: int | None) -> Array:
    return evaluate(node.arg, run, now).real + 0.0  # frozen at the base point of a complex step


@evaluate.register(Blocks)
def _(node: Blocks, run: Run, now: int | None) -> Array:
    rows = []
    for i in range(node.block_rows):
        blocks = [evaluate(node.block(i, j), run, now) for j in range(node.block_cols)]
        lead = np.broadcast_shapes(*(a.shape[:-2] for a in blocks))
        rows.append(np.concatenate([np.broadcast_to(a, (*lead, *a.shape[-2:])) for a in blocks], axis=-1))
    lead = np.broadcast_shapes(*(a.shape[:-2] for a in rows))
    return np.concatenate([np.broadcast_to(a, (*lead, *a.shape[-2:])) for a in rows], axis=-2)
