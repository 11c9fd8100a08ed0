"""A document as one HTML page with MathML and SVG: no script, nothing from a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape

from derive.algebra.names import Notation
from derive.documents.content import Document, Equations, Mark, Rule
from derive.documents.figures import Drawing, Graph, drawing
from derive.documents.mathml import math_element
from derive.documents.summary import legend, summary
from derive.documents.typeset import Typeset, typeset
from derive.documents.writer import Writer
from derive.render import render

MARKS: Mapping[Mark, tuple[str, str]] = {
    Mark.PROVED: ("●", "proved for every T and every size"),
    Mark.EXACT: ("✓", "both sides evaluated exactly"),
    Mark.UNCHECKED: ("?", "could not be evaluated"),
}
NO_MARK = "no mark"


def html_document(document: Document, notation: Notation, prefix: str, fragment: bool = False) -> str:
    """A page that stands alone, the same bytes on every run.

    Args:
        fragment: without head and title, for a page that has its own; its headings begin at the third level.
    """
    writer = HtmlWriter(document, notation, prefix)
    return render(
        "html/fragment.html.j2" if fragment else "html/paper.html.j2",
        title=escape(document.title),
        summary=writer.prose(summary(document)),
        marks=[(MARKS.get(mark, (NO_MARK, ""))[0], writer.prose(words)) for mark, words in legend(document)],
        sections=writer.sections(),
    )


@dataclass(frozen=True)
class Row:
    """One row of a display; the number, id and mark stand at the last row of an equation."""

    left: str
    right: str
    beside: str = ""
    id: str = ""
    number: str = ""
    mark: str = ""
    meaning: str = ""


class HtmlWriter(Writer):
    """HTML for the template's macros; equations are numbered here, in the order of the page."""

    def __init__(self, document: Document, notation: Notation, prefix: str):
        super().__init__(document, notation, prefix)
        self._count = 0

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """The number of each label: every display counts, as LaTeX counts them."""
        found: dict[str, int] = {}
        count = 0
        for section in self.document.sections:
            for block in section.blocks:
                for x in typeset(block, self.printer) if isinstance(block, Equations) else ():
                    count += 1
                    found[self.label(x.label)] = count
        return found

    def text(self, plain: str) -> str:
        return escape(plain)

    def math(self, tex: str) -> str:
        return math_element(tex)

    def reference(self, label: str) -> str:
        return f'<a href="#{escape(label)}">({self.numbers[label]})</a>'

    def graph(self, graph: Graph) -> Drawing:
        return drawing(graph)

    def rule(self, rule: Rule) -> tuple[str, ...]:
        joined = " and ".join(math_element(rf"\displaystyle {c}") for c in rule.consequences)
        sign, meaning = MARKS.get(rule.mark, ("", ""))
        shown = f'<span class="mark" title="{meaning}">{sign}</span>' if sign else ""
        return escape(rule.title), math_element(rule.definition), joined, self.prose(rule.note), shown

    def equation(self, x: Typeset, beside: str) -> Iterator[Row]:
        *others, (left, right) = x.cells
        for a, c in others:
            yield Row(_cell(a), _cell(c))
        self._count += 1
        sign, meaning = MARKS.get(x.mark, ("", ""))
        name = escape(self.label(x.label)) if x.label else ""
        yield Row(_cell(left), _cell(right), beside, name, str(self._count), sign, meaning)


def _cell(tex: str) -> str:
    return math_element(tex, block=True) if tex else ""
