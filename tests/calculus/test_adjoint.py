"""Reverse mode over whole programs, against complex step through the interpreter.

T = 4, 3, 2, 1 and 0; every gradient, those of inputs and of initial values included, since they
are what sees a dropped carry.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from sympy import Expr, MatrixExpr, OneMatrix

from derive.algebra import build as b
from derive.algebra.functions import Apply
from derive.algebra.nodes import Delta, Detach, Softmax, SoftmaxCrossEntropy, SumOver, T, Timed, t
from derive.calculus.adjoint import Adjoint, active_names, adjoint
from derive.calculus.normal import check_normal
from derive.errors import DeriveError, UnsupportedError
from derive.interpreter import Array
from derive.kernels.samples import draw
from derive.program import SHARED, Program, Variable, references
from tests.calculus.checks import GRADIENT, STEP, check_gradients, error, given, gradient, model, run
from tests.calculus.models import SIZES, TEXTS, named
from tests.calculus.programs import COLUMN, SCALAR, Hand
from tests.calculus.programs import SIZES as HAND_SIZES


@pytest.mark.parametrize("name", TEXTS)
def test_gradients(name: str) -> None:
    check_gradients(*named(name))


@pytest.mark.parametrize("batch", [0, 1, 3])
def test_gradients_for_any_batch(batch: int) -> None:
    for name in ("elman", "context", "ends"):
        program, sizes = named(name)
        back = adjoint(program)
        sample = draw(program, sizes, 3, batch, seed=1)
        values = run(back.program, sample)
        for n in given(program):
            assert error(values.value(back.cotangents[n]), gradient(program, sample, n)) <= GRADIENT


def test_a_scalar_model() -> None:
    # every size 1: where a product, an elementwise product and an outer product look the same
    program, sizes = named("lstm")
    check_gradients(program, dict.fromkeys(sizes, 1), steps=(3,))


@pytest.mark.parametrize("name", TEXTS)
def test_the_adjoint_is_a_program_in_normal_form(name: str) -> None:
    program, _ = named(name)
    back = adjoint(program)
    check_normal(back.program)
    assert list(back.program.equations)[: len(program.equations)] == list(program.equations)
    for n, e in back.program.equations.items():
        assert tuple(e.shape) == tuple(back.program[n].shape)
        assert back.program.axes(e) <= back.program[n].axes
    for n, new in back.cotangents.items():
        v = back.program[new]
        assert (v.role, v.of, v.axes) == ("adjoint", n, program[n].axes)
        assert tuple(v.shape) == tuple(program[n].shape)
    assert set(given(program)) <= set(back.cotangents)
    assert {n for n, _ in back.carries} <= set(back.cotangents)


def test_only_carries_are_read_at_another_time() -> None:
    for name in TEXTS:
        program, _ = named(name)
        back = adjoint(program)
        new = {n: e for n, e in back.program.equations.items() if n not in program.equations}
        shifted = {r.name for e in new.values() for r in references(e) if isinstance(r, Timed) and r.index != t}
        assert {n for n in shifted if n not in program.variables} <= set(back.carries.values())


def test_cost_does_not_depend_on_the_number_of_steps() -> None:
    program, _ = named("lstm")
    assert not any(n.is_Integer and n > 8 for e in adjoint(program).program.equations.values() for n in e.atoms())


# --- By hand: what the language cannot write -----------------------------------------------------


def elman(hand: Hand, lags: int = 1, backward: bool = False) -> dict[str, MatrixExpr]:
    """h = tanh(W h[t ∓ 1] + x) beside whatever else the hand declares."""
    hand.sequence("x", role="input")
    hand.state("h", lags=lags, backward=backward)
    hand.shared("W", (COLUMN[0], COLUMN[0]))
    before = hand("h", lags if backward else -lags)
    return {"h": Apply("tanh", b.add(b.matmul(hand("W"), before), hand("x")))}


def finish(hand: Hand, equations: dict[str, MatrixExpr], loss: MatrixExpr) -> Program:
    hand.sequence("e", SCALAR)
    hand.shared("L", SCALAR, role="total")
    return hand.program({**equations, "e": loss, "L": SumOver(hand("e"), "tb")})


def test_a_differentiable_target() -> None:
    hand = Hand()
    equations = elman(hand)
    hand.sequence("y", role="input")
    hand.sequence("p")
    equations["p"] = Softmax(hand("h"))
    check_gradients(finish(hand, equations, SoftmaxCrossEntropy(hand("y"), hand("h"), hand("p"))), HAND_SIZES)


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("distance", [0, 1, 2, 3, 5])
def test_absolute_times_from_before_the_first_step_to_after_the_last(distance: int, backward: bool) -> None:
    """h[-1] … h[-3], h[0] …; h[T-1] … h[T-4]; beyond the boundary values, zero."""
    hand = Hand()
    equations = elman(hand, lags=2, backward=backward)
    for name in ("first", "last", "beyond"):
        hand.once(name, role="result")
    hand.once("mixed", role="result")
    equations["first"] = hand.absolute("h", 1 - distance)
    equations["last"] = hand.absolute("h", T - 1 - distance)
    equations["beyond"] = hand.absolute("h", T - 2 + distance)
    parts = (Apply("sin", hand(n)) for n in ("first", "last", "beyond"))
    equations["mixed"] = b.add(*parts, b.hadamard(hand("first"), hand("last")))
    program = finish(hand, equations, b.add(b.dot(hand("h"), hand("mixed")), b.dot(hand("x"), hand("h"))))
    check_gradients(program, HAND_SIZES)


def test_a_boundary_value_that_is_computed() -> None:
    """The state starts where another equation says: a learned initial state."""
    hand = Hand()
    hand.sequence("x", role="input")
    hand.shared("W", (COLUMN[0], COLUMN[0]))
    hand.once("k", role="input")
    hand.once("start", role="result")
    hand.sequence("h", role="state", initial=("start",))
    equations = {
        "start": Apply("tanh", b.matmul(hand("W"), hand("k"))),
        "h": Apply("tanh", b.add(b.matmul(hand("W"), hand("h", -1)), hand("x"))),
    }
    check_gradients(finish(hand, equations, b.dot(hand("h"), hand("h"))), HAND_SIZES)


def test_two_states_that_start_at_one_value() -> None:
    hand = Hand()
    hand.sequence("x", role="input")
    hand.once("start")
    for name in ("h", "g"):
        hand.sequence(name, role="state", initial=("start",))
    equations = {
        "h": Apply("tanh", b.add(hand("h", -1), hand("g", -1), hand("x"))),
        "g": b.hadamard(hand("g", -1), Apply("sin", hand("h"))),
    }
    check_gradients(finish(hand, equations, b.dot(hand("h"), hand("g"))), HAND_SIZES)


def test_a_second_boundary_value_without_a_first() -> None:
    hand = Hand()
    hand.sequence("x", role="input")
    hand.once("h_2")
    hand.sequence("h", role="state", initial=(None, "h_2"))
    equations = {"h": Apply("tanh", b.add(hand("x"), b.scale(2, hand("h", -1)), Apply("cos", hand("h", -2))))}
    check_gradients(finish(hand, equations, b.dot(hand("h"), hand("x"))), HAND_SIZES)


def test_an_input_read_at_other_times() -> None:
    hand = Hand()
    hand.sequence("x", role="input")
    hand.shared("w")
    loss = b.dot(b.hadamard(hand("x", -2), hand("w")), Apply("sin", b.add(hand("x", 1), hand("x"))))
    check_gradients(finish(hand, {}, loss), HAND_SIZES)


def test_a_delta_within_the_step() -> None:
    # [t = T-1] a and [t = 0] a: the loss counts at one step only
    hand = Hand()
    equations = elman(hand)
    hand.shared("w")
    at_end = b.dot(Delta(hand("h"), t, T - 1), hand("w"))
    at_start = b.dot(Delta(hand("w"), t, 0), hand("x"))
    check_gradients(finish(hand, equations, b.add(at_end, at_start, b.dot(hand("h"), hand("h")))), HAND_SIZES)


def test_a_sum_over_steps_that_is_used_at_every_step() -> None:
    hand = Hand()
    equations = elman(hand)
    hand.once("m", role="result")
    equations["m"] = b.scale(1 / (T + 1), SumOver(hand("h"), "t"))
    check_gradients(finish(hand, equations, b.dot(b.subtract(hand("h"), hand("m")), hand("m"))), HAND_SIZES)


def test_a_sum_over_sequences_that_is_used_by_each() -> None:
    # as batch normalisation does: the sequences are not independent
    hand = Hand()
    equations = elman(hand)
    hand.variables["m"] = Variable("m", "result", COLUMN, frozenset("t"))
    equations["m"] = SumOver(hand("h"), "b")
    check_gradients(finish(hand, equations, b.dot(hand("h"), Apply("tanh", hand("m")))), HAND_SIZES)


def test_a_recurrence_that_all_sequences_share() -> None:
    # m has no batch axis: what comes back to it through time is summed over the sequences, too
    hand = Hand()
    hand.sequence("x", role="input")
    hand.shared("start", role="initial")
    hand.variables["m"] = Variable("m", "state", COLUMN, frozenset("t"), initial=("start",))
    hand.sequence("h")
    equations = {
        "m": Apply("tanh", b.add(hand("m", -1), SumOver(hand("x"), "b"))),
        "h": b.hadamard(Apply("sin", hand("m", -1)), hand("x")),
    }
    check_gradients(finish(hand, equations, b.dot(hand("h"), hand("h"))), HAND_SIZES)


@pytest.mark.parametrize("index", [T - 1, T - 2, -1, 0])
def test_an_absolute_time_within_a_step(index: Expr | int) -> None:
    """A step's equation that reads the last state, alone or inside a function: the cotangents of all steps add up."""
    hand = Hand()
    equations = elman(hand)
    for name in ("alone", "inside", "among"):
        hand.sequence(name)
    last = hand.absolute("h", index)
    equations["alone"] = last
    equations["inside"] = Apply("sin", last)
    equations["among"] = b.add(b.hadamard(last, hand("x")), Apply("tanh", b.add(last, hand("x"))))
    loss = b.add(b.dot(hand("alone"), hand("x")), b.dot(hand("inside"), hand("among")), b.dot(hand("h"), hand("h")))
    check_gradients(finish(hand, equations, loss), HAND_SIZES)


