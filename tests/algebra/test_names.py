"""Identifiers and times as TeX, and what the names of a program stand for."""

from __future__ import annotations

import pytest
from sympy import Integer, S, Symbol

from derive.algebra.names import Notation, index_tex, tex_name
from derive.algebra.nodes import T, t
from derive.algebra.symbols import symbols, tex_at
from derive.language.tex import tex_fault
from derive.program import ONCE, SEQUENCE, SHARED, Variable

H = Symbol("H", integer=True, positive=True)


@pytest.mark.parametrize(
    ("name", "tex"),
    [
        ("W", "W"),
        ("W_f", "W_{f}"),
        ("W_xh", "W_{xh}"),
        ("W_rec", r"W_{\mathrm{rec}}"),
        ("b_i1", "b_{i1}"),
        ("W_alpha", r"W_{\alpha}"),
        ("x_1_2", "x_{1,2}"),
        ("h1", "h_{1}"),
        ("alpha", r"\alpha"),
        ("Gamma_f", r"\Gamma_{f}"),
        ("Alpha", "A"),
        ("sigma2", r"\sigma_{2}"),
        ("yhat", r"\hat{y}"),
        ("htilde", r"\tilde{h}"),
        ("cbar", r"\bar{c}"),
        ("xdot", r"\dot{x}"),
        ("uvec", r"\vec{u}"),
        ("Gammahat", r"\hat{\Gamma}"),
        ("yhat_f", r"\hat{y}_{f}"),
        ("y_hat", r"\hat{y}"),
        ("h_tilde_2", r"\tilde{h}_{2}"),
        ("h1hat", r"\hat{h}_{1}"),
        ("z_yhat", r"z_{\hat{y}}"),
        ("loss", r"\mathrm{loss}"),
        ("gate2", r"\mathrm{gate}_{2}"),
        ("hat", r"\mathrm{hat}"),
    ],
)
def test_a_name_follows_one_rule(name: str, tex: str) -> None:
    assert tex_name(name) == tex
    assert not tex_fault(tex.replace(",", "")), "what the rule writes is a TeX name that a user might give"


@pytest.mark.parametrize(
    ("tex", "timed"),
    [
        ("h", "h_{t-1}"),
        ("W_{f}", "W_{f,t-1}"),
        (r"\Gamma_f", r"\Gamma_{f,t-1}"),
        ("h^1", "h^1_{t-1}"),
        ("h_1^2", "h_{1,t-1}^2"),
        ("h^{ab}_{c}", "h^{ab}_{c,t-1}"),
        ("h'", "h'_{t-1}"),
        ("h''_f", "h''_{f,t-1}"),
        (r"\hat{y}", r"\hat{y}_{t-1}"),
        (r"\hat y", r"\hat{y}_{t-1}"),
        (r"\tilde\Gamma_{i}^1", r"\tilde{\Gamma}_{i,t-1}^1"),
        (r"\mathbf x_\mathrm{in}", r"\mathbf{x}_{\mathrm{in},t-1}"),
        (r"x_{a_{b}}", r"x_{a_{b},t-1}"),
        (r"\Gamma c", r"\Gamma c_{t-1}"),
        ("{h^1}_2", "{h^1}_{2,t-1}"),
    ],
)
def test_a_time_joins_the_subscript(tex: str, timed: str) -> None:
    assert tex_at(tex, "t-1") == timed


def test_symbols_survive_a_second_reading() -> None:
    for tex in (r"\hat{y}_{f}^{1}", "h'_{t}", r"\Gamma_{f}"):
        once = "".join(str(x) for x in symbols(tex))
        assert "".join(str(x) for x in symbols(once)) == once


@pytest.mark.parametrize(
    ("index", "tex"), [(t, "t"), (t - 1, "t-1"), (t + 2, "t+2"), (T - 1, "T-1"), (Integer(-1), "-1"), (2 * t, "2t")]
)
def test_an_index_is_written_close(index: object, tex: str) -> None:
    assert index_tex(index) == tex


