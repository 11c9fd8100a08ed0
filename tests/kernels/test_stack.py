"""What is stacked, and what must not be."""

from __future__ import annotations

from sympy import Expr, Integer, MatMul, MatrixExpr, Transpose

from derive.algebra import build as b
from derive.algebra.nodes import Concat, Slice, SumOver
from derive.graph import groups
from derive.kernels.lowering.pack import Packer
from derive.kernels.lowering.stack import Stacker
from derive.program import Builder, Program, Variable
from tests.cells import model


def with_sums(second_needs_first: bool) -> Program:
    """Σ g xᵀ and Σ k xᵀ, where k is made of the first sum or of the state alone."""
    made = Builder(model("elman").normal)
    h, x = made.ref("h"), made.ref("x")
    rows, columns = h.shape[0], x.shape[0]

    def add(name: str, e: MatrixExpr, columns: Expr, axes: str) -> None:
        made.declare(Variable(name, "temporary", (rows, columns), frozenset(axes)))
        made.define(name, e)

    add("g", b.hadamard(h, h), Integer(1), "tb")
    add("s", SumOver(MatMul(made.ref("g"), Transpose(x)), "tb"), columns, "")
    add("k", MatMul(made.ref("s"), x) if second_needs_first else b.hadamard(h, h, h), Integer(1), "tb")
    add("r", SumOver(MatMul(made.ref("k"), Transpose(x)), "tb"), columns, "")
    return made.program()


def test_sums_of_products_with_one_operand_are_one() -> None:
    packer = Packer(with_sums(False), {"s", "r"}, {})
    packer.run()
    assert all(isinstance(packer.equations[name], Slice) for name in ("s", "r"))


def test_a_sum_that_another_one_is_made_of_stays_apart() -> None:
    packer = Packer(with_sums(True), {"s", "r"}, {})
    packer.run()
    assert all(isinstance(packer.equations[name], SumOver) for name in ("s", "r"))
    assert groups(packer.program())  # there is an order


def test_rows_of_a_longer_stack_are_taken_only_where_all_of_them_are_there() -> None:
    stacker = Stacker(model("lstm").normal, set(), {})
    stacker.place = stacker._places()
    weights = [stacker.ref(name) for name in ("W_i", "W_f", "W_o", "W_g")]
    whole = stacker.stack(tuple(weights[:3]), -1)
    inner = stacker.stack(tuple(weights[1:3]), -1)
    assert stacker.equations[inner.name] == Slice(whole, weights[0].shape[0], 3 * weights[0].shape[0])
    other = stacker.stack((weights[1], weights[3]), -1)
    assert stacker.equations[other.name] == Concat(weights[1], weights[3])
