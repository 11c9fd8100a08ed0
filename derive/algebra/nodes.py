"""The matrix expressions that equations are made of.

SymPy's own nodes carry sums, products, transposes and Hadamard products; this module adds what a
recurrence needs.  It and `bound` are the only files that know SymPy's internals.  Nothing here is
ever handed to SymPy's matrix derivatives, `simplify` or `lambdify`, which are wrong or unsafe on
such expressions; `_entry` exists so that `as_explicit` gives tests an independent oracle.
"""

from __future__ import annotations

from typing import Any

from sympy import (
    Basic,
    Expr,
    Integer,
    KroneckerDelta,
    MatrixExpr,
    MatrixSymbol,
    Piecewise,
    S,
    Sum,
    Symbol,
    Tuple,
    exp,
    log,
)
from sympy.core.symbol import Str
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.tensor.array.expressions.arrayexpr_derivatives import array_derive

from derive.algebra.shapes import conform, shape_text
from derive.errors import ShapeError

t = Symbol("t", integer=True)
T = Symbol("T", integer=True, nonnegative=True)
NONEMPTY = Symbol("T_is_positive", integer=True, nonnegative=True)  # 1 if T > 0, else 0
B = Symbol("B", integer=True, nonnegative=True)  # the batch: only lowered programs speak of it


def number(value: Any) -> Expr:
    """A scalar as a SymPy object: an int, or an expression already; never text."""
    if isinstance(value, Expr):
        return value
    if isinstance(value, int):
        return Integer(value)
    raise TypeError(f"a scalar must be an int or a SymPy expression, not {type(value).__name__}")


def label(text: str | Str) -> Str:
    return text if isinstance(text, Str) else Str(text)


class Node(MatrixExpr):  # type: ignore[misc]
    """Base of the project's own matrix expressions; `args` rebuild the node."""

    is_commutative = False
    arg: MatrixExpr

    @property
    def shape(self) -> tuple[Expr, Expr]:
        raise NotImplementedError(f"{type(self).__name__} needs a shape")

    @property
    def matrices(self) -> tuple[MatrixExpr, ...]:
        """The matrix operands, in order."""
        return tuple(a for a in self.args if isinstance(a, MatrixExpr))

    def _eval_derivative(self, *_: Any) -> Any:
        return refuse_derivative(self)


def refuse_derivative(*_: Any) -> Any:
    raise TypeError("use derive.calculus: SymPy's matrix derivatives are not sound on recurrences")


array_derive.register(Node, refuse_derivative)


class Timed(Node):
    """`name[index]`: a sequence at one time; `index` is t + d, or an absolute c or T + c."""

    def __new__(cls, name: str | Str, index: Any, rows: Any, cols: Any = S.One) -> Timed:
        return Basic.__new__(cls, label(name), number(index), number(rows), number(cols))

    name = property(lambda self: self.args[0].name)
    index = property(lambda self: self.args[1])
    shape = property(lambda self: (self.args[2], self.args[3]))

    @property
    def offset(self) -> int | None:
        """d for x[t + d]; None for an absolute time."""
        return int(self.index - t) if self.index.has(t) else None

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return MatrixElement(self, i, j)

    def _sympystr(self, printer: Any) -> str:
        return f"{self.name}[{self.index}]"


class StepGradient(Node):
    """The symbol dL_j/dname: what step j's loss contributes to the gradient of `name`."""

    def __new__(cls, name: str | Str, index: Any, rows: Any, cols: Any = S.One) -> StepGradient:
        return Basic.__new__(cls, label(name), number(index), number(rows), number(cols))

    name = property(lambda self: self.args[0].name)
    index = property(lambda self: self.args[1])
    shape = property(lambda self: (self.args[2], self.args[3]))

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return MatrixElement(self, i, j)

    def _sympystr(self, printer: Any) -> str:
        return f"dL_{self.index}/d{self.name}"


def is_reference(e: Any) -> bool:
    """True for a name, with or without a time."""
    return isinstance(e, (Timed, MatrixSymbol))


class Unary(Node):
    """A node with one matrix operand, whose shape it keeps unless it says otherwise."""

    def __new__(cls, a: MatrixExpr) -> Unary:
        return Basic.__new__(cls, a)

    arg = property(lambda self: self.args[0])
    shape = property(lambda self: self.args[0].shape)

    def _sympystr(self, printer: Any) -> str:
        return f"{type(self).__name__.lower()}({', '.join(printer._print(a) for a in self.args)})"


