"""Evaluates any Program on NumPy arrays, equation by equation: plain, slow, obviously right.

It needs no schedule: a value is computed when it is asked for, from the values that its equation
names.  Arrays may have any dtype, complex included, and any leading axes, which broadcast, so a
whole set of complex-step directions is one evaluation.  Everything fast is held to this twin.

Canonical layout: [..., T, B, r, c], without T or B where a name lacks the axis; a vector is [n, 1].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache, singledispatch
from typing import Any

import numpy as np
import sympy
from sympy import Expr, HadamardProduct, Identity, MatAdd, MatMul, MatrixExpr, OneMatrix, Symbol, Transpose, ZeroMatrix
from sympy.codegen.cfunctions import expm1, log1p
from sympy.core.relational import Relational

from derive.algebra.functions import FUNCTIONS, Apply
from derive.algebra.losses import LOSSES
from derive.algebra.nodes import (
    NONEMPTY,
    B,
    Blocks,
    Concat,
    Delta,
    Detach,
    Diag,
    DiagPart,
    FusedLoss,
    LogSoftmax,
    Loss,
    Pad,
    Scale,
    SigmoidCrossEntropy,
    Slice,
    Softmax,
    SoftmaxCrossEntropy,
    SumOver,
    T,
    Timed,
    is_reference,
    t,
)
from derive.errors import UnsupportedError
from derive.program import Program, operands

Array = np.ndarray[Any, Any]
Key = tuple[str, int | None]


class Evaluation:
    """The values of one program on one set of arrays.

    Args:
        program: any program, in normal form or as read.
        sizes: size name → value.
        steps, batch: T and B.
        arrays: the given names in canonical layout.
    """

    def __init__(self, program: Program, sizes: Mapping[str, int], steps: int, batch: int, arrays: Mapping[str, Array]):
        self.program, self.steps, self.batch, self.arrays = program, steps, batch, arrays
        numbers = {s: sympy.Integer(sizes[s.name]) for s in program.sizes}
        self._numbers: dict[Expr, Any] = {**numbers, T: sympy.Integer(steps), B: sympy.Integer(batch)}
        self._numbers[NONEMPTY] = sympy.Integer(int(steps > 0))
        self._numbers |= {Symbol(n, real=True): c for n, c in program.constants.items()}
        self._memo: dict[Key, Array] = {}

    def value(self, name: str) -> Array:
        """All of `name`, in canonical layout."""
        v = self.program[name]
        if not v.timed:
            return self._trim(self._get((name, None)), name)
        steps = [self._trim(self._get((name, k)), name) for k in range(self.steps)]
        if not steps:
            shape = [self.batch] * ("b" in v.axes) + [self.integer(n) for n in v.shape]
            return np.zeros([0, *shape])
        inner = 3 if "b" in v.axes else 2
        return np.stack(np.broadcast_arrays(*steps), axis=-inner - 1)

    def expression(self, e: MatrixExpr) -> Array:
        """An expression whose times are all absolute: [..., B or 1, r, c]."""
        return self.at_step(e, None)

    def at_step(self, e: MatrixExpr, now: int | None) -> Array:
        """An expression at one step: [..., B or 1, r, c]."""
        for key in self._keys(e, now):
            self._get(key)
        return evaluate(e, self, now)

    def _trim(self, a: Array, name: str) -> Array:
        """From [..., B or 1, r, c] to the axes that the name has."""
        v = self.program[name]
        rows, cols = (self.integer(n) for n in v.shape)
        batch = self.batch if "b" in v.axes else 1
        a = np.broadcast_to(a, (*a.shape[:-3], batch, rows, cols))
        return a if "b" in v.axes else a[..., 0, :, :]

    def number(self, e: Expr) -> float:
        """A coefficient; 1/T counts as 0 when T = 0."""
        if self.steps == 0 and e.has(T):
            e = e.subs(1 / T, 0)
        return float(e.subs(self._numbers))

    def integer(self, e: Expr) -> int:
        return int(e.subs(self._numbers))

    def time(self, index: Expr, now: int | None) -> int:
        of_t, of_T, constant = _linear(index)
        return of_t * (now or 0) + of_T * self.steps + constant

    def _get(self, key: Key) -> Array:
        """Evaluate `key` and what it needs, with a stack of our own: time can be long."""
        todo = [key]
        while todo:
            top = todo[-1]
            if top in self._memo:
                todo.pop()
                continue
            missing = [k for k in self._needs(top) if k not in self._memo]
            if missing:
                todo.extend(missing)
            else:
                self._memo[top] = self._compute(top)
                todo.pop()
        return self._memo[key]

    def _boundary(self, key: Key) -> tuple[bool, str | None]:
        """(is the time outside 0 … T−1, the boundary value there)."""
        name, now = key
        if now is None or 0 <= now < self.steps:
            return False, None
        v = self.program[name]
        k = now - self.steps + 1 if v.backward else -now
        return True, v.initial[k - 1] if 1 <= k <= len(v.initial) else None

    def _needs(self, key: Key) -> list[Key]:
        outside, initial = self._boundary(key)
        if outside:
            return [(initial, None)] if initial else []
        e = self.program.equations.get(key[0])
        return [] if e is None else list(self._keys(e, key[1]))

    def _keys(self, e: MatrixExpr, now: int | None) -> list[Key]:
        if is_reference(e):
            return [self.key(e, now)]
        times = range(self.steps) if isinstance(e, SumOver) and "t" in e.axes else [now]
        return [k for a in operands(e) for time in times for k in self._keys(a, time)]

    def key(self, r: MatrixExpr, now: int | None) -> Key:
        return (r.name, self.time(r.index, now)) if isinstance(r, Timed) else (r.name, None)

    def _compute(self, key: Key) -> Array:
        name, now = key
        v = self.program[name]
        outside, initial = self._boundary(key)
        if outside:
            return self._memo[initial, None] if initial else np.zeros([1, *(self.integer(n) for n in v.shape)])
        if name in self.program.equations:
            return evaluate(self.program.equations[name], self, now)
        a = self.arrays[name]
        if v.timed:
            a = np.take(a, now, axis=-4 if "b" in v.axes else -3)  # type: ignore[arg-type]
        return a if "b" in v.axes else a[..., None, :, :]

    def lookup(self, r: MatrixExpr, now: int | None) -> Array:
        return self._memo[self.key(r, now)]


@cache
def _linear(index: Expr) -> tuple[int, int, int]:
    """A time as its coefficients of t and T and the rest."""
    return int(index.coeff(t)), int(index.coeff(T)), int(index.subs({t: 0, T: 0}))


@singledispatch
def evaluate(node: MatrixExpr, run: Evaluation, now: int | None) -> Array:
    """The value of an expression at step `now`: [..., B or 1, r, c]."""
    if is_reference(node):
        return run.lookup(node, now)
    raise UnsupportedError(f"the interpreter has no rule for {type(node).__name__}")


def _all(node: MatrixExpr, run: Evaluation, now: int | None) -> list[Array]:
    return [evaluate(a, run, now) for a in operands(node)]


@evaluate.register(OneMatrix)
def _(node: OneMatrix, run: Evaluation, now: int | None) -> Array:
    return np.ones([1, *(run.integer(n) for n in node.shape)])


@evaluate.register(ZeroMatrix)
def _(node: ZeroMatrix, run: Evaluation, now: int | None) -> Array:
    return np.zeros([1, *(run.integer(n) for n in node.shape)])


@evaluate.register(Identity)
def _(node: Identity, run: Evaluation, now: int | None) -> Array:
    return np.eye(run.integer(node.shape[0]))[None]


@evaluate.register(MatAdd)
def _(node: MatAdd, run: Evaluation, now: int | None) -> Array:
    first, *rest = _all(node, run, now)
    for a in rest:
        first = first + a
    return first


@evaluate.register(MatMul)
def _(node: MatMul, run: Evaluation, now: int | None) -> Array:
    first, *rest = _all(node, run, now)
    for a in rest:
        first = first @ a
    return first


@evaluate.register(HadamardProduct)
def _(node: HadamardProduct, run: Evaluation, now: int | None) -> Array:
    first, *rest = _all(node, run, now)
    for a in rest:
        first = first * a
    return first


@evaluate.register(Scale)
def _(node: Scale, run: Evaluation, now: int | None) -> Array:
    return run.number(node.coefficient) * evaluate(node.arg, run, now)


@evaluate.register(Transpose)
def _(node: Transpose, run: Evaluation, now: int | None) -> Array:
    return evaluate(node.arg, run, now).swapaxes(-1, -2)


@evaluate.register(Apply)
def _(node: Apply, run: Evaluation, now: int | None) -> Array:
    return apply_function(node.name, _all(node, run, now), [run.number(n) for n in node.numbers])


@evaluate.register(Softmax)
def _(node: Softmax, run: Evaluation, now: int | None) -> Array:
    return np.exp(_log_softmax(evaluate(node.arg, run, now)))


@evaluate.register(LogSoftmax)
def _(node: LogSoftmax, run: Evaluation, now: int | None) -> Array:
    return _log_softmax(evaluate(node.arg, run, now))


def _log_softmax(z: Array) -> Array:
    z = z - z.real.max(axis=-2, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-2, keepdims=True))


@evaluate.register(SoftmaxCrossEntropy)
def _(node: SoftmaxCrossEntropy, run: Evaluation, now: int | None) -> Array:
    y, z = evaluate(node.target, run, now), evaluate(node.logits, run, now)
    return -(y * _log_softmax(z)).sum(axis=-2, keepdims=True)


@evaluate.register(SigmoidCrossEntropy)
def _(node: SigmoidCrossEntropy, run: Evaluation, now: int | None) -> Array:
    y, z = evaluate(node.target, run, now), evaluate(node.logits, run, now)
    on, off = apply_function("softplus", [-z], []), apply_function("softplus", [z], [])
    return (y * on + (1 - y) * off).sum(axis=(-2, -1), keepdims=True)


@evaluate.register(Loss)
def _(node: Loss, run: Evaluation, now: int | None) -> Array:
    entry = LOSSES[node.kind]
    if entry.logits:
        y, z = evaluate(node.target, run, now), evaluate(node.prediction, run, now)
        return -(y * _log_softmax(z)).sum(axis=-2, keepdims=True)
    return evaluate(entry.expand(node.target, node.prediction), run, now)  # type: ignore[misc]


@evaluate.register(SumOver)
def _(node: SumOver, run: Evaluation, now: int | None) -> Array:
    times = range(run.steps) if "t" in node.axes else [now]
    total: Array = np.zeros([1, *(run.integer(n) for n in node.shape)])
    for time in times:
        a = evaluate(node.arg, run, time)
        if "b" in node.axes:  # a body that lacks the batch axis counts once per sequence
            a = np.broadcast_to(a, (*a.shape[:-3], run.batch, *a.shape[-2:])).sum(axis=-3, keepdims=True)
        total = total + a
    return total


@evaluate.register(Delta)
def _(node: Delta, run: Evaluation, now: int | None) -> Array:
    a = evaluate(node.arg, run, now)
    return a if run.time(node.at, now) == run.time(node.time, now) else np.zeros_like(a)


@evaluate.register(Concat)
def _(node: Concat, run: Evaluation, now: int | None) -> Array:
    parts = _all(node, run, now)
    lead = np.broadcast_shapes(*(a.shape[:-2] for a in parts))
    return np.concatenate([np.broadcast_to(a, (*lead, *a.shape[-2:])) for a in parts], axis=-2)


@evaluate.register(Slice)
def _(node: Slice, run: Evaluation, now: int | None) -> Array:
    return evaluate(node.arg, run, now)[..., run.integer(node.low) : run.integer(node.high), :]


@evaluate.register(Pad)
def _(node: Pad, run: Evaluation, now: int | None) -> Array:
    a, low = evaluate(node.arg, run, now), run.integer(node.low)
    after = run.integer(node.shape[0]) - low - a.shape[-2]
    return np.pad(a, [(0, 0)] * (a.ndim - 2) + [(low, after), (0, 0)])


@evaluate.register(Diag)
def _(node: Diag, run: Evaluation, now: int | None) -> Array:
    a = evaluate(node.arg, run, now)
    return a * np.eye(a.shape[-2])


@evaluate.register(DiagPart)
def _(node: DiagPart, run: Evaluation, now: int | None) -> Array:
    return np.diagonal(evaluate(node.arg, run, now), axis1=-2, axis2=-1)[..., None]


@evaluate.register(Detach)
def _(node: Detach, run: Evaluation, now: int | None) -> Array:
    return evaluate(node.arg, run, now).real + 0.0  # frozen at the base point of a complex step


@evaluate.register(Blocks)
def _(node: Blocks, run: Evaluation, now: int | None) -> Array:
    rows = []
    for i in range(node.block_rows):
        blocks = [evaluate(node.block(i, j), run, now) for j in range(node.block_cols)]
        lead = np.broadcast_shapes(*(a.shape[:-2] for a in blocks))
        rows.append(np.concatenate([np.broadcast_to(a, (*lead, *a.shape[-2:])) for a in blocks], axis=-1))
    lead = np.broadcast_shapes(*(a.shape[:-2] for a in rows))
    return np.concatenate([np.broadcast_to(a, (*lead, *a.shape[-2:])) for a in rows], axis=-2)


FUSED = FusedLoss  # both fused losses have a rule above; a new one needs its own


def apply_function(name: str, args: list[Array], numbers: list[float]) -> Array:
    """An elementwise function by its scalar definition; piecewise ones branch on the real part."""
    symbols, numerals, definition = _definition(name)
    values: dict[Expr, Any] = dict(zip(symbols, args, strict=True)) | dict(zip(numerals, numbers, strict=True))
    with np.errstate(all="ignore"):  # a branch that is not taken may overflow
        return np.asarray(_scalar(definition, values))


@cache
def _definition(name: str) -> tuple[tuple[Symbol, ...], tuple[Symbol, ...], Expr]:
    entry = FUNCTIONS[name]
    symbols = sympy.symbols(f"z0:{entry.arity}")
    numerals = sympy.symbols(f"n0:{entry.parameters}")
    return symbols, numerals, sympy.sympify(entry.scalar(*symbols, *numerals), strict=True)


_UNARY: dict[Any, Callable[[Any], Any]] = {
    sympy.exp: np.exp,
    sympy.log: np.log,
    sympy.tanh: np.tanh,
    sympy.sin: np.sin,
    sympy.cos: np.cos,
    expm1: np.expm1,
    log1p: np.log1p,
    sympy.erf: lambda z: _erf(z),
}


def _scalar(e: Expr, values: Mapping[Expr, Any]) -> Any:
    if e in values:
        return values[e]
    if e.is_number:
        return float(e)
    if isinstance(e, sympy.Add):
        return sum((_scalar(a, values) for a in e.args[1:]), _scalar(e.args[0], values))
    if isinstance(e, sympy.Mul):
        return math.prod((_scalar(a, values) for a in e.args[1:]), start=_scalar(e.args[0], values))
    if isinstance(e, sympy.Pow):
        return _power(_scalar(e.base, values), _scalar(e.exp, values))
    if isinstance(e, sympy.Piecewise):
        return _piecewise(e, values)
    return _UNARY[e.func](_scalar(e.args[0], values))


def _power(base: Any, exponent: float) -> Any:
    if exponent == 0.5:
        return np.sqrt(base)
    n = abs(int(exponent))
    if n != abs(exponent):
        raise UnsupportedError(f"a power must be an integer, not {exponent}")
    result = 1.0
    for _ in range(n):  # repeated products keep the tiny imaginary part of a complex step exact
        result = result * base
    return 1 / result if exponent < 0 else result


def _piecewise(e: sympy.Piecewise, values: Mapping[Expr, Any]) -> Any:
    result = None
    for value, condition in reversed(e.args):
        branch = _scalar(value, values)
        result = branch if result is None else np.where(_condition(condition, values), branch, result)
    return result


def _condition(c: Any, values: Mapping[Expr, Any]) -> Any:
    if not isinstance(c, Relational):
        return bool(c)
    left, right = (np.real(_scalar(a, values)) for a in c.args)
    compare = {">": np.greater, "<": np.less, ">=": np.greater_equal, "<=": np.less_equal}
    return compare[c.rel_op](left, right)


_real_erf = np.vectorize(math.erf, otypes=[float])


def _erf(z: Array) -> Array:
    """erf(x + iy) = erf(x) + iy·2/√π·exp(−x²), right to first order in y."""
    x = np.real(z)
    value = _real_erf(x)
    return value + 1j * np.imag(z) * 2 / math.sqrt(math.pi) * np.exp(-x * x) if np.iscomplexobj(z) else value
