"""The texts of peers, without the libraries they are for."""

from __future__ import annotations

import ast
import re

import pytest

from derive.algebra.functions import FUNCTIONS
from derive.errors import InputError, UnsupportedError
from derive.kernels.written.layout import Module
from derive.kernels.written.loops import torch_text
from derive.kernels.written.prepare import loss_program
from derive.kernels.written.scans import jax_text
from derive.model import load, parse
from tests.bench.cells import CELLS, label
from tests.tools import unknown_names

MAKERS = {"torch": torch_text, "jax": jax_text}


def made(cell: str, dialect: str) -> Module:
    model = load(cell)
    return MAKERS[dialect](loss_program(model.normal), model.origin)


@pytest.mark.parametrize("dialect", MAKERS)
@pytest.mark.parametrize("cell", CELLS, ids=label)
def test_every_cell_has_a_text(cell: str, dialect: str) -> None:
    module = made(cell, dialect)
    tree = ast.parse(module.text)
    function, *helpers = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
    assert {h.name for h in helpers} <= {"_at", "_pad"}
    arguments = [a.arg for a in function.args.args]
    assert len(arguments) == len(module.parameters) + len(module.others) + len(module.sizes)
    assert unknown_names(module.text) == set()


def test_a_loop_as_a_user_writes_it() -> None:
    text = made("elman", "torch").text
    assert "    for t in range(T):\n        x_t = x[t]\n" in text
    assert "z_h = F.linear(x_t, U) + F.linear(h_steps[-1], W)" in text
    assert "softmax" not in text, "cross-entropy takes logits"


def test_one_loop_for_each_direction_and_one_scan_for_each_recurrence() -> None:
    text = made("bidirectional", "torch").text
    assert re.findall(r"for t in (.*):", text) == ["range(T)", "range(T - 1, -1, -1)"]
    scans = made("bidirectional", "jax").text
    assert scans.count("lax.scan(") == 2
    assert scans.count("reverse=True") == 1
    assert made("stacked", "torch").text.count("for t in") == 1


def test_classes_are_gathered() -> None:
    assert "F.embedding(x_t, U.t())" in made("char_rnn", "torch").text
    assert "U.T[x]" in made("char_rnn", "jax").text


HOSTILE = r"""cell torch "\'\'\' \\ + __import__('os').getcwd() \\"
dims I, Tensor
input  torch : I
target F : Tensor
state  jnp : Tensor
param  print : Tensor x I
param  steps, lax : Tensor x Tensor
jnp[t] = tanh(print @ torch[t] + steps @ jnp[t-1])
List[t] = lax @ jnp[t]
loss[t] = squared_error(F[t], List[t])
"""


@pytest.mark.parametrize("dialect", MAKERS)
def test_names_and_titles_can_do_no_harm(dialect: str) -> None:
    model = parse(HOSTILE)
    module = MAKERS[dialect](loss_program(model.normal), model.origin)
    tree = ast.parse(module.text)
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == "__import__"]
    function, *helpers = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
    assert {h.name for h in helpers} <= {"_at", "_pad"}
    arguments = {a.arg for a in function.args.args}
    assert {"print_", "steps_", "lax_", "torch_", "F_", "Tensor_"} <= arguments


def test_what_has_no_text_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(FUNCTIONS["tanh"].code, "torch")  # type: ignore[arg-type]
    with pytest.raises(UnsupportedError, match="no text of torch for the function tanh"):
        made("elman", "torch")


def test_a_model_without_a_loss_is_refused() -> None:
    model = parse("cell c\ndims H\nstate h : H\nparam W : H x H\nh[t] = tanh(W @ h[t-1])\noutput h\n")
    with pytest.raises(InputError, match="a model with a loss"):
        loss_program(model.normal)