def test_a_recurrence_through_another_name() -> None:
    # h[t-1] is read through a result, and the result at another time again
    hand = Hand()
    equations = elman(hand)
    hand.sequence("q")
    hand.state("s")
    equations["q"] = Apply("sin", hand("h", -1))
    equations["s"] = b.add(b.hadamard(hand("q"), hand("s", -1)), hand("q", -1))
    check_gradients(finish(hand, equations, b.dot(hand("s"), hand("s"))), HAND_SIZES)


# --- Options -------------------------------------------------------------------------------------


def test_only_what_is_wanted_is_derived() -> None:
    program, sizes = named("lstm")
    back = adjoint(program, wrt=["V"])
    assert not back.carries  # dL/dV needs no recurrence
    assert {n for n in back.cotangents if program[n].given} == {"V"}
    sample = draw(program, sizes, 3, 2, seed=0)
    assert error(run(back.program, sample).value(back.cotangents["V"]), gradient(program, sample, "V")) <= GRADIENT


@pytest.mark.parametrize("wanted", [["W"], ["x"], ["h_init1"], ["W", "h_init1"]])
def test_part_of_the_gradients(wanted: list[str]) -> None:
    program, sizes = named("elman")
    names = [{"h_init1": program["h"].initial[0] or ""}.get(n, n) for n in wanted]
    back = adjoint(program, wrt=names)
    sample = draw(program, sizes, 4, 2, seed=0)
    values = run(back.program, sample)
    for n in names:
        assert error(values.value(back.cotangents[n]), gradient(program, sample, n)) <= GRADIENT
    assert len(back.program.equations) < len(adjoint(program).program.equations)


