"""LaTeX mathematics → tree: what is read, and what is refused with its place."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derive.claims.text.parse import LatexError, parse
from derive.claims.text.tree import Accent, Font, Fraction, Group, Leaf, Matrix, Row, Scripted, leaves


def text(row: Row) -> str:
    return " ".join(x.text for x in leaves(row))


def test_scripts_arguments_and_primes() -> None:
    (x,) = parse(r"\mathbf{h}_{t-1}^{(2)}")
    assert isinstance(x, Scripted)
    assert isinstance(x.base, Font)
    assert x.sub is not None
    assert text(x.sub) == "t - 1"
    assert x.sup is not None
    assert isinstance(x.sup[0], Group)
    (f, bracket) = parse(r"\sigma''(z)")
    assert isinstance(f, Scripted)
    assert (f.primes, bracket.open) == (2, "(")  # type: ignore[union-attr]
    assert parse(r"f^{\prime}") == parse("f'") == parse(r"f^\prime")
    assert parse("h^t_k") == parse("h_k^t")


def test_what_takes_arguments_takes_single_tokens_too() -> None:
    assert parse(r"\tfrac12") == (Fraction((Leaf("number", "1"),), (Leaf("number", "2"),)),)
    assert parse(r"\hat y_t") == parse(r"\hat{y}_{t}") == parse(r"\widehat{y}_t")
    (x,) = parse(r"\overline{h}")
    assert isinstance(x, Accent)
    assert x.name == "bar"


def test_size_and_space_commands_print_nothing() -> None:
    plain = parse(r"\sum_{j=0}^{T-1} (W h)^\top")
    assert parse(r"\displaystyle\sum\limits_{j=0}^{T-1}\;\Bigl(W\,h\Bigr)^{\top}") == plain
    assert parse(r"\left( a \right)") == parse("(a)") == parse(r"\big( a \big)")


def test_numbers_words_and_identifiers_of_code() -> None:
    assert text(parse("0.25 W")) == "0.25 W"
    assert [x.text for x in leaves(parse(r"\operatorname{diag}(h)"))] == ["diag", "h"]
    assert parse(r"\text{diag}") == parse(r"\mathrm{diag}") == parse(r"\operatorname{diag}")
    assert [x.text for x in leaves(parse(r"dh\_prev"))] == ["d", "h_prev"]


def test_bars_in_pairs_and_matrices() -> None:
    (norm,) = parse(r"\left\| W h \right\|^2")
    assert isinstance(norm, Scripted)
    assert isinstance(norm.base, Group)
    assert norm.base.open == "‖"
    (m,) = parse(r"\begin{bmatrix} a_{t-1} \\ x_t \end{bmatrix}")
    assert isinstance(m, Matrix)
    assert [len(cells) for cells in m.rows] == [1, 1]
    (m,) = parse(r"\begin{pmatrix} a & b \\ c & d \\ \end{pmatrix}")
    assert isinstance(m, Matrix)
    assert [len(cells) for cells in m.rows] == [2, 2]


REFUSED = {
    r"W \foo h": (2, "unknown command"),
    r"\input{/etc/passwd}": (0, "no mathematics"),
    r"a \write18{id}": (2, "no mathematics"),
    r"\def\x{1} \x": (0, "no mathematics"),
    "a^^41": (1, "no mathematics"),
    "(a]": (2, "closed by"),
    "(a": (2, "ends before"),
    r"\frac{a}": (8, "ends before"),
    "a_b_c": (0, "two subscripts"),
    "h_t )": (4, "not expected"),
    "| a": (0, "no partner"),
    "é": (0, "not expected"),
    "(" * 60 + ")" * 60: (40, "nested"),
    "a" * 9000: (8000, "more than"),
}


@pytest.mark.parametrize("tex", REFUSED, ids=[t[:20] for t in REFUSED])
def test_what_is_refused_has_a_place_and_a_cause(tex: str) -> None:
    at, cause = REFUSED[tex]
    with pytest.raises(LatexError) as error:
        parse(tex)
    assert error.value.at == at
    assert cause in error.value.message


PIECES = [
    "h",
    "_",
    "^",
    "{",
    "}",
    "(",
    ")",
    r"\frac",
    r"\sum",
    "=",
    "+",
    "t",
    "1",
    "'",
    "|",
    r"\left",
    r"\partial",
    "&",
    r"\\",
]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join))
@settings(deadline=None, max_examples=300)
def test_any_text_is_read_or_refused(tex: str) -> None:
    try:
        found: Row | LatexError = parse(tex)
    except LatexError as error:
        found = error
    assert isinstance(found, tuple) or 0 <= found.at <= len(tex) + 1
