"""Notebooks, executed: `python -m tests.notebooks` writes the outputs of those in examples/ anew."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "examples"
NOTEBOOKS = tuple(sorted(p.stem for p in FOLDER.glob("*.ipynb")))
VARIES = "nbval-ignore-output"  # the tag of a cell whose output hangs on the machine
SECONDS = 300


def read(name: str) -> Any:
    import nbformat

    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def executed(name: str, folder: Path) -> Any:
    """The notebook with new outputs, run in a copy of it in an empty folder.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    notebook = read(name)
    shutil.copy(FOLDER / f"{name}.ipynb", folder)
    with settings(folder), tempfile.TemporaryDirectory() as short:  # a socket's path has at most some 100 characters
        kernel = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=f"{short}/kernel")
        place = {"metadata": {"path": str(folder)}}
        client = NotebookClient(notebook, kernel, timeout=SECONDS, resources=place, coalesce_streams=True)
        client.execute(cleanup_kc=True)
    return plain(notebook)


@contextmanager
def settings(folder: Path) -> Iterator[None]:
    """Jupyter's and IPython's files of this user are neither read nor written."""
    ours = {f"{name}_DIR": str(folder / ".jupyter") for name in ("JUPYTER_CONFIG", "JUPYTER_DATA", "JUPYTER_RUNTIME")}
    ours |= {
        "IPYTHONDIR": str(folder / ".ipython"),
        "JUPYTER_PLATFORM_DIRS": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def plain(notebook: Any) -> Any:
    """What is worth keeping: no times, and of an equation the LaTeX, which every viewer sets (many drop MathML)."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata = {"tags": cell.metadata["tags"]} if "tags" in cell.metadata else {}
        for output in cell.get("outputs", ()):
            output.get("metadata", {}).clear()
            if "text/latex" in output.get("data", {}):
                output["data"].pop("text/html", None)
    return notebook


def main() -> None:
    import nbformat

    for name in NOTEBOOKS:
        with tempfile.TemporaryDirectory() as folder:
            text = nbformat.writes(executed(name, Path(folder)), indent=1)
        (FOLDER / f"{name}.ipynb").write_text(f"{text}\n", "utf-8")


if __name__ == "__main__":
    main()
