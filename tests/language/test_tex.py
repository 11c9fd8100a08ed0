"""TeX names: only what can be typeset, and nothing that does anything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from derive.language.tex import ACCENTS, FONTS, SYMBOLS, tex_fault

RIGHT = r"""h h_t W_{hh} h^1 h^{(l)} \Gamma_f \tilde{h} \hat\alpha \mathbf{W}_{xh} a' a''_b a_b' {a_b}_c x_1^2 \ell
\hat{\mathbf{h}}_{\tau} \mathcal{L} {h} h_\tau a_{b_c} \bar1""".replace("h^{(l)}", "h^{l}").split()
WRONG = r"""_a a_ a^ a_b_c a^b^c a'^b a^b' {a a} {} a_{} \hat \hat_ \tilde{} \input{x} \def \write18 $ & % # ~ a~b
\href{x}{y} \text{a} \hatt \Alpha \omicron \\ \{ a|b a.b a,b é ^ ' } { {{a}""".split()


@pytest.mark.parametrize("text", RIGHT)
def test_right(text: str) -> None:
    assert tex_fault(text) == ""


@pytest.mark.parametrize("text", [*WRONG, "", "a b", " a", "a\n", "\\", "a" * 65, "\\hat h"])
def test_wrong(text: str) -> None:
    assert tex_fault(text)


def test_every_command_by_itself() -> None:
    assert all(not tex_fault(f"\\{name}") for name in SYMBOLS)
    assert all(not tex_fault(f"\\{name}{{a}}") for name in ACCENTS | FONTS)


@given(st.text(alphabet="a1_^{}'\\hatgm", max_size=20))
def test_any_text_has_an_answer_and_what_is_right_is_balanced(text: str) -> None:
    if not tex_fault(text):
        assert text.count("{") == text.count("}")
        assert text[0] not in "_^'"
