"""One rule per node: its value, as a matrix of dual numbers, from the values of its operands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce, singledispatch
from typing import Protocol

from sympy import (
    Expr,
    HadamardProduct,
    Identity,
    MatAdd,
    MatMul,
    MatrixExpr,
    OneMatrix,
    Symbol,
    Transpose,
    ZeroMatrix,
)

from derive.algebra.bound import Bound, MatrixSum, OrderedProduct
from derive.algebra.functions import Apply
from derive.algebra.losses import LOSSES
from derive.algebra.nodes import (
    Delta,
    Detach,
    Jacobian,
    LogSoftmax,
    Loss,
    Scale,
    SigmoidCrossEntropy,
    Softmax,
    SoftmaxCrossEntropy,
    StepGradient,
    SumOver,
    is_reference,
    t,
)
from derive.errors import UnsupportedError
from derive.program import operands
from derive.proof.field.domain import Scalar
from derive.proof.field.duals import Dual, Matrices

Env = Mapping[Symbol, int]
Products = dict[tuple[int, int], Dual]  # by the first and the last value of the index


class Run(Protocol):
    """What a rule may ask of the evaluation it is part of."""

    matrices: Matrices
    steps: int

    def spend(self) -> None: ...
    def number(self, e: Expr) -> Scalar: ...
    def integer(self, e: Expr) -> int: ...
    def time(self, index: Expr, env: Env) -> int: ...
    def part(self, e: MatrixExpr, env: Env) -> Dual:
        """The value of an operand, which may have been computed before."""
        ...

    def products(self, e: OrderedProduct, env: Env) -> Products:
        """The products of the same factors that are known."""
        ...

    def lookup(self, r: MatrixExpr, env: Env) -> Dual: ...
    def derivative(self, e: Jacobian | StepGradient, env: Env) -> Dual: ...


@singledispatch
def evaluate(node: MatrixExpr, run: Run, env: Env) -> Dual:
    """The value of an expression; `env` holds the values of t and of bound indices."""
    if is_reference(node):
        return run.lookup(node, env)
    raise UnsupportedError(f"the field has no rule for {type(node).__name__}")


def values(node: MatrixExpr, run: Run, env: Env) -> list[Dual]:
    return [run.part(a, env) for a in operands(node)]


def sizes(node: MatrixExpr, run: Run) -> tuple[int, int]:
    rows, cols = (run.integer(n) for n in node.shape)
    if rows < 0 or cols < 0:
        raise UnsupportedError(f"a shape of {rows} × {cols} at these sizes")
    return rows, cols


def _constant(node: MatrixExpr, run: Run, value: Scalar) -> Dual:
    return run.matrices.constant(*sizes(node, run), value)


@evaluate.register(OneMatrix)
def _(node: OneMatrix, run: Run, env: Env) -> Dual:
    return _constant(node, run, run.matrices.domain.one)


@evaluate.register(ZeroMatrix)
def _(node: ZeroMatrix, run: Run, env: Env) -> Dual:
    return _constant(node, run, run.matrices.domain.zero)


@evaluate.register(Identity)
def _(node: Identity, run: Run, env: Env) -> Dual:
    return run.matrices.identity(run.integer(node.shape[0]))


@evaluate.register(MatAdd)
def _(node: MatAdd, run: Run, env: Env) -> Dual:
    return run.matrices.add(*values(node, run, env))


@evaluate.register(MatMul)
def _(node: MatMul, run: Run, env: Env) -> Dual:
    return reduce(run.matrices.matmul, values(node, run, env))


@evaluate.register(HadamardProduct)
def _(node: HadamardProduct, run: Run, env: Env) -> Dual:
    return reduce(run.matrices.hadamard, values(node, run, env))


@evaluate.register(Scale)
def _(node: Scale, run: Run, env: Env) -> Dual:
    return run.matrices.scale(run.number(node.coefficient), run.part(node.arg, env))


@evaluate.register(Transpose)
def _(node: Transpose, run: Run, env: Env) -> Dual:
    return run.matrices.transpose(run.part(node.arg, env))


@evaluate.register(Apply)
def _(node: Apply, run: Run, env: Env) -> Dual:
    numbers = [run.integer(n) for n in node.numbers] if node.name == "power" else [run.number(n) for n in node.numbers]
    args = values(node, run, env)
    if not node.function.smooth:
        run.matrices.met(node, args)
    return run.matrices.function(node.name, args, numbers)


def _softmax(z: Dual, m: Matrices) -> tuple[Dual, Dual]:
    """Softmax and its logarithm along the first axis."""
    n = z.shape[0]
    column, row = m.constant(n, 1, m.domain.one), m.constant(1, n, m.domain.one)
    e = m.function("exp", [z], [])
    total = m.matmul(row, e)
    p = m.hadamard(e, m.matmul(column, m.function("reciprocal", [total], [])))
    log = m.add(z, m.scale(m.scalars.minus_one, m.matmul(column, m.function("log", [total], []))))
    for values, logs in zip(p.rows, log.rows, strict=True):
        for a, b in zip(values, logs, strict=True):
            m.domain.relate_log(a, b)
    return p, log


@evaluate.register(Softmax)
def _(node: Softmax, run: Run, env: Env) -> Dual:
    return _softmax(run.part(node.arg, env), run.matrices)[0]


@evaluate.register(LogSoftmax)
def _(node: LogSoftmax, run: Run, env: Env) -> Dual:
    return _softmax(run.part(node.arg, env), run.matrices)[1]


def _total(a: Dual, m: Matrices) -> Dual:
    rows, cols = a.shape
    return m.matmul(m.matmul(m.constant(1, rows, m.domain.one), a), m.constant(cols, 1, m.domain.one))


def _cross_entropy(y: Dual, z: Dual, m: Matrices) -> Dual:
    return m.scale(m.scalars.minus_one, _total(m.hadamard(y, _softmax(z, m)[1]), m))


@evaluate.register(SoftmaxCrossEntropy)
def _(node: SoftmaxCrossEntropy, run: Run, env: Env) -> Dual:
    return _cross_entropy(run.part(node.target, env), run.part(node.logits, env), run.matrices)


@evaluate.register(SigmoidCrossEntropy)
def _(node: SigmoidCrossEntropy, run: Run, env: Env) -> Dual:
    m = run.matrices
    y, z = run.part(node.target, env), run.part(node.logits, env)
    minus = m.scalars.minus_one
    off = m.add(m.constant(*y.shape, m.domain.one), m.scale(minus, y))
    on_loss, off_loss = m.function("softplus", [m.scale(minus, z)], []), m.function("softplus", [z], [])
    return _total(m.add(m.hadamard(y, on_loss), m.hadamard(off, off_loss)), m)


@evaluate.register(Loss)
def _(node: Loss, run: Run, env: Env) -> Dual:
    entry = LOSSES[node.kind]
    if entry.logits:
        return _cross_entropy(run.part(node.target, env), run.part(node.prediction, env), run.matrices)
    return evaluate(entry.expand(node.target, node.prediction), run, env)  # type: ignore[misc]


@evaluate.register(SumOver)
def _(node: SumOver, run: Run, env: Env) -> Dual:
    if "t" not in node.axes:
        return run.part(node.arg, env)  # there is one sequence
    terms = [run.part(node.arg, {**env, t: k}) for k in range(run.steps)]
    return run.matrices.add(*terms) if terms else _constant(node, run, run.matrices.domain.zero)


@evaluate.register(Delta)
def _(node: Delta, run: Run, env: Env) -> Dual:
    if run.time(node.at, env) == run.time(node.time, env):
        return run.part(node.arg, env)
    return _constant(node, run, run.matrices.domain.zero)


def _values(node: Bound, run: Run, env: Env) -> Iterator[Dual]:
    """The body at each value of the index."""
    for k in range(run.time(node.low, env), run.time(node.high, env) + 1):
        run.spend()
        yield run.part(node.body, {**env, node.index: k})


@evaluate.register(MatrixSum)
def _(node: MatrixSum, run: Run, env: Env) -> Dual:
    total: Dual | None = None
    for term in _values(node, run, env):
        total = term if total is None else run.matrices.add(total, term)
    return _constant(node, run, run.matrices.domain.zero) if total is None else total


@evaluate.register(OrderedProduct)
def _(node: OrderedProduct, run: Run, env: Env) -> Dual:
    low, high = run.time(node.low, env), run.time(node.high, env)
    if high < low:
        return run.matrices.identity(run.integer(node.shape[0]))
    known = run.products(node, env)
    if (low, high) not in known:
        known[low, high] = _lengthened(node, run, env, known, low, high)
    return known[low, high]


def _lengthened(node: OrderedProduct, run: Run, env: Env, known: Products, low: int, high: int) -> Dual:
    """A product from the longest one known that begins alike: in a double sum, one factor more."""
    start = max((k for first, k in known if first == low and k < high), default=low - 1)
    for k in range(start + 1, high + 1):
        run.spend()
        factor = run.part(node.body, {**env, node.index: k})
        if k == low:
            known[low, k] = factor
            continue
        pair = (known[low, k - 1], factor)
        known[low, k] = run.matrices.matmul(*(pair if node.direction == "ascending" else reversed(pair)))
    return known[low, high]


@evaluate.register(Detach)
def _(node: Detach, run: Run, env: Env) -> Dual:
    return run.part(node.arg, env).plain()


@evaluate.register(Jacobian)
@evaluate.register(StepGradient)
def _(node: Jacobian | StepGradient, run: Run, env: Env) -> Dual:
    return run.derivative(node, env)
