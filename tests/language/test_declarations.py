"""What declarations become: sizes, shapes, roles, axes, constants, outputs, assumptions, names."""

from __future__ import annotations

import pytest
from sympy import Rational, Symbol

from derive.language import read
from derive.language.words import ascii_name, malformed, reserved
from derive.program import ONCE, SEQUENCE, SHARED, Assumption, Variable

H, I = (Symbol(n, integer=True, positive=True) for n in "HI")


def declared(line: str, name: str = "a", equation: str = "") -> Variable:
    return read(f"cell test\ndims I, H\n{line}\n{equation or 'z = 1'}").program[name]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("", (1, 1)),
        (": 1", (1, 1)),
        (": 1 x 1", (1, 1)),
        (": H", (H, 1)),
        (": 1 x H", (1, H)),
        (": H x I", (H, I)),
        (": H × I", (H, I)),
        (": (H x I)", (H, I)),
        (": (H) x (I)", (H, I)),
        (": 4*H x H + I", (4 * H, H + I)),
        (": 2*(H + I) x 3", (2 * H + 2 * I, 3)),
        (": (H + I)*(H + 1)", (H**2 + H * I + H + I, 1)),
        (": 7", (7, 1)),
    ],
)
def test_a_shape(shape: str, expected: tuple[object, object]) -> None:
    assert declared(f"param a {shape}").shape == expected


@pytest.mark.parametrize(
    ("line", "role", "axes"),
    [
        ("input a : H", "input", SEQUENCE),
        ("input a : H once", "input", ONCE),
        ("target a : H", "target", SEQUENCE),
        ("target a : H once", "target", ONCE),
        ("param a : H", "param", SHARED),
        ("const a : H", "const", SHARED),
        ("const a", "const", SHARED),
    ],
)
def test_a_role(line: str, role: str, axes: frozenset[str]) -> None:
    v = declared(line)
    assert (v.role, v.axes) == (role, axes)
    assert not v.onehot
    assert not v.initial


@pytest.mark.parametrize("clauses", ["once onehot", "onehot once", 'once as "q" onehot', "onehot where a >= 0 once"])
def test_clauses_come_in_any_order(clauses: str) -> None:
    v = declared(f"input a : H {clauses}")
    assert v.onehot
    assert v.axes == ONCE


@pytest.mark.parametrize(
    ("text", "value"), [("0.1", Rational(1, 10)), ("-3", Rational(-3)), ("1e-3", Rational(1, 1000)), ("0", Rational(0))]
)
def test_a_constant_number(text: str, value: Rational) -> None:
    p = read(f"cell test\nconst a = {text}\nconst b, c : 1 = {text}\nz = a + b + c").program
    assert p.constants == {"a": value, "b": value, "c": value}
    assert "a" not in p.variables


def test_names_come_in_the_order_of_the_file() -> None:
    p = read("cell test\nz = w * a[t]\nparam w\ninput a, b\nstate h\nh[t] = h[t-1] + b\ndims H, G, E\n").program
    assert list(p.variables) == ["w", "a", "b", "h", "z", "h_init1"]
    assert [str(n) for n in p.sizes] == ["H", "G", "E"]
    assert all(n.is_positive and n.is_integer for n in p.sizes)