class Scale(Node):
    """c·A for a scalar c made of numbers, sizes and T (1/T counts as 0 when T = 0)."""

    def __new__(cls, coefficient: Any, a: MatrixExpr) -> Scale:
        return Basic.__new__(cls, number(coefficient), a)

    coefficient = property(lambda self: self.args[0])
    arg = property(lambda self: self.args[1])
    shape = property(lambda self: self.args[1].shape)

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return self.coefficient * self.arg[i, j]

    def _sympystr(self, printer: Any) -> str:
        return f"{printer._print(self.coefficient)}*{printer._print(self.arg)}"


class Softmax(Unary):
    """Softmax along the first axis."""

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return exp(self.arg[i, j]) / _column_sum(self.arg, j)


class LogSoftmax(Unary):
    """log softmax along the first axis, finite where the softmax underflows."""

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return self.arg[i, j] - log(_column_sum(self.arg, j))


def _column_sum(a: MatrixExpr, j: Any) -> Expr:
    rows = a.shape[0]
    if rows.is_Integer:
        return sum((exp(a[k, j]) for k in range(int(rows))), S.Zero)
    k = Symbol("k_", integer=True)
    return Sum(exp(a[k, j]), (k, 0, rows - 1))


class Detach(Unary):
    """The value of its operand, with no gradient through it."""

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return self.arg[i, j]


class Loss(Node):
    """A named loss of a target and a prediction, as the user wrote it: 1×1 (see `losses`)."""

    def __new__(cls, kind: str | Str, target: MatrixExpr, prediction: MatrixExpr) -> Loss:
        conform(label(kind).name, target.shape, prediction.shape)
        return Basic.__new__(cls, label(kind), target, prediction)

    kind = property(lambda self: self.args[0].name)
    target = property(lambda self: self.args[1])
    prediction = property(lambda self: self.args[2])
    shape = (S.One, S.One)

    def _sympystr(self, printer: Any) -> str:
        return f"{self.kind}({printer._print(self.target)}, {printer._print(self.prediction)})"


class FusedLoss(Node):
    """A loss on the logits z with its companion p = softmax(z) or sigmoid(z).

    The companion is never differentiated through: the slope p − y is that of the composition.
    """

    def __new__(cls, target: MatrixExpr, logits: MatrixExpr, companion: MatrixExpr) -> FusedLoss:
        conform(cls.__name__, target.shape, logits.shape, companion.shape)
        return Basic.__new__(cls, target, logits, companion)

    target = property(lambda self: self.args[0])
    logits = property(lambda self: self.args[1])
    companion = property(lambda self: self.args[2])
    shape = (S.One, S.One)

    def _sympystr(self, printer: Any) -> str:
        return f"{type(self).__name__}({printer._print(self.target)}, {printer._print(self.logits)})"


class SoftmaxCrossEntropy(FusedLoss):
    """−yᵀ log softmax(z)."""


class SigmoidCrossEntropy(FusedLoss):
    """Σ y softplus(−z) + (1 − y) softplus(z): binary cross-entropy of sigmoid(z)."""


class SumOver(Node):
    """The sum over steps ("t"), sequences ("b") or both ("tb"): the only node that removes axes."""

    def __new__(cls, a: MatrixExpr, axes: str | Str) -> SumOver:
        axes = label(axes)
        if axes.name not in {"t", "b", "tb"}:
            raise ValueError(f"axes are t, b or tb, not {axes.name!r}")
        return Basic.__new__(cls, a, axes)

    arg = property(lambda self: self.args[0])
    axes = property(lambda self: self.args[1].name)
    shape = property(lambda self: self.args[0].shape)

    def _sympystr(self, printer: Any) -> str:
        return f"sum_{self.axes}({printer._print(self.arg)})"


class Delta(Node):
    """A if the times i and j are equal, else zero."""

    def __new__(cls, a: MatrixExpr, i: Any, j: Any) -> Delta:
        return Basic.__new__(cls, a, number(i), number(j))

    arg = property(lambda self: self.args[0])
    at = property(lambda self: self.args[1])
    time = property(lambda self: self.args[2])
    shape = property(lambda self: self.args[0].shape)

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return Piecewise((self.arg[i, j], self.at - self.time == 0), (S.Zero, True))

    def _sympystr(self, printer: Any) -> str:
        return f"[{self.at} = {self.time}]*{printer._print(self.arg)}"


