"""The tutorial and the guides: what they print is what their commands print, in an empty folder."""

from __future__ import annotations

import io
import shlex
import sys
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path

import pytest

from derive.cli import main
from tests.docs.console import Command, File, actions, run, same, write

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = [p for p in sorted(DOCS.rglob("*.md")) if any(isinstance(a, Command) for a in actions(p.read_text("utf-8")))]
LONG = ("derive run ", "derive test ", "derive check-proof ")  # half a minute, and what needs them


def follow(page: Path, folder: Path, long: bool) -> None:
    """Do what a page says; what is short is done in this process, which has loaded everything."""
    for action in actions(page.read_text("utf-8")):
        if isinstance(action, File):
            write(action, folder)
        elif long or not action.line.startswith(LONG):
            alone = long or not action.line.startswith("derive ") or set(action.line) & set("|;")
            printed = run(action.line, folder) if alone else called(action.line, folder)
            assert same(printed) == same(action.printed), action.line


def called(line: str, folder: Path) -> str:
    """What a command of `derive` prints, errors too."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed), redirect_stderr(printed):
        patch.chdir(folder)
        patch.setattr(sys, "argv", shlex.split(line))
        with suppress(SystemExit):
            main()
    return printed.getvalue()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_the_commands_print_what_the_page_says(page: Path, tmp_path: Path) -> None:
    follow(page, tmp_path, long=False)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_so_do_those_that_take_long(page: Path, tmp_path: Path) -> None:
    follow(page, tmp_path, long=True)


def test_there_are_pages_with_commands() -> None:
    assert {"tutorial", "own-cell", "check-an-equation", "lint-in-ci", "train", "calculus"} <= {p.stem for p in PAGES}


def test_the_tutorial_has_its_steps() -> None:
    lines = [a.line for a in actions((DOCS / "tutorial.md").read_text("utf-8")) if isinstance(a, Command)]
    for verb in ("show", "run", "verify", "explain", "check-proof"):
        assert any(line.startswith(f"derive {verb} ") for line in lines), verb


def test_a_command_that_prints_something_else_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ echo two\none\n```\n", "utf-8")
    with pytest.raises(AssertionError, match="echo two"):
        follow(page, tmp_path, long=False)
