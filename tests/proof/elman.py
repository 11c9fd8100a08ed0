"""The textbook's network for tests of the prover, its quantities at a step, and a cell that sums a target."""

from __future__ import annotations

from sympy import Expr, MatrixExpr

from tests.proof.writings import model

E = model("elman")
W, U, V = map(E.symbol, "WUV")
I, H, O = E.symbol("x").shape[0], E.symbol("h").shape[0], E.symbol("y").shape[0]
SUMMED = """
cell c
dims O
input x : O
target y : O where sum(y) == 1
state h : O
h[t] = tanh(x[t] + h[t-1])
q[t] = h[t] * sum(y[t])
loss[t] = norm2(q[t])
"""


def x(index: Expr | int) -> MatrixExpr:
    return E.symbol("x", index)


def h(index: Expr | int) -> MatrixExpr:
    return E.symbol("h", index)
