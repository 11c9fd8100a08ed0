"""False equations, each hidden by something else: none is called true."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest
from sympy import Expr, Integer, MatrixExpr, Transpose, ZeroMatrix, pi, symbols

import derive
from derive.algebra import MatrixSum, OrderedProduct, T, apply, diag, hadamard, matmul, ones, power, transpose
from derive.algebra import build as b
from derive.algebra.accept import accept
from derive.algebra.nodes import NONEMPTY, Blocks, Scale, Softmax
from derive.proof.automaton.equality import decide
from derive.proof.automaton.weighted import Equal
from derive.proof.budget import Budget
from derive.proof.verdict import Status
from derive.proof.words.items import NotInClass
from tests.proof.elman import E, H, I, O, V, W, h, x

d, i, j, k, m = symbols("d i j k m", integer=True)


@dataclass
class Claim:
    """A false equation, with the T and sizes at which its sides differ."""

    model: derive.Model
    left: MatrixExpr
    right: MatrixExpr
    steps: int
    sizes: Mapping[str, int] | None = None


def vanishing(n: Expr) -> Expr:
    """A factor that is zero at the sizes 2 … 9."""
    product: Expr = Integer(1)
    for q in range(2, 10):
        product *= n - q
    return product


def recognised() -> Claim:
    text = """
cell c
dims H
input x : H
state h : H
param W : H x H
h[t] = tanh(W @ h[t-1] + x[t])
e[t] = exp(h[t])
loss[t] = sum(e[t])
"""
    M = derive.parse(text)
    left = hadamard(M.symbol("x", 6), apply("exp", M.symbol("h", -1)))
    return Claim(M, left, ZeroMatrix(*M.symbol("h").shape), 7)


def recognised_softmax() -> Claim:
    ones_of = matmul(ones(1, O), Softmax(matmul(V, h(k - 1))))
    return Claim(E, MatrixSum(matmul(x(k + 6), ones_of), k, 0, T - 1), MatrixSum(x(k + 6), k, 1, T - 1), 7)


def factors_that_end() -> Claim:
    text = """
cell c
dims H
input x : H
input u : H
target y : H
state h : H
param W, A : H x H
h[t] = tanh(dot(u[t], x[t]) * (W @ h[t-1]) + x[t])
loss[t] = squared_error(y[t], h[t])
"""
    M = derive.parse(text)
    s, A, n = M.symbol, M.symbol("A"), M.symbol("x").shape[0]
    total = matmul(ones(n), ones(1, n), diag(s("x", k)), A)
    left = MatrixSum(matmul(total, M.cotangent("h", k)), k, 6, T - 1)
    own = MatrixSum(matmul(total, b.subtract(s("h", k), s("y", k))), k, 6, T - 1)
    slope = b.subtract(ones(n), power(s("h", k + 1), 2))
    back = matmul(diag(slope), M.cotangent("h", k + 1), transpose(s("x", k)), A, transpose(s("W")), ones(n))
    later = MatrixSum(matmul(back, transpose(s("u", k + 1)), s("x", k + 1)), k, 6, T - 2)
    return Claim(M, left, b.add(own, later), 8)


def row_cotangent() -> Claim:
    text = """
cell c
dims H
input x : 1 x H
target y : H
state r : 1 x H
state s : 1
param M, A : H x H
param v : H
r[t] = s[t-1] * x[t]
s[t] = r[t] @ v
loss[t] = r[t] @ M @ y[t]
"""
    M = derive.parse(text)
    s, n = M.symbol, M.symbol("y").shape[0]
    start = matmul(diag(s("y", k)), s("A"))
    turned = hadamard(s("y", k), matmul(transpose(s("M")), ones(n)))
    right = b.add(matmul(start, turned), matmul(start, s("v"), M.cotangent("s", k)))
    left = matmul(start, transpose(M.cotangent("r", k)))
    return Claim(M, MatrixSum(left, k, 6, T - 1), MatrixSum(right, k, 6, T - 1), 7)


def blocks_of_ones() -> Claim:
    product = matmul(x(6), Blocks(1, 2, ones(1, H), ones(1, H)), Blocks(2, 1, ones(H), ones(H)))
    return Claim(E, product, Scale(4 * H, x(6)), 7)


def captured_index() -> Claim:
    def summand(a: Expr | int, c: Expr, e: Expr) -> MatrixExpr:
        return matmul(diag(h(a)), W, diag(h(c)), W, h(e))

    left = MatrixSum(MatrixSum(MatrixSum(summand(d, j, j + d), d, 0, 0), d, 0, 1), j, 6, T - 1)
    return Claim(E, left, MatrixSum(MatrixSum(summand(0, j, i), i, j, j + 1), j, 6, T - 1), 7)


def softmax_of_a_row() -> Claim:
    return Claim(E, matmul(x(6), Softmax(Transpose(x(0))), ones(I, 1)), x(6), 7)


def size_called(name: str, other: Expr, function: bool) -> Claim:
    text = f"""
