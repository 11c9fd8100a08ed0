"""𝟏 and I, which are as long as what they meet says: 𝟏ᵀ h, W 𝟏, 𝟏 - h², (1 - α) I + α W."""

from __future__ import annotations

from sympy import Dummy, Expr, Identity, MatrixExpr, S

from derive.algebra import build as b
from derive.claims.reading.readings import Misfit

PRODUCT, ENTRIES = ((1, 0),), ((0, 0), (1, 1))  # which axes meet: of a product of matrices; entry by entry


class Length(Dummy):
    """A length that is not known yet."""

    def _sympystr(self, printer: object) -> str:
        return str(self.name)


def ones() -> MatrixExpr:
    """A 𝟏 of its own length."""
    return b.ones(Length("n", integer=True, positive=True))


def identity() -> MatrixExpr:
    """An identity matrix, as large as what it meets."""
    return Identity(Length("n", integer=True, positive=True))


def met(x: MatrixExpr, y: MatrixExpr, axes: tuple[tuple[int, int], ...]) -> tuple[MatrixExpr, MatrixExpr]:
    """The two, each 𝟏 whose axis meets one of the other being as long as that."""
    for i, j in axes:
        m, n = x.shape[i], y.shape[j]
        if isinstance(m, Length) and m != n and _may_be(n, axes):
            x, y = (e.xreplace({m: n}) for e in (x, y))
        elif isinstance(n, Length) and m != n and _may_be(m, axes):
            x, y = (e.xreplace({n: m}) for e in (x, y))
    return x, y


def _may_be(length: Expr, axes: tuple[tuple[int, int], ...]) -> bool:
    """In a product of matrices 𝟏 is no number."""
    return axes != PRODUCT or length != S.One


def is_open(x: Expr) -> bool:
    """Is it as long as what it meets?"""
    return isinstance(x, MatrixExpr) and any(isinstance(n, Length) for n in x.shape)


def settled(*values: Expr) -> None:
    """Raise Misfit where a 𝟏 is left whose length nothing says."""
    if any(s for e in values for s in e.free_symbols if isinstance(s, Length)):
        raise Misfit("how long a 𝟏 or an I is is not clear")
