"""What each form of the language becomes."""

from __future__ import annotations

import pytest
from sympy import (
    HadamardProduct,
    Integer,
    MatAdd,
    MatMul,
    MatrixExpr,
    MatrixSymbol,
    OneMatrix,
    Rational,
    Symbol,
    Transpose,
    ZeroMatrix,
)

from derive.algebra.functions import FUNCTIONS, Apply
from derive.algebra.losses import LOSSES
from derive.algebra.nodes import (
    Concat,
    Detach,
    Diag,
    LogSoftmax,
    Loss,
    Scale,
    Slice,
    Softmax,
    SumOver,
    T,
    Timed,
    t,
)
from derive.language import read
from tests.language.cells_text import PREAMBLE, program

I, H, O = (Symbol(n, integer=True, positive=True) for n in "IHO")
tau = Symbol("tau", real=True)
x, h, y, s = Timed("x", t, I), Timed("h", t, H), Timed("y", t, O), Timed("s", t, 1)
before = Timed("h", t - 1, H)
c, U, W, V = MatrixSymbol("c", H, 1), MatrixSymbol("U", H, I), MatrixSymbol("W", H, H), MatrixSymbol("V", O, H)
one, ones = OneMatrix(1, 1), OneMatrix(H, 1)
row, wide = OneMatrix(1, H), OneMatrix(1, I)


def times(*factors: MatrixExpr) -> MatrixExpr:
    return HadamardProduct(*factors)


