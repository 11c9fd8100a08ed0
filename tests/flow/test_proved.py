"""The bounds of a step are proved, block by block, in every cell of the catalogue but where the list says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from derive import load
from derive.calculus.growth import growth
from derive.language import names
from derive.proof.inequality.certificate import check
from derive.proof.inequality.steps import certified

BY_RULES_ONLY = {("lstm_peephole", "y", "y"), ("lstm_peephole", "y", "c")}  # two norms of p_o in one block


@pytest.mark.parametrize("name", [c for c in names() if c != "stacked"])
def test_the_bounds_of_the_catalogue_are_proved(name: str) -> None:
    model = load(name)
    for backward in (False, True):
        states = tuple(v.name for v in model.normal.states if v.backward is backward)
        if not states:
            continue
        for (row, column), text in certified(model.prover, growth(model.normal, states)).items():
            assert (text is None) is ((name, row[0], column[0]) in BY_RULES_ONLY), (row, column)
            if text is not None:
                assert check(text)["model"] == name


def test_a_certificate_says_what_it_takes_for_granted() -> None:
    model = load("gru")
    (text,) = certified(model.prover, growth(model.normal, ("h",))).values()
    assert text is not None
    said = check(text)
    assert said["left"] == "norm(∂⁺h[t]/∂h[t-1])"
    assert any("if the initial h lies in [-1, 1]" in why for why in said["assumptions"])
    assert not any("-1" in why for why in check(proof_of("lstm", "c"))["assumptions"] if "initial" in why)


def proof_of(name: str, state: str) -> str:
    model = load(name)
    found = certified(model.prover, growth(model.normal, tuple(v.name for v in model.normal.states)))
    text = found[(state, 1), (state, 1)]
    assert text is not None
    return text


def test_a_smaller_bound_has_no_proof() -> None:
    model = load("gru")
    found = growth(model.normal, ("h",))
    ((block, e),) = found.blocks.items()
    smaller = type(found)(found.keys, {block: e / 2}, found.norms, found.peaks, found.ranges)
    assert certified(model.prover, smaller) == {block: None}


TRAPS = {
    "gelu": "h[t] = gelu(W @ h[t-1] + x[t])",  # a range with the root of two in it
    "a row": "h[t] = dot(h[t-1], x[t]) * x[t] + tanh(W @ h[t-1])",
}


@pytest.mark.parametrize("kind", TRAPS)
def test_what_has_no_proof_has_a_bound_all_the_same(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "trap.cell"
    path.write_text(f"cell trap\ndims H\ninput x : H\nstate h : H\nparam W : H x H\n{TRAPS[kind]}\n")
    model = load(str(path))
    assert certified(model.prover, growth(model.normal, ("h",))) == {(("h", 1), ("h", 1)): None}
