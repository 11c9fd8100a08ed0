"""Forward mode over whole programs, and second derivatives: forward over reverse, reverse over reverse."""

from __future__ import annotations

import numpy as np
import pytest

from derive.algebra import build as b
from derive.algebra.nodes import Delta, SumOver, T, t
from derive.calculus.adjoint import adjoint
from derive.calculus.normal import NormalBuilder, check_normal
from derive.calculus.tangent import tangent
from derive.interpreter import Array
from derive.kernels.samples import Sample, draw
from derive.program import SHARED, Program, Variable
from tests.calculus.checks import GRADIENT, Derivatives, directions, error, given, run
from tests.calculus.models import TEXTS, named
from tests.calculus.programs import COLUMN, SCALAR, SIZES, Hand

SECOND = 1e-10  # relative: the gradient's own rounding, differentiated once more
STEPS = (4, 3, 1, 0)


def along(forward: dict[str, str], moved: dict[str, Array]) -> dict[str, Array]:
    """The given arrays of a tangent program: the directions under their names."""
    return {forward[n]: d for n, d in moved.items()}


def drawn(program: Program, sizes: dict[str, int], steps: int) -> Sample:
    return draw(program, sizes, steps, 2, seed=steps)


@pytest.mark.parametrize("name", TEXTS)
def test_tangents(name: str) -> None:
    """Every name that moves, along a direction of all given names at once."""
    program, sizes = named(name)
    forward = tangent(program, given(program))
    for steps in STEPS:
        sample = drawn(program, sizes, steps)
        moved = directions(program, sample, given(program))
        values = run(forward.program, sample, **along(dict(forward.tangents), moved))
        derivatives = Derivatives(program, sample, moved)
        for n, dot in forward.tangents.items():
            if n in program.equations:
                true = derivatives.value(n)
                assert error(values.value(dot), np.broadcast_to(true, values.value(dot).shape)) <= GRADIENT, (steps, n)


@pytest.mark.parametrize("name", ["elman", "lags", "backward", "context", "ends", "fast_weights"])
def test_tangents_along_one_name(name: str) -> None:
    program, sizes = named(name)
    sample = drawn(program, sizes, 4)
    for moving in given(program):
        forward = tangent(program, [moving])
        moved = directions(program, sample, [moving])
        values = run(forward.program, sample, **along(dict(forward.tangents), moved))
        got, true = (
            values.value(forward.tangents[program.total]),
            Derivatives(program, sample, moved).value(program.total),
        )
        assert error(got, true) <= GRADIENT, moving
        assert true.any(), "a direction that changes nothing shows nothing"


@pytest.mark.parametrize("name", TEXTS)
def test_a_tangent_is_a_program_in_normal_form(name: str) -> None:
    program, _ = named(name)
    forward = tangent(program, given(program))
    check_normal(forward.program)
    assert list(forward.program.equations)[: len(program.equations)] == list(program.equations)
    for n, dot in forward.tangents.items():
        v = forward.program[dot]
        assert (v.of, v.axes, v.backward) == (n, program[n].axes, program[n].backward)
        assert v.role == ("direction" if n in given(program) else "tangent")
        if dot in forward.program.equations:
            assert tuple(forward.program.equations[dot].shape) == tuple(v.shape)


def test_what_does_not_move_has_no_tangent() -> None:
    program, _ = named("lstm")
    forward = tangent(program, ["V"])
    assert {n for n in forward.tangents if program[n].role in ("state", "result")} == {"z", "loss"}
    assert set(forward.tangents) >= {"V", "z", "loss", "L"}
    assert not {"h", "c", "x", "y"} & set(forward.tangents)


def test_forward_and_reverse_agree() -> None:
    # the gradient along a direction is the direction's tangent of the total, for both modes
    for name in ("lstm", "ends", "columns"):
        program, sizes = named(name)
        sample = drawn(program, sizes, 3)
        moved = directions(program, sample, given(program))
        back, forward = adjoint(program), tangent(program, given(program))
        values = run(back.program, sample)
        inner = sum((values.value(back.cotangents[n]) * d).sum() for n, d in moved.items())
        dot = run(forward.program, sample, **along(dict(forward.tangents), moved)).value(forward.tangents["L"])
        assert error(dot.reshape(()), np.asarray(inner)) <= GRADIENT