class Concat(Node):
    """Operands stacked along the first axis."""

    def __new__(cls, *parts: MatrixExpr) -> Concat:
        conform("concat", *((S.One, p.shape[1]) for p in parts))
        return Basic.__new__(cls, *parts)

    @property
    def shape(self) -> tuple[Expr, Expr]:
        return sum((p.shape[0] for p in self.args), S.Zero).expand(), self.args[0].shape[1]

    def bounds(self) -> list[tuple[Expr, Expr]]:
        """The half-open row range of each part."""
        low, ranges = S.Zero, []
        for part in self.args:
            ranges.append((low, (low + part.shape[0]).expand()))
            low = ranges[-1][1]
        return ranges

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        for part, (low, high) in zip(self.args, self.bounds(), strict=True):
            if low <= i < high:
                return part[i - low, j]
        raise IndexError(i)

    def _sympystr(self, printer: Any) -> str:
        return f"concat({', '.join(printer._print(a) for a in self.args)})"


class Slice(Node):
    """Rows lo … hi−1."""

    def __new__(cls, a: MatrixExpr, low: Any, high: Any) -> Slice:
        low, high = number(low), number(high)
        if (low.is_negative) or (high - low).is_nonpositive or (a.shape[0] - high).is_negative:
            raise ShapeError(f"slice {low}:{high} is empty or leaves {shape_text(a.shape)}")
        return Basic.__new__(cls, a, low, high)

    arg = property(lambda self: self.args[0])
    low = property(lambda self: self.args[1])
    high = property(lambda self: self.args[2])
    shape = property(lambda self: ((self.args[2] - self.args[1]).expand(), self.args[0].shape[1]))

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return self.arg[i + self.low, j]

    def _sympystr(self, printer: Any) -> str:
        return f"slice({printer._print(self.arg)}, {self.low}, {self.high})"


class Pad(Node):
    """Its operand as rows lo … of an otherwise zero array with `rows` rows: the adjoint of a slice."""

    def __new__(cls, a: MatrixExpr, low: Any, rows: Any) -> Pad:
        return Basic.__new__(cls, a, number(low), number(rows))

    arg = property(lambda self: self.args[0])
    low = property(lambda self: self.args[1])
    shape = property(lambda self: (self.args[2], self.args[0].shape[1]))

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        inside = self.low <= i < self.low + self.arg.shape[0]
        return self.arg[i - self.low, j] if inside else S.Zero

    def _sympystr(self, printer: Any) -> str:
        return f"pad({printer._print(self.arg)}, {self.low})"


class Diag(Unary):
    """A column vector as a diagonal matrix."""

    def __new__(cls, a: MatrixExpr) -> Diag:
        if a.shape[1] != 1:
            raise ShapeError(f"diag takes a column vector, not {shape_text(a.shape)}")
        return Basic.__new__(cls, a)

    shape = property(lambda self: (self.args[0].shape[0], self.args[0].shape[0]))

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return self.arg[i, 0] * KroneckerDelta(i, j)  # SymPy's products ask with symbolic indices


class DiagPart(Unary):
    """The diagonal of a square matrix as a column: the adjoint of `Diag`."""

    shape = property(lambda self: (self.args[0].shape[0], S.One))

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return self.arg[i, i]


class Blocks(Node):
    """A block matrix: `entries` row by row; a zero block is a ZeroMatrix."""

    def __new__(cls, rows: Any, cols: Any, *entries: MatrixExpr) -> Blocks:
        entries_ = Tuple(*(entries[0] if len(entries) == 1 and isinstance(entries[0], Tuple) else entries))
        return Basic.__new__(cls, number(rows), number(cols), entries_)

    block_rows = property(lambda self: int(self.args[0]))
    block_cols = property(lambda self: int(self.args[1]))

    def block(self, i: int, j: int) -> MatrixExpr:
        return self.args[2][i * self.block_cols + j]

    @property
    def shape(self) -> tuple[Expr, Expr]:
        rows = sum((self.block(i, 0).shape[0] for i in range(self.block_rows)), S.Zero)
        cols = sum((self.block(0, j).shape[1] for j in range(self.block_cols)), S.Zero)
        return rows.expand(), cols.expand()

    @property
    def matrices(self) -> tuple[MatrixExpr, ...]:
        return tuple(self.args[2])

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        for row in range(self.block_rows):
            height = self.block(row, 0).shape[0]
            if i < height:
                break
            i -= height
        for col in range(self.block_cols):
            width = self.block(0, col).shape[1]
            if j < width:
                break
            j -= width
        return self.block(row, col)[i, j]

    def _sympystr(self, printer: Any) -> str:
        rows = (
            ", ".join(printer._print(self.block(i, j)) for j in range(self.block_cols)) for i in range(self.block_rows)
        )
        return f"[{'; '.join(rows)}]"
