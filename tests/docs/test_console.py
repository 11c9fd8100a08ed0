"""The tutorial and the guides: what they print is what their commands print, in an empty folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.console import Command, File, actions, run, same, write

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = [DOCS / "tutorial.md", *sorted((DOCS / "howto").glob("*.md")), *sorted((DOCS / "explanation").glob("*.md"))]
LONG = ("derive run ", "derive test ", "derive check-proof ")  # half a minute, and what needs them


def follow(page: Path, folder: Path, long: bool) -> int:
    """Do what a page says; how many commands were run?"""
    done = 0
    for action in actions(page.read_text("utf-8")):
        if isinstance(action, File):
            write(action, folder)
        elif long or not action.line.startswith(LONG):
            assert same(run(action.line, folder)) == same(action.printed), action.line
            done += 1
    return done


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_the_commands_print_what_the_page_says(page: Path, tmp_path: Path) -> None:
    follow(page, tmp_path, long=False)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_so_do_those_that_take_long(page: Path, tmp_path: Path) -> None:
    follow(page, tmp_path, long=True)


def test_the_tutorial_has_its_steps() -> None:
    lines = [a.line for a in actions((DOCS / "tutorial.md").read_text("utf-8")) if isinstance(a, Command)]
    for verb in ("show", "run", "verify", "explain", "check-proof"):
        assert any(line.startswith(f"derive {verb} ") for line in lines), verb


def test_a_command_that_prints_something_else_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ echo two\none\n```\n", "utf-8")
    with pytest.raises(AssertionError, match="echo two"):
        follow(page, tmp_path, long=False)
