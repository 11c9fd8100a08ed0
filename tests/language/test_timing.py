"""Time: lags, boundary values, directions, the order within a step."""

from __future__ import annotations

import pytest

from derive.language import read
from derive.language.graph import components, cycle, topological
from derive.program import Program


def states(*lines: str) -> Program:
    return read("cell test\ninput x\n" + "\n".join(lines)).program


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("state h\nh[t] = h[t-1] + x", {"h": (1, False)}),
        ("state h\nh[t] = h[t-1] + h[t-3]", {"h": (3, False)}),
        ("state h\nh[t] = h[t+1] + x", {"h": (1, True)}),
        ("state h\nh[t] = h[t+2] + h[t+8]", {"h": (8, True)}),
        ("state h\nh[t] = h[t-1] + x\nz = h[t-8] + h[t-0]", {"h": (8, False)}),
        # through results, which themselves have no direction
        ("state h\nr = h[t+1]\ns = 2 * r\nh[t] = s", {"h": (1, True)}),
        # both directions beside each other
        ("state f, g\nf[t] = f[t-1] + x\ng[t] = g[t+1] + f[t]\nz = f[t] + g[t]", {"f": (1, False), "g": (1, True)}),
        # a state that reads no other time goes the way it is read
        ("state p\np[t] = x\nz = p[t-2]", {"p": (2, False)}),
        ("state p\np[t] = x\nz = p[t+2]", {"p": (2, True)}),
        ("state p, h\np[t] = x\nh[t] = h[t+1] + p[t+1]", {"p": (1, True), "h": (1, True)}),
        # a state that reads another one's future runs backward
        ("state g, h\ng[t] = g[t+1]\nh[t] = g[t+3]", {"g": (3, True), "h": (1, True)}),
        # one recurrence of two states
        ("state a, b\na[t] = b[t-1]\nb[t] = a[t-2] + a[t]", {"a": (2, False), "b": (1, False)}),
        # the loss reads a state too
        ("state p\np[t] = x\nloss = sum(p[t-4])", {"p": (4, False)}),
        # never read at another step: one boundary value all the same
        ("state h\nh[t] = 2 * x", {"h": (1, False)}),
    ],
)
def test_lags_and_directions(lines: str, expected: dict[str, tuple[int, bool]]) -> None:
    p = states(*lines.split("\n"))
    assert {v.name: (len(v.initial), v.backward) for v in p.states} == expected


def test_boundary_values_are_named_after_their_state_and_never_clash() -> None:
    p = states("state h, g = 0", "state k", "param h_init1, k_init1", "h[t] = h[t-2]", "g[t] = g[t-2]", "k[t] = k[t-2]")
    assert p["h"].initial == (None, None)
    assert p["g"].initial == (None, None)
    assert p["k"].initial == ("k_init1_2", "k_init2")
    assert [p[n].of for n in ("k_init1_2", "k_init2")] == ["k", "k"]
    assert p["k_init1"].role == "param"


def test_equations_come_in_an_order_of_evaluation_else_as_in_the_file() -> None:
    p = states("state h", "d = c + x", "a = x", "h[t] = h[t-1] + d", "c = b", "loss[t] = d", "b = a")
    assert list(p.equations) == ["a", "b", "c", "d", "h", "loss", "L"]


def test_a_state_may_be_read_before_its_equation() -> None:
    p = states("state c, h", "h[t] = o * tanh(c[t])", "o = h[t-1]", "c[t] = c[t-1] + x")
    assert list(p.equations) == ["o", "c", "h"]


# The graph algorithms


def test_components() -> None:
    edges = {"a": ["b"], "b": ["c"], "c": ["a", "d"], "d": [], "e": ["e"], "f": ["d"]}
    assert sorted(sorted(c) for c in components(edges)) == [["a", "b", "c"], ["d"], ["e"], ["f"]]


def test_a_shortest_cycle() -> None:
    edges = {"a": ["b", "c"], "b": ["d"], "c": ["a"], "d": ["a"]}
    assert cycle("a", edges, {"a", "b", "c", "d"}) == ["a", "c", "a"]
    assert cycle("b", edges, {"a", "b", "c", "d"}) == ["b", "d", "a", "b"]
    assert cycle("e", {"e": ["e"]}, {"e"}) == ["e", "e"]


def test_topological_order_is_stable_and_deep() -> None:
    assert topological({"c": ["a"], "b": [], "a": []}) == ("b", "a", "c")
    deep = {str(i): [str(i + 1)] for i in range(5000)} | {"5000": []}
    assert topological(deep)[0] == "5000"
    assert len(components(deep)) == 5001