def test_a_delta_and_a_sum_in_forward_mode() -> None:
    hand = Hand()
    hand.sequence("x", role="input")
    hand.state("h")
    hand.shared("w")
    hand.sequence("e", SCALAR)
    hand.shared("L", SCALAR, role="total")
    hand.once("m", COLUMN, role="result")
    program = hand.program(
        {
            "h": b.hadamard(hand("h", -1), hand("x"), hand("w")),
            "m": SumOver(b.hadamard(hand("h"), hand("h", -1)), "t"),
            "e": b.add(b.dot(Delta(hand("h"), t, T - 1), hand("w")), b.dot(Delta(hand("m"), t, 0), hand("x"))),
            "L": SumOver(hand("e"), "tb"),
        }
    )
    sample = draw(program, SIZES, 4, 2, seed=0)
    moved = directions(program, sample, given(program))
    forward = tangent(program, given(program))
    values = run(forward.program, sample, **along(dict(forward.tangents), moved))
    derivatives = Derivatives(program, sample, moved)
    for n in program.equations:
        assert error(values.value(forward.tangents[n]), derivatives.value(n)) <= GRADIENT


# --- Second derivatives --------------------------------------------------------------------------


@pytest.mark.parametrize("name", TEXTS)
def test_hessian_vector_products(name: str) -> None:
    """tangent(adjoint) against the complex step of the gradient."""
    program, sizes = named(name)
    back = adjoint(program)
    forward = tangent(back.program, given(program))
    check_normal(forward.program)
    for steps in (4, 1):
        sample = drawn(program, sizes, steps)
        moved = directions(program, sample, given(program))
        values = run(forward.program, sample, **along(dict(forward.tangents), moved))
        derivatives = Derivatives(back.program, sample, moved)
        for n in given(program):
            gradient = back.cotangents[n]
            true = derivatives.value(gradient)
            if gradient in forward.tangents:
                got = values.value(forward.tangents[gradient])
                assert error(got, np.broadcast_to(true, got.shape)) <= SECOND, (steps, n)
            else:
                assert not true.any(), (steps, n)


def test_the_hessian_is_symmetric() -> None:
    program, sizes = named("lstm")
    names = given(program)
    back = adjoint(program)
    forward = tangent(back.program, names)
    sample = drawn(program, sizes, 4)
    one, other = (directions(program, sample, names, seed=s) for s in (1, 2))

    def product(moved: dict[str, Array], against: dict[str, Array]) -> float:
        values = run(forward.program, sample, **along(dict(forward.tangents), moved))
        return float(sum((values.value(forward.tangents[back.cotangents[n]]) * d).sum() for n, d in against.items()))

    assert product(one, other) == pytest.approx(product(other, one), rel=SECOND)


@pytest.mark.parametrize("name", ["elman", "lstm", "lags", "backward", "ends", "context", "fast_weights", "zero_start"])
def test_reverse_over_reverse(name: str) -> None:
    """The adjoint of <v, gradient> is the same Hessian-vector product as the tangent of the gradient."""
    program, sizes = named(name)
    names = given(program)
    back = adjoint(program)
    builder = NormalBuilder(back.program)
    terms = []
    for n in names:
        v = builder.declare(Variable(f"v_{n}", "const", program[n].shape, program[n].axes))
        inner = b.dot(builder.ref(v.name), builder.ref(back.cotangents[n]))
        axes = "".join(sorted(v.axes, reverse=True))
        terms.append(SumOver(inner, axes) if axes else inner)
    builder.add(Variable("phi", "total", SCALAR, SHARED), b.add(*terms))
    again = adjoint(builder.program(total="phi"), wrt=names)
    check_normal(again.program)
    forward = tangent(back.program, names)
    for steps in (4, 3, 1, 0):
        sample = drawn(program, sizes, steps)
        moved = directions(program, sample, names)
        products = run(forward.program, sample, **along(dict(forward.tangents), moved))
        gradients = run(again.program, sample, **{f"v_{n}": d for n, d in moved.items()})
        for n in names:
            got = gradients.value(again.cotangents[n])
            dot = forward.tangents.get(back.cotangents[n])
            true = products.value(dot) if dot else np.zeros_like(got)
            assert error(got, np.broadcast_to(true, got.shape)) <= SECOND, (steps, n)


def test_the_adjoint_of_a_tangent() -> None:
    """Reverse over forward: by the directions it is the gradient, by the names the Hessian-vector product."""
    program, sizes = named("elman")
    names = given(program)
    forward, back = tangent(program, names), adjoint(program)
    wide = Program(**{**vars(forward.program), "total": forward.tangents["L"]})
    again = adjoint(wide, wrt=[*names, *(forward.tangents[n] for n in names)])
    second = tangent(back.program, names)
    sample = drawn(program, sizes, 4)
    moved = directions(program, sample, names)
    values = run(again.program, sample, **along(dict(forward.tangents), moved))
    gradients = run(back.program, sample)
    products = run(second.program, sample, **along(dict(second.tangents), moved))
    for n in names:
        by_direction = values.value(again.cotangents[forward.tangents[n]])
        assert error(by_direction, gradients.value(back.cotangents[n])) <= GRADIENT, n
        product = products.value(second.tangents[back.cotangents[n]])
        assert error(values.value(again.cotangents[n]), product) <= SECOND, n