cell c
dims {name}
input x : {name}
state h : {name}
h[t] = tanh(h[t-1] + x[t])
loss[t] = norm2(h[t])
"""
    M = derive.parse(text)
    z = M.symbol("x", 6)
    n = z.shape[0]
    if function:
        return Claim(M, apply("leaky_relu", z, n), apply("leaky_relu", z, other), 7)
    return Claim(M, Scale(n, z), Scale(other, z), 7)


def no_steps() -> Claim:
    empty = OrderedProduct(ZeroMatrix(H, H), m, 0, T - 1, "ascending")
    hard = MatrixSum(MatrixSum(h(0), k, 0, T - 1), j, 0, T - 1)
    left = b.add(hard, Scale(H - 3, matmul(empty, h(-1))))
    return Claim(E, left, hard, 0, {"I": 3, "H": 4, "O": 2})


def forgotten_length() -> Claim:
    text = """
cell c
dims H, K
input x : H
input y : K
state h : H
param s : 1
h[t] = tanh(s * h[t-1] + x[t] + sum(y[t]))
loss[t] = norm2(h[t])
"""
    M = derive.parse(text)
    n, o = M.symbol("x").shape[0], M.symbol("y").shape[0]

    def length(size: Expr) -> MatrixExpr:
        one = OrderedProduct(diag(b.broadcast(M.symbol("s"), (size, Integer(1)))), m, 0, 0, "ascending")
        return matmul(ones(1, size), one, ones(size))

    return Claim(M, Scale(vanishing(n), length(n)), Scale(vanishing(n), length(o)), 1, {"H": 1, "K": 2})


def captured_in_a_product() -> Claim:
    def one(body: MatrixExpr) -> MatrixExpr:
        return OrderedProduct(diag(body), m, 0, 0, "ascending")

    left = MatrixSum(MatrixSum(matmul(one(h(j - m)), W, h(j)), m, 0, 1), j, 1, T - 1)
    right = MatrixSum(MatrixSum(matmul(one(h(i)), W, h(j)), i, j - 1, j), j, 1, T - 1)
    return Claim(E, Scale(vanishing(H), left), Scale(vanishing(H), right), 2, {"I": 2, "H": 1, "O": 3})


FALSE: dict[str, Callable[[], Claim]] = {
    "exp(h[-1]) is no e[-1]": recognised,
    "softmax(V h[-1]) is no yhat[-1]": recognised_softmax,
    "factors that end": factors_that_end,
    "the cotangent of a row": row_cotangent,
    "blocks of ones": blocks_of_ones,
    "an index captured": captured_index,
    "the softmax of a row": softmax_of_a_row,
    "a size called pi": lambda: size_called("pi", pi, False),
    "a slope called pi": lambda: size_called("pi", pi, True),
    "a size called T_is_positive": lambda: size_called("T_is_positive", NONEMPTY, False),
    "no steps": no_steps,
    "a length forgotten": forgotten_length,
    "an index captured in a product": captured_in_a_product,
}


@pytest.mark.parametrize("name", FALSE)
def test_what_is_false_is_not_called_true(name: str) -> None:
    claim = FALSE[name]()
    prover = claim.model.prover
    sizes = claim.sizes or prover.agreement.sizes(0)
    assert prover.agreement.differ(claim.left, claim.right, claim.steps, sizes, Budget()), "the claim is true"
    try:
        found = decide(prover.reader, accept(claim.left), accept(claim.right), 0, False, Budget())
        assert not isinstance(found.result, Equal)
    except NotInClass:
        pass
    verdict = claim.model.prove(claim.left, claim.right)
    assert verdict.status is not Status.PROVED
    if claim.steps:  # at T = 0 alone, it is true for every T that is claimed
        assert verdict.status is Status.REFUTED
    else:
        assert verdict.least == 1


def test_products_that_run_against_each_other_are_not_read_as_if_they_ran_together() -> None:
    """Σ_j (A_0 ⋯ A_j)(A_{T-1} ⋯ A_{j+1}), beside the same with both products in the order of time."""
    A, reader = (lambda i: matmul(W, diag(h(i)))), E.prover.reader
    first = OrderedProduct(A(m), m, 0, j, "ascending")
    turned, straight = (
        MatrixSum(matmul(first, OrderedProduct(A(k), k, j + 1, T - 1, way)), j, 0, T - 1)
        for way in ("descending", "ascending")
    )
    assert E.prover.agreement.differ(turned, straight, 3, E.prover.agreement.sizes(0), Budget())
    with pytest.raises(NotInClass, match="against the time line"):
        decide(reader, turned, straight, 0, False, Budget())
    assert E.prove(turned, straight).status is Status.REFUTED
    assert E.prove(straight, straight).status is Status.PROVED
