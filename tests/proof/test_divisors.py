"""What may be divided by zero is never proved."""

from __future__ import annotations

from sympy import Expr, Integer, MatrixExpr, Symbol

import derive
from derive.algebra import MatrixSum, T, apply, hadamard, matmul, ones
from derive.algebra.nodes import Scale
from derive.proof.verdict import Status
from tests.proof.elman import E, H, W


def test_what_is_divided_by_is_not_cancelled_unseen() -> None:
    v = matmul(W, ones(H))
    for base in (T - 1, H - 1):
        assert E.prove(Scale(1 / base, Scale(base, v)), v).status is Status.OPEN
    assert E.prove(Scale(1 / (H + 1), Scale(H + 1, v)), v).status is Status.PROVED
    cell = derive.parse(
        "cell c\ndims H\ninput x : H\nparam v : H\nstate h : H\nh[t] = tanh(x[t] + v + h[t-1])\nloss[t] = norm2(h[t])\n"
    )
    w = cell.symbol("v")
    verdict = cell.prove(hadamard(apply("power", Scale(T, w), -1), Scale(T, w)), ones(w.shape[0]))
    assert (verdict.status, verdict.least) == (Status.CHECKED, 1)  # w may be zero: no proof covers that


BLOCK = """cell block

dims I, H, O
input x : I
state h : H
param U : H x I
param W : H x H
param V : O x H
output p

h[t] = tanh(U @ x[t] + W @ h[t-1])
p[t] = softmax(V @ h[t])
"""


COUNTDOWN = """cell countdown

dims I
input x : I
state n : 1 where n[-1] == 7
output n

n[t] = n[t-1] - 1
"""


def test_what_may_be_divided_by_zero_is_never_proved() -> None:
    countdown = derive.parse(COUNTDOWN)
    k = Symbol("k", integer=True)
    x, n = countdown.symbol("x", k), countdown.symbol("n", k)
    over = MatrixSum(x * hadamard(n, apply("reciprocal", n)), k, 0, T - 1)
    assert countdown.prove(over, MatrixSum(x, k, 0, T - 1)).status is not Status.PROVED
    p = derive.parse(BLOCK.replace("softmax(", "log_softmax(")).symbol("p")
    verdict = derive.parse(BLOCK.replace("softmax(", "log_softmax(")).prove(
        hadamard(p, apply("reciprocal", p)), ones(p.shape[0])
    )
    assert (verdict.status, verdict.every_size) == (Status.CHECKED, 0)


def test_a_division_by_what_is_positive_is_proved() -> None:
    h = derive.parse(BLOCK).symbol("h")
    e = apply("exp", h)
    verdict = derive.parse(BLOCK).prove(hadamard(e, apply("reciprocal", e)), ones(h.shape[0]))
    assert verdict.status is Status.PROVED


Z = derive.parse(
    "cell z\ndims A, K, I\nconst one = 1\ninput u : 1\ninput x : K\nstate h : K where h[-1] == 0\n"
    "param M : I x A\nparam N : A x K\n"
    "h[t] = tanh(one*h[t-1] + u[t]*x[t])\ne[t] = exp(h[t])\n"
    "loss[t] = sum(h[t]) + u[t]*sum(M) + u[t]*sum(N) + sum(e[t])\n"
)


def input_of(now: Expr) -> MatrixExpr:
    return Z.symbol("x", now)


def test_a_constant_may_make_a_divisor_zero() -> None:
    (constant,) = Z.prover.subject.names.numbers
    verdict = Z.prove(Scale(1 / (constant - 1), Scale(constant - 1, input_of(Integer(0)))), input_of(Integer(0)))
    assert verdict.status is Status.OPEN
