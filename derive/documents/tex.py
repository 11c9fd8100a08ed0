"""A document as LaTeX."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from derive.algebra.names import Notation
from derive.documents.content import Document, Mark, Rule
from derive.documents.escape import escape_tex
from derive.documents.figures import Graph
from derive.documents.summary import legend, summary
from derive.documents.typeset import Typeset
from derive.documents.writer import Writer
from derive.render import render

SIGNS: Mapping[Mark, str] = {Mark.PROVED: r"$\bullet$", Mark.EXACT: r"$\checkmark$", Mark.UNCHECKED: "?"}
BARE, STRUTTED = r"{\prod}}\limits", r"{\prod}\rule{0pt}{3.3ex}}\limits"  # keeps the upper bound off the arrow
MARKS: Mapping[Mark, str] = {Mark.PROVED: r"\deriveproved", Mark.EXACT: r"\deriveexact", Mark.UNCHECKED: r"\deriveopen"}


def latex_document(document: Document, notation: Notation, prefix: str, fragment: bool = False) -> str:
    r"""LaTeX for pdfLaTeX or LuaLaTeX, the same bytes on every run.

    Args:
        prefix: before every label, so that a book may hold several documents.
        fragment: for \input into a document of one's own.
    """
    writer = TexWriter(document, notation, prefix)
    return render(
        "latex/fragment.tex.j2" if fragment else "latex/paper.tex.j2",
        title=escape_tex(document.title),
        summary=writer.prose(summary(document)),
        marks=[(SIGNS.get(mark, "no mark"), writer.prose(words)) for mark, words in legend(document)],
        sections=writer.sections(),
    )


class TexWriter(Writer):
    """LaTeX for the template's macros."""

    def text(self, plain: str) -> str:
        return escape_tex(plain)

    def math(self, tex: str) -> str:
        return f"${tex}$"

    def reference(self, label: str) -> str:
        return rf"\eqref{{{label}}}"

    def graph(self, graph: Graph) -> Graph:
        return graph

    def rule(self, rule: Rule) -> tuple[str, ...]:
        joined = "$ and $\\displaystyle ".join(rule.consequences)
        mark = MARKS.get(rule.mark, "")
        shown = rf"\hfill\null{mark}\derivemarkhere{{}}" if mark else ""
        return escape_tex(rule.title), rule.definition, joined, self.prose(rule.note), shown

    def equation(self, x: Typeset, beside: str) -> Iterator[str]:
        """The rows of an align, numbered at the last one."""
        *others, last = (f"{left} &{right}".replace(BARE, STRUTTED) for left, right in x.cells)
        yield from (rf"{row} \notag" for row in others)
        aside = rf" && \text{{{beside}}}" if beside else ""
        label = rf"\label{{{self.label(x.label)}}}" if x.label else ""
        yield f"{last}{aside}{label}{MARKS.get(x.mark, '')}"
