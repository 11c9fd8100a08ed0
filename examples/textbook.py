"""A textbook prints dL/dW of a recurrent network, and the formula is wrong.

The chapter's model is h_t = tanh(U x_t + W h_{t-1}), yhat_t = softmax(V h_t), L = Σ_t −y_tᵀ log yhat_t.
Here its final equation is built as it is printed, judged, mended and proved.

    python examples/textbook.py
"""

from __future__ import annotations

from sympy import Expr, MatrixExpr, symbols

import derive
from derive.algebra import MatrixSum, OrderedProduct, T, diag, matmul, ones, outer, power
from derive.errors import ShapeError

model = derive.load("elman")
j, k, m = symbols("j k m", integer=True)
U, W, V = (model.symbol(name) for name in "UWV")


def h(i: Expr) -> MatrixExpr:
    return model.symbol("h", i)


def slope(i: Expr) -> MatrixExpr:
    """1 − h_i², the slope of tanh at step i."""
    return ones(h(i).shape[0]) - power(h(i), 2)


def error(i: Expr) -> MatrixExpr:
    return model.symbol("yhat", i) - model.symbol("y", i)


def published() -> MatrixExpr:
    """Σ_j Σ_k (yhat_j − y_j) Π_{m=k+1}^{j} Wᵀ diag(1 − h_m²) ⊗ h_{k−1}, with k for the b that the book prints."""
    product = OrderedProduct(W.T * diag(slope(m)), m, k + 1, j, "ascending")
    return MatrixSum(MatrixSum(outer(matmul(error(j), product), h(k - 1)), k, 0, j), j, 0, T - 1)


def corrected() -> MatrixExpr:
    """Σ_j Σ_k [diag(1 − h_k²) (Π_{m=k+1}^{j} Wᵀ diag(1 − h_m²)) Vᵀ (yhat_j − y_j)] ⊗ h_{k−1}."""
    product = OrderedProduct(W.T * diag(slope(m)), m, k + 1, j, "ascending")
    term = outer(matmul(diag(slope(k)), product, V.T, error(j)), h(k - 1))
    return MatrixSum(MatrixSum(term, k, 0, j), j, 0, T - 1)


def almost() -> MatrixExpr:
    """The corrected formula with the product the wrong way round: right at T = 1 and 2, wrong after."""
    product = OrderedProduct(W.T * diag(slope(m)), m, k + 1, j, "descending")
    term = outer(matmul(diag(slope(k)), product, V.T, error(j)), h(k - 1))
    return MatrixSum(MatrixSum(term, k, 0, j), j, 0, T - 1)


def without_slope() -> MatrixExpr:
    """The corrected formula without its first factor, diag(1 − h_k²)."""
    product = OrderedProduct(W.T * diag(slope(m)), m, k + 1, j, "ascending")
    return MatrixSum(MatrixSum(outer(matmul(product, V.T, error(j)), h(k - 1)), k, 0, j), j, 0, T - 1)


def main() -> None:
    print("As printed:")
    try:
        print(model.gradient("W").prove(published()))
    except ShapeError as error_:
        print(f"ill-formed: {error_}")
    gradient = model.gradient("W")
    for title, formula in (
        ("Corrected", corrected()),
        ("With the product the wrong way round", almost()),
        ("Without the slope at step k", without_slope()),
    ):
        print(f"\n{title}:\n{gradient.prove(formula)}")


if __name__ == "__main__":
    main()
