"""The files for frameworks, without the frameworks."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import derive
from derive.language import names
from tests.tools import some, unknown_names

FOLDER = Path(__file__).resolve().parents[1] / "cells"
CELLS = [*names(), *map(str, sorted(FOLDER.glob("*.cell")))]


def unknown(text: str) -> set[str]:
    """The names that a module reads and does not have; it has nothing of this project's."""
    nodes = list(ast.walk(ast.parse(text)))
    modules = {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
    modules |= {n.module for n in nodes if isinstance(n, ast.ImportFrom) and n.module}
    assert not any(name.partition(".")[0] == "derive" for name in modules)
    return unknown_names(text)


def test_unknown_names_looks_at_scopes() -> None:
    """What one function has, another one does not."""
    assert unknown_names("def f():\n    a = 1\n    return lambda: a\n\ndef g():\n    return a + b\n") == {"a", "b"}


@pytest.mark.parametrize("cell", some(CELLS, CELLS[::3]), ids=lambda c: Path(c).stem)
def test_a_pytorch_module_and_the_kernels_of_both_types(cell: str) -> None:
    model = derive.load(cell)
    files = model.code("torch")
    name = model.name
    folders = {f"{name}_c/{dtype}/{name}.{end}" for dtype in ("float32", "float64") for end in "hc"}
    assert files.keys() == {f"{name}_torch.py", *folders}
    for dtype in ("float32", "float64"):
        assert files[f"{name}_c/{dtype}/{name}.c"] == model.code("c", dtype)[f"{name}.c"]
    assert unknown(files[f"{name}_torch.py"]) == set()


@pytest.mark.parametrize("cell", CELLS, ids=lambda c: Path(c).stem)
def test_a_jax_module_reads_what_it_has(cell: str) -> None:
    """With every gradient and with that of one parameter, on which some outputs' cotangents have no bearing."""
    model = derive.load(cell)
    for wrt in (None, [v.name for v in model.normal.parameters][:1]):
        ((_, text),) = model.code("jax", wrt=wrt).items()
        assert unknown(text) == set()


def test_a_jax_module_leaves_gradients_and_gates_whole() -> None:
    """XLA compiles every cut outside of a scan on its own: there are none."""
    ((_, text),) = derive.load("lstm").code("jax").items()
    outside = [line for line in text.splitlines() if line.startswith("    ") and line[4] != " "]
    assert any("jnp.einsum" in line for line in outside)
    assert not [line for line in outside if re.search(r"= \w+\[\.\.\., ", line)]
    assert re.search(r"^        f = i_f_o\[\.\.\., H:2 \* H\]$", text, re.MULTILINE)


def test_every_parameter_has_a_first_value() -> None:
    text = derive.load("lstm").code("torch")["lstm_torch.py"]
    assert "b_f: (H), at first zero" in text
    assert "W_f: (H, H), at first uniform in ±1/sqrt(H)" in text
    assert "_uniform(self.U_f, self.U_f.shape[-1])" in text
    peephole = derive.load("lstm_peephole").code("torch")["lstm_peephole_torch.py"]
    assert "at first uniform in ±1/sqrt(H)" in peephole


def test_fixed_sizes_are_no_arguments() -> None:
    text = derive.load("elman").code("torch", sizes={"H": 16, "B": 1})["elman_torch.py"]
    assert "Fixed: H = 16" in text
    assert "def __init__(self, I: int, O: int, batch_first" in text
    assert 'FREE = ("T", "I", "O")' in text
