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


@pytest.mark.parametrize("cell", CELLS, ids=lambda c: Path(c).stem)
def test_a_pytorch_module_and_the_kernels_of_both_types(cell: str) -> None:
    model = derive.load(cell)
    files = model.code("torch")
    name = model.name
    folders = {f"{name}_c/{dtype}/{name}.{end}" for dtype in ("float32", "float64") for end in "hc"}
    assert files.keys() == {f"{name}_torch.py", *folders}
    for dtype in ("float32", "float64"):
        assert files[f"{name}_c/{dtype}/{name}.c"] == model.code("c", dtype)[f"{name}.c"]
    tree = ast.parse(files[f"{name}_torch.py"])
    nodes = list(ast.walk(tree))
    imported = {a.name.partition(".")[0] for n in nodes if isinstance(n, ast.Import) for a in n.names}
    assert "derive" not in imported
    known = set(dir(builtins)) | imported | {"__file__"}
    known |= {a.asname or a.name for n in nodes if isinstance(n, ast.ImportFrom) for a in n.names}
    known |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    known |= {n.name for n in nodes if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    known |= {n.arg for n in nodes if isinstance(n, ast.arg)}
    read = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    assert read <= known, "every name that is read is known"


@pytest.mark.parametrize("cell", CELLS, ids=lambda c: Path(c).stem)
def test_a_jax_module_reads_what_it_has(cell: str) -> None:
    """With every gradient and with that of one parameter, on which some outputs' cotangents have no bearing."""
    model = derive.load(cell)
    for wrt in (None, [v.name for v in model.normal.parameters][:1]):
        ((_, text),) = model.code("jax", wrt=wrt).items()
        nodes = list(ast.walk(ast.parse(text)))
        known = set(dir(builtins))
        known |= {(a.asname or a.name) for n in nodes if isinstance(n, (ast.Import, ast.ImportFrom)) for a in n.names}
        known |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        known |= {n.name for n in nodes if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
        known |= {n.arg for n in nodes if isinstance(n, ast.arg)}
        read = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        assert read <= known, "every name that is read is known"


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
