"""What the page is made of: known archives, Python files only, the same bytes for the same files, clear refusals."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from base64 import b64encode
from hashlib import sha512
from pathlib import Path

import pytest

from derive.errors import InputError, ToolError
from derive.language import names, text
from derive.page import vendor
from derive.page.build import TEXTS, modules, packed, start
from derive.render import render
from tests.tools import unknown_names


def archive(folder: Path, files: dict[str, bytes]) -> vendor.Archive:
    """An archive as `npm pack` makes them."""
    made = vendor.Archive("@some/thing", "1.2.3", "", ("MIT", ""))
    with tarfile.open(folder / made.file, "w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    found = b64encode(sha512((folder / made.file).read_bytes()).digest()).decode()
    return vendor.Archive(made.name, made.version, found, made.licence)


def test_an_archive_is_read_where_its_hash_is_known(tmp_path: Path) -> None:
    files = {"a.js": b"1", "b/c.wasm": b"\0asm"}
    made = archive(tmp_path, files)
    assert made.file == "some-thing-1.2.3.tgz"
    assert vendor.fetched(made, tmp_path) == files
    with open(tmp_path / made.file, "ab") as stream:
        stream.write(b"more")
    with pytest.raises(InputError, match=r"the archive whose sha512 is .*; fetch it again"):
        vendor.fetched(made, tmp_path)


def test_an_archive_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a folder with pyodide-[\d.]+\.tgz"):
        vendor.fetched(vendor.PYODIDE, tmp_path)


def test_tools_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ToolError, match=r"no npm was found.*or name a folder that has pyodide"):
        vendor.fetched(vendor.PYODIDE)
    with pytest.raises(ToolError, match=r"no Node\.js was found.*install Node\.js"):
        vendor.node()


def test_npm_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "npm"
    program.write_text("#!/bin/sh\necho no such package >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda name: str(program))
    with pytest.raises(ToolError, match=r"npm did not fetch pyodide@.*:\nno such package"):
        vendor.fetched(vendor.PYODIDE)


def test_a_library_that_is_missing_is_named() -> None:
    with pytest.raises(ToolError, match="pip install no-such-library"):
        vendor.installed("no-such-library")


def test_python_has_all_that_the_page_reads() -> None:
    found = dict(modules())
    assert {"sympy/__init__.py", "mpmath/__init__.py", "lark/__init__.py", "jinja2/__init__.py"} <= set(found)
    assert {"derive/page/session.py", "derive/claims/text/latex.lark", "derive/language/codes.md"} <= set(found)
    assert {f"derive/cells/{name}.cell" for name in names()} <= set(found)
    assert {"derive/_templates/html/fragment.html.j2", "derive/_templates/TEMPLATES.toml"} <= set(found)
    assert not [name for name in found if name.startswith(("numpy", "..")) or "/tests/" in name]
    assert not [name for name in found if name.endswith((".so", ".pyc"))]


def test_an_archive_of_the_same_files_is_the_same() -> None:
    first, again = packed({"a": b"1", "b": b"2"}), packed({"b": b"2", "a": b"1"})
    assert first == again
    with zipfile.ZipFile(io.BytesIO(first)) as made:
        assert {name: made.read(name) for name in made.namelist()} == {"a": b"1", "b": b"2"}


def test_the_page_starts_with_the_catalogue() -> None:
    found = json.loads(json.dumps(start()))
    assert {c["name"]: c["text"] for c in found["cells"]} == {name: text(name) for name in names()}
    assert all(c["title"] != c["name"] for c in found["cells"])
    assert found["first"] in names()


def test_nothing_of_the_page_is_elsewhere() -> None:
    for name in TEXTS:
        made = render(f"page/{name}.j2", version="0")
        assert "://" not in made.replace("http://www.w3.org/2000/svg", "")
        assert " style=" not in made
        assert "innerHTML" not in made
    assert not unknown_names(render("page/compile.cjs.j2").split("`")[1])
