"""The node that applies an elementwise function, and what an entry of the table says of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sympy import Basic, Expr, MatrixExpr, oo
from sympy.core.symbol import Str

from derive.algebra.nodes import Node, label, number
from derive.algebra.shapes import conform
from derive.errors import ShapeError

Slope = Callable[..., MatrixExpr] | None


@dataclass(frozen=True)
class Function:
    """`scalar(*args, *numbers)`; `slopes[i](*args, *numbers, output)`; `code[target]` is a callable."""

    name: str
    scalar: Callable[..., Expr]
    slopes: tuple[Slope, ...]
    tex: str
    code: Mapping[str, str]
    parameters: int = 0
    smooth: bool = True  # False: the slope is 0 where the argument (or the arguments' difference) is 0
    domain: tuple[float, float] = (-float("inf"), float("inf"))
    values: tuple[Expr, Expr] = (-oo, oo)  # no value lies outside
    steepest: Callable[..., Expr] = lambda *numbers: oo  # no slope is larger, in absolute value
    public: bool = True  # a name of the cell language
    help: str = field(default="", compare=False)

    @property
    def arity(self) -> int:
        return len(self.slopes)

    @property
    def jumps(self) -> bool:
        """Is it not continuous where its slope is not?  Then no gradient passes."""
        return not self.smooth and None in self.slopes


FUNCTIONS: dict[str, Function] = {}


class Apply(Node):
    """An elementwise function of one or two matrices of one shape, and of numbers."""

    def __new__(cls, function: str | Str, *args: Any) -> Apply:
        function = label(function)
        entry = FUNCTIONS[function.name]
        matrices, numbers = args[: entry.arity], args[entry.arity :]
        if len(matrices) != entry.arity or len(numbers) != entry.parameters:
            raise ShapeError(f"{entry.name} takes {entry.arity} array(s) and {entry.parameters} number(s)")
        conform(entry.name, *(a.shape for a in matrices))
        return Basic.__new__(cls, function, *matrices, *(number(n) for n in numbers))

    name = property(lambda self: self.args[0].name)
    function = property(lambda self: FUNCTIONS[self.args[0].name])
    numbers = property(lambda self: self.args[1 + self.function.arity :])
    arg = property(lambda self: self.args[1])
    shape = property(lambda self: self.args[1].shape)

    def slope(self, i: int, output: MatrixExpr) -> MatrixExpr | None:
        """∂output/∂(argument i), elementwise."""
        rule = self.function.slopes[i]
        return None if rule is None else rule(*self.matrices, *self.numbers, output)

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return self.function.scalar(*(a[i, j] for a in self.matrices), *self.numbers)

    def _sympystr(self, printer: Any) -> str:
        return f"{self.name}({', '.join(printer._print(a) for a in self.args[1:])})"


def apply(name: str, *args: Any) -> Apply:
    """An elementwise function of arrays (and its numbers last): tanh, sigmoid, relu …

    Raises:
        ShapeError: there is no such function, or its arguments do not fit.
    """
    if name not in FUNCTIONS:
        raise ShapeError(f"there is no function {name!r}: one of {', '.join(FUNCTIONS)}")
    return Apply(name, *args)
