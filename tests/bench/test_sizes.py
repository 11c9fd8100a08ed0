"""Sets of sizes: presets, items, and what is refused."""

from __future__ import annotations

import pytest

from derive.bench.sizes import PRESETS, size_sets
from derive.errors import InputError
from derive.model import load, parse

ELMAN = load("elman").normal


def test_presets_and_items() -> None:
    nano, own, changed = size_sets(ELMAN, ["nano;T=7,B=2,H=5", "large, B=1"])
    assert (nano.label, nano.all) == ("nano", {"T": 50, "B": 1, "I": 4, "H": 8, "O": 2})
    assert own.all == {"T": 7, "B": 2, "I": 64, "H": 5, "O": 64}, "what is left out is that of med"
    assert changed.all == {"T": 256, "B": 1, "I": 256, "H": 512, "O": 256}


def test_the_default_and_repeats() -> None:
    assert [s.label for s in size_sets(ELMAN, [])] == ["nano", "char", "med"]
    assert len(size_sets(ELMAN, ["nano;nano", "nano"])) == 1


def test_other_letters_go_by_their_use() -> None:
    (nano,) = size_sets(load("stacked").normal, ["nano"])
    assert nano.sizes == {"I": 4, "H": 8, "K": 8, "O": 2}
    (nano,) = size_sets(load("char_rnn").normal, ["nano"])
    assert nano.sizes == {"K": 2, "H": 8}, "K is the size of the target"
    assert all(len(numbers) == 5 for numbers in PRESETS.values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (";", "expected presets"),
        ("huge", "a preset"),
        ("T=64,nano", "a preset"),
        ("T=x", "NAME=NUMBER"),
        ("T=²", "NAME=NUMBER"),
        ("H=3,H=4", "H twice"),
        ("Q=3", "'Q'"),
        ("T=0", "T of at least 1"),
        ("B=0", "B of at least 1"),
        ("H=0", "from 1 to"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        size_sets(ELMAN, [text])


def test_the_steps_that_a_cell_names_are_there() -> None:
    cell = "cell c\ndims H\nstate h : H\nparam W : H x H\n"
    model = parse(f"{cell}h[t] = tanh(W @ h[t-1])\ne[t] = norm2(h[t])\nloss = e[T-1] + e[2]\n")
    assert size_sets(model.normal, ["T=3,H=3"])
    with pytest.raises(InputError, match="T of at least 3"):
        size_sets(model.normal, ["T=2"])


def test_a_size_that_nothing_uses_may_be_named() -> None:
    model = parse("cell c\ndims H, K\nstate h : H\nparam W : H x H\nh[t] = tanh(W @ h[t-1])\nloss[t] = norm2(h[t])\n")
    (s,) = size_sets(model.normal, ["T=2,H=3,K=4"], {"K"})
    assert s.sizes == {"H": 3}
