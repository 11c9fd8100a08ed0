"""Figures: what is in them comes from the equations."""

from __future__ import annotations

import pytest

import derive
from derive.algebra.names import Notation
from derive.calculus.hidden import Hidden
from derive.documents.figures import Graph, drawing
from derive.documents.unrolled import network, ways
from derive.language import catalogue


def unrolled(model: derive.Model) -> Graph:
    return network(model.program, Notation(model.program.variables))


def edges(graph: Graph) -> set[tuple[str, str]]:
    return {(graph.nodes[e.start].tex, graph.nodes[e.end].tex) for e in graph.edges}


def test_the_network_of_the_textbook() -> None:
    graph = unrolled(derive.load("elman"))
    found = edges(graph)
    assert {("x_{0}", "h_{0}"), ("h_{0}", "h_{1}"), ("h_{1}", r"\hat{y}_{1}"), (r"\hat{y}_{2}", "L_{2}")} <= found
    assert (r"h_{2}", r"\dots") in found
    assert ("h_{1}", "h_{0}") not in found
    assert {e.tex for e in graph.edges if e.tex} == {"U", "W", "V"}


def test_a_state_that_runs_backward_has_its_arrows_backward() -> None:
    found = edges(unrolled(derive.load("bidirectional")))
    assert ("g_{1}", "g_{0}") in found
    assert ("h_{0}", "h_{1}") in found
    assert ("g_{0}", "g_{1}") not in found


def test_two_states_that_feed_each_other() -> None:
    found = edges(unrolled(derive.load("lstm")))
    assert {("c_{0}", "c_{1}"), ("h_{0}", "c_{1}"), ("c_{1}", "h_{1}"), ("x_{1}", "c_{1}")} <= found


@pytest.mark.parametrize("step", [0, 1, 2, 4])
def test_a_way_back_for_each_hidden_state(step: int) -> None:
    model = derive.load("elman")
    graph = ways(Hidden.of(model.program, "W"), step, Notation(model.program.variables))
    found = edges(graph)
    assert all((f"h_{{{k}}}", "W") in found for k in range(step + 1))
    assert all((f"h_{{{k}}}", f"h_{{{k - 1}}}") in found for k in range(1, step + 1))
    assert (f"L_{{{step}}}", rf"\hat{{y}}_{{{step}}}") in found
    assert len(found) == len(graph.edges) == 2 * step + 1 + 2


def test_any_step_has_dots_on_its_way() -> None:
    model = derive.load("elman")
    found = edges(ways(Hidden.of(model.program, "W"), "j", Notation(model.program.variables)))
    assert {("h_{j}", "h_{j-1}"), ("h_{j-1}", r"\dots"), (r"\dots", "h_{1}"), ("h_{j-1}", "W")} <= found


@pytest.mark.parametrize("name", catalogue.names())
def test_nothing_lies_on_anything_else(name: str) -> None:
    graph = unrolled(derive.load(name))
    places = [(n.x, n.y) for n in graph.nodes]
    assert len(places) == len(set(places))
    drawn = drawing(graph)
    for s in drawn.shapes:
        assert 0 < float(s.x) < float(drawn.width)
        assert 0 < float(s.y) < float(drawn.height)
    assert len(drawn.arrows) == len(graph.edges)
