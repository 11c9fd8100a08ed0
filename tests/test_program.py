"""Programs: references, axes, what is live, and the builder that names operands by value."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sympy import MatAdd, MatMul, MatrixExpr, MatrixSymbol, OneMatrix, Rational, S, Transpose

from derive.algebra import build as b
from derive.algebra.bound import MatrixSum
from derive.algebra.functions import Apply
from derive.algebra.nodes import Blocks, Concat, Delta, Loss, SigmoidCrossEntropy, Slice, SumOver, T, Timed, t
from derive.calculus.normal import normalise
from derive.program import (
    GIVEN,
    ONCE,
    SEQUENCE,
    SHARED,
    Assumption,
    Builder,
    Program,
    Variable,
    operands,
    rebuild,
    references,
)
from tests.algebra.samples import H, I, U, W, h, k, x, y, z
from tests.calculus.programs import COLUMN, SCALAR, Hand


def program(**more: object) -> Program:
    hand = Hand()
    hand.sequence("x", (I, S.One), role="input")
    hand.sequence("y", role="target", onehot=True)
    hand.once("q", role="input")
    hand.shared("W", (H, H))
    hand.shared("U", (H, I))
    hand.shared("v")
    hand.state("h", lags=2)
    for name in ("a", "d"):
        hand.sequence(name)
    hand.shared("L", SCALAR, role="total")
    equations = {
        "a": b.add(b.matmul(hand("U"), hand("x")), b.matmul(hand("W"), hand("h", -2))),
        "h": Apply("tanh", hand("a")),
        "d": b.hadamard(hand("h"), hand("v")),
        "L": SumOver(b.total(hand("h")), "tb"),
    }
    return Program("p", (H, I), hand.variables, equations, total="L", **more)  # type: ignore[arg-type]


def test_references() -> None:
    p = program()
    assert p.ref("h") == Timed("h", t, H)
    assert p.ref("h", -1) == Timed("h", t - 1, H)
    assert p.ref("W") == MatrixSymbol("W", H, H)
    assert p.ref("q") == MatrixSymbol("q", H, 1)
    assert p.at("h", T - 1) == Timed("h", T - 1, H)
    e = MatAdd(MatMul(W, Timed("h", t - 1, H)), Transpose(Transpose(h)), h)
    assert [str(r) for r in references(e)] == ["W", "h[t - 1]", "h[t]", "h[t]"]


def test_roles() -> None:
    p = program()
    assert [v.name for v in p.states] == ["h"]
    assert [v.name for v in p.parameters] == ["W", "U", "v"]
    assert [v.name for v in p.roles("input", "total")] == ["x", "q", "L"]
    assert {v.name for v in p.variables.values() if v.given} == {"x", "y", "q", "W", "U", "v", "h_1", "h_2"}
    assert {v.name for v in p.variables.values() if v.differentiable} == {"x", "q", "W", "U", "v", "h_1", "h_2"}
    assert set(GIVEN) >= {v.role for v in p.variables.values() if v.given}
    assert [v.name for v in p.variables.values() if v.timed] == ["x", "y", "h", "a", "d"]


@pytest.mark.parametrize(
    ("make", "axes"),
    [
        (lambda p: p.ref("h"), "tb"),
        (lambda p: p.ref("h", -2), "tb"),
        (lambda p: p.at("h", T - 1), "b"),
        (lambda p: p.ref("q"), "b"),
        (lambda p: p.ref("W"), ""),
        (lambda p: OneMatrix(H, 1), ""),
        (lambda p: b.matmul(p.ref("W"), p.ref("h")), "tb"),
        (lambda p: b.matmul(p.ref("W"), p.ref("q")), "b"),
        (lambda p: b.matmul(p.ref("W"), p.ref("v")), ""),
        (lambda p: SumOver(p.ref("h"), "t"), "b"),
        (lambda p: SumOver(p.ref("h"), "b"), "t"),
        (lambda p: SumOver(p.ref("h"), "tb"), ""),
        (lambda p: SumOver(p.ref("q"), "t"), "b"),
        (lambda p: Delta(p.ref("q"), t, T - 1), "tb"),
        (lambda p: Delta(p.ref("v"), t, T - 1), "t"),
        (lambda p: Delta(p.ref("q"), -1, T - 1), "b"),
        (lambda p: b.add(p.ref("v"), b.hadamard(p.at("h", 0), p.ref("q"))), "b"),
    ],
)
def test_axes_of_an_expression(make: Callable[[Program], MatrixExpr], axes: str) -> None:
    assert program().axes(make(program())) == frozenset(axes)


def test_what_is_live() -> None:
    p = program()
    assert p.live(["L"]) == {"L", "h", "a", "U", "x", "W", "h_1", "h_2"}
    assert p.live(["d"]) == {"d", "v"} | (p.live(["L"]) - {"L"})
    small = p.restrict(["h"])
    assert list(small.equations) == ["a", "h"]
    assert set(small.variables) == p.live(["h"])
    assert (small.name, small.sizes) == (p.name, p.sizes)


def test_assumptions_that_a_sum_is_one() -> None:
    def sums_to_one(relation: str = "==", value: int = 1, measure: str = "sum") -> bool:
        return program(assumptions=(Assumption("x", measure, relation, Rational(value), ""),)).assumes_sum_one("x")

    assert sums_to_one()
    assert program().assumes_sum_one("y")  # one-hot
    assert not program().assumes_sum_one("x")
    assert not sums_to_one(relation=">=")
    assert not sums_to_one(value=2)
    assert not sums_to_one(measure="entries")


def test_operands_of_nodes_with_other_arguments() -> None:
    assert operands(SumOver(h, "tb")) == (h,)
    assert operands(Slice(h, 0, 2)) == (h,)
    assert operands(Apply("leaky_relu", h, Rational(1, 5))) == (h,)
    assert operands(Loss("squared_error", y, z)) == (y, z)
    assert operands(SigmoidCrossEntropy(y, z, h)) == (y, z, h)
    assert operands(Concat(h, x)) == (h, x)
    assert operands(MatMul(W, U, x)) == (W, U, x)
    assert operands(Blocks(1, 2, W, U)) == (W, U)
    assert operands(h) == ()
    assert operands(W) == ()


def test_rebuild_keeps_what_is_no_operand() -> None:
    assert rebuild(Slice(h, 0, 2), [z]) == Slice(z, 0, 2)
    assert rebuild(Loss("squared_error", y, z), [z, y]) == Loss("squared_error", z, y)
    assert rebuild(Delta(h, t, T - 1), [z]) == Delta(z, t, T - 1)
    assert rebuild(Apply("leaky_relu", h, Rational(1, 5)), [z]) == Apply("leaky_relu", z, Rational(1, 5))
    assert rebuild(b.scale(3, h), [z]) == b.scale(3, z)
    with pytest.raises(TypeError, match="no place in a program"):
        rebuild(MatrixSum(h, k, 0, 3), [z])


# --- Builder -------------------------------------------------------------------------------------


def test_operands_are_named_by_value() -> None:
    builder = Builder(program())
    e = b.matmul(W, h)
    first = builder.name(e, "m")
    assert builder.name(b.matmul(W, h), "other") == first == Timed("m", t, H)
    assert builder.variables["m"].role == "temporary"
    assert builder.variables["m"].axes == SEQUENCE
    assert builder.name(b.matmul(W, builder.ref("q")), "m") == MatrixSymbol("m_2", H, 1)
    assert builder.variables["m_2"].axes == ONCE
    assert list(builder.program().equations)[-2:] == ["m", "m_2"]


def test_an_equation_that_is_there_already_is_used() -> None:
    builder = Builder(program())
    assert builder.name(Apply("tanh", builder.ref("a")), "again") == builder.ref("h")
    assert builder.name(builder.ref("h", -1), "lag") == builder.ref("h", -1)
    assert list(builder.equations) == list(program().equations)


def test_an_absolute_time_is_named() -> None:
    builder = Builder(program())
    last = builder.view().at("h", T - 1)
    assert builder.name(last, "at_h") == MatrixSymbol("at_h", H, 1)
    assert builder.variables["at_h"].axes == ONCE


def test_a_value_with_fewer_axes_than_its_name_is_not_shared() -> None:
    # s[t] = v for every t: the name is a sequence, the value is not, so v's users must not read s
    builder = Builder(program())
    builder.declare(Variable("s", "result", COLUMN, SEQUENCE))
    builder.define("s", b.scale(2, builder.ref("v")))
    named = builder.name(b.scale(2, builder.ref("v")), "m")
    assert named == MatrixSymbol("m", H, 1)
    assert builder.variables["m"].axes == SHARED


def test_names_are_fresh() -> None:
    builder = Builder(program())
    assert builder.fresh("new") == "new"
    assert builder.fresh("h") == "h_3"  # h_2 is a boundary value
    builder.declare(Variable("new", "temporary", COLUMN, SHARED))
    assert builder.fresh("new") == "new_2"


def test_nothing_is_declared_or_defined_twice() -> None:
    builder = Builder(program())
    with pytest.raises(ValueError, match="h is declared twice"):
        builder.declare(Variable("h", "result", COLUMN, SEQUENCE))
    with pytest.raises(ValueError, match="h is defined twice"):
        builder.define("h", builder.ref("a"))


def test_a_builder_leaves_its_base_alone() -> None:
    base = program()
    names, equations = set(base.variables), dict(base.equations)
    builder = Builder(base)
    builder.name(b.matmul(W, h), "m")
    assert set(base.variables) == names
    assert dict(base.equations) == equations
    assert builder.program(total="").total == ""
    made = builder.program()
    builder.name(b.matmul(W, W, h), "m")
    assert "m_2" not in made.variables  # a snapshot, not a view
    with pytest.raises(TypeError):
        made.equations["m"] = h  # type: ignore[index]


def test_normalising_is_idempotent_on_this_one_too() -> None:
    once = normalise(program())
    assert dict(normalise(once).equations) == dict(once.equations)
