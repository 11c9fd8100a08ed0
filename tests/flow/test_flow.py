"""The flow of gradients through time: measured Jacobians beside direct ones, and never above the bound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import derive
from derive.calculus.growth import Key, growth
from derive.errors import InputError, UnsupportedError
from derive.flow import flow
from derive.flow.flow import sample_width
from derive.flow.steps import STEP, jacobians, run
from derive.flow.words import bounds
from derive.interpreter import Evaluation
from derive.kernels.gradcheck import size_sets
from derive.kernels.samples import draw
from derive.language import names
from derive.program import Program
from tests.tools import some

FOLDER = Path(__file__).resolve().parents[1] / "cells"
MATRICES = ("fast_weights", "matrix_states")  # their states are matrices
CELLS = [*names(), *(str(p) for p in sorted(FOLDER.glob("*.cell")) if p.stem not in MATRICES)]
QUICK = ["elman", "lstm", "gru", *(str(FOLDER / f"{n}.cell") for n in ("delays", "ends", "row_vectors", "scalars"))]
every_cell = pytest.mark.parametrize("cell", some(CELLS, QUICK), ids=lambda c: Path(c).stem)


def directions(program: Program) -> list[str]:
    """The first state of each direction."""
    found: dict[bool, str] = {}
    for v in program.states:
        found.setdefault(v.backward, v.name)
    return list(found.values())


@every_cell
def test_no_norm_is_above_its_bound(cell: str) -> None:
    """For every pair of steps, whatever the radius."""
    program = derive.load(cell).normal
    for state in directions(program):
        found = flow(program, state, (0.5, 1.0, 1.5), steps=6, sizes=size_sets(program, 1)[0], seed=1)
        assert found.states == (state,)
        for curve in found.curves:
            for d, measured in curve.norms.items():
                assert measured.shape == (2 * (7 - d),)
                assert (measured <= curve.bounds[d] * (1 + 1e-12)).all(), (d, curve.radius)


@every_cell
def test_jacobians_are_those_of_the_whole_sequence(cell: str) -> None:
    """Their product is the derivative of the last state by the boundary values, by a complex step from there."""
    program = derive.load(cell).normal
    sizes, steps = size_sets(program, 1)[0], 4
    for first in directions(program):
        states = tuple(v.name for v in program.states if v.backward == program[first].backward)
        keys = growth(program, states).keys
        sample = draw(program, sizes, steps, 2, 3)
        local = jacobians(program, sample, run(program, sample), keys)
        order = range(steps) if program[first].backward else reversed(range(steps))
        whole = np.linalg.multi_dot([local[now, 1] for now in order])
        places = _places(program, keys, sizes)
        seen = 0
        for key, columns in places.items():
            name = dict(enumerate(program[key[0]].initial, 1)).get(key[1])
            for i, column in enumerate(columns if name else ()):
                moved = sample.arrays[name or ""].astype(complex)
                moved[1].flat[i] += 1j * STEP
                evaluation = Evaluation(program, sizes, steps, 2, {**sample.arrays, name or "": moved})
                for (state, lag), rows in places.items():
                    if lag == 1:
                        last = 0 if program[state].backward else steps - 1
                        slope = evaluation.value(state)[last, 1].imag.ravel() / STEP
                        assert np.allclose(whole[rows, column], slope, rtol=1e-11, atol=1e-13)
                        seen += 1
        assert seen or not any(i for s in states for i in program[s].initial)


def _places(program: Program, keys: tuple[Key, ...], sizes: dict[str, int]) -> dict[Key, np.ndarray[Any, Any]]:
    """Which numbers of the whole state are a part of it."""
    found, total = {}, 0
    for name, lag in keys:
        width = sample_width(program, sizes, name)
        found[name, lag] = np.arange(total, total + width)
        total += width
    return found


@pytest.mark.parametrize(
    ("cell", "lines"),
    [
        ("elman", ["‖∂h[t]/∂h[t-1]‖ ≤ ‖W‖"]),
        ("jordan", ["‖∂o[t]/∂o[t-1]‖ ≤ ‖V‖ ‖W‖/4"]),
        ("indrnn", ["‖∂h[t]/∂h[t-1]‖ ≤ max|u|"]),
        ("gru", ["‖∂h[t]/∂h[t-1]‖ ≤ ‖W_h‖ (‖W_r‖/4 + 1) + ‖W_z‖/2 + 1", "if the initial h lies in [-1, 1]"]),
    ],
)
def test_the_bound_in_words(cell: str, lines: list[str]) -> None:
    assert list(bounds(flow(derive.load(cell).normal, steps=2, sizes={}, radii=(1.0,), sequences=1))) == lines


def test_orthogonal_weights_make_the_bound_of_a_linear_network_exact() -> None:
    """h = W h[t-1] + U x: every singular value of ∂h_j/∂h_k is ρ^(j-k)."""
    head = "cell linear\ndims I, H\ninput x : I\nstate h : H\nparam W : H x H\nparam U : H x I\n"
    found = flow(
        derive.parse(f"{head}h[t] = W @ h[t-1] + U @ x[t]\n").normal, radii=(0.8, 1.25), steps=5, sizes={"H": 4, "I": 3}
    )
    for curve, rho in zip(found.curves, (0.8, 1.25), strict=True):
        assert curve.rate == pytest.approx(rho, rel=1e-12)
        assert curve.bound_rate == pytest.approx(rho, rel=1e-12)
        assert np.allclose(curve.singular, rho ** np.arange(1, 6)[:, None], rtol=1e-12)


def test_weights_that_are_given() -> None:
    program = derive.load("elman").normal
    rng = np.random.default_rng(5)
    params = {"U": rng.normal(size=(4, 3)), "W": np.diag([0.9, -0.2, 0.1, 0.3]), "V": rng.normal(size=(2, 4))}
    found = flow(program, params=params, steps=4, sizes={"I": 3, "H": 4, "O": 2})
    assert [c.radius for c in found.curves] == [None]
    assert found.curves[0].bounds[3] == pytest.approx(0.9**3)
    with pytest.raises(InputError, match="W too"):
        flow(program, params={"U": params["U"]}, sizes={"I": 3, "H": 4, "O": 2})
    with pytest.raises(InputError, match="4 x 3"):
        flow(program, params=params | {"U": np.ones((3, 3))}, sizes={"I": 3, "H": 4, "O": 2})


def test_what_has_no_bound_says_why() -> None:
    with pytest.raises(UnsupportedError, match="is a matrix on the way of the state"):
        flow(derive.load(str(FOLDER / "fast_weights.cell")).normal)
    with pytest.raises(InputError, match="one of h"):
        flow(derive.load("elman").normal, state="q")


def made(equations: str, head: str = "") -> Program:
    return derive.parse(f"cell made\ndims H\n{head}\n{equations}\n").normal


def test_a_range_names_the_states_that_it_hangs_on() -> None:
    """h stays in ±1 because c does, and only then."""
    program = made("h[t] = c[t-1]\nc[t] = c[t-1]\nk[t] = h[t-1] * k[t-1]", "state h\nstate c\nstate k")
    assert growth(program, ("h", "c", "k")).ranges.keys() >= {"h", "c"}
    for seed in range(6):
        (curve,) = flow(program, steps=5, seed=seed).curves
        assert all((curve.norms[d] <= curve.bounds[d] * (1 + 1e-12)).all() for d in curve.norms)


def test_a_boundary_value_that_is_assumed_is_in_the_range() -> None:
    program = made("h[t] = tanh(h[t-1])\nk[t] = h[t-1] * k[t-1]", "state h where h[-1] == 2\nstate k")
    assert growth(program, ("h", "k")).ranges["h"] == (-1, 2)


@pytest.mark.parametrize("steps", [2, 4])
def test_the_number_of_steps_is_that_of_the_sequence(steps: int) -> None:
    """h stays 0, so that no value shows which T a step has; the derivative x + T does."""
    program = made("h[t] = (x[t] + T) * h[t-1]", "input x\nstate h = 0")
    (curve,) = flow(program, steps=steps, sizes={}).curves
    assert np.allclose(curve.norms[1], curve.bounds[1], rtol=1e-12)
    assert (np.abs(curve.norms[1] - steps) < 4).all()


@pytest.mark.parametrize(
    ("equations", "head"),
    [
        ("h[t] = tanh(x[t] + (H - 2) * h[t-1])", "input x : H\nstate h : H"),
        ("h[t] = leaky_relu(h[t-1], tau)", "const tau = 3\nstate h : H"),
        ("h[t] = h[t-1] / T + x[t]", "input x : H\nstate h : H = 0"),
        ("h[t] = tanh(x[t] + m[t-1])\nm[t] = mean(h[t-1])", "input x : H\nstate h : H\nstate m"),
        ("h[t] = W @ (W @ h[t-1])", "param W : H x H\nstate h : H"),
    ],
)
def test_what_once_had_no_number(equations: str, head: str) -> None:
    for curve in flow(made(equations, head), steps=4, sizes={"H": 3}).curves:
        assert all((curve.norms[d] <= curve.bounds[d] * (1 + 1e-12)).all() for d in curve.norms)


def test_powers_are_written_as_powers() -> None:
    program = made("h[t] = W @ (W @ h[t-1])", "param W : H x H\nstate h : H")
    assert list(bounds(flow(program, steps=2))) == ["‖∂h[t]/∂h[t-1]‖ ≤ ‖W‖^2"]


def test_a_product_of_many_sums_is_not_multiplied_out() -> None:
    names_ = [f"x{i}" for i in range(6)]
    factor = "(" + " + ".join(f"{n}[t]" for n in names_) + ")"
    head = "\n".join(f"input {n}" for n in names_) + "\nstate h"
    program = made(f"h[t] = tanh(h[t-1]) * {' * '.join([factor] * 12)}", head)
    assert growth(program, ("h",)).peaks


@pytest.mark.parametrize(
    ("equations", "head", "message"),
    [
        ("h[t] = tanh(x[t])", "input x : H\nstate h : H", "no later step reads it"),
        ("h[t] = 1000 * h[t-1] * 1000", "state h : H", "not finite|too large for float64"),
    ],
)
def test_what_does_not_flow_says_so(equations: str, head: str, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        flow(made(equations, head), steps=60)


@pytest.mark.parametrize(
    "options",
    [{"steps": 0}, {"sequences": 0}, {"sizes": {"H": 0}}, {"sizes": {"Q": 2}}, {"radii": ()}, {"radii": (-1.0,)},
     {"sizes": {"H": 6000}}, {"steps": 500, "sizes": {"H": 200}}],
)  # fmt: skip
def test_options_that_do_not_fit(options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        flow(derive.load("elman").normal, **options)
