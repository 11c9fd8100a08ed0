"""Sums and ordered products over an index: binding, order, expansion."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sympy import Identity, Integer, MatAdd, MatMul, MatrixExpr, MatrixSymbol, Symbol, ZeroMatrix, symbols

from derive.algebra import build as b
from derive.algebra.bound import MatrixSum, OrderedProduct
from derive.algebra.nodes import Diag, T, Timed, t
from tests.algebra.samples import H, J, W, k, r

BOUND = (MatrixSum, OrderedProduct)


def bound(cls: type[MatrixExpr], body: MatrixExpr, index: Symbol, low: object, high: object) -> MatrixExpr:
    return cls(body, index, low, high, *(["descending"] if cls is OrderedProduct else []))


def f(a: object, c: object) -> MatrixExpr:
    """A body in two indices, in which they play different parts."""
    return MatMul(Timed("F", a, H, H), Timed("G", c, H, H))


both = pytest.mark.parametrize("cls", BOUND)


@both
def test_equal_up_to_the_name_of_the_index(cls: type[MatrixExpr]) -> None:
    one, other = bound(cls, J(k), k, 0, t), bound(cls, J(r), r, 0, t)
    assert one == other
    assert hash(one) == hash(other)
    assert len({one, other}) == 1
    assert one != bound(cls, J(k), k, 1, t)
    assert one != bound(cls, J(k + 1), k, 0, t)


def test_binders_of_different_kinds_differ() -> None:
    ascending, descending = (OrderedProduct(J(k), k, 0, t, d) for d in ("ascending", "descending"))
    assert ascending != descending
    assert MatrixSum(J(k), k, 0, t) != ascending


def test_nested_indices_are_told_apart() -> None:
    # With one placeholder for every bound name these two would be equal.
    one = MatrixSum(OrderedProduct(f(k, r), r, 0, t, "descending"), k, 0, t)
    other = MatrixSum(OrderedProduct(f(r, k), r, 0, t, "descending"), k, 0, t)
    assert one != other
    swapped = MatrixSum(OrderedProduct(f(r, k), k, 0, t, "descending"), r, 0, t)
    assert one == swapped
    assert hash(one) == hash(swapped)
    assert MatrixSum(MatrixSum(f(k, r), r, 0, t), k, 0, t) != MatrixSum(MatrixSum(f(r, k), r, 0, t), k, 0, t)


def test_a_shadowed_index_belongs_to_the_inner_binder() -> None:
    shadow = MatrixSum(MatMul(J(k), OrderedProduct(J(k), k, 0, 2, "ascending")), k, 0, t)
    assert shadow == MatrixSum(MatMul(J(k), OrderedProduct(J(r), r, 0, 2, "ascending")), k, 0, t)
    assert shadow.at(5) == MatMul(J(5), OrderedProduct(J(r), r, 0, 2, "ascending"))


@both
def test_a_bound_index_is_not_free(cls: type[MatrixExpr]) -> None:
    p = bound(cls, J(r - t), r, k + 1, T)
    assert p.free_symbols == {t, k, T, H}
    assert p.subs(r, 7) == p
    assert p.subs(k, 2) == bound(cls, J(r - t), r, 3, T)


@both
def test_an_index_that_is_also_free_in_a_bound(cls: type[MatrixExpr]) -> None:
    p = bound(cls, J(r), r, 0, r)  # the upper bound's r is another one
    assert p.free_symbols == {r, H}
    assert p.subs(r, 2) == bound(cls, J(k), k, 0, 2)


@both
def test_substitution_does_not_capture(cls: type[MatrixExpr]) -> None:
    p = bound(cls, J(r - t), r, 0, 3)
    replaced = p.subs(t, r)
    assert replaced == bound(cls, J(k - r), k, 0, 3)
    assert replaced.free_symbols == {r, H}
    assert replaced != bound(cls, J(0), k, 0, 3)
    again = replaced.subs(r, replaced.index)  # whatever name it chose
    assert again.free_symbols == {replaced.index, H}


@both
def test_substitution_of_a_matrix(cls: type[MatrixExpr]) -> None:
    p = bound(cls, MatMul(J(r), W), r, 0, 3)
    assert p.subs(W, J(r)) == bound(cls, MatMul(J(k), J(r)), k, 0, 3)
    assert p.subs(W, J(r)).free_symbols == {r, H}


@both
def test_pickling_keeps_equality_up_to_names(cls: type[MatrixExpr]) -> None:
    p = bound(cls, MatMul(J(k), bound(cls, J(r), r, 0, k)), k, 0, t)
    again = pickle.loads(pickle.dumps(p))  # noqa: S301 - our own bytes
    renamed = bound(cls, MatMul(J(r), bound(cls, J(k), k, 0, r)), r, 0, t)
    assert again == p == renamed
    assert hash(again) == hash(p) == hash(renamed)


def test_products_do_not_commute() -> None:
    p = OrderedProduct(J(r), r, 0, t, "descending")
    assert MatMul(p, W) != MatMul(W, p)
    assert b.matmul(p, W) != b.matmul(W, p)
    assert b.matmul(p, W).args == (p, W)


def test_order_of_the_factors() -> None:
    down = OrderedProduct(J(r), r, 1, 4, "descending")
    up = OrderedProduct(J(r), r, 1, 4, "ascending")
    assert down.doit() == MatMul(J(4), J(3), J(2), J(1))
    assert up.doit() == MatMul(J(1), J(2), J(3), J(4))
    body = MatMul(Diag(Timed("d", r, H)), W)
    d = [Diag(Timed("d", i, H)) for i in range(5)]
    assert OrderedProduct(body, r, 2, 4, "descending").doit() == MatMul(d[4], W, d[3], W, d[2], W)
    assert MatrixSum(J(r), r, 2, 4).doit() == MatAdd(J(2), J(3), J(4))


@pytest.mark.parametrize("direction", ["ascending", "descending"])
def test_order_against_explicit_matrices(direction: str) -> None:
    rng = np.random.default_rng(3)
    given = {i: rng.integers(-3, 4, (2, 2)) for i in range(1, 5)}
    product = OrderedProduct(Timed("J", r, 2, 2), r, 1, 4, direction)
    entries = {Timed("J", i, 2, 2)[p, q]: int(a[p, q]) for i, a in given.items() for p in range(2) for q in range(2)}
    got = np.array(product.as_explicit().xreplace(entries).tolist(), dtype=int)
    up = given[1] @ given[2] @ given[3] @ given[4]
    down = given[4] @ given[3] @ given[2] @ given[1]
    assert not np.array_equal(up, down)
    assert np.array_equal(got, up if direction == "ascending" else down)


def test_the_direction_is_checked() -> None:
    with pytest.raises(ValueError, match="ascending or descending, not 'down'"):
        OrderedProduct(J(r), r, 1, 4, "down")


def test_empty_ranges() -> None:
    product = OrderedProduct(J(r), r, 3, 2, "descending")
    assert product.doit() == Identity(H)
    assert MatrixSum(J(r), r, 3, 2).doit() == ZeroMatrix(H, H)
    assert b.matmul(product.doit(), W) == W
    small = OrderedProduct(Timed("J", r, 2, 2), r, 3, 2, "descending")
    assert small.as_explicit().tolist() == [[1, 0], [0, 1]]
    assert MatrixSum(Timed("J", r, 2, 3), r, 3, 2).as_explicit().tolist() == [[0, 0, 0], [0, 0, 0]]


@both
def test_symbolic_ranges_stay(cls: type[MatrixExpr]) -> None:
    p = bound(cls, J(r), r, k, t)
    assert p.doit() is p
    assert p.subs({k: 4, t: 4}).doit() == J(4)
    assert bound(cls, J(r), r, 2, 2).doit() == J(2)


def test_nested_expansion() -> None:
    # sum_k (prod_{r=k+1}^{t} J_r) at t = 2: J_2 J_1 + J_2 + I
    e = MatrixSum(OrderedProduct(J(r), r, k + 1, t, "descending"), k, 0, t)
    assert e.subs(t, 2).doit() == MatAdd(MatMul(J(2), J(1)), J(2), Identity(H))
    # the inner range is empty or symbolic, the outer one is open
    assert e.doit() == e


def test_an_inner_binder_within_a_product_expands() -> None:
    e = MatrixSum(MatMul(W, MatrixSum(J(r), r, 0, k)), k, 0, 1)
    assert e.doit() == MatAdd(MatMul(W, J(0)), MatMul(W, MatAdd(J(0), J(1))))


def test_entries_are_those_of_the_expansion() -> None:
    n = Integer(2)
    v = MatrixSymbol("v", n, 1)
    e = MatrixSum(MatMul(Timed("J", k, n, n), v), k, 0, 1)
    j0, j1 = Timed("J", 0, n, n), Timed("J", 1, n, n)
    expected = sum(j[0, c] * v[c, 0] for j in (j0, j1) for c in range(2))
    assert (e.as_explicit()[0, 0] - expected).expand() == 0


def test_a_sum_over_t_in_a_chain() -> None:
    (tau,) = symbols("tau,", integer=True)
    e = MatrixSum(OrderedProduct(J(r), r, k + 1, tau, "descending"), k, 0, tau)
    assert e.subs(tau, t) == MatrixSum(OrderedProduct(J(r), r, k + 1, t, "descending"), k, 0, t)
    assert e.subs(tau, k).free_symbols == {k, H}  # the bound k makes way
    assert e.subs(tau, r).free_symbols == {r, H}