BLIND = """
cell blind
dims H
input x : H
param w, v : H
z[t] = w * x[t]
u[t] = v * x[t]
loss[t] = sum(z[t])
"""


def test_what_the_loss_does_not_see_has_a_zero_gradient() -> None:
    program = model(BLIND)
    back = adjoint(program)
    sample = draw(program, {"H": 3}, 3, 2, seed=0)
    assert not run(back.program, sample).value(back.cotangents["v"]).any()


def seeded(program: Program, names: list[str]) -> tuple[Program, Adjoint, dict[str, str]]:
    """A program that takes the cotangents of `names`, and its vector-Jacobian product."""
    seeds = {n: f"seed_{n}" for n in names}
    more = {s: Variable(s, "cotangent", program[n].shape, program[n].axes, of=n) for n, s in seeds.items()}
    wide = Program(**{**vars(program), "variables": {**program.variables, **more}})
    return wide, adjoint(wide, seeds=seeds), seeds


def test_vector_jacobian_products() -> None:
    # of several outputs at once, one of which feeds the other
    program, sizes = named("lstm")
    wide, back, seeds = seeded(program, ["h", "c", "z"])
    sample = draw(wide, sizes, 4, 2, seed=0)
    values = run(back.program, sample)

    def inner(moved: Mapping[str, Array]) -> Array:
        at = run(wide, sample, **moved)
        return sum((at.value(n) * sample.arrays[s]).sum(axis=(-4, -3, -2, -1)) for n, s in seeds.items())

    for n in given(program):
        base = sample.arrays[n]
        directions = np.eye(base.size).reshape(base.size, *base.shape)
        true = np.imag(inner({n: base + 1j * STEP * directions})).reshape(base.shape) / STEP
        assert error(values.value(back.cotangents[n]), true) <= GRADIENT


