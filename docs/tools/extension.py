"""What Sphinx needs of this project: pages from their sources of truth, cells in colours, formulas as MathML."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from docutils import nodes
from pygments.lexer import RegexLexer, bygroups, words
from pygments.token import Comment, Keyword, Name, Number, Operator, String, Text
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

from derive.documents.mathml import math_element
from derive.errors import UnsupportedError
from derive.language.words import CLAUSES, FUNCTION_NAMES, STATEMENTS
from docs.tools import command_line, errata, error_codes, functions, gallery

FOLDER = "generated"  # below docs/, ignored by git, written anew by every build
OUTSIDE = re.compile(r"\[[^\]]*\]\(\.\./([\w/.-]+\.md)\)")
ROOT = Path(__file__).resolve().parents[2]


class CellLexer(RegexLexer):
    """The cell language."""

    name = "cell"
    aliases = ("cell", "wrong", "right")
    tokens = {  # noqa: RUF012 - the name and form that Pygments wants
        "root": [
            (r"#.*?$", Comment.Single),
            (r'"[^"\n]*"', String),
            (rf"^(\s*)({'|'.join(STATEMENTS)})\b", bygroups(Text, Keyword)),
            (words(CLAUSES, prefix=r"\b", suffix=r"\b"), Keyword),
            (words(sorted(FUNCTION_NAMES), prefix=r"\b", suffix=r"(?=\()"), Name.Builtin),
            (r"\d+(?:\.\d+)?(?:e-?\d+)?", Number),
            (r"[-+*/@=<>]+|\.T\b", Operator),
            (r"\w+", Name),
            (r".|\n", Text),
        ]
    }


def formula(node: nodes.Element, block: bool = False) -> str:
    """MathML; what our reader of TeX does not know is a warning, which a build takes for an error."""
    try:
        return math_element(node.astext(), block)
    except UnsupportedError as error:
        logging.getLogger(__name__).warning("%s", error, location=node)
        return ""


def inline_math(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(formula(node))
    raise nodes.SkipNode


def display_math(self: HTML5Translator, node: nodes.math_block) -> None:
    self.body.append(f'<div class="math-display">{formula(node, block=True)}</div>\n')
    raise nodes.SkipNode


def departed(self: HTML5Translator, node: nodes.Element) -> None:
    """Nothing is left to do: the visit skips the node."""


def write_pages(app: Sphinx) -> None:
    """The pages that are made from something else."""
    folder = Path(app.srcdir) / FOLDER
    pages = {
        **command_line.pages(),
        **error_codes.pages(),
        **functions.pages(),
        **gallery.pages(),
        **errata.pages(),
    }
    for old in [p for p in folder.rglob("*") if p.is_file() and str(p.relative_to(folder)) not in pages]:
        old.unlink()
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text("utf-8") != text:  # an unchanged page is not built again
            path.write_text(text, "utf-8")


def name_files(app: Sphinx, docname: str, source: list[str]) -> None:
    """Pages of the repository that are none of the site are named where a page links to them."""
    if "/" not in docname:
        source[0] = OUTSIDE.sub(r"`\1`", source[0])


def copy_documents(app: Sphinx, error: Exception | None) -> None:
    """The derivations, as `derive run` wrote them, beside the gallery."""
    if error is None and app.builder.format == "html":
        for source, target in gallery.documents(ROOT / "generated"):
            path = Path(app.outdir) / FOLDER / target
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, path)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_lexer("cell", CellLexer)
    app.add_html_math_renderer("mathml", (inline_math, departed), (display_math, departed))
    app.connect("builder-inited", write_pages)
    app.connect("source-read", name_files)
    app.connect("build-finished", copy_documents)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
