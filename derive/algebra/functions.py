"""Elementwise functions: one entry each, and the node that applies one.

An entry gives the scalar definition, from which the interpreter evaluates it and tests check the
slope; the slope with respect to each argument, as a matrix expression in the arguments and the
output; the TeX; and the callable of each target, which may be a helper that the target's templates
define.  A slope of None means that no gradient passes.  At a kink the slope is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy
from sympy import Basic, Expr, HadamardProduct, MatrixExpr, Piecewise, S, pi, sqrt
from sympy.codegen.cfunctions import expm1, log1p
from sympy.core.symbol import Str

from derive.algebra import build as b
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


def one(y: MatrixExpr) -> MatrixExpr:
    return b.ones(*y.shape)


def step(z: MatrixExpr) -> MatrixExpr:
    return Apply("step", z)


def _leaky_slope(z: MatrixExpr, a: Expr, y: MatrixExpr) -> MatrixExpr:
    return b.add(step(z), b.scale(a, step(b.negative(z))))


def _power_slope(z: MatrixExpr, n: Expr, y: MatrixExpr) -> MatrixExpr:
    return b.scale(n, power(z, int(n) - 1))


HIGHEST_POWER = 64  # of one node


def power(z: MatrixExpr, n: int) -> MatrixExpr:
    """z to an integer power, elementwise; 0, 1 and the square of a plain factor need no function.

    A power of a power is one power: written out as a product it would double with every level.
    """
    if n == 0:
        return one(z)
    if n == 1:
        return z
    c, z = b.split(z)
    return b.scale(c**n, _plain_power(z, n))


def _plain_power(z: MatrixExpr, n: int) -> MatrixExpr:
    inner, m = z, 1
    if isinstance(z, Apply) and z.name == "power":
        inner, m = z.arg, int(z.numbers[0])
    elif isinstance(z, HadamardProduct) and len(set(z.args)) == 1:
        inner, m = z.args[0], len(z.args)
    if m > 0 and 0 < m * n <= HIGHEST_POWER:
        z, n = inner, m * n
    return b.hadamard(z, z) if n == 2 and not isinstance(z, HadamardProduct) else Apply("power", z, n)


def _gauss(z: MatrixExpr, c: Expr) -> MatrixExpr:
    """exp(−c z²)."""
    return Apply("exp", b.scale(-c, b.hadamard(z, z)))


def _gelu_slope(z: MatrixExpr, y: MatrixExpr) -> MatrixExpr:
    cdf = b.scale(S.Half, b.add(one(z), Apply("erf", b.scale(1 / sqrt(2), z))))
    return b.add(cdf, b.hadamard(z, b.scale(1 / sqrt(2 * pi), _gauss(z, S.Half))))


def _sigmoid(z: Expr) -> Expr:
    return Piecewise((1 / (1 + sympy.exp(-z)), z >= 0), (sympy.exp(z) / (1 + sympy.exp(z)), True))


def unary(name: str, scalar: Any, slope: Slope, tex: str, numpy: str, c: str, **more: Any) -> Function:
    return Function(name, scalar, (slope,), tex, {"numpy": numpy, "c": c}, **more)


_POSITIVE = (0.0, float("inf"))
_ENTRIES = (
    unary("tanh", sympy.tanh, lambda z, y: b.subtract(one(y), b.hadamard(y, y)), r"\tanh", "np.tanh", "tanh"),
    unary("sigmoid", _sigmoid, lambda z, y: b.hadamard(y, b.subtract(one(y), y)), r"\sigma", "_sigmoid", "sigmoid"),
    unary(
        "relu",
        lambda z: Piecewise((z, z > 0), (S.Zero, True)),
        lambda z, y: step(z),
        r"\operatorname{relu}",
        "_relu",
        "relu",
        smooth=False,
    ),
    unary(
        "leaky_relu",
        lambda z, a: Piecewise((z, z > 0), (a * z, True)),
        _leaky_slope,
        r"\operatorname{leaky\,relu}",
        "_leaky_relu",
        "leaky_relu",
        parameters=1,
        smooth=False,
    ),
    unary(
        "elu",
        lambda z: Piecewise((z, z > 0), (expm1(z), True)),
        lambda z, y: Apply("exp", b.negative(Apply("relu", b.negative(z)))),
        r"\operatorname{elu}",
        "_elu",
        "elu",
    ),
    unary("gelu", lambda z: z * (1 + sympy.erf(z / sqrt(2))) / 2, _gelu_slope, r"\operatorname{gelu}", "_gelu", "gelu"),
    unary(
        "silu",
        lambda z: z * _sigmoid(z),
        lambda z, y: b.add(Apply("sigmoid", z), b.hadamard(y, b.subtract(one(y), Apply("sigmoid", z)))),
        r"\operatorname{silu}",
        "_silu",
        "silu",
    ),
    unary(
        "softplus",
        lambda z: Piecewise((z + log1p(sympy.exp(-z)), z > 0), (log1p(sympy.exp(z)), True)),
        lambda z, y: Apply("sigmoid", z),
        r"\operatorname{softplus}",
        "_softplus",
        "softplus",
    ),
    unary("exp", sympy.exp, lambda z, y: y, r"\exp", "np.exp", "exp"),
    unary("log", sympy.log, lambda z, y: Apply("reciprocal", z), r"\log", "np.log", "log", domain=_POSITIVE),
    unary(
        "sqrt",
        sympy.sqrt,
        lambda z, y: b.scale(S.Half, Apply("reciprocal", y)),
        r"\operatorname{sqrt}",
        "np.sqrt",
        "sqrt",
        domain=_POSITIVE,
    ),
    unary("sin", sympy.sin, lambda z, y: Apply("cos", z), r"\sin", "np.sin", "sin"),
    unary("cos", sympy.cos, lambda z, y: b.negative(Apply("sin", z)), r"\cos", "np.cos", "cos"),
    unary(
        "abs",
        lambda z: Piecewise((z, z > 0), (-z, True)),
        lambda z, y: Apply("sign", z),
        r"\operatorname{abs}",
        "np.abs",
        "fabs",
        smooth=False,
    ),
    unary(
        "erf",
        sympy.erf,
        lambda z, y: b.scale(2 / sqrt(pi), _gauss(z, S.One)),
        r"\operatorname{erf}",
        "_erf",
        "erf",
    ),
    Function(
        "maximum",
        lambda p, q: Piecewise((p, p > q), (q, True)),
        (lambda p, q, y: step(b.subtract(p, q)), lambda p, q, y: step(b.subtract(q, p))),
        r"\max",
        {"numpy": "np.maximum", "c": "maximum"},
        smooth=False,
    ),
    Function(
        "minimum",
        lambda p, q: Piecewise((p, p < q), (q, True)),
        (lambda p, q, y: step(b.subtract(q, p)), lambda p, q, y: step(b.subtract(p, q))),
        r"\min",
        {"numpy": "np.minimum", "c": "minimum"},
        smooth=False,
    ),
    # Not names of the cell language: what the operators `/` and `**` and the slopes need.
    unary(
        "reciprocal",
        lambda z: 1 / z,
        lambda z, y: b.negative(b.hadamard(y, y)),
        r"\operatorname{reciprocal}",
        "np.reciprocal",
        "reciprocal",
        domain=_POSITIVE,
        public=False,
    ),
    unary(
        "power",
        lambda z, n: z**n,
        _power_slope,
        r"\operatorname{power}",
        "_power",
        "power",
        parameters=1,
        public=False,
    ),
    unary(
        "step",
        lambda z: Piecewise((S.One, z > 0), (S.Zero, True)),
        None,
        r"\operatorname{step}",
        "_step",
        "step",
        smooth=False,
        public=False,
    ),
    unary(
        "sign",
        lambda z: Piecewise((S.One, z > 0), (S.NegativeOne, z < 0), (S.Zero, True)),
        None,
        r"\operatorname{sign}",
        "np.sign",
        "sign",
        smooth=False,
        public=False,
    ),
)

FUNCTIONS.update({entry.name: entry for entry in _ENTRIES})