def test_the_total_may_be_seeded_too() -> None:
    program, sizes = named("elman")
    wide, back, seeds = seeded(program, ["L"])
    sample = draw(wide, sizes, 3, 2, seed=0)
    scale = sample.arrays[seeds["L"]]
    got = run(back.program, sample).value(back.cotangents["W"])
    assert error(got, gradient(wide, sample, "W") * scale) <= GRADIENT


def test_an_unseen_state_has_a_zero_gradient_at_its_start() -> None:
    hand = Hand()
    equations = elman(hand)
    program = finish(hand, equations, b.dot(hand("x"), hand("x")))
    back = adjoint(program)
    values = run(back.program, draw(program, HAND_SIZES, 3, 2, seed=0))
    assert not values.value(back.cotangents["h_1"]).any()
    assert not values.value(back.cotangents["W"]).any()


def test_what_moves_with_a_name() -> None:
    program, _ = named("mutual")
    start = program["d"].initial[0] or ""
    assert active_names(program, [start]) == {start, "d", "loss", "L"} | {
        n for n in program.variables if n.startswith("loss_")
    }
    assert active_names(program, ["U"]) >= {"a", "c", "d", "L"}


def test_a_program_that_is_not_in_normal_form_is_refused() -> None:
    hand = Hand()
    hand.sequence("x", role="input")
    hand.shared("L", SCALAR, role="total")
    raw = Program("raw", (), hand.variables, {"L": SumOver(b.total(Apply("tanh", Detach(hand("x")))), "tb")}, total="L")
    with pytest.raises(UnsupportedError, match=r"L: a nonlinear node is not at the root; call normalise\(\) first"):
        adjoint(raw)


# --- The record of steps -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["elman", "lags", "backward", "ends", "fast_weights"])
def test_every_step_is_an_equation_that_holds(name: str) -> None:
    program, sizes = named(name)
    back = adjoint(program)
    sample = draw(program, sizes, 4, 2, seed=3)
    values = run(back.program, sample)
    for step in back.steps:
        v = back.program[step.left.name]
        beside = Variable("beside", "result", v.shape, v.axes)
        wide = Program(
            **{
                **vars(back.program),
                "variables": {**back.program.variables, "beside": beside},
                "equations": {**back.program.equations, "beside": step.right},
            }
        )
        got, true = run(wide, sample).value("beside"), values.value(step.left.name)
        assert error(got, true) <= 1e-15 or not true.any()
        assert step.rule
        assert step.reason


