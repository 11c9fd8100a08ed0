"""Templates are found and strict; files are written whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import TemplateNotFound, UndefinedError

from derive import render as module
from derive.files import write_text
from derive.render import MARKER, render, templates


def test_templates_of_a_checkout_lie_beside_the_package() -> None:
    assert templates().joinpath(MARKER).is_file()
    assert templates().joinpath("latex").joinpath("paper.tex.j2").is_file()


def test_an_installed_package_has_them_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "_templates").mkdir()
    (tmp_path / "_templates" / "a.j2").write_text("{{ x }}\n", encoding="utf-8")
    monkeypatch.setattr(module, "files", lambda _: tmp_path)
    templates.cache_clear()
    try:
        assert templates() == tmp_path / "_templates"
        assert module.template_text("a.j2") == "{{ x }}\n"
        (tmp_path / "_templates" / "a.j2").unlink()
        (tmp_path / "_templates").rmdir()
        templates.cache_clear()
        with pytest.raises(FileNotFoundError, match="reinstall"):
            templates()
    finally:
        templates.cache_clear()


def test_what_is_undefined_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("latex/paper.tex.j2")


@pytest.mark.parametrize("name", ["nowhere.j2", "../pyproject.toml", "latex/../TEMPLATES.toml"])
def test_only_templates_are_read(name: str) -> None:
    with pytest.raises(TemplateNotFound):
        render(name)


def test_a_file_is_written_with_unix_line_ends_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    write_text(path, "ŷ\nb\n")
    write_text(path, "ŷ\nc\n")
    assert path.read_bytes() == "ŷ\nc\n".encode()
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\ud800")
    assert path.read_text("utf-8") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
