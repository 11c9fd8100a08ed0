"""The matrix expressions that equations are made of.

SymPy's own nodes carry sums, products, transposes and Hadamard products; this module adds what a
recurrence needs.  It and `bound` are the only files that know SymPy's internals.  Nothing here is
ever handed to SymPy's matrix derivatives, `simplify` or `lambdify`, which are wrong or unsafe on
such expressions; `_entry` exists so that `as_explicit` gives tests an independent oracle.
"""

from __future__ import annotations

from typing import Any

from sympy import Basic, Expr, Integer, MatrixExpr, MatrixSymbol, Piecewise, S, Symbol
from sympy.core.symbol import Str
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.tensor.array.expressions.arrayexpr_derivatives import array_derive

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


def is_reference(e: Any) -> bool:
    """True for a name, with or without a time."""
    return isinstance(e, (Timed, MatrixSymbol))


class Unary(Node):
    """A node with one matrix operand, whose shape it keeps unless it says otherwise."""

    def __new__(cls, a: MatrixExpr) -> Unary:
        if not isinstance(a, MatrixExpr):
            raise TypeError(f"{cls.__name__} is of a matrix, not of {a!r}")
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


class Detach(Unary):
    """The value of its operand, with no gradient through it."""

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return self.arg[i, j]


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

    @property
    def free_symbols(self) -> set[Symbol]:
        """A sum over steps binds t."""
        return set(self.arg.free_symbols) - ({t} if "t" in self.axes else set())

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
