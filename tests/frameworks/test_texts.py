"""The files for frameworks, without the frameworks."""

from __future__ import annotations

import ast
import builtins
from pathlib import Path

import pytest

import derive
from derive.language import names

FOLDER = Path(__file__).resolve().parents[1] / "cells"
CELLS = [*names(), *map(str, sorted(FOLDER.glob("*.cell")))]


def unknown(text: str) -> set[str]:
    """The names that a module reads and does not have; it has nothing of this project's."""
    nodes = list(ast.walk(ast.parse(text)))
    imports = [n for n in nodes if isinstance(n, (ast.Import, ast.ImportFrom))]
    modules = {a.name for n in imports for a in n.names} | {n.module for n in imports if isinstance(n, ast.ImportFrom)}
    assert not any(name and name.partition(".")[0] == "derive" for name in modules)
    known = (
        set(dir(builtins)) | {"__file__"} | {(a.asname or a.name).partition(".")[0] for n in imports for a in n.names}
    )
    known |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    known |= {n.name for n in nodes if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    known |= {n.arg for n in nodes if isinstance(n, ast.arg)}
    return {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)} - known


@pytest.mark.parametrize("cell", CELLS, ids=lambda c: Path(c).stem)
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
