"""Elementwise functions: one entry each, and the node that applies one.

An entry gives the scalar definition, from which the interpreter evaluates it and tests check the
slope; the slope with respect to each argument, as a matrix expression in the arguments and the
output; the TeX; the callable of NumPy and of C, which may be a helper that the target's templates
define; and the phrase of PyTorch and of JAX, with {0} for the argument.  A slope of None means that
no gradient passes.  At a kink the slope is 0.  No value lies outside `values`, and no slope is larger
than `steepest`, in absolute value.
"""

from __future__ import annotations

from typing import Any

import sympy
from sympy import Expr, Max, Piecewise, Rational, S, oo, pi, sqrt
from sympy.codegen.cfunctions import expm1, log1p

from derive.algebra import build as b
from derive.algebra.functions.node import Apply, Function, Slope
from derive.algebra.functions.slopes import gauss, gelu_slope, leaky_slope, one, power_slope, step


def _sigmoid(z: Expr) -> Expr:
    return Piecewise((1 / (1 + sympy.exp(-z)), z >= 0), (sympy.exp(z) / (1 + sympy.exp(z)), True))


def _code(numpy: str, c: str, torch: str = "", jax: str = "") -> dict[str, str]:
    """The callables of NumPy and C, and the phrases of the other two; NumPy's own functions are called so there too."""
    name = numpy.removeprefix("np.")
    return {"numpy": numpy, "c": c, "torch": torch or f"torch.{name}({{0}})", "jax": jax or f"jnp.{name}({{0}})"}


def unary(
    name: str, scalar: Any, slope: Slope, tex: str, numpy: str, c: str, torch: str = "", jax: str = "", **more: Any
) -> Function:
    return Function(name, scalar, (slope,), tex, _code(numpy, c, torch, jax), **more)


def _one(*numbers: Expr) -> Expr:
    return S.One