EXPRESSIONS = {
    # signs and sums
    "h[t]": h,
    "+h[t]": h,
    "-h[t]": Scale(-1, h),
    "--h[t]": h,
    "h[t] - c": MatAdd(h, Scale(-1, c)),
    "h[t] + h[t]": Scale(2, h),
    "h[t] - h[t]": ZeroMatrix(H, 1),
    "h[t] + 1": MatAdd(h, ones),
    "1 - h[t]": MatAdd(ones, Scale(-1, h)),
    "h[t] + s": MatAdd(h, MatMul(ones, s)),
    "s - W": MatAdd(MatMul(ones, s, row), Scale(-1, W)),
    "tau + h[t]": MatAdd(Scale(tau, ones), h),
    "(1 + 2) * H + s": MatAdd(Scale(3 * H, one), s),
    # products
    "U @ x": MatMul(U, x),
    "W @ W @ c": MatMul(W, W, c),
    "c * h[t]": times(c, h),
    "c ⊙ h[t] × c": times(c, h, c),
    "2 * h[t]": Scale(2, h),
    "h[t] * 0.5": Scale(Rational(1, 2), h),
    "tau * 2 * h[t]": Scale(2 * tau, h),
    "H * h[t]": Scale(H, h),
    "T * h[t]": Scale(T, h),
    "s * h[t]": times(MatMul(ones, s), h),
    "h[t] * s * c": times(h, MatMul(ones, s), c),
    "s * s * h[t]": times(MatMul(ones, times(s, s)), h),
    "W * s": times(W, MatMul(ones, s, row)),
    "c * (W @ h[t])": times(c, MatMul(W, h)),
    "diag(c) @ h[t]": MatMul(Diag(c), h),
    # quotients
    "h[t] / 4": Scale(Rational(1, 4), h),
    "h[t] / H": Scale(1 / H, h),
    "h[t] / tau": Scale(1 / tau, h),
    "h[t] / c": times(h, Apply("reciprocal", c)),
    "h[t] / s": times(h, MatMul(ones, Apply("reciprocal", s))),
    "s / h[t]": times(MatMul(ones, s), Apply("reciprocal", h)),
    "2 / h[t]": Scale(2, Apply("reciprocal", h)),
    "h[t] / c / c": times(h, Apply("reciprocal", c), Apply("reciprocal", c)),
    "sum(h[t]) / H": Scale(1 / H, MatMul(row, h)),
    # powers
    "h[t] ** 0": ones,
    "h[t] ** 1": h,
    "h[t] ** 2": times(h, h),
    "h[t] ** 3": Apply("power", h, 3),
    "h[t] ** -1": Apply("reciprocal", h),
    "h[t] ** -2": Apply("reciprocal", times(h, h)),
    "-h[t] ** 2": Scale(-1, times(h, h)),
    "2 ** -2 * h[t]": Scale(Rational(1, 4), h),
    "H ** 2 * h[t]": Scale(H**2, h),
    # transposes
    "W.T @ c": MatMul(Transpose(W), c),
    "Wᵀ @ c": MatMul(Transpose(W), c),
    "W.T.T @ c": MatMul(W, c),
    "h[t].T @ c": MatMul(Transpose(h), c),
    "-h[t].T @ c": Scale(-1, MatMul(Transpose(h), c)),
    "2 * h[t].T @ c": Scale(2, MatMul(Transpose(h), c)),
    "(2 * h[t].T) @ c": Scale(2, MatMul(Transpose(h), c)),
    "(-h[t]).T @ W @ c": Scale(-1, MatMul(Transpose(h), W, c)),
    "(h[t] + c).T @ c": MatMul(MatAdd(Transpose(h), Transpose(c)), c),
    "(h[t].T @ W).T": MatMul(Transpose(W), h),
    "s.T": s,
    # to a scalar
    "sum(h[t])": MatMul(row, h),
    "sum(U)": MatMul(row, U, OneMatrix(I, 1)),
    "sum(s)": s,
    "mean(h[t])": Scale(1 / H, MatMul(row, h)),
    "mean(U)": Scale(1 / (H * I), MatMul(row, U, OneMatrix(I, 1))),
    "dot(h[t], c)": MatMul(Transpose(h), c),
    "dot(W, W)": MatMul(row, times(W, W), ones),
    "norm2(h[t])": MatMul(Transpose(h), h),
    # to arrays
    "softmax(h[t])": Softmax(h),
    "log_softmax(W)": LogSoftmax(W),
    "concat(h[t], x, 1)": Concat(h, x, one),
    "slice(concat(h[t], x), H, H + I)": Slice(Concat(h, x), H, H + I),
    "slice(h[t], 0, 1)": Slice(h, 0, 1),
    "slice(concat(x, x), I - 1, 2 * I - 1)": Slice(Concat(x, x), I - 1, 2 * I - 1),
    "outer(h[t], x)": MatMul(h, Transpose(x)),
    "diag(c)": Diag(c),
    "diag(s)": s,
    "ones(H)": ones,
    "ones(H, I)": OneMatrix(H, I),
    "zeros(2)": ZeroMatrix(2, 1),
    "zeros(H, I)": ZeroMatrix(H, I),
    "detach(h[t])": Detach(h),
    # elementwise functions
    "leaky_relu(h[t], 0.1)": Apply("leaky_relu", h, Rational(1, 10)),
    "leaky_relu(h[t], -tau)": Apply("leaky_relu", h, -tau),
    "maximum(h[t], 0)": Apply("maximum", h, ZeroMatrix(H, 1)),
    "maximum(s, h[t])": Apply("maximum", MatMul(ones, s), h),
    "minimum(1, c)": Apply("minimum", ones, c),
    "sqrt(H)": Apply("sqrt", Scale(H, one)),
    "σ(h[t])": Apply("sigmoid", h),
    "sigma(h[t])": Apply("sigmoid", h),
    # numbers
    "0.1": Scale(Rational(1, 10), one),
    "1e-3": Scale(Rational(1, 1000), one),
    "2.50e+2": Scale(250, one),
    ".5": Scale(Rational(1, 2), one),
    "0.30000000000000004": Scale(Rational(30000000000000004, 10**17), one),
}
EXPRESSIONS |= {
    f"{name}({', '.join(['h[t]', 'c'][: f.arity])})": Apply(name, *(h, c)[: f.arity])
    for name, f in FUNCTIONS.items()
    if f.public and not f.parameters
}
EXPRESSIONS |= {f"{name}(y, V @ h[t])": Loss(name, y, MatMul(V, h)) for name in LOSSES}


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_an_expression(text: str) -> None:
    assert program(f"z[t] = {text}").equations["z"] == EXPRESSIONS[text]


