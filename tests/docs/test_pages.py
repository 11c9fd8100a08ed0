"""The pages that are made from sources of truth name all there is, and examples in pages print what they say."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from derive.algebra.functions import FUNCTIONS
from derive.algebra.losses import LOSSES
from derive.cli.commands import cli
from derive.language import catalogue, names
from derive.language.codes import codes
from docs.tools import command_line, error_codes, functions, gallery

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = [p for p in sorted(DOCS.rglob("*.md")) if "generated" not in p.parts and "```pycon" in p.read_text("utf-8")]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_the_examples_print_what_the_page_says(page: Path) -> None:
    blocks = re.findall(r"^```pycon\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, page.name, str(page), 0)
    said: list[str] = []
    results = doctest.DocTestRunner().run(test, out=said.append)
    assert results.attempted >= 1
    assert not results.failed, "".join(said)


def test_the_example_of_the_language_runs() -> None:
    page = (DOCS / "language.md").read_text("utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_stream_of_the_page_of_kernels_runs() -> None:
    """With what the page takes for granted before it, and beside one run over all steps after it."""
    (code,) = re.findall(r"^```python\n(.*?)^```$", (DOCS / "kernels.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    before = """
import numpy as np, derive
I, H, O, rng = 2, 3, 4, np.random.default_rng(0)
kernel = derive.load("elman").compile("numpy")
params = {"U": rng.normal(size=(H, I)), "W": rng.normal(size=(H, H)), "V": rng.normal(size=(O, H))}
initial, samples = {"h": rng.normal(size=(1, H))}, rng.normal(size=(5, I))
"""
    after = """
whole = kernel.forward(params, {"x": samples[:, None]}, initial).outputs["yhat"]
assert np.abs(prediction - whole[-1]).max() < 1e-14, (prediction, whole[-1])
"""
    subprocess.run([sys.executable, "-c", before + code + after], check=True)


def test_there_are_pages_with_examples() -> None:
    assert len(PAGES) >= 4


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_the_command_line_has_every_verb_and_option(name: str) -> None:
    (text,) = command_line.pages().values()
    section = text.split(f"\n## derive {name}\n")[1].split("\n## ")[0]
    for option in (p for p in cli.commands[name].params if isinstance(p, click.Option)):
        assert any(f"`{sign}" in section or f", {sign}" in section for sign in option.opts), option.opts


def test_every_error_has_its_text_and_both_examples() -> None:
    (text,) = error_codes.pages().values()
    for code in codes().values():
        assert f"### {code.code}: {code.title}\n\n{code.text}\n" in text
        assert code.wrong in text
        assert code.right in text
        assert f"[{code.code}]: " in text


def test_every_function_and_loss_is_in_its_table() -> None:
    (text,) = functions.pages().values()
    for name in FUNCTIONS:
        assert f"| `{name}(" in text
    for name in LOSSES:
        assert f"| `{name}` |" in text


def test_every_cell_has_a_page_with_its_documents() -> None:
    pages = gallery.pages()
    linked = {target.split("/", 1)[1] for _, target in gallery.documents(gallery.COMMITTED)}
    for name in names():
        assert catalogue.text(name) in pages[f"gallery/{name}.md"]
        assert f"{name}/{name}.html" in linked
        assert "equalities checked" in pages[f"gallery/{name}.md"]
