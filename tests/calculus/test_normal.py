"""The normal form: it means what was read, keeps its invariants, and recognises what must be stable."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from sympy import Identity, MatAdd, MatMul, MatrixExpr, OneMatrix, Transpose, ZeroMatrix

from derive.algebra import build as b
from derive.algebra.functions import Apply
from derive.algebra.nodes import (
    Detach,
    Diag,
    LogSoftmax,
    Loss,
    Scale,
    SigmoidCrossEntropy,
    Softmax,
    SoftmaxCrossEntropy,
    SumOver,
    T,
    Timed,
    is_reference,
)
from derive.calculus.adjoint import adjoint
from derive.calculus.normal import CONSTANT, NONLINEAR, check_normal, normalise
from derive.calculus.tangent import tangent
from derive.errors import UnsupportedError
from derive.kernels.samples import draw
from derive.language import names, read, text
from derive.program import Program, operands
from tests.calculus.checks import error, given, model, run
from tests.calculus.models import TEXTS, named
from tests.calculus.programs import COLUMN, SCALAR, Hand

ROUNDING = 1e-13  # a softmax by another formula, and its logarithm


def walk(e: MatrixExpr) -> Iterator[MatrixExpr]:
    yield e
    for a in operands(e):
        yield from walk(a)


def is_absolute(e: MatrixExpr) -> bool:
    return isinstance(e, Timed) and e.offset is None


def simple(a: MatrixExpr) -> bool:
    """An operand of a product: a name, its transpose, or a constant."""
    a = a.arg if isinstance(a, Transpose) else a
    return is_reference(a) or isinstance(a, CONSTANT)


def faults(program: Program) -> Iterator[str]:
    for name, e in program.equations.items():
        for part in walk(e):
            if isinstance(part, Loss):
                yield f"{name}: a loss that is neither fused nor written out"
            if isinstance(part, NONLINEAR) and (part is not e or not all(is_reference(a) for a in operands(part))):
                yield f"{name}: {part} is not at the root on references"
            if isinstance(part, MatMul) and not all(simple(a) for a in part.args):
                yield f"{name}: a compound operand of {part}"
            if is_absolute(part) and part is not e:
                yield f"{name}: {part} does not stand alone"
        v = program[name]
        if v.role == "temporary" and v.shape[0] == 1 and v.shape[1] != 1:
            yield f"{name}: a row vector"
        if is_absolute(e) and "t" in v.axes:
            yield f"{name}: an absolute time in a step's equation"


@pytest.mark.parametrize("name", TEXTS)
def test_invariants(name: str) -> None:
    program, _ = named(name)
    back = adjoint(program)
    for p in (program, back.program, tangent(program, given(program)).program, tangent(back.program, ["x"]).program):
        check_normal(p)
        assert not list(faults(p))


@pytest.mark.parametrize("name", names())
def test_invariants_of_the_catalogue(name: str) -> None:
    program = model(text(name))
    assert not list(faults(program))
    assert not list(faults(adjoint(program).program))


@pytest.mark.parametrize("name", TEXTS)
def test_the_meaning_stays(name: str) -> None:
    """Every name that the user wrote has the same value before and after."""
    reading = read(TEXTS[name]).program
    program, sizes = named(name)
    assert set(reading.equations) <= set(program.equations)
    for steps in (3, 0):
        sample = draw(program, sizes, steps, 2, seed=4)
        before, after = run(reading, sample), run(program, sample)
        for n in reading.equations:
            assert error(after.value(n), before.value(n)) <= ROUNDING, n


@pytest.mark.parametrize("name", TEXTS)
def test_normalising_twice_changes_nothing(name: str) -> None:
    program, _ = named(name)
    again = normalise(program)
    assert dict(again.equations) == dict(program.equations)
    assert dict(again.variables) == dict(program.variables)


# --- What is recognised --------------------------------------------------------------------------

HEAD = """
cell small
dims I, O
input x : I
target y : O
param V : O x I
param c : O
"""


def equations(body: str) -> dict[str, MatrixExpr]:
    return dict(model(HEAD + body).equations)


def kinds(body: str) -> set[type[MatrixExpr] | str]:
    found: set[type[MatrixExpr] | str] = set()
    for e in equations(body).values():
        found |= {part.name if isinstance(part, Apply) else type(part) for part in walk(e)}
    return found


SOFTMAX = "p[t] = softmax(V @ x[t])\n"
SIGMOID = "p[t] = sigmoid(V @ x[t])\n"


@pytest.mark.parametrize(
    ("body", "present", "absent"),
    [
        (SOFTMAX + "loss[t] = cross_entropy(y[t], p[t])", {SoftmaxCrossEntropy}, {"log"}),
        ("loss[t] = cross_entropy(y[t], softmax(V @ x[t] + c))", {SoftmaxCrossEntropy}, {"log"}),
        ("loss[t] = cross_entropy_with_logits(y[t], V @ x[t])", {SoftmaxCrossEntropy, Softmax}, {"log"}),
        (SIGMOID + "loss[t] = binary_cross_entropy(y[t], p[t])", {SigmoidCrossEntropy}, {"log", "softplus"}),
        ("loss[t] = binary_cross_entropy(y[t], sigmoid(V @ x[t]))", {SigmoidCrossEntropy}, {"log"}),
        (SOFTMAX + "loss[t] = -sum(y[t] * log(p[t]))", {LogSoftmax}, {"log"}),
        ("loss[t] = -sum(y[t] * log(softmax(V @ x[t])))", {LogSoftmax}, {"log"}),
        (SIGMOID + "loss[t] = -sum(y[t] * log(p[t]))", {"softplus"}, {"log"}),
        (SIGMOID + "loss[t] = -sum(y[t] * log(1 - p[t]))", {"softplus"}, {"log"}),
        (SIGMOID + "q[t] = 1 - p[t]\nloss[t] = -sum(y[t] * log(q[t]))", {"softplus"}, {"log"}),
        # through a plain copy
        (SOFTMAX + "q[t] = p[t]\nloss[t] = cross_entropy(y[t], q[t])", {SoftmaxCrossEntropy}, {"log"}),
        # what only looks like it
        ("p[t] = exp(V @ x[t])\nloss[t] = cross_entropy(y[t], p[t])", {"log"}, {SoftmaxCrossEntropy}),
        (SIGMOID + "loss[t] = cross_entropy(y[t], p[t])", {"softplus"}, {SoftmaxCrossEntropy, SigmoidCrossEntropy}),
        (SOFTMAX + "loss[t] = binary_cross_entropy(y[t], p[t])", {LogSoftmax, "log"}, {SigmoidCrossEntropy}),
        (SIGMOID + "loss[t] = -sum(y[t] * log(2 - p[t]))", {"log"}, {"softplus"}),
        (SIGMOID + "loss[t] = -sum(y[t] * log(1 + p[t]))", {"log"}, {"softplus"}),
        (SIGMOID + "loss[t] = -sum(y[t] * log(1 - 2 * p[t]))", {"log"}, {"softplus"}),
        (SOFTMAX + "loss[t] = squared_error(y[t], p[t])", {Softmax}, {Loss, "log"}),
    ],
    ids=lambda p: p.replace("\n", "; ") if isinstance(p, str) else "",
)
def test_compositions(body: str, present: set[object], absent: set[object]) -> None:
    found = kinds(body)
    assert present <= found
    assert not absent & found


def test_a_softmax_of_another_step_is_not_taken_for_this_one() -> None:
    body = "state s : O\ns[t] = softmax(V @ x[t])\nq[t] = log(s[t-1])\nloss[t] = -dot(y[t], q[t])\n"
    found = equations(body)
    assert isinstance(found["q"], Apply)
    assert found["q"].name == "log"
    assert LogSoftmax not in kinds(body)


def test_a_fused_loss_keeps_the_users_probabilities() -> None:
    found = equations(SOFTMAX + "loss[t] = cross_entropy(y[t], p[t])")
    loss, p = found["loss"], found["p"]
    assert isinstance(p, Softmax)
    assert loss.companion.name == "p"
    assert loss.logits == p.arg


# --- Shapes of the form --------------------------------------------------------------------------


def test_a_shared_operand_is_named_once() -> None:
    found = equations("a[t] = tanh(V @ x[t] + c)\nb[t] = sin(V @ x[t] + c)\nloss[t] = dot(a[t], b[t])")
    assert found["a"].arg == found["b"].arg


def test_a_diagonal_times_a_column_is_an_elementwise_product() -> None:
    found = equations("a[t] = diag(c) @ y[t]\nloss[t] = dot(y[t], a[t])")
    assert not any(isinstance(part, Diag) for e in found.values() for part in walk(e))
    found = equations("W[t] = diag(c) @ V\nloss[t] = dot(y[t], W[t] @ x[t])")
    assert any(isinstance(part, Diag) for e in found.values() for part in walk(e))


def test_an_absolute_time_within_a_function_is_named() -> None:
    hand = Hand()
    hand.sequence("x", role="input")
    hand.sequence("a")
    hand.once("m", role="result")
    program = hand.program(
        {
            "a": Apply("tanh", hand.absolute("x", T - 1)),
            "m": b.hadamard(hand.absolute("x", 0), Softmax(hand.absolute("x", T - 1))),
        },
        total="",
    )
    assert not list(faults(program))
    assert program.equations["a"] == Apply("tanh", program.ref("at_x"))


def test_a_detached_expression_is_named() -> None:
    hand = Hand()
    hand.sequence("x", role="input")
    hand.sequence("a")
    program = hand.program({"a": Detach(b.hadamard(hand("x"), hand("x")))}, total="")
    assert is_reference(program.equations["a"].arg)


def test_names_that_are_split_off_do_not_clash_with_the_users() -> None:
    program = model(
        "cell clash\ndims H\ninput x, z_a, m_a : H\nparam w, tanh_a : H\n"
        "a[t] = sigmoid(w * x[t]) + tanh(z_a[t] + m_a[t]) * tanh_a\nloss[t] = norm2(a[t])\n"
    )
    assert {"z_a", "m_a", "tanh_a"} <= {v.name for v in program.variables.values() if v.given}
    assert not list(faults(program))


def test_a_refusal_names_the_equation() -> None:
    hand = Hand()
    hand.sequence("x", role="input")
    hand.sequence("a", SCALAR)
    raw = Program("raw", (), hand.variables, {"a": b.total(Apply("tanh", hand("x")))})
    with pytest.raises(UnsupportedError, match="a: a nonlinear node is not at the root"):
        check_normal(raw)
    check_normal(normalise(raw))


def test_constants_and_sums_stay_in_place() -> None:
    hand = Hand()
    hand.sequence("x", role="input")
    for name in ("one", "zero"):
        hand.shared(name, COLUMN, role="result")
    hand.shared("eye", (COLUMN[0], COLUMN[0]), role="result")
    hand.once("total", role="result")
    hand.sequence("mix")
    equations_: dict[str, MatrixExpr] = {
        "one": OneMatrix(*COLUMN),
        "zero": ZeroMatrix(*COLUMN),
        "eye": Identity(COLUMN[0]),
        "total": SumOver(b.hadamard(hand("x"), hand("x")), "t"),
        "mix": MatAdd(hand("x"), Scale(2, hand("one"))),
    }
    assert dict(hand.program(equations_, total="").equations) == equations_


# --- Far-out logits ------------------------------------------------------------------------------

FAR = {
    "softmax, cross_entropy": SOFTMAX + "loss[t] = cross_entropy(y[t], p[t])",
    "cross_entropy_with_logits": "loss[t] = cross_entropy_with_logits(y[t], V @ x[t])",
    "sigmoid, binary_cross_entropy": SIGMOID + "loss[t] = binary_cross_entropy(y[t], p[t])",
    "-sum(y log softmax)": SOFTMAX + "loss[t] = -sum(y[t] * log(p[t]))",
    "-sum(y log sigmoid)": SIGMOID + "loss[t] = -sum(y[t] * log(p[t])) - sum((1 - y[t]) * log(1 - p[t]))",
}


@pytest.mark.parametrize("scale", [1000.0, -1000.0])
@pytest.mark.parametrize("body", FAR.values(), ids=FAR)
def test_logits_of_a_thousand(body: str, scale: float) -> None:
    """Finite loss and gradients; dL/dc is p − y (times what the target sums to), computed by hand."""
    body = body.replace("V @ x[t]", "V @ x[t] + c")
    program = model(HEAD + body)
    back = adjoint(program)
    sizes = {"I": 2, "O": 3}
    sample = draw(program, sizes, 3, 2, seed=0)
    row = np.array([1.0, -1.0, 0.5])
    arrays = {"c": scale * row[:, None], "V": 0 * sample.arrays["V"]}
    values = run(back.program, sample, **arrays)
    assert all(np.isfinite(values.value(n)).all() for n in back.cotangents.values())
    y = sample.arrays["y"]
    z = scale * row
    if "sigmoid" in body:
        expected = np.where(z > 0, 1.0, 0.0)[:, None] - y
        loss = (y * np.maximum(-z, 0)[:, None] + (1 - y) * np.maximum(z, 0)[:, None]).sum()
    else:
        p = (z == z.max()) * 1.0
        expected = p[:, None] * y.sum(axis=-2, keepdims=True) - y
        loss = (y * (z.max() - z)[:, None]).sum()
    assert values.value("L").item() == pytest.approx(loss, rel=1e-14)
    assert error(values.value(back.cotangents["c"])[:, 0], expected.sum(axis=(0, 1))[:, 0]) <= 1e-14
