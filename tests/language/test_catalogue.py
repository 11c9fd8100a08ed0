"""Every cell of the catalogue, and the test cells that cover every feature, read as they should."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

import derive.cells
import derive.language
from derive.errors import InputError
from derive.language import catalogue, read
from derive.program import ONCE, SEQUENCE, SHARED, references
from tests.language.cells_text import CELLS

EXPECTED = (
    "bidirectional char_rnn elman elman_bias gru gru_reset_after indrnn irnn jordan lstm lstm_peephole "
    "rnn_classifier rnn_regression stacked"
).split()


def test_the_catalogue_holds_what_is_promised() -> None:
    assert set(EXPECTED) <= set(catalogue.names())
    assert list(catalogue.names()) == sorted(catalogue.names())


@pytest.mark.parametrize("name", catalogue.names())
def test_a_catalogue_cell_has_its_name_a_title_a_source_and_no_warning(name: str) -> None:
    text = catalogue.text(name)
    cell = read(text, name)
    assert cell.program.name == name
    assert cell.program.title
    assert cell.warnings == ()
    assert text.startswith("# ") or "\n# " in text, "no source in a comment"
    assert cell.program.total == "L"


def test_an_unknown_cell_is_an_input_error() -> None:
    with pytest.raises(InputError, match="did you mean 'elman'") as caught:
        catalogue.text("elmann")
    assert (caught.value.name, caught.value.got) == ("cell", "'elmann'")
    with pytest.raises(InputError, match="derive list"):
        catalogue.text("../../etc/passwd")


def test_the_catalogue_works_from_a_zip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(derive.cells.__file__).parent
    with zipfile.ZipFile(tmp_path / "cells.zip", "w") as archive:
        for path in folder.iterdir():
            if path.is_file():
                archive.write(path, path.name)
    root = zipfile.Path(tmp_path / "cells.zip")
    monkeypatch.setattr(catalogue, "files", lambda _: root)
    catalogue.names.cache_clear()
    try:
        assert "elman" in catalogue.names()
        assert catalogue.text("elman").startswith("# ")
    finally:
        catalogue.names.cache_clear()


@pytest.mark.parametrize("name", CELLS)
def test_the_program_of_a_cell_is_well_formed(name: str) -> None:
    p = read(CELLS[name], name).program
    done: set[str] = set()
    for n, e in p.equations.items():
        v = p[n]
        assert v.role in ("state", "result", "total")
        assert v.shape == e.shape
        assert v.axes == (SHARED if v.role == "total" else SEQUENCE)
        assert p.axes(e) <= v.axes
        for r in references(e):
            w = p[r.name]
            within = getattr(r, "offset", None) == 0
            assert r.shape == w.shape
            assert not within or not w.timed or w.given or r.name in done, f"{r.name} is needed before it is there"
        done.add(n)
    assert {v.name for v in p.states} <= set(p.equations)
    for v in p.variables.values():
        assert v.shape == (v.shape[0].expand(), v.shape[1].expand())
        for boundary in v.initial:
            if boundary is not None:
                b = p[boundary]
                assert (b.role, b.of, b.axes, b.shape) == ("initial", v.name, ONCE, v.shape)
    assert set(p.outputs) <= set(p.variables)
    assert p.outputs


@pytest.mark.parametrize("name", CELLS)
def test_reading_is_repeatable_and_keeps_the_text(name: str) -> None:
    first, second = read(CELLS[name]), read(CELLS[name])
    assert first.program.equations == second.program.equations
    assert list(first.program.variables) == list(second.program.variables)
    text = CELLS[name].decode("utf-8-sig").replace("\r\n", "\n")
    assert first.source == text
    assert read(text).program.equations == first.program.equations


def test_the_public_names() -> None:
    assert derive.language.__all__ == ["Cell", "explain", "names", "read", "text"]
    with pytest.raises(AttributeError):
        read(CELLS["elman"]).source = ""  # type: ignore[misc]