def notation(**more: Variable) -> Notation:
    shape = (H, S.One)
    variables = [
        Variable("h", "state", shape, SEQUENCE, initial=("h_init1", "h_init2")),
        Variable("h_init1", "initial", shape, ONCE, of="h"),
        Variable("h_init2", "initial", shape, ONCE, of="h"),
        Variable("g", "state", shape, SEQUENCE, initial=("g_init1", "g_init2"), backward=True, tex=r"\Gamma^1"),
        Variable("g_init1", "initial", shape, ONCE, of="g"),
        Variable("g_init2", "initial", shape, ONCE, of="g"),
        Variable("W", "param", (H, H), SHARED),
        Variable("loss", "result", (S.One, S.One), SEQUENCE),
        Variable("L", "total", (S.One, S.One), SHARED),
        Variable("dh", "adjoint", shape, SEQUENCE, of="h"),
        Variable("dW", "adjoint", (H, H), SHARED, of="W"),
        Variable("dloss", "adjoint", (S.One, S.One), SEQUENCE, of="loss"),
        Variable("dh_init2", "adjoint", shape, ONCE, of="h_init2"),
        Variable("dg_init1", "adjoint", shape, ONCE, of="g_init1"),
        Variable("dh_carry", "carry", shape, SEQUENCE, of="h"),
        Variable("dh_carry2", "carry", shape, SEQUENCE, of="h"),
        Variable("dg_carry", "carry", shape, SEQUENCE, of="g"),
        Variable("h_dot", "tangent", shape, SEQUENCE, of="h"),
        Variable("seed", "cotangent", shape, SEQUENCE, of="h"),
    ]
    return Notation({v.name: v for v in variables} | more)


@pytest.mark.parametrize(
    ("name", "index", "tex"),
    [
        ("h", t - 1, "h_{t-1}"),
        ("W", None, "W"),
        ("loss", t, "L_{t}"),
        ("L", None, "L"),
        ("h_init1", None, "h_{-1}"),
        ("h_init2", None, "h_{-2}"),
        ("g_init1", None, r"\Gamma^1_{T}"),
        ("g_init2", None, r"\Gamma^1_{T+1}"),
        ("dh", t, r"\frac{dL}{dh_{t}}"),
        ("dW", None, r"\frac{dL}{dW}"),
        ("dloss", t, r"\frac{dL}{dL_{t}}"),
        ("dh_init2", None, r"\frac{dL}{dh_{-2}}"),
        ("dg_init1", None, r"\frac{dL}{d\Gamma^1_{T}}"),
        ("dh_carry", t + 1, r"\overleftarrow{h}_{t+1}"),
        ("dh_carry2", t, r"\overleftarrow{h}^{(2)}_{t}"),
        ("dg_carry", t, r"\overrightarrow{\Gamma}^1_{t}"),
        ("h_dot", t, r"\dot{h}_{t}"),
        ("seed", t, r"\overline{h}_{t}"),
        ("unknown_name", t, r"\mathrm{unknown}_{\mathrm{name},t}"),
    ],
)
def test_a_name_prints_as_what_it_stands_for(name: str, index: object, tex: str) -> None:
    assert notation().tex(name, index) == tex


def test_two_names_never_print_alike() -> None:
    one, other = (Variable(n, "param", (H, S.One), SHARED) for n in ("h1", "h_1"))
    names = Notation({"h1": one, "h_1": other})
    assert (names.tex("h1"), names.tex("h_1")) == ("h_{1}", r"\mathrm{h\_1}")


def test_a_given_name_goes_before_the_rule() -> None:
    ruled, given = (
        Variable("yhat", "param", (H, S.One), SHARED),
        Variable("q", "param", (H, S.One), SHARED, tex=r"\hat y"),
    )
    names = Notation({"yhat": ruled, "q": given})
    assert (names.tex("q"), names.tex("yhat")) == (r"\hat{y}", r"\mathrm{yhat}")
