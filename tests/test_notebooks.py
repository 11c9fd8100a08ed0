"""The notebooks of examples/ run from the first cell to the last, show what is committed, and stay small."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.notebooks import FOLDER, NOTEBOOKS, VARIES, executed, read

LARGEST = 150_000  # bytes
MACHINE = re.compile(r"/(?:work|root|home|tmp|Users|usr)/|0x[0-9a-f]{6,}")
COMPARED = ("text/plain", "text/latex", "text/html")

pytestmark = pytest.mark.notebook


def shown(cell: Any) -> list[dict[str, Any]]:
    """The outputs of a cell as text; pictures are compared by there being one."""
    outputs = []
    for output in cell.get("outputs", ()):
        if output.output_type == "stream":
            outputs.append({output.name: output.text})
            continue
        picture = "image/png" in output.data
        compared = {} if picture else {kind: output.data[kind] for kind in COMPARED if kind in output.data}
        outputs.append({**compared, "picture": picture})
    return outputs


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_runs_and_shows_what_is_committed(name: str, tmp_path: Path) -> None:
    for committed, fresh in zip(read(name).cells, executed(name, tmp_path).cells, strict=True):
        if VARIES not in committed.metadata.get("tags", ()):
            assert shown(committed) == shown(fresh), f"stale: python -m tests.notebooks\n{committed.source}"
        assert len(committed.get("outputs", ())) == len(fresh.get("outputs", ()))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_is_small_and_of_no_machine(name: str) -> None:
    path = FOLDER / f"{name}.ipynb"
    assert path.stat().st_size < LARGEST
    notebook = read(name)
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags"}
        assert not MACHINE.search(str(shown(cell)))
        if cell.cell_type == "code":
            assert all(o.output_type != "error" and o.get("name") != "stderr" for o in cell.outputs)
    counts = [c.execution_count for c in notebook.cells if c.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


def test_the_three_are_there() -> None:
    assert {"textbook", "homework", "own_cell"} <= set(NOTEBOOKS)


def test_a_stale_output_is_seen() -> None:
    notebook = read("textbook")
    cell = next(c for c in notebook.cells if c.get("outputs"))
    before = shown(cell)
    data = cell.outputs[0].data
    data["text/latex"] = data["text/latex"].replace("tanh", "sin")
    assert shown(cell) != before