TOTALS = {
    "sum(s[t])": SumOver(SumOver(s, "t"), "b"),
    "sum(s)": SumOver(SumOver(s, "t"), "b"),
    "mean(s[t])": SumOver(Scale(1 / T, SumOver(s, "t")), "b"),
    "s[T-1]": SumOver(Timed("s", T - 1, 1), "b"),
    "s[0] - s[7]": MatAdd(SumOver(Timed("s", Integer(0), 1), "b"), SumOver(Scale(-1, Timed("s", Integer(7), 1)), "b")),
    "norm2(c)": SumOver(MatMul(Transpose(c), c), "b"),
    "sum(W)": MatMul(row, W, ones),
    "mean(U)": Scale(1 / (H * I), MatMul(row, U, OneMatrix(I, 1))),
    "3": Scale(3, one),
    "sum(s) / T": SumOver(Scale(1 / T, SumOver(s, "t")), "b"),
    "sum(s[t]) + tau * sum(W)": MatAdd(SumOver(SumOver(s, "t"), "b"), Scale(tau, MatMul(row, W, ones))),
    "-(sum(s) - sum(W)) * 2": MatAdd(SumOver(Scale(-2, SumOver(s, "t")), "b"), Scale(2, MatMul(row, W, ones))),
    "tau * (sum(s) + 1) / H": MatAdd(SumOver(Scale(tau / H, SumOver(s, "t")), "b"), Scale(tau / H, one)),
    "(sum(s) + 2) * (sum(W) + 1)": MatAdd(
        SumOver(times(SumOver(s, "t"), MatMul(row, W, ones)), "b"),
        SumOver(SumOver(s, "t"), "b"),
        Scale(2, MatMul(row, W, ones)),
        Scale(2, one),
    ),
    "(sum(s) + sum(W)) ** 2": SumOver(
        times(
            MatAdd(SumOver(s, "t"), MatMul(row, W, ones)),
            MatAdd(SumOver(s, "t"), MatMul(row, W, ones)),
        ),
        "b",
    ),
    "sum(sum(h[t]))": SumOver(MatMul(row, SumOver(h, "t")), "b"),
    "norm2(sum(h[t]))": SumOver(MatMul(SumOver(Transpose(h), "t"), SumOver(h, "t")), "b"),
    "sum(dot(h[t], h[t-1]))": SumOver(SumOver(MatMul(Transpose(h), before), "t"), "b"),
    "squared_error(y[T-1], V @ h[T-1])": SumOver(
        Loss("squared_error", Timed("y", T - 1, O), MatMul(V, Timed("h", T - 1, H))), "b"
    ),
}


@pytest.mark.parametrize("text", TOTALS)
def test_a_total(text: str) -> None:
    p = program(f"loss = {text}")
    assert p.equations["L"] == TOTALS[text]
    assert p.total == "L"
    assert "loss" not in p.equations


def test_a_loss_of_each_step_is_summed_over_steps_and_sequences() -> None:
    p = program("loss[t] = sum(h[t])")
    assert p.equations["loss"] == MatMul(row, h)
    assert p.equations["L"] == SumOver(Timed("loss", t, 1), "tb")
    assert list(p.equations) == ["h", "loss", "L"]
    assert p["loss"].role == "result"


def test_without_a_loss_there_is_no_total() -> None:
    p = program("z = 2 * h[t]")
    assert p.total == ""
    assert "L" not in p.variables


@pytest.mark.parametrize("text", [" + ".join(["s"] * 4000), " * ".join(["s"] * 3000), " @ ".join(["W"] * 3000)])
def test_long_chains_are_no_trouble(text: str) -> None:
    assert program(f"z = {text}").equations["z"]


def test_the_number_of_warnings_does_not_change_the_equations() -> None:
    cell = read(PREAMBLE + "z = s * W @ h[t]")
    assert [w.code for w in cell.warnings if w.code == "W0102"] == ["W0102"]
    assert cell.program.equations["z"] == MatMul(times(MatMul(ones, s, row), W), h)
