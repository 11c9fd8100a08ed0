"""The generated text: it stands alone, reads well, and its syntax comes from the templates."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import derive.render
from derive.kernels.targets.numpy.target import RESERVED
from tests.cells import CATALOGUE, FEATURES, model

EVERY = (*CATALOGUE, *FEATURES)


def source(name: str) -> str:
    return model(name).code()[f"{name}.py"]


@pytest.mark.parametrize("name", EVERY)
def test_it_imports_numpy_only(name: str) -> None:
    tree = ast.parse(source(name))
    imports = [n for n in ast.walk(tree) if isinstance(n, (ast.Import, ast.ImportFrom))]
    modules = {a.name for n in imports if isinstance(n, ast.Import) for a in n.names}
    assert modules <= {"numpy", "math"}
    assert not [n for n in imports if isinstance(n, ast.ImportFrom)]


@pytest.mark.parametrize("name", EVERY)
def test_no_line_is_left_ragged(name: str) -> None:
    text = source(name)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert "\t" not in text
    assert all(line == line.rstrip() for line in text.splitlines())
    assert "\n\n\n\n" not in text


def test_each_block_stands_under_its_equation() -> None:
    lines = [line.strip() for line in source("elman").splitlines()]
    at = lines.index("# dW = sum_tb(dz_h[t] @ h[t-1].T)")
    assert lines[at + 1].startswith("np.matmul(dz_h.reshape")


def test_names_of_the_user_give_way_to_the_target() -> None:
    """Inputs called np, range and out, a parameter called dW: all are legal in a cell."""
    text = source("everything")
    tree = ast.parse(text)
    stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    assert not stored & (RESERVED - {"out", "DTYPE"})
    assert "np_" in stored
    assert 'inputs["np"]' in text


def test_the_file_runs_alone(tmp_path: Path) -> None:
    """In another process, from another folder, without this package."""
    (tmp_path / "elman.py").write_text(source("elman"))
    program = (
        "import numpy as np, elman, sys\n"
        "assert 'derive' not in sys.modules\n"
        "r = np.random.default_rng(0)\n"
        "p = {'U': r.normal(size=(4, 3)), 'W': r.normal(size=(4, 4)), 'V': r.normal(size=(2, 4))}\n"
        "i = {'x': r.normal(size=(5, 2, 3)), 'y': np.full((5, 2, 2), 0.5)}\n"
        "out = elman.value_and_grad(p, i, {'h': r.normal(size=(2, 4))})\n"
        "print(out['grads']['W'].shape, bool(np.isfinite(out['loss'])))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False, env=_bare()
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "(4, 4) True\n"


def _bare() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}


def test_bad_arrays_are_refused_without_the_package(tmp_path: Path) -> None:
    (tmp_path / "char_rnn.py").write_text(source("char_rnn"))
    program = (
        "import numpy as np, char_rnn as k\n"
        "z = lambda *s: np.zeros(s)\n"
        "import re; names = re.findall(r'params\\[\"(\\w+)\"\\]: \\(([^)]*)\\)', k.__doc__)\n"
        "size = {'H': 4, 'I': 3, 'O': 3, 'K': 3}\n"
        "p = {n: z(*[size[d] for d in s.replace(' ', '').split(',') if d]) for n, s in names}\n"
        "x = np.zeros((5, 2), int); x[0, 0] = 7\n"
        "try: k.forward(p, {'x': x, 'y': np.zeros((5, 2), int)}, {'h': z(2, 4)})\n"
        "except ValueError as e: print(e)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "classes" in done.stdout, done.stdout + done.stderr


def test_changing_a_template_changes_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    before = source("elman")
    environment = derive.render.environment()
    loader = environment.loader
    assert loader is not None

    def load(name: str) -> str:
        text = loader.get_source(environment, name)[0]
        return text.replace("for t in range(T):", "for t in range(0, T):")

    from jinja2 import FunctionLoader

    other = environment.overlay(loader=FunctionLoader(load), cache_size=0)
    monkeypatch.setattr(derive.render, "environment", lambda: other)
    after = source("elman")
    assert "for t in range(0, T):" in after
    assert after.replace("range(0, T)", "range(T)") == before


def test_helpers_are_only_those_needed() -> None:
    text = source("elman")
    assert "def _softmax_with_loss(" in text
    assert "def _sigmoid(" not in text


@pytest.mark.slow
@pytest.mark.parametrize("setting", [{"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2", "LC_ALL": "C"}])
def test_same_bytes_everywhere(setting: dict[str, str], tmp_path: Path) -> None:
    """Not a word of the text depends on hash seed, locale or folder."""
    program = (
        "import derive, sys\n"
        "for n in ('lstm', 'char_rnn', 'bidirectional'):\n"
        "    m = derive.load(n)\n"
        "    sys.stdout.buffer.write((m.code()[n + '.py'] + m.latex()).encode())\n"
    )
    environment = {**os.environ, **setting, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, env=environment)
    here = "".join(source(n) + model(n).latex() for n in ("lstm", "char_rnn", "bidirectional"))
    assert done.stdout.decode() == here