def test_steps_name_their_sources() -> None:
    program, _ = named("elman")
    back = adjoint(program)
    steps = {step.left.name: step for step in back.steps}
    uses = {part.source for part in steps[back.cotangents["h"]].parts}
    assert uses  # the readout; the next step comes through the carry
    carry = steps[back.carries["h", -1]]
    assert carry.rule == "carry"
    assert carry.reason == "what h[t] receives from step t+1, written at that step's own time"
    assert Timed(back.carries["h", -1], t + 1, *program["h"].shape) in list(
        references(steps[back.cotangents["h"]].right)
    )


# --- Break the code on purpose -------------------------------------------------------------------


def broken(back: Adjoint, program: Program, change: Mapping[MatrixExpr, MatrixExpr]) -> Adjoint | None:
    """The adjoint with its own equations changed; None where nothing changes."""
    equations = {
        n: e if n in program.equations else e.xreplace(dict(change)) for n, e in back.program.equations.items()
    }
    if equations == dict(back.program.equations):
        return None
    return Adjoint(
        Program(**{**vars(back.program), "equations": equations}), back.cotangents, back.carries, back.seeds, back.steps
    )


def mistakes(back: Adjoint, program: Program) -> dict[str, Mapping[MatrixExpr, MatrixExpr]]:
    """What people get wrong: a forgotten carry, a forgotten transpose, a step too late, an output for its slope."""
    found: dict[str, Mapping[MatrixExpr, MatrixExpr]] = {}
    for (name, lag), carry in back.carries.items():
        ref = Timed(carry, t - lag, *program[name].shape)
        found[f"dropped {carry}"] = {ref: b.zeros(ref.shape)}
        found[f"{carry} of the wrong step"] = {ref: Timed(carry, t + lag, *program[name].shape)}
        found[f"{name}[t] for {name}[t{lag:+d}]"] = {Timed(name, t + lag, *program[name].shape): program.ref(name)}
    for v in program.parameters:
        w = program.ref(v.name)
        if v.shape[0] == v.shape[1] != 1:
            found[f"{v.name} for {v.name}.T"] = {w.T: w}
    for s in program.states:
        one, a = OneMatrix(*s.shape), program.ref(s.name)
        found[f"1 for 1 - {s.name}*{s.name}"] = {b.subtract(one, b.hadamard(a, a)): one}
    return found


@pytest.mark.parametrize("name", ["elman", "lstm", "lags", "backward", "mutual", "shared", "fast_weights"])
def test_mistakes_are_caught(name: str) -> None:
    program, sizes = named(name)
    back = adjoint(program)
    sample = draw(program, sizes, 5, 2, seed=2)  # more steps than the deepest lag
    true = {n: gradient(program, sample, n) for n in given(program)}
    caught = 0
    for label, change in mistakes(back, program).items():
        wrong = broken(back, program, change)
        if wrong is None:
            continue
        caught += 1
        try:
            values = run(wrong.program, sample)
            worst = max(error(values.value(wrong.cotangents[n]), g) for n, g in true.items())
        except DeriveError:  # two carries that run against each other: a cycle
            continue
        assert not worst <= 1e-3, f"{label} goes unseen"
    assert caught >= 3


def test_a_program_that_needs_itself_is_refused() -> None:
    hand = Hand()
    hand.sequence("x", role="input")
    hand.sequence("a")
    hand.sequence("c")
    program = finish(hand, {"a": b.add(hand("c", -1), hand("x")), "c": hand("a", 1)}, b.dot(hand("a"), hand("a")))
    with pytest.raises(DeriveError, match="needs itself: no order of time"):
        draw(program, HAND_SIZES, 3, 2, seed=0)


def test_sizes_of_the_models_are_distinct() -> None:
    assert len(set(SIZES.values())) == len(SIZES)
    assert min(SIZES.values()) >= 2
    assert frozenset() == SHARED