_POSITIVE = (0.0, float("inf"))
_UNIT, _SIGNED, _NOT_NEGATIVE = (S.Zero, S.One), (S.NegativeOne, S.One), (S.Zero, oo)
ENTRIES = (
    unary(
        "tanh",
        sympy.tanh,
        lambda z, y: b.subtract(one(y), b.hadamard(y, y)),
        r"\tanh",
        "np.tanh",
        "tanh",
        values=_SIGNED,
        steepest=_one,
    ),
    unary(
        "sigmoid",
        _sigmoid,
        lambda z, y: b.hadamard(y, b.subtract(one(y), y)),
        r"\sigma",
        "_sigmoid",
        "sigmoid",
        "torch.sigmoid({0})",
        "jax.nn.sigmoid({0})",
        values=_UNIT,
        steepest=lambda: Rational(1, 4),
    ),
    unary(
        "relu",
        lambda z: Piecewise((z, z > 0), (S.Zero, True)),
        lambda z, y: step(z),
        r"\operatorname{relu}",
        "_relu",
        "relu",
        "torch.relu({0})",
        "jax.nn.relu({0})",
        smooth=False,
        values=_NOT_NEGATIVE,
        steepest=_one,
    ),
    unary(
        "leaky_relu",
        lambda z, a: Piecewise((z, z > 0), (a * z, True)),
        leaky_slope,
        r"\operatorname{leaky\,relu}",
        "_leaky_relu",
        "leaky_relu",
        "F.leaky_relu({0}, {1})",
        "jax.nn.leaky_relu({0}, {1})",
        parameters=1,
        smooth=False,
        steepest=lambda a: Max(1, abs(a)),
    ),
    unary(
        "elu",
        lambda z: Piecewise((z, z > 0), (expm1(z), True)),
        lambda z, y: Apply("exp", b.negative(Apply("relu", b.negative(z)))),
        r"\operatorname{elu}",
        "_elu",
        "elu",
        "F.elu({0})",
        "jax.nn.elu({0})",
        values=(S.NegativeOne, oo),
        steepest=_one,
    ),
    unary(
        "gelu",
        lambda z: z * (1 + sympy.erf(z / sqrt(2))) / 2,
        gelu_slope,
        r"\operatorname{gelu}",
        "_gelu",
        "gelu",
        "F.gelu({0})",
        "jax.nn.gelu({0}, approximate=False)",
        values=(Rational(-17, 100), oo),
        steepest=lambda: Rational(113, 100),  # at √2
    ),
    unary(
        "silu",
        lambda z: z * _sigmoid(z),
        lambda z, y: b.add(Apply("sigmoid", z), b.hadamard(y, b.subtract(one(y), Apply("sigmoid", z)))),
        r"\operatorname{silu}",
        "_silu",
        "silu",
        "F.silu({0})",
        "jax.nn.silu({0})",
        values=(Rational(-28, 100), oo),
        steepest=lambda: Rational(11, 10),  # where z tanh(z/2) = 2
    ),
    unary(
        "softplus",
        lambda z: Piecewise((z + log1p(sympy.exp(-z)), z > 0), (log1p(sympy.exp(z)), True)),
        lambda z, y: Apply("sigmoid", z),
        r"\operatorname{softplus}",
        "_softplus",
        "softplus",
        "-F.logsigmoid(-({0}))",  # F.softplus is cut off at 20
        "jax.nn.softplus({0})",
        values=_NOT_NEGATIVE,
        steepest=_one,
    ),
    unary("exp", sympy.exp, lambda z, y: y, r"\exp", "np.exp", "exp", values=_NOT_NEGATIVE),
    unary("log", sympy.log, lambda z, y: Apply("reciprocal", z), r"\log", "np.log", "log", domain=_POSITIVE),
    unary(
        "sqrt",
        sympy.sqrt,
        lambda z, y: b.scale(S.Half, Apply("reciprocal", y)),
        r"\operatorname{sqrt}",
        "np.sqrt",
        "sqrt",
        domain=_POSITIVE,
        values=_NOT_NEGATIVE,
    ),
    unary("sin", sympy.sin, lambda z, y: Apply("cos", z), r"\sin", "np.sin", "sin", values=_SIGNED, steepest=_one),
    unary(
        "cos",
        sympy.cos,
        lambda z, y: b.negative(Apply("sin", z)),
        r"\cos",
        "np.cos",
        "cos",
        values=_SIGNED,
        steepest=_one,
    ),
    unary(
        "abs",
        lambda z: Piecewise((z, z > 0), (-z, True)),
        lambda z, y: Apply("sign", z),
        r"\operatorname{abs}",
        "np.abs",
        "fabs",
        smooth=False,
        values=_NOT_NEGATIVE,
        steepest=_one,
    ),
    unary(
        "erf",
        sympy.erf,
        lambda z, y: b.scale(2 / sqrt(pi), gauss(z, S.One)),
        r"\operatorname{erf}",
        "_erf",
        "erf",
        "torch.erf({0})",
        "lax.erf({0})",
        values=_SIGNED,
        steepest=lambda: 2 / sqrt(pi),
    ),
    Function(
        "maximum",
        lambda p, q: Piecewise((p, p > q), (q, True)),
        (lambda p, q, y: step(b.subtract(p, q)), lambda p, q, y: step(b.subtract(q, p))),
        r"\max",
        _code("np.maximum", "maximum", "torch.maximum({0}, {1})", "jnp.maximum({0}, {1})"),
        smooth=False,
        steepest=_one,
    ),
    Function(
        "minimum",
        lambda p, q: Piecewise((p, p < q), (q, True)),
        (lambda p, q, y: step(b.subtract(q, p)), lambda p, q, y: step(b.subtract(p, q))),
        r"\min",
        _code("np.minimum", "minimum", "torch.minimum({0}, {1})", "jnp.minimum({0}, {1})"),
        smooth=False,
        steepest=_one,
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
        power_slope,
        r"\operatorname{power}",
        "_power",
        "power",
        "torch.pow({0}, {1})",
        "lax.integer_pow({0}, {1})",
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
        "({0} > 0).to({like}.dtype)",
        "({0} > 0).astype({like}.dtype)",
        smooth=False,
        public=False,
        values=_UNIT,
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
        values=_SIGNED,
    ),
)
