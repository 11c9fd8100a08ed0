"""The same gradients in many hands: formulas that are all true, built from the algebra."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from sympy import Expr, MatMul, MatrixExpr, Symbol, Transpose, symbols

import derive
from derive.algebra import MatrixSum, OrderedProduct, T, apply, diag, hadamard, matmul, ones, outer, power, transpose
from derive.algebra import build as b

j, k, m, d = symbols("j k m d", integer=True)
Made = tuple[derive.Model, MatrixExpr, MatrixExpr]
WRITINGS: dict[str, Callable[[], Made]] = {}

RESIDUAL = """
cell residual
dims I, H, O
input x : I
target y : O where sum(y) == 1
state h : H
param U : H x I
param W : H x H
param V : O x H
h[t]    = h[t-1] + tanh(U @ x[t] + W @ h[t-1])
yhat[t] = softmax(V @ h[t])
loss[t] = cross_entropy(y[t], yhat[t])
"""
LINEAR = RESIDUAL.replace("cell residual", "cell linear").replace(
    "h[t-1] + tanh(U @ x[t] + W @ h[t-1])", "U @ x[t] + W @ h[t-1]"
)


@cache
def model(name: str) -> derive.Model:
    texts = {"residual": RESIDUAL, "linear": LINEAR}
    return derive.parse(texts[name]) if name in texts else derive.load(name)


def writing(
    cell: str, name: str
) -> Callable[[Callable[[derive.Model], MatrixExpr]], Callable[[derive.Model], MatrixExpr]]:
    """Register what a function makes as a writing of dL/dname of a cell."""

    def register(make: Callable[[derive.Model], MatrixExpr]) -> Callable[[derive.Model], MatrixExpr]:
        def made() -> Made:
            found = model(cell)
            return found, found.gradient(name).symbol, make(found)

        WRITINGS[f"{cell} {name}: {make.__name__}"] = made
        return make

    return register


def slope(h: MatrixExpr) -> MatrixExpr:
    """1 − h ⊙ h, the slope of tanh by its output."""
    return b.subtract(ones(h.shape[0]), power(h, 2))


def error(cell: derive.Model, i: Expr) -> MatrixExpr:
    return b.subtract(cell.symbol("yhat", i), cell.symbol("y", i))


def _step(cell: derive.Model, i: Expr) -> MatrixExpr:
    """Wᵀ diag(1 − h_i²)."""
    return matmul(transpose(cell.symbol("W")), diag(slope(cell.symbol("h", i))))


def _left(cell: derive.Model, first: Expr = k, last: Expr = j) -> MatrixExpr:
    """diag(1 − h_k²) Π Wᵀ diag(1 − h_m²) Vᵀ (ŷ_j − y_j)."""
    product = OrderedProduct(_step(cell, m), m, first + 1, last, "ascending")
    return matmul(diag(slope(cell.symbol("h", first))), product, transpose(cell.symbol("V")), error(cell, last))


@writing("elman", "W")
def column(cell: derive.Model) -> MatrixExpr:
    """The corrected textbook formula."""
    term = outer(_left(cell), cell.symbol("h", k - 1))
    return MatrixSum(MatrixSum(term, k, 0, j), j, 0, T - 1)


@writing("elman", "W")
def row(cell: derive.Model) -> MatrixExpr:
    """(Jacobians in numerator layout: a row times a descending product, transposed at the end)."""
    back = matmul(diag(slope(cell.symbol("h", m))), cell.symbol("W"))
    product = OrderedProduct(back, m, k + 1, j, "descending")
    line = matmul(transpose(error(cell, j)), cell.symbol("V"), product, diag(slope(cell.symbol("h", k))))
    return transpose(MatrixSum(MatrixSum(matmul(cell.symbol("h", k - 1), line), k, 0, j), j, 0, T - 1))


@writing("elman", "W")
def rotated(cell: derive.Model) -> MatrixExpr:
    """The slope at k inside the product: Π_{m=k}^{j−1} diag(1 − h_m²) Wᵀ, then the slope at j."""
    h = lambda i: cell.symbol("h", i)  # noqa: E731
    product = OrderedProduct(matmul(diag(slope(h(m))), transpose(cell.symbol("W"))), m, k, j - 1, "ascending")
    left = matmul(product, diag(slope(h(j))), transpose(cell.symbol("V")), error(cell, j))
    return MatrixSum(MatrixSum(outer(left, h(k - 1)), k, 0, j), j, 0, T - 1)


@writing("elman", "W")
def reindexed(cell: derive.Model) -> MatrixExpr:
    """The sums exchanged, and the hidden state counted from one earlier."""
    term = outer(_left(cell, k + 1), cell.symbol("h", k))
    return MatrixSum(MatrixSum(term, j, k + 1, T - 1), k, -1, T - 2)


@writing("elman", "W")
def distance(cell: derive.Model) -> MatrixExpr:
    """Summed over the distance d = j − k."""
    term = outer(_left(cell, j - d), cell.symbol("h", j - d - 1))
    return MatrixSum(MatrixSum(term, d, 0, j), j, 0, T - 1)


@writing("elman", "W")
def split(cell: derive.Model) -> MatrixExpr:
    """The term k = j apart."""
    h = cell.symbol("h", j)
    own = outer(hadamard(slope(h), matmul(transpose(cell.symbol("V")), error(cell, j))), cell.symbol("h", j - 1))
    earlier = MatrixSum(outer(_left(cell), cell.symbol("h", k - 1)), k, 0, j - 1)
    return MatrixSum(b.add(own, earlier), j, 0, T - 1)


@writing("elman", "W")
def preactivation(cell: derive.Model) -> MatrixExpr:
    """The slopes written as 1 − tanh²(W h_{m−1} + U x_m), as the chapter prints them."""

    def s(i: Expr) -> MatrixExpr:
        z = b.add(matmul(cell.symbol("W"), cell.symbol("h", i - 1)), matmul(cell.symbol("U"), cell.symbol("x", i)))
        return b.subtract(ones(z.shape[0]), power(apply("tanh", z), 2))

    product = OrderedProduct(matmul(transpose(cell.symbol("W")), diag(s(m))), m, k + 1, j, "ascending")
    left = matmul(diag(s(k)), product, transpose(cell.symbol("V")), error(cell, j))
    return MatrixSum(MatrixSum(outer(left, cell.symbol("h", k - 1)), k, 0, j), j, 0, T - 1)


@writing("elman", "W")
def through_yhat(cell: derive.Model) -> MatrixExpr:
    """The loss by its probabilities: −y/ŷ, then the Jacobian of softmax, diag(ŷ) − ŷ ŷᵀ."""
    yhat, y = cell.symbol("yhat", j), cell.symbol("y", j)
    soft = b.subtract(diag(yhat), outer(yhat, yhat))
    e = b.negative(matmul(soft, hadamard(y, apply("reciprocal", yhat))))
    product = OrderedProduct(_step(cell, m), m, k + 1, j, "ascending")
    left = matmul(diag(slope(cell.symbol("h", k))), product, transpose(cell.symbol("V")), e)
    return MatrixSum(MatrixSum(outer(left, cell.symbol("h", k - 1)), k, 0, j), j, 0, T - 1)


@writing("elman", "U")
def input_weights(cell: derive.Model) -> MatrixExpr:
    return MatrixSum(MatrixSum(outer(_left(cell), cell.symbol("x", k)), k, 0, j), j, 0, T - 1)


@writing("elman", "V")
def output_weights(cell: derive.Model) -> MatrixExpr:
    return MatrixSum(outer(error(cell, j), cell.symbol("h", j)), j, 0, T - 1)


@writing("elman", "h")
def initial_state(cell: derive.Model) -> MatrixExpr:
    product = OrderedProduct(_step(cell, m), m, 0, j, "ascending")
    return MatrixSum(matmul(product, transpose(cell.symbol("V")), error(cell, j)), j, 0, T - 1)


@writing("lstm", "W_f")
def mechanical(cell: derive.Model) -> MatrixExpr:
    return cell.gradient("W_f").expression


@writing("lstm", "W_f")
def one_sum(cell: derive.Model) -> MatrixExpr:
    """Σ_k (dc_k ⊙ c_{k−1} ⊙ f_k ⊙ (1 − f_k)) h_{k−1}ᵀ, with the cotangent of the cell."""
    f = cell.symbol("f", k)
    left = hadamard(cell.cotangent("c", k), cell.symbol("c", k - 1), f, b.subtract(ones(f.shape[0]), f))
    return MatrixSum(outer(left, cell.symbol("h", k - 1)), k, 0, T - 1)


@writing("residual", "W")
def product_of_sums(cell: derive.Model) -> MatrixExpr:
    """Π (I + Wᵀ D_m)."""
    H = cell.symbol("h").shape[0]

    def D(i: Expr) -> MatrixExpr:
        z = b.add(matmul(cell.symbol("W"), cell.symbol("h", i - 1)), matmul(cell.symbol("U"), cell.symbol("x", i)))
        return diag(slope(apply("tanh", z)))

    from sympy import Identity

    body = b.add(Identity(H), matmul(transpose(cell.symbol("W")), D(m)))
    product = OrderedProduct(body, m, k + 1, j, "ascending")
    left = matmul(D(k), product, transpose(cell.symbol("V")), error(cell, j))
    return MatrixSum(MatrixSum(outer(left, cell.symbol("h", k - 1)), k, 0, j), j, 0, T - 1)


@writing("linear", "W")
def powers(cell: derive.Model) -> MatrixExpr:
    """Without an activation: Π Wᵀ."""
    product = OrderedProduct(transpose(cell.symbol("W")), m, k + 1, j, "ascending")
    left = matmul(product, transpose(cell.symbol("V")), error(cell, j))
    return MatrixSum(MatrixSum(outer(left, cell.symbol("h", k - 1)), k, 0, j), j, 0, T - 1)


_ = (MatMul, Symbol, Transpose)
