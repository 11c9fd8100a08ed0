"""Forward mode: the directional derivative of a whole program, as a program again (RTRL's recursion)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import singledispatch

from sympy import HadamardProduct, Identity, MatAdd, MatMul, MatrixExpr, OneMatrix, Transpose, ZeroMatrix

from derive.algebra import build as b
from derive.algebra.functions import Apply
from derive.algebra.nodes import (
    Concat,
    Delta,
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
    SumOver,
    Timed,
    is_reference,
)
from derive.calculus.adjoint import active_names
from derive.calculus.normal import NormalBuilder, check_normal
from derive.calculus.pullback import column_sums, softmax_error
from derive.errors import UnsupportedError
from derive.program import Program, Variable, rebuild

Dot = Callable[[MatrixExpr], MatrixExpr]


@dataclass(frozen=True)
class Tangent:
    """The tangent program (the original equations first) and the tangent of each moving name."""

    program: Program
    tangents: Mapping[str, str]


def tangent(program: Program, moving: Iterable[str]) -> Tangent:
    """The derivative of every name along directions of `moving`, which are new given arrays."""
    check_normal(program)
    seeds = set(moving)
    active = active_names(program, seeds)
    out = NormalBuilder(program)
    names = {n: out.fresh(f"{n}_dot") for n in program.variables if n in active}
    for name, new in names.items():
        v = program[name]
        role = "direction" if name in seeds else "tangent"
        initial = tuple(names.get(i or "") for i in v.initial)
        out.declare(Variable(new, role, v.shape, v.axes, initial, v.backward, of=name))

    def dot(r: MatrixExpr) -> MatrixExpr:
        if r.name not in names:
            return b.zeros(r.shape)
        return Timed(names[r.name], r.index, *r.shape) if isinstance(r, Timed) else out.ref(names[r.name])

    for name, e in program.equations.items():
        if name in active and name not in seeds:
            out.define(names[name], pushforward(e, program.ref(name), dot, program))
    return Tangent(out.program(), names)


@singledispatch
def pushforward(node: MatrixExpr, y: MatrixExpr, dot: Dot, program: Program) -> MatrixExpr:
    """The tangent of `node` = y, given the tangents of references."""
    if is_reference(node):
        return dot(node)
    raise UnsupportedError(f"no pushforward for {type(node).__name__}: register one in derive.calculus.tangent")


def _push(a: MatrixExpr, dot: Dot, program: Program) -> MatrixExpr:
    return pushforward(a, a, dot, program)


@pushforward.register(OneMatrix)
@pushforward.register(ZeroMatrix)
@pushforward.register(Identity)
@pushforward.register(Detach)
def _(node: MatrixExpr, y: MatrixExpr, dot: Dot, program: Program) -> MatrixExpr:
    return b.zeros(node.shape)


@pushforward.register(MatAdd)
def _(node: MatAdd, y: MatrixExpr, dot: Dot, program: Program) -> MatrixExpr:
    return b.add(*(_push(a, dot, program) for a in node.args))


@pushforward.register(MatMul)
@pushforward.register(HadamardProduct)
def _(node: MatMul, y: MatrixExpr, dot: Dot, program: Program) -> MatrixExpr:
    join = b.matmul if isinstance(node, MatMul) else b.hadamard
    parts = [(i, _push(a, dot, program)) for i, a in enumerate(node.args)]
    terms = [join(*node.args[:i], d, *node.args[i + 1 :]) for i, d in parts if not b.is_zero(d)]
    return b.add(*terms) if terms else b.zeros(node.shape)


@pushforward.register(Scale)
def _(node: Scale, y: MatrixExpr, dot: Dot, program: Program) -> MatrixExpr:
    return b.scale(node.coefficient, _push(node.arg, dot, program))


@pushforward.register(Transpose)
def _(node: Transpose, y: MatrixExpr, dot: Dot, program: Program) -> MatrixExpr:
    return b.transpose(_push(node.arg, dot, program))


@pushforward.register(SumOver)
@pushforward.register(Delta)
@pushforward.register(Concat)
@pushforward.register(Slice)
@pushforward.register(Pad)
@pushforward.register(Diag)
@pushforward.register(DiagPart)
def _(node: MatrixExpr, y: MatrixExpr, dot: Dot, program: Program) -> MatrixExpr:
    parts = [_push(a, dot, program) for a in node.matrices]
    return b.zeros(node.shape) if all(b.is_zero(d) for d in parts) else rebuild(node, parts)


@pushforward.register(Apply)
def _(node: Apply, y: MatrixExpr, dot: Dot, program: Program) -> MatrixExpr:
    terms = []
    for i, a in enumerate(node.matrices):
        d, slope = _push(a, dot, program), node.slope(i, y)
        if slope is not None and not b.is_zero(d):
            terms.append(b.hadamard(slope, d))
    return b.add(*terms) if terms else b.zeros(node.shape)


@pushforward.register(Softmax)
def _(node: Softmax, y: MatrixExpr, dot: Dot, program: Program) -> MatrixExpr:
    d = _push(node.arg, dot, program)
    return d if b.is_zero(d) else b.hadamard(y, b.subtract(d, column_sums(y, d)))


@pushforward.register(LogSoftmax)
def _(node: LogSoftmax, y: MatrixExpr, dot: Dot, program: Program) -> MatrixExpr:
    d = _push(node.arg, dot, program)
    return d if b.is_zero(d) else b.subtract(d, column_sums(Apply("exp", y), d))


@pushforward.register(SoftmaxCrossEntropy)
def _(node: SoftmaxCrossEntropy, y: MatrixExpr, dot: Dot, program: Program) -> MatrixExpr:
    dz, dy = _push(node.logits, dot, program), _push(node.target, dot, program)
    terms = []
    if not b.is_zero(dz):
        terms.append(_dot(softmax_error(node, program), dz))
    if not b.is_zero(dy):
        terms.append(b.negative(_dot(LogSoftmax(node.logits), dy)))
    return b.add(*terms) if terms else b.zeros(node.shape)


@pushforward.register(SigmoidCrossEntropy)
def _(node: SigmoidCrossEntropy, y: MatrixExpr, dot: Dot, program: Program) -> MatrixExpr:
    dz, dy = _push(node.logits, dot, program), _push(node.target, dot, program)
    terms = []
    if not b.is_zero(dz):
        terms.append(_dot(b.subtract(node.companion, node.target), dz))
    if not b.is_zero(dy):
        terms.append(b.negative(_dot(node.logits, dy)))
    return b.add(*terms) if terms else b.zeros(node.shape)


def _dot(a: MatrixExpr, c: MatrixExpr) -> MatrixExpr:
    return b.total(b.hadamard(a, c))