@pytest.mark.parametrize(
    ("lines", "outputs"),
    [
        ("z = a", ("z",)),
        ("z = a\ny = z", ("y",)),
        ("z = a\nloss = sum(z)", ("z",)),
        ("z = a\nloss[t] = z", ("z",)),
        ("state h\nstate g\nh[t] = h[t-1]\ng[t] = g[t-1] + h[t]", ("h", "g")),
        ("state h\nh[t] = h[t-1] + z\nz = a", ("h",)),
        ("state h\nh[t] = h[t-1]\nz = a", ("z",)),
        ("output h, z\nstate h\nh[t] = h[t-1] + z\nz = a", ("h", "z")),
        ("output z\noutput y\nz = a\ny = z", ("z", "y")),
    ],
)
def test_outputs(lines: str, outputs: tuple[str, ...]) -> None:
    assert read(f"cell test\ninput a\n{lines}").program.outputs == outputs


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("target a : H where sum(a) == 1", [Assumption("a", "sum", "==", Rational(1), "sum(a) == 1")]),
        ("target a : H where sum(a[t]) == 1", [Assumption("a", "sum", "==", Rational(1), "sum(a) == 1")]),
        (
            "input a, b : H where a >= 0 and b < 0.5 and b > -1",
            [
                Assumption("a", "entries", ">=", Rational(0), "a >= 0"),
                Assumption("b", "entries", "<", Rational(1, 2), "b < 0.5"),
                Assumption("b", "entries", ">", Rational(-1), "b > -1"),
            ],
        ),
        ("param a : H where a <= 3", [Assumption("a", "entries", "<=", Rational(3), "a <= 3")]),
        (
            "state a : H where a[-1] == 0 and a[-2] == 1\na[t] = a[t-2]",
            [
                Assumption("a", "entries", "==", Rational(0), "a[-1] == 0", 1),
                Assumption("a", "entries", "==", Rational(1), "a[-2] == 1", 2),
            ],
        ),
        (
            "state a : H where a[T] == 0 and a[T+1] == 0\na[t] = a[t+2]",
            [
                Assumption("a", "entries", "==", Rational(0), "a[T] == 0", 1),
                Assumption("a", "entries", "==", Rational(0), "a[T+1] == 0", 2),
            ],
        ),
    ],
)
def test_assumptions(line: str, expected: list[Assumption]) -> None:
    assert list(read(f"cell test\ndims H\n{line}\nz = 1").program.assumptions) == expected


def test_a_onehot_target_assumes_its_sum_by_itself() -> None:
    p = read("cell test\ndims H\ntarget a : H onehot\nloss[t] = sum(a)").program
    assert p.assumptions == ()
    assert p.assumes_sum_one("a")


def test_tex_names() -> None:
    p = read(
        'cell test\nstate h as "h^1"\nh[t] = h[t-1]\nf[t] = h[t] as "\\Gamma_f"\nstate g\ng[t] = g[t-1] as "g\'"'
    ).program
    assert {n: v.tex for n, v in p.variables.items() if v.tex} == {"h": "h^1", "f": r"\Gamma_f", "g": "g'"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Γ", "Gamma"),
        ("Γ_f", "Gamma_f"),
        ("σ", "sigma"),
        ("Δt", "Deltat"),
        ("ε1", "epsilon1"),
        ("ϕ", "phi"),
        ("µ", "mu"),
    ],
)
def test_a_greek_letter_is_its_name(text: str, name: str) -> None:
    assert ascii_name(text) == name
    p = read(f'cell test\nparam {text} as "a"\nz = {name} * {text} + {name} / {text}').program
    assert list(p.variables) == [name, "z"]


@pytest.mark.parametrize(
    "name", ["a", "W_f", "h1", "W_1", "x2_y3", "A" * 32, "i", "I", "gamma", "np", "dW", "y0", "step"]
)
def test_a_name_that_is_free(name: str) -> None:
    assert not malformed(name)
    assert not reserved(name)


@pytest.mark.parametrize("name", ["_a", "a_", "a__b", "1a", "", "a-b", "é", "aé", "h²", "A" * 33, "日本", "a b", "ᵀ"])
def test_a_name_that_is_malformed(name: str) -> None:
    assert malformed(name)


@pytest.mark.parametrize(
    "name",
    """t T B L loss state where tanh sum cross_entropy lambda None int double restrict template class namespace and
    xor_eq constexpr nullptr co_await""".split(),
)
def test_a_name_that_is_reserved(name: str) -> None:
    assert reserved(name)


def test_x_is_reserved_as_a_size_only() -> None:
    assert reserved("x", size=True)
    assert not reserved("x")
    p = read("cell test\ndims H\ninput x : H\nparam w : H x H where w >= 0\nz = w @ x[t]").program
    assert p["w"].shape == (Symbol("H", integer=True, positive=True),) * 2
