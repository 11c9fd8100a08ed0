"""The slow twin: every node against NumPy written out by hand, boundaries, T = 0, any dtype, any leading axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sympy import (
    HadamardProduct,
    Identity,
    MatAdd,
    MatMul,
    MatrixExpr,
    OneMatrix,
    Rational,
    S,
    Symbol,
    Transpose,
    ZeroMatrix,
)

from derive.algebra import build as b
from derive.algebra.functions import FUNCTIONS, Apply
from derive.algebra.nodes import (
    NONEMPTY,
    B,
    Blocks,
    Concat,
    Delta,
    Detach,
    Diag,
    DiagPart,
    LogSoftmax,
    Loss,
    Node,
    Pad,
    Scale,
    SigmoidCrossEntropy,
    Slice,
    Softmax,
    SoftmaxCrossEntropy,
    SumOver,
    T,
    Timed,
    Unary,
    t,
)
from derive.errors import UnsupportedError
from derive.interpreter import Array, Evaluation, apply_function, evaluate
from derive.program import Program, Variable
from tests.algebra.samples import H, I
from tests.calculus.programs import COLUMN, SCALAR, Hand

STEPS, BATCH = 4, 3
SIZES = {"H": 3, "I": 2}
ROUNDING = 1e-15


def hand() -> Hand:
    given = Hand()
    for name in ("a", "c", "y"):
        given.sequence(name, role="input")
    given.sequence("u", (I, S.One), role="input")
    given.sequence("M", (H, I), role="input")
    given.sequence("s", SCALAR, role="input")
    given.once("q", role="input")
    given.shared("v")
    given.shared("W", (H, H))
    given.sequence("r", role="input", initial=("r_1", "r_2"))
    given.sequence("g", role="input", initial=("g_1",), backward=True)
    for boundary in ("r_1", "r_2", "g_1"):
        given.once(boundary)
    return given


def arrays(steps: int = STEPS, batch: int = BATCH) -> dict[str, Array]:
    rng = np.random.default_rng(7)
    shapes = {H: 3, I: 2}
    found = {}
    for name, v in hand().variables.items():
        lead = (steps,) * ("t" in v.axes) + (batch,) * ("b" in v.axes)
        found[name] = rng.normal(size=(*lead, *(int(n.subs(shapes)) for n in v.shape)))
    return found


def evaluation(steps: int = STEPS, batch: int = BATCH, **more: Array) -> Evaluation:
    given = hand()
    program = Program("nodes", (H, I), given.variables, {}, constants={"tau": Rational(1, 4)})
    return Evaluation(program, SIZES, steps, batch, {**arrays(steps, batch), **more})


def ref(name: str, offset: int = 0) -> MatrixExpr:
    return hand()(name, offset)


NOW = 2
Values = dict[str, Any]
a, c, y, u, M, s, q, v, W = (ref(n) for n in ("a", "c", "y", "u", "M", "s", "q", "v", "W"))


def total(x: Array) -> Array:
    return np.asarray(x.sum(axis=(-2, -1), keepdims=True))


def rows(x: Array) -> Array:
    return np.asarray(x.sum(axis=-2, keepdims=True))


# expression, its value at step NOW from the arrays at that step ([B, r, c]; W and v: [r, c])
NODES: list[tuple[MatrixExpr, Callable[[Values], Any]]] = [
    (OneMatrix(H, I), lambda x: np.ones((1, 3, 2))),
    (ZeroMatrix(H, I), lambda x: np.zeros((1, 3, 2))),
    (Identity(H), lambda x: np.eye(3)[None]),
    (MatAdd(a, c, v), lambda x: x["a"] + x["c"] + x["v"]),
    (MatMul(W, a), lambda x: x["W"] @ x["a"]),
    (MatMul(W, W, M, u), lambda x: x["W"] @ x["W"] @ x["M"] @ x["u"]),
    (MatMul(a, Transpose(u)), lambda x: x["a"] * x["u"].swapaxes(1, 2)),
    (HadamardProduct(a, c, q), lambda x: x["a"] * x["c"] * x["q"]),
    (Transpose(M), lambda x: x["M"].swapaxes(1, 2)),
    (Scale(Rational(-3, 2), a), lambda x: -1.5 * x["a"]),
    (Scale(H / T, a), lambda x: 3 / 4 * x["a"]),
    (Scale(B * NONEMPTY, a), lambda x: 3 * x["a"]),
    (Scale(1 - Symbol("tau", real=True), a), lambda x: 0.75 * x["a"]),
    (Apply("tanh", M), lambda x: np.tanh(x["M"])),
    (Apply("maximum", a, c), lambda x: np.maximum(x["a"], x["c"])),
    (Apply("power", a, 3), lambda x: x["a"] ** 3),
    (Softmax(a), lambda x: np.exp(x["a"]) / rows(np.exp(x["a"]))),
    (Softmax(M), lambda x: np.exp(x["M"]) / rows(np.exp(x["M"]))),
    (LogSoftmax(M), lambda x: x["M"] - np.log(rows(np.exp(x["M"])))),
    (Detach(a), lambda x: x["a"]),
    (Concat(a, u, q), lambda x: np.concatenate([x["a"], x["u"], x["q"]], axis=1)),
    (Concat(W, Transpose(W)), lambda x: np.concatenate([x["W"], x["W"].T])[None]),
    (Slice(M, 1, 3), lambda x: x["M"][:, 1:3]),
    (Slice(a, H - I, H), lambda x: x["a"][:, 1:3]),
    (Pad(u, 1, H + I), lambda x: np.pad(x["u"], [(0, 0), (1, 2), (0, 0)])),
    (Diag(a), lambda x: np.stack([np.diag(r[:, 0]) for r in x["a"]])),
    (DiagPart(MatMul(a, Transpose(c))), lambda x: x["a"] * x["c"]),
    (Delta(a, t, NOW), lambda x: x["a"]),
    (Delta(a, t, T - 1), lambda x: 0 * x["a"]),
    (Delta(a, t, T - 2), lambda x: x["a"]),
    (
        Blocks(2, 2, W, M, Transpose(M), Identity(I)),
        lambda x: np.stack([np.block([[x["W"], m], [m.T, np.eye(2)]]) for m in x["M"]]),
    ),
    (Loss("squared_error", y, a), lambda x: total((x["a"] - x["y"]) ** 2) / 2),
    (Loss("cross_entropy", y, Softmax(a)), lambda x: -total(x["y"] * np.log(np.exp(x["a"]) / rows(np.exp(x["a"]))))),
    (Loss("cross_entropy_with_logits", y, a), lambda x: -total(x["y"] * (x["a"] - np.log(rows(np.exp(x["a"])))))),
    (
        Loss("binary_cross_entropy", y, Apply("sigmoid", a)),
        lambda x: total(x["y"] * np.log1p(np.exp(-x["a"])) + (1 - x["y"]) * np.log1p(np.exp(x["a"]))),
    ),
    (SoftmaxCrossEntropy(y, a, c), lambda x: -total(x["y"] * (x["a"] - np.log(rows(np.exp(x["a"])))))),
    (
        SigmoidCrossEntropy(y, a, c),
        lambda x: total(x["y"] * np.log1p(np.exp(-x["a"])) + (1 - x["y"]) * np.log1p(np.exp(x["a"]))),
    ),
    (Timed("a", t - 1, H), lambda x: arrays()["a"][NOW - 1]),
    (Timed("a", T - 1, H), lambda x: arrays()["a"][STEPS - 1]),
    (Timed("a", 0, H), lambda x: arrays()["a"][0]),
    (SumOver(a, "t"), lambda x: arrays()["a"].sum(axis=0)),
    (SumOver(a, "b"), lambda x: x["a"].sum(axis=0, keepdims=True)),
    (SumOver(a, "tb"), lambda x: arrays()["a"].sum(axis=(0, 1), keepdims=True)[0]),
    (SumOver(q, "t"), lambda x: STEPS * x["q"]),  # a body without the axis counts once for each
    (SumOver(v, "tb"), lambda x: STEPS * BATCH * x["v"][None]),
    (SumOver(MatMul(a, Transpose(Timed("c", t - 1, H))), "t"), lambda x: lagged_outer()),
]


def lagged_outer() -> Array:
    left, right = arrays()["a"], arrays()["c"]
    return np.asarray(sum(left[k] * right[k - 1].swapaxes(1, 2) for k in range(1, STEPS)))


def at_now() -> Values:
    return {n: x[NOW] if "t" in hand().variables[n].axes else x for n, x in arrays().items()}


@pytest.mark.parametrize(("e", "expected"), NODES, ids=lambda p: str(p) if isinstance(p, MatrixExpr) else "")
def test_nodes(e: MatrixExpr, expected: Callable[[Values], Any]) -> None:
    got, true = evaluation().at_step(e, NOW), expected(at_now())
    shape = tuple(int(n.subs({H: 3, I: 2})) for n in e.shape)
    assert got.shape[-2:] == shape
    assert got.shape[-3] in (1, BATCH)
    assert np.abs(got - true).max() <= 4 * ROUNDING * max(1.0, np.abs(true).max())


def test_every_rule_is_tested() -> None:
    assert {cls for cls in evaluate.registry if cls is not object} <= {type(e) for e, _ in NODES}


# --- Boundaries ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("index", "name"), [(-1, "r_1"), (-2, "r_2"), (-3, None), (-9, None)])
def test_before_the_first_step(index: int, name: str | None) -> None:
    got = evaluation().expression(Timed("r", index, H))
    assert np.array_equal(np.broadcast_to(got, (BATCH, 3, 1)), arrays()[name] if name else np.zeros((BATCH, 3, 1)))


@pytest.mark.parametrize(("index", "name"), [(T, "g_1"), (T + 1, None), (-1, None)])
def test_after_the_last_step(index: Any, name: str | None) -> None:
    got = evaluation().expression(Timed("g", index, H))
    assert np.array_equal(np.broadcast_to(got, (BATCH, 3, 1)), arrays()[name] if name else np.zeros((BATCH, 3, 1)))


def test_without_a_boundary_value_it_is_zero() -> None:
    for index in (-1, T, T + 3):
        assert not evaluation().expression(Timed("a", index, H)).any()


def recurrence() -> Program:
    """h = tanh(W h[t-1]) + a; the last state, and a sum of all."""
    given = hand()
    given.state("h")
    given.once("last", role="result")
    given.sequence("e", SCALAR)
    given.shared("L", SCALAR, role="total")
    equations = {
        "h": b.add(Apply("tanh", b.matmul(given("W"), given("h", -1))), given("a")),
        "last": given.absolute("h", T - 1),
        "e": b.scale(1 / T, b.total(given("h"))),
        "L": SumOver(given("e"), "tb"),
    }
    return Program("recurrence", (H, I), given.variables, equations, total="L")


def of_recurrence(steps: int, batch: int = BATCH, **more: Array) -> Evaluation:
    start = np.random.default_rng(1).normal(size=(batch, 3, 1))
    return Evaluation(recurrence(), SIZES, steps, batch, {**arrays(steps, batch), "h_1": start, **more})


def test_a_recurrence() -> None:
    run = of_recurrence(STEPS)
    h, given = run.arrays["h_1"], run.arrays
    states = []
    for k in range(STEPS):
        h = np.tanh(given["W"] @ h) + given["a"][k]
        states.append(h)
    assert np.abs(run.value("h") - np.stack(states)).max() <= 4 * ROUNDING
    assert np.array_equal(run.value("last"), run.value("h")[-1])
    assert run.value("L").item() == pytest.approx(np.sum(states) / STEPS, rel=1e-14)


def test_no_steps() -> None:
    run = of_recurrence(0)
    assert run.value("h").shape == (0, BATCH, 3, 1)
    assert np.array_equal(run.value("last"), run.arrays["h_1"])  # the final state is the initial one
    assert run.value("L").item() == 0
    assert run.number(1 / T) == 0
    assert run.number(2 - 3 / T) == 2
    assert run.number(NONEMPTY) == 0


def test_one_step() -> None:
    run = of_recurrence(1)
    assert np.array_equal(run.value("last"), run.value("h")[0])
    assert run.number(1 / T) == run.number(NONEMPTY) == 1


def test_no_sequences() -> None:
    run = of_recurrence(STEPS, 0)
    assert run.value("h").shape == (STEPS, 0, 3, 1)
    assert run.value("last").shape == (0, 3, 1)
    assert run.value("L").item() == 0


def test_ten_thousand_steps_need_no_recursion() -> None:
    steps = 10_000
    given = Hand()
    given.sequence("x", SCALAR, role="input")
    given.state("n", SCALAR)
    program = Program("count", (), given.variables, {"n": b.add(given("n", -1), given("x"))})
    run = Evaluation(program, {}, steps, 1, {"x": np.ones((steps, 1, 1, 1)), "n_1": np.zeros((1, 1, 1))})
    assert run.value("n")[-1].item() == steps


def test_a_backward_recurrence() -> None:
    given = Hand()
    given.sequence("x", SCALAR, role="input")
    given.state("n", SCALAR, backward=True)
    program = Program("count", (), given.variables, {"n": b.add(b.scale(2, given("n", 1)), given("x"))})
    run = Evaluation(program, {}, 3, 1, {"x": np.arange(1.0, 4).reshape(3, 1, 1, 1), "n_1": np.full((1, 1, 1), 10.0)})
    assert run.value("n").ravel().tolist() == [1 + 2 * 48, 2 + 2 * 23, 3 + 2 * 10]


# --- Arrays of any kind --------------------------------------------------------------------------


def test_leading_axes_are_directions() -> None:
    """A stack of inputs gives the stack of the values."""
    run = of_recurrence(STEPS)
    stack = run.arrays["a"] + np.arange(5.0).reshape(5, 1, 1, 1, 1)
    together = of_recurrence(STEPS, a=stack).value("h")
    assert together.shape == (5, STEPS, BATCH, 3, 1)
    for i in range(5):
        assert np.abs(together[i] - of_recurrence(STEPS, a=stack[i]).value("h")).max() <= ROUNDING
    total_ = of_recurrence(STEPS, a=stack).value("L")
    assert total_.shape == (5, 1, 1)


def test_complex_arrays_and_frozen_values() -> None:
    step = 1e-40
    moved = arrays()["a"] + 1j * step
    run = evaluation(a=moved)
    assert np.imag(run.at_step(Apply("sin", a), NOW)) / step == pytest.approx(np.cos(arrays()["a"][NOW]), rel=1e-14)
    assert not np.imag(run.at_step(Detach(a), NOW)).any()
    assert not np.iscomplexobj(run.at_step(Detach(a), NOW))


def test_piecewise_functions_branch_on_the_real_part() -> None:
    for tiny in (1e-40, -1e-40):
        z = np.array([-1.0, -0.0, 2.0]) + 1j * tiny
        assert apply_function("relu", [z], []).real.tolist() == [0, 0, 2]
        assert apply_function("relu", [z], []).imag.tolist() == [0, 0, tiny]
        assert (apply_function("abs", [z], []).imag == np.array([-tiny, 0, tiny])).all(), "at a kink nothing moves"


def test_steps_that_do_not_depend_on_a_name_still_stack() -> None:
    given = hand()
    given.sequence("fixed")
    program = Program("fixed", (H, I), given.variables, {"fixed": given("v")})
    run = Evaluation(program, SIZES, STEPS, BATCH, arrays())
    assert run.value("fixed").shape == (STEPS, BATCH, 3, 1)
    assert np.array_equal(run.value("fixed"), np.broadcast_to(arrays()["v"], (STEPS, BATCH, 3, 1)))


# --- Refusals ------------------------------------------------------------------------------------


def test_a_node_without_a_rule() -> None:
    class Blank(Unary):
        pass

    with pytest.raises(UnsupportedError, match="the interpreter has no rule for Blank"):
        evaluation().at_step(Blank(a), NOW)
    assert issubclass(Blank, Node)


def test_a_power_that_is_no_half_integer() -> None:
    with pytest.raises(UnsupportedError, match=r"a power must be an integer or half of one, not 2\.3"):
        apply_function("power", [np.ones(2)], [2.3])


@pytest.mark.parametrize("name", [n for n, f in FUNCTIONS.items() if f.arity == 1 and not f.parameters])
def test_functions_keep_the_shape(name: str) -> None:
    z = np.full((2, 3, 1), 0.5)
    assert apply_function(name, [z], []).shape == z.shape


def test_variables_know_their_place() -> None:
    assert Variable("h", "state", COLUMN, frozenset("tb")).timed
