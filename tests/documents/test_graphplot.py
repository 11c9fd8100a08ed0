"""The unrolled network as a picture."""

from __future__ import annotations

from pathlib import Path

import pytest

import derive
from derive.errors import InputError, UnsupportedError
from derive.language import names
from derive.model.graph import graph

FOLDER = Path(__file__).resolve().parents[1] / "cells"
CELLS = [*names(), *map(str, sorted(FOLDER.glob("*.cell")))]


def test_the_network_and_the_ways_back() -> None:
    model = derive.load("elman")
    network = graph(model)
    assert [n.tex for n in network.nodes[:4]] == ["x_{0}", "h_{0}", r"\hat{y}_{0}", "L_{0}"]
    ways = graph(model, "W", "2")
    assert len([e for e in ways.edges if ways.nodes[e.end].kind == "parameter"]) == 3
    assert any(n.kind == "dots" for n in graph(model, "W", "j").nodes)


def test_arrows_name_the_parameters_on_the_way_through_gates_too() -> None:
    drawn = graph(derive.load("lstm"))
    named = {(drawn.nodes[e.start].tex, drawn.nodes[e.end].tex): e.tex for e in drawn.edges if e.tex}
    assert named == {
        ("x_{0}", "c_{0}"): r"U_{i}\dots U_{g}",
        ("x_{0}", "h_{0}"): "U_{o}",
        ("h_{0}", "c_{1}"): r"W_{i}\dots W_{g}",
        ("h_{0}", "h_{1}"): "W_{o}",
        ("h_{0}", r"\hat{y}_{0}"): "V",
    }
    sides = {e.tex: drawn.side(e) for e in drawn.edges if e.tex}
    assert (sides["V"], sides["U_{o}"], sides["W_{o}"]) == (1, -1, 0)


@pytest.mark.parametrize(
    ("wrt", "step", "message"),
    [("x", "j", "a parameter"), ("Q", "j", "Q"), ("W", "9", "up to 8 or a letter"), ("W", "jj", "a letter")],
)
def test_bad_input_has_an_answer(wrt: str, step: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        graph(derive.load("elman"), wrt, step)


def test_two_states_have_no_picture_of_ways() -> None:
    with pytest.raises(UnsupportedError):
        graph(derive.load("lstm"), "W_i")


@pytest.mark.peers
@pytest.mark.parametrize("cell", CELLS, ids=lambda c: Path(c).stem)
def test_every_label_is_mathematics(cell: str) -> None:
    """Nothing of a network's graph is beyond what matplotlib reads."""
    from derive.documents.graphplot import formula

    found = graph(derive.load(cell))
    for tex in [*(n.tex for n in found.nodes), *(e.tex for e in found.edges if e.tex)]:
        assert formula(tex) == f"${tex}$"


@pytest.mark.peers
@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_picture(tmp_path: Path, ending: str) -> None:
    from derive.documents.graphplot import draw, formula

    draw(tmp_path / f"g.{ending}", graph(derive.load("gru")))
    assert (tmp_path / f"g.{ending}").stat().st_size > 5000
    assert formula(r"\unknown{$x}") == r"\unknown{\$x}"
