"""Whatever is done to a cell, reading it gives a cell or a CellError that can be shown."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from derive.errors import CellError, Diagnostic
from derive.language import read
from tests.language.cells_text import CELLS, PREAMBLE

TEXTS = [text.decode("utf-8-sig") for text in CELLS.values()]
TOKEN = re.compile(r"\s+|\w+|.", re.DOTALL)
PIECES = [
    *"""concat(x,h[t-1]) slice(h[t],0,1) diag(b) outer(h[t],h[t]) [t+1] [T-1] ** -2 / .T loss norm2(W) detach( == T
    softmax 0 1e-3 H σ( where once onehot = as "\\hat{h}" ones(H) zeros(3) tau ( ) [ ] @ * - , x state const input dims
    param h[t-2] leaky_relu(h[t],0.1) sum( mean( B L t -h[T-2] output cell 2*H+I é Γ ⊙ " # 9**9""".split(),
    *"\n\t\0\x0b\u202e ",
]


def check(text: str | bytes) -> None:
    shown: tuple[Diagnostic, ...] = ()
    try:
        equations = dict(read(text, "mutant").program.equations)
    except CellError as error:
        equations, shown = {}, error.diagnostics
    assert bool(equations) != bool(shown)
    for d in shown:
        assert d.line >= 1
        assert 1 <= d.column <= len(d.source) + 1
        assert d.width >= 1
        assert d.code in str(d)
        assert d.as_json()["file"] == "mutant"


@st.composite
def mutants(draw: st.DrawFn) -> str:
    tokens = TOKEN.findall(draw(st.sampled_from(TEXTS)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(tokens) - 1))
        piece = draw(st.sampled_from(PIECES) | st.sampled_from(tokens))
        match draw(st.sampled_from(["delete", "insert", "replace", "cut"])):
            case "delete":
                tokens[at] = ""
            case "insert":
                tokens.insert(at, piece)
            case "replace":
                tokens[at] = piece
            case "cut":
                tokens = tokens[: at + 1]
    return "".join(tokens)


@settings(max_examples=150)
@given(mutants())
def test_edits_of_cells(text: str) -> None:
    check(text)


@settings(max_examples=80)
@given(st.binary(max_size=60), st.sampled_from(sorted(CELLS)), st.integers(0, 2000))
def test_bytes_in_cells(data: bytes, name: str, at: int) -> None:
    text = CELLS[name]
    check(text[:at] + data + text[at + len(data) // 2 :])


@settings(max_examples=80)
@given(st.text(max_size=80))
def test_any_text(text: str) -> None:
    check(text)
    check(f"cell a\n{text}")
    check(f"cell a\nz = {text}")


ATOMS = st.sampled_from("x h[t] h[t-1] h[t+1] h s c y k[t] U W V tau H T 2 0 0.5 x[0] s[T-1] z q[t] loss".split())
OPERATORS = st.sampled_from(["+", "-", "*", "/", "@"])
FUNCTIONS = """tanh sigmoid leaky_relu maximum sum mean dot norm2 softmax log_softmax concat slice outer diag ones zeros
detach cross_entropy squared_error tan""".split()


def _extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, OPERATORS, inner).map(" ".join),
        inner.map("({})".format),
        inner.map("-{}".format),
        inner.map("{}.T".format),
        st.tuples(inner, st.sampled_from(["2", "-1", "0", "3"])).map(" ** ".join),
        st.tuples(st.sampled_from(FUNCTIONS), st.lists(inner, max_size=3).map(", ".join)).map("{0[0]}({0[1]})".format),
    )


EXPRESSIONS = st.recursive(ATOMS, _extend, max_leaves=12)


@settings(max_examples=150)
@given(EXPRESSIONS, EXPRESSIONS, st.sampled_from(["loss[t] = ", "loss = ", "z = "]))
def test_well_formed_expressions_of_any_shape(first: str, second: str, left: str) -> None:
    check(f"{PREAMBLE}q[t] = {first}\n{left}{second}")
