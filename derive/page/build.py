"""The page as a folder of files: texts from templates, Python as an archive of compiled modules, what it runs on."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from derive.errors import ToolError
from derive.files import is_ours, publish, write_bytes
from derive.language import names, text
from derive.page import vendor
from derive.render import render, templates

TEXTS = ("index.html", "page.css", "page.js", "worker.js", "icon.svg")
LIBRARY = "python_stdlib.zip"  # Python's own library, which Pyodide has as sources
PYODIDE = ("pyodide.js", "pyodide.asm.js", "pyodide.asm.wasm", LIBRARY)
FONT = "files/stix-two-math-latin-400-normal.woff2"
DATA = (".py", ".cell", ".lark", ".md", ".j2", ".toml")  # of this project
FIRST = "elman"  # the cell that is there at first
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same bytes on every day
SECONDS = 600.0

# Claims to begin with, about the first cell.
CLAIMS = (
    (
        "dL/dW as a textbook prints it",
        (
            r"\frac{\partial L}{\partial W}=\sum_{j=0}^{T-1}\sum_{b=0}^{j}(\hat{y}_j-y_j)\prod_{m=k+1}^{j}"
            r"W^{\top}\operatorname{diag}(1-\tanh^2(Wh_{m-1}+Ux_m))\otimes h_{k-1}"
        ),
    ),
    ("dL/dV without a transpose", r"\frac{\partial L}{\partial V} = \sum_t (\hat y_t - y_t) h_t"),
    ("dL/dV", r"\frac{\partial L}{\partial V} = \sum_t (\hat y_t - y_t) h_t^\top"),
    (
        "one step of the recursion",
        (
            r"\frac{\partial L}{\partial h_t} = V^\top (\hat y_t - y_t)"
            r" + W^\top \operatorname{diag}(1 - h_{t+1}^2) \frac{\partial L}{\partial h_{t+1}}"
        ),
    ),
)
Progress = Callable[[str], None]


def write_site(
    folder: Path, archives: Path | None = None, progress: Progress = lambda words: None, force: bool = False
) -> list[Path]:
    """Write the page's files below a folder.

    Args:
        archives: a folder with what `npm pack` fetches, for machines without network.
        progress: called with what is done next, in words.
        force: write over files that derive did not make; over a page of its own it writes without being told.

    Raises:
        ToolError: npm or Node.js is missing, or fails.
        InputError: an archive is missing or another one, or a file can not be written.
    """
    return publish(folder, site(archives, progress), force or is_ours(folder / "index.html"))


def site(archives: Path | None, progress: Progress) -> dict[str, bytes]:
    """Every file of the page, by its path."""
    vendor.node()
    progress(f"fetching {vendor.PYODIDE.name} {vendor.PYODIDE.version}")
    pyodide = vendor.fetched(vendor.PYODIDE, archives)
    progress(f"fetching {vendor.FONT.name} {vendor.FONT.version}")
    font = vendor.fetched(vendor.FONT, archives)
    progress("compiling Python")
    python = compiled({"python.zip": packed(dict(modules())), LIBRARY: pyodide[LIBRARY]}, pyodide)
    found = {name: render(f"page/{name}.j2", version=version("derive")).encode() for name in TEXTS}
    found |= {f"pyodide/{name}": pyodide[name] for name in PYODIDE}
    found["pyodide/pyodide-lock.json"] = _nothing_more(pyodide["pyodide-lock.json"])
    found["python.zip"], found[f"pyodide/{LIBRARY}"] = python["python.zip"], python[LIBRARY]
    found["math.woff2"] = font[FONT]
    found["start.json"] = json.dumps(start(), ensure_ascii=False, indent=1).encode()
    found["notices.txt"] = vendor.notices(pyodide, font).encode()
    return found


def start() -> dict[str, object]:
    """What the page shows before Python runs: the catalogue, and claims to try."""
    cells = [{"name": name, "title": _title(text(name)) or name, "text": text(name)} for name in names()]
    return {"first": FIRST, "cells": cells, "claims": [{"title": title, "tex": tex} for title, tex in CLAIMS]}


def _title(cell: str) -> str:
    found = re.search(r'^cell\s+\S+\s+"([^"]*)"', cell, re.MULTILINE)
    return found[1] if found else ""


def _nothing_more(lock: bytes) -> bytes:
    """Pyodide's list of packages without packages: there is nothing that it could fetch."""
    return json.dumps({**json.loads(lock), "packages": {}}).encode()


def modules() -> Iterator[tuple[str, bytes]]:
    """Every file of Python's that the page imports or reads, by its path on Python's path."""
    yield from vendor.libraries()
    yield from _walk(files("derive"), "derive")
    yield from _walk(templates(), "derive/_templates")


def _walk(place: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    for entry in place.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{path}/{entry.name}")
        elif entry.name.endswith(DATA):
            yield f"{path}/{entry.name}", entry.read_bytes()


def packed(contents: Mapping[str, bytes]) -> bytes:
    """Files as one archive, the same bytes for the same files."""
    out = BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as archive:
        for name in sorted(contents):
            entry = ZipInfo(name, EPOCH)
            entry.compress_type = ZIP_DEFLATED
            archive.writestr(entry, contents[name])
    return out.getvalue()


def compiled(archives: Mapping[str, bytes], pyodide: Mapping[str, bytes]) -> dict[str, bytes]:
    """Archives whose modules are compiled by the Python that will run them: the page starts in a third of the time.

    Raises:
        ToolError: Node.js is missing, or fails.
    """
    with TemporaryDirectory(prefix="derive-") as place:
        folder = Path(place)
        for name in (*PYODIDE, "pyodide-lock.json", "package.json"):
            write_bytes(folder / "pyodide" / name, pyodide[name])
        write_bytes(folder / "compile.cjs", render("page/compile.cjs.j2").encode())
        for name, data in archives.items():
            write_bytes(folder / "sources" / name, data)
        _node(folder, "compile.cjs", *archives)
        return {name: (folder / name).read_bytes() for name in archives}


def _node(folder: Path, *arguments: str) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - an argument list: no shell
            [vendor.node(), *arguments], cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"Node.js did not compile Python's modules within {SECONDS:g} seconds") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise ToolError(f"Node.js did not compile Python's modules:\n{said}")
