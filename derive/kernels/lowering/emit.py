"""From lowered equations to statements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sympy import Expr, HadamardProduct, MatAdd, MatMul, MatrixExpr, OneMatrix, S, Symbol, Transpose, ZeroMatrix

from derive.algebra import build as b
from derive.algebra.functions import Apply
from derive.algebra.nodes import (
    Concat,
    Delta,
    Diag,
    DiagPart,
    FusedLoss,
    LogSoftmax,
    Pad,
    Scale,
    SigmoidCrossEntropy,
    Slice,
    Softmax,
    SumOver,
    T,
    Timed,
    is_reference,
    t,
)
from derive.errors import UnsupportedError
from derive.kernels.lowering import statements as ir
from derive.kernels.lowering import trees
from derive.kernels.lowering.statements import Statement
from derive.kernels.lowering.storage import Storage
from derive.kernels.lowering.trees import Leaf, Tree
from derive.program import Program


class Emitter:
    """Statements of one lowered program; `comments` are the equations that a name implements."""

    def __init__(self, program: Program, storage: Storage, comments: Mapping[str, tuple[str, ...]]):
        self.program, self.storage, self.comments = program, storage, comments
        self.names = storage.names

    def statements(self, name: str, inside: bool) -> list[Statement]:
        """What computes a name; nothing for a view or for a concat whose parts are born in place."""
        e = self.program.equations[name]
        if name not in self.storage.buffers or self._is_free(name, e):
            return []
        one = _One(self, name, e, inside)
        return list(one.emit())

    def _is_free(self, name: str, e: MatrixExpr) -> bool:
        if isinstance(e, Concat):
            return all(is_reference(a) and self.storage.views.get(a.name, ("",))[0] == name for a in e.args)
        return isinstance(e, Slice) and self.storage.views.get(name, ("",))[0] == e.arg.name


class _One:
    """The statements of one equation; `inside` a time loop or over all steps at once."""

    def __init__(self, emitter: Emitter, name: str, e: MatrixExpr, inside: bool):
        self.program, self.storage, self.names = emitter.program, emitter.storage, emitter.names
        self.e, self.inside = e, inside
        self.target = self.leaf(self.program.ref(name))
        self.comment = emitter.comments.get(name, ())

    # references

    def leaf(self, r: MatrixExpr, lift: str = "") -> Leaf:
        buffer = self.storage.buffers[r.name]
        if not isinstance(r, Timed) or not buffer.steps:
            return Leaf(buffer, "", lift)
        if r.offset is None:
            return Leaf(buffer, self.row(r.index + buffer.before), lift)
        start = buffer.before + r.offset
        if self.inside:
            return Leaf(buffer, self.row(t + start), lift)
        if not (buffer.before or buffer.after):
            return Leaf(buffer, "", lift)
        return Leaf(buffer, (str(start), self.row(start + Symbol("T", integer=True, nonnegative=True))), lift)

    def transposed(self, e: Transpose) -> Leaf:
        """A transposed reference; a column has no second axis to swap."""
        rows, cols = e.arg.shape
        return self.leaf(e.arg, "row" if cols == 1 else "column" if rows == 1 else "swap")

    def row(self, index: Expr) -> str:
        return self.names.size(index)

    def axes(self, r: MatrixExpr) -> str:
        """The axis letters that a reference has here: t only outside loops."""
        axes = self.program.axes(r) if not isinstance(r, OneMatrix) else frozenset()
        return "".join(a for a in "tb" if a in axes and not (a == "t" and self.inside))

    # statements

    def emit(self) -> Iterator[Statement]:
        e = self.e
        if isinstance(e, SumOver):
            yield from self.sum(e)
        elif isinstance(e, MatMul) and b.broadcast_scalar(e) is None:
            yield from self.product(e)
        elif isinstance(e, (Softmax, LogSoftmax, FusedLoss)):
            yield self.row_wise(e)
        elif isinstance(e, Concat):
            bounds = tuple((self.names.size(low), self.names.size(high)) for low, high in e.bounds())
            leaves = tuple(self.transposed(a) if isinstance(a, Transpose) else self.leaf(a) for a in e.args)
            yield ir.Stack(self.target, self.comment, leaves, bounds)
        elif isinstance(e, Slice):
            yield ir.Part(self.target, self.comment, self.leaf(e.arg), self.names.size(e.low), self.names.size(e.high))
        elif isinstance(e, Pad):
            low, high = e.low, (e.low + e.arg.shape[0]).expand()
            yield ir.ZeroPad(self.target, self.comment, self.leaf(e.arg), self.names.size(low), self.names.size(high))
        elif isinstance(e, Diag):
            yield ir.Diagonal(self.target, self.comment, self.leaf(e.arg))
        elif isinstance(e, DiagPart):
            yield ir.DiagonalOf(self.target, self.comment, self.leaf(e.arg))
        elif isinstance(e, Delta):
            yield self.delta(e)
        else:
            yield from self.map(e)

    def delta(self, e: Delta) -> Statement:
        if not e.at.has(t):
            return ir.When(self.target, self.comment, self.leaf(e.arg), _steps_where_equal(e.at, e.time))
        if self.inside:
            raise UnsupportedError("an impulse inside a recurrence")
        row = self.row(e.time + self.target.buffer.before)
        return ir.Impulse(self.target, self.comment, self.leaf(e.arg), row, _least_steps(e.time))

    def row_wise(self, e: MatrixExpr) -> Statement:
        name = type(e).__name__
        function = {"Softmax": "softmax", "LogSoftmax": "log_softmax"}.get(name, "")
        if isinstance(e, FusedLoss):
            function = "sigmoid_cross_entropy" if isinstance(e, SigmoidCrossEntropy) else "softmax_cross_entropy"
            onehot = self.program[e.target.name].onehot
            function += "_classes" if onehot else ""
            return ir.RowWise(self.target, self.comment, function, (self.leaf(e.target), self.leaf(e.logits)))
        function += "_columns" if e.shape[1] != 1 else ""
        return ir.RowWise(self.target, self.comment, function, (self.leaf(e.arg),))

    # maps

    def map(self, e: MatrixExpr) -> Iterator[Statement]:
        terms = e.args if isinstance(e, MatAdd) else (e,)
        classes = [a for a in terms if self.is_class(b.split(a)[1])]
        dense = [a for a in terms if a not in classes]
        value = self.tree(b.add(*dense)) if dense else trees.Constant(S.Zero)
        yield ir.Map(self.target, self.comment, value)
        for a in classes:
            c, r = b.split(a)
            yield ir.AddAtClass(self.target, (), self.leaf(r), c)

    def is_class(self, a: MatrixExpr) -> bool:
        return is_reference(a) and self.program[a.name].onehot

    def tree(self, e: MatrixExpr) -> Tree:
        if isinstance(e, (OneMatrix, ZeroMatrix)):
            return trees.Constant(S.One if isinstance(e, OneMatrix) else S.Zero)
        if is_reference(e):
            return self.leaf(e)
        if isinstance(e, Transpose):
            return self.transposed(e)
        if isinstance(e, MatAdd):
            signed = [("-", b.negative(a)) if _negative(a) else ("+", a) for a in e.args]
            signed.sort(key=lambda pair: pair[0] == "-" and all(s == "-" for s, _ in signed[:1]))
            if signed[0][0] == "-" and any(s == "+" for s, _ in signed):
                signed.sort(key=lambda pair: pair[0] == "-")
            return trees.Sum(tuple((s, _grouped(self.tree(a), in_sum=True)) for s, a in signed))
        if isinstance(e, HadamardProduct):
            return trees.Factors(tuple(_grouped(self.tree(a)) for a in e.args))
        if isinstance(e, Scale):
            inner = self.tree(e.arg)
            if e.coefficient == -1:
                return trees.Sum((("-", _grouped(inner, in_sum=True)),))
            number: Tree = trees.Constant(e.coefficient)
            if not e.coefficient.is_number or e.coefficient < 0:
                number = trees.Group(number)
            if inner == trees.Constant(S.One):
                return number
            factors = inner.factors if isinstance(inner, trees.Factors) else (_grouped(inner),)
            return trees.Factors((number, *factors))
        if isinstance(e, Apply):
            args = tuple(self.tree(a) for a in e.matrices)
            return trees.Call(e.name, args + tuple(map(trees.Constant, e.numbers)))
        scalar = b.broadcast_scalar(e)
        if scalar is None:
            raise UnsupportedError(f"{type(e).__name__} is not elementwise")
        return self.leaf(scalar, "scalar" if e.shape[1] != 1 else "")

    # products

    def product(self, e: MatMul) -> Iterator[Statement]:
        left, right = e.args
        weight = left.arg if isinstance(left, Transpose) else left
        column = is_reference(right) and right.shape[1] == 1
        if column and is_reference(weight) and weight.shape[1] != 1 and not self.axes(weight) and self.axes(right):
            transposed = isinstance(left, Transpose)
            if self.is_class(right):
                yield ir.Gather(self.target, self.comment, self.leaf(weight), self.leaf(right), transposed)
            else:
                yield ir.Gemm(self.target, self.comment, self.leaf(weight), self.leaf(right), transposed)
        elif column and isinstance(left, OneMatrix) and left.shape[0] == 1:
            yield ir.ComponentSum(self.target, self.comment, self.leaf(right))
        elif column and isinstance(left, Transpose) and weight.shape[1] == 1:
            yield ir.Dot(self.target, self.comment, self.leaf(weight), self.leaf(right))
        else:
            yield self.contract(left, right, "")

    def sum(self, e: SumOver) -> Iterator[Statement]:
        if is_reference(e.arg):
            positions = tuple(i for i, a in enumerate(self.axes(e.arg)) if a in e.axes)
            yield ir.Total(self.target, self.comment, self.leaf(e.arg), positions)
            return
        left, right = e.arg.args
        columns = is_reference(left) and isinstance(right, Transpose)
        columns = columns and left.shape[1] == 1 and right.arg.shape[1] == 1 and left.shape[0] != 1
        columns = columns and e.axes == "tb" == self.axes(left) == self.axes(right.arg)
        if columns and self.is_class(right.arg):
            yield ir.ScatterAdd(self.target, self.comment, self.leaf(left), self.leaf(right.arg))
        elif columns:
            yield ir.Accumulate(self.target, self.comment, self.leaf(left), self.leaf(right.arg))
        else:
            yield self.contract(left, right, e.axes)

    def contract(self, left: MatrixExpr, right: MatrixExpr, summed: str) -> Statement:
        """Index letters: t and b for axes, i, k, j for rows, inner index and columns."""
        leaves, subscripts = [], []
        for a, (row, col) in ((left, "ik"), (right, "kj")):
            if isinstance(a, OneMatrix):
                continue
            base, letters = (a.arg, (col, row)) if isinstance(a, Transpose) else (a, (row, col))
            stored = letters if base.shape[1] != 1 else letters[:1]
            leaves.append(self.leaf(base))
            subscripts.append(self.axes(base) + "".join(stored))
        used = set("".join(subscripts))
        buffer = self.target.buffer
        lead = [a for a in "tb" if (a == "t" and buffer.steps and not self.inside) or (a == "b" and buffer.batch)]
        wanted = "".join(lead) + ("ij" if buffer.rank == 2 else "i")
        out = "".join(c for c in wanted if c in used and c not in summed)
        missing = "".join("." if c in used else "n" for c in wanted)
        return ir.Contract(self.target, self.comment, tuple(leaves), tuple(subscripts), out, missing)


def _negative(a: MatrixExpr) -> bool:
    return isinstance(a, Scale) and bool(a.coefficient.could_extract_minus_sign())


def _least_steps(time: Expr) -> int | None:
    """The smallest T for which an absolute time lies in 0 … T−1: T−k needs k steps, k needs k + 1."""
    if time.has(T):
        return int(T - time) if T - time > 0 else None
    return int(time) + 1 if time >= 0 else None


def _steps_where_equal(a: Expr, c: Expr) -> int | None:
    """The T for which two absolute times are equal: T−1 is −1 for T = 0."""
    if a.has(T) == c.has(T):
        if a == c:
            raise UnsupportedError(f"the times {a} and {c} are the same for every T")
        return None
    fixed, from_end = (c, a) if a.has(T) else (a, c)
    steps = int(fixed - (from_end - T))
    return steps if steps >= 0 else None


def _grouped(tree: Tree, in_sum: bool = False) -> Tree:
    """Parentheses around a sum that is a factor or a subtracted term."""
    return trees.Group(tree) if isinstance(tree, trees.Sum) else tree
