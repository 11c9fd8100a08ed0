"""Every elementwise function: its slope against SymPy's scalar derivative, its value, its kinks."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from sympy import Expr, Float, Integer, MatrixExpr, MatrixSymbol, Rational, Symbol

from derive.algebra.functions import FUNCTIONS, Apply, Function, power
from derive.algebra.nodes import Scale
from derive.interpreter import apply_function

DIGITS = 40  # so that cancellation at large arguments does not blur the comparison
each_function = pytest.mark.parametrize("entry", FUNCTIONS.values(), ids=lambda f: f.name)

POINTS = (-30.0, -4.0, -1.25, -0.5, -0.03125, 0.0625, 0.75, 1.5, 3.25, 25.0)
NUMBERS: dict[str, tuple[Expr, ...]] = {
    "leaky_relu": (Rational(1, 10), Rational(-1, 2), Integer(0)),
    "power": tuple(Integer(n) for n in (-3, -2, -1, 1, 2, 3, 4, 7)),
}
# By hand: the slope at z = 0, or where two arguments are equal.  elu has no kink.
KINKS = {"relu": 0, "leaky_relu": 0, "abs": 0, "maximum": 0, "minimum": 0}
ROUNDING = 4e-15  # a few operations in double precision


def numbers_of(entry: Function) -> list[tuple[Expr, ...]]:
    return [(n,) for n in NUMBERS[entry.name]] if entry.parameters else [()]


def arguments_of(entry: Function) -> list[tuple[float, ...]]:
    """Points inside the domain and off kinks."""
    low, high = entry.domain
    inside = [p for p in POINTS if low < p < high]
    if entry.arity == 1:
        return [(p,) for p in inside]
    return [(p, q) for p in inside for q in inside if p != q]


def application(entry: Function, numbers: tuple[Expr, ...]) -> tuple[Apply, tuple[Expr, ...]]:
    """The function of 1×1 arguments, and the scalars that stand for their entries."""
    arguments = [MatrixSymbol(f"z{i}", 1, 1) for i in range(entry.arity)]
    return Apply(entry.name, *arguments, *numbers), tuple(a[0, 0] for a in arguments)


def at(e: Expr, symbols: tuple[Expr, ...], point: tuple[float, ...]) -> Float:
    return e.xreplace(dict(zip(symbols, (Float(p, DIGITS) for p in point), strict=True))).evalf(DIGITS)


def scalar(e: MatrixExpr) -> Expr:
    return e.as_explicit()[0, 0]


@each_function
def test_slope_is_the_scalar_derivative(entry: Function) -> None:
    for numbers in numbers_of(entry):
        e, symbols = application(entry, numbers)
        plain = sympy.symbols(f"p0:{entry.arity}", real=True)
        for i, p in enumerate(plain):
            slope = e.slope(i, e)
            true = entry.scalar(*plain, *numbers).diff(p)
            for point in arguments_of(entry):
                expected = at(true, plain, point)
                got = at(scalar(slope), symbols, point) if slope is not None else Integer(0)
                assert abs(got - expected) <= 1e-30 * max(1, abs(expected)), (numbers, i, point)


@each_function
def test_slope_uses_the_output_it_is_given(entry: Function) -> None:
    # An output of its own name must not be computed again: the slope may hold the name of the
    # output, but not the function applied to the arguments, except where the entry says so.
    again = {"silu", "gelu"}  # x σ(x) and x Φ(x): the factor is not the output
    for numbers in numbers_of(entry):
        e, _ = application(entry, numbers)
        slope = e.slope(0, MatrixSymbol("out", 1, 1))
        if slope is not None and entry.name not in again:
            assert e not in slope.atoms(Apply)


@each_function
def test_second_slopes(entry: Function) -> None:
    """The slope of a slope, by the chain rule over its own nodes, is the second scalar derivative."""
    if entry.arity == 2:
        return  # piecewise linear: slopes are steps, checked above
    for numbers in numbers_of(entry):
        e, (z,) = application(entry, numbers)
        slope = e.slope(0, e)
        if slope is None:
            continue
        p = Symbol("p", real=True)
        true = entry.scalar(p, *numbers).diff(p, 2)
        for point in arguments_of(entry):
            expected = at(true, (p,), point)
            got = at(derivative(slope, e.arg), (z,), point)
            assert abs(got - expected) <= 1e-28 * max(1, abs(expected)), (numbers, point)


def derivative(e: MatrixExpr, z: MatrixSymbol) -> Expr:
    """d/dz of a 1×1 expression, with `slope` for every function in it."""
    if e == z:
        return Integer(1)
    if isinstance(e, Apply):
        slope = e.slope(0, e)
        return Integer(0) if slope is None else scalar(slope) * derivative(e.arg, z)
    if isinstance(e, Scale):
        return e.coefficient * derivative(e.arg, z)
    parts = [(scalar(a), derivative(a, z)) for a in e.args if isinstance(a, MatrixExpr)]
    if isinstance(e, sympy.MatAdd):
        return sympy.Add(*(d for _, d in parts))
    if isinstance(e, sympy.HadamardProduct):
        values = [v for v, _ in parts]
        return sympy.Add(*(sympy.Mul(d, *values[:i], *values[i + 1 :]) for i, (_, d) in enumerate(parts)))
    assert isinstance(e, (sympy.OneMatrix, sympy.ZeroMatrix)), type(e)
    return Integer(0)


def test_every_function_with_a_kink_is_listed() -> None:
    kinked = {f.name for f in FUNCTIONS.values() if not f.smooth and None not in f.slopes}
    assert kinked == set(KINKS)


@pytest.mark.parametrize(("name", "expected"), KINKS.items())
def test_slope_at_a_kink(name: str, expected: int) -> None:
    entry = FUNCTIONS[name]
    for numbers in numbers_of(entry):
        e, symbols = application(entry, numbers)
        for i in range(entry.arity):
            for value in (0.0, 1.5) if entry.arity == 2 else (0.0,):
                assert at(scalar(e.slope(i, e)), symbols, (value,) * entry.arity) - expected == 0


@each_function
def test_the_interpreters_value(entry: Function) -> None:
    for numbers in numbers_of(entry):
        plain = sympy.symbols(f"p0:{entry.arity}", real=True)
        points = arguments_of(entry)
        columns = [np.array(c) for c in zip(*points, strict=True)]
        got = apply_function(entry.name, columns, [float(n) for n in numbers])
        exact = entry.scalar(*plain, *numbers)
        expected = np.array([float(at(exact, plain, p)) for p in points])
        # relative where it counts: gelu and silu cancel far out, where the value is below 1e-90
        assert np.abs(got - expected).max() <= ROUNDING * np.abs(expected).max()


@each_function
def test_the_interpreters_complex_step(entry: Function) -> None:
    tiny = 1e-40
    for numbers in numbers_of(entry):
        e, symbols = application(entry, numbers)
        points = arguments_of(entry)
        for i in range(entry.arity):
            columns = [np.array(c, dtype=complex) for c in zip(*points, strict=True)]
            columns[i] += 1j * tiny
            got = np.imag(apply_function(entry.name, columns, [float(n) for n in numbers])) / tiny
            slope = e.slope(i, e)
            expected = [0.0 if slope is None else float(at(scalar(slope), symbols, p)) for p in points]
            assert np.abs(got - expected).max() <= ROUNDING * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize("name", [f.name for f in FUNCTIONS.values() if f.arity == 1 and f.parameters == 0])
def test_far_out_nothing_is_nan(name: str) -> None:
    entry = FUNCTIONS[name]
    far = np.array([z for z in (-1000.0, -700.0, 700.0, 1000.0) if entry.domain[0] < z])
    if name == "exp":
        far = -np.abs(far)  # it overflows to infinity, as it should
    assert np.isfinite(apply_function(name, [far], [])).all()
    assert np.isfinite(apply_function(name, [far + 1e-40j], [])).all()


def test_far_out_values() -> None:
    far = np.array([-1000.0, 1000.0])
    assert (apply_function("sigmoid", [far], []) == [0, 1]).all()
    assert (apply_function("softplus", [far], []) == [0, 1000]).all()
    assert (apply_function("elu", [far], []) == [-1, 1000]).all()
    assert (apply_function("silu", [far], []) == [0, 1000]).all()
    assert (apply_function("gelu", [far], []) == [0, 1000]).all()
    # small results keep all their digits
    assert apply_function("softplus", [np.array([-40.0])], []) == pytest.approx(np.exp(-40.0), rel=1e-15)
    assert apply_function("elu", [np.array([-1e-12])], []) == pytest.approx(-1e-12, rel=1e-11)


def test_integer_powers() -> None:
    z = MatrixSymbol("z", 2, 1)
    assert power(z, 0) == sympy.OneMatrix(2, 1)
    assert power(z, 1) == z
    assert power(z, 2) == sympy.HadamardProduct(z, z)
    assert power(z, 3) == Apply("power", z, 3)
    assert Apply("power", z, 3).numbers == (3,)
    assert Apply("power", z, 3) != Apply("power", z, 4)


def test_a_number_may_be_a_constants_symbol() -> None:
    alpha = Symbol("alpha", real=True)
    e = Apply("leaky_relu", MatrixSymbol("z", 2, 1), alpha)
    assert e.numbers == (alpha,)
    slope = e.slope(0, e)
    assert slope is not None
    assert alpha in slope.free_symbols
    assert e.subs(alpha, Rational(1, 5)) == Apply("leaky_relu", MatrixSymbol("z", 2, 1), Rational(1, 5))


@each_function
def test_values_and_slopes_stay_within_what_the_table_says(entry: Function) -> None:
    """On a fine grid; where a bound is finite it is nearly reached."""
    low, high = (float(x) for x in entry.values)
    grid = np.concatenate([np.linspace(-12, 12, 4801), [-300.0, 1e-5, 300.0]])
    grid = grid[(grid > entry.domain[0]) & (grid < entry.domain[1])]
    arguments = [grid, grid[::-1]][: entry.arity]
    for numbers in numbers_of(entry):
        with np.errstate(over="ignore"):
            y = apply_function(entry.name, arguments, [float(n) for n in numbers])
        assert y.min() >= low - 1e-15
        assert y.max() <= high + 1e-15
        assert not np.isfinite(low) or y.min() <= low + 0.02
        assert not np.isfinite(high) or y.max() >= high - 0.02
        steepest = float(entry.steepest(*numbers))
        if np.isfinite(steepest):
            for i, x in enumerate(arguments):
                near = [a + 1e-6 * (k == i) for k, a in enumerate(arguments)]
                slope = np.abs(apply_function(entry.name, near, [float(n) for n in numbers]) - y)[np.abs(x) < 12] / 1e-6
                assert slope.max() <= steepest + 1e-4
                assert slope.max() >= steepest - 0.02
