"""Names as they are printed: a time in whatever place, components, and what else stands above."""

from __future__ import annotations

import pytest

from derive.claims.text.parse import parse
from derive.claims.text.patterns import Pattern, plain
from derive.claims.text.tree import leaves


def found(pattern: str, tex: str, letters: str = "t") -> tuple[dict[str, str], int, str, int] | None:
    m = Pattern(parse(pattern), frozenset(letters)).match(plain(parse(tex)), 0)
    if m is None:
        return None
    values = {k: "".join(x.text for x in leaves(v)) for k, v in m.values.items()}
    return values, m.end, "".join(x.text for x in leaves(m.sup)), m.primes


WRITINGS = [
    (r"\delta_{t+1}", "t+1", 1, ""),
    (r"\delta^{(t)}", "t", 1, ""),
    (r"\delta^{\langle t-1\rangle}", "t-1", 1, ""),
    (r"\delta^{t+1}", "t+1", 1, ""),
    (r"\delta^{(t)T}", "t", 1, "T"),
    (r"\delta(t)", "t", 2, ""),
    (r"\delta_T^\top", "T", 1, "top"),
    (r"\boldsymbol{\delta}_3^2", "3", 1, "2"),
    (r"{\delta_{\tau}}^{2}", "tau", 1, "2"),
    (r"\delta_{t-k+1}", "t-k+1", 1, ""),
]


@pytest.mark.parametrize(("tex", "time", "end", "above"), WRITINGS)
@pytest.mark.parametrize(
    "pattern", [r"\delta_t", r"\delta^{(t)}", r"\delta^t", r"\delta(t)", r"\delta^{\langle t \rangle}"]
)
def test_a_time_is_recognised_in_every_place(pattern: str, tex: str, time: str, end: int, above: str) -> None:
    assert found(pattern, tex) == ({"t": time}, end, above, 0)


@pytest.mark.parametrize("tex", [r"\delta", r"\delta_{h,t}", r"\epsilon_t", r"\delta_{ht}", r"\hat\delta_t"])
def test_another_name_is_none(tex: str) -> None:
    assert found(r"\delta_t", tex) is None


@pytest.mark.parametrize("tex", [r"\delta_{h,t}", r"\delta_{t,h}", r"\delta_h^{(t)}", r"\delta_h^t", r"\delta_h(t)"])
def test_a_time_beside_another_subscript(tex: str) -> None:
    for pattern in (r"\delta_h^{(t)}", r"\delta_{h,t}"):
        result = found(pattern, tex)
        assert result is not None
        assert result[0] == {"t": "t"}


def test_accents_prefixes_components_and_primes() -> None:
    assert found(r"\tilde h_t", r"\tilde h^{(t)2}") == ({"t": "t"}, 1, "2", 0)
    assert found(r"d\Gamma_f^{\langle t \rangle}", r"d\Gamma_f^{\langle t \rangle} x") == ({"t": "t"}, 2, "", 0)
    assert found(r"\delta_{h_t}", r"\delta_{h_{t-1}}") == ({"t": "t-1"}, 1, "", 0)
    assert found(r"h_{t,i}", r"h_{t+1,j}", "ti") == ({"t": "t+1", "i": "j"}, 1, "", 0)
    assert found(r"p^{k}_{ij}(t)", r"p^l_{ij}(t+1)", "tijk") == ({"i": "i", "j": "j", "k": "l", "t": "t+1"}, 2, "", 0)
    assert found(r"w_{ii}", r"w_{ij}", "i") is None  # one letter, one value
    assert found(r"W_{hh}", r"W_{hh}^T", "") == ({}, 1, "T", 0)
    assert found(r"\sigma_t", r"\sigma_t''") == ({"t": "t"}, 1, "", 2)
