"""A document as LaTeX: its blocks as data for the template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from derive.algebra.names import Notation
from derive.documents.content import (
    Block,
    Document,
    Equations,
    Figure,
    Items,
    Mark,
    Paragraph,
    Rules,
    Table,
)
from derive.documents.escape import escape_tex
from derive.documents.figures import Graph
from derive.documents.latex import MatrixPrinter
from derive.documents.prose import name_tex, pieces
from derive.documents.summary import summary
from derive.documents.typeset import Typeset, fits_beside, typeset
from derive.documents.words import sentence
from derive.render import render

MARKS: Mapping[Mark, str] = {Mark.PROVED: r"\deriveproved", Mark.EXACT: r"\deriveexact", Mark.UNCHECKED: r"\deriveopen"}


def latex_document(document: Document, notation: Notation, prefix: str, fragment: bool = False) -> str:
    r"""LaTeX for pdfLaTeX or LuaLaTeX, the same bytes on every run.

    Args:
        prefix: before every label, so that a book may hold several documents.
        fragment: for \input into a document of one's own.
    """
    writer = _Writer(document, notation, prefix)
    sections = [(writer.prose(s.title), [x for b in s.blocks for x in writer.blocks(b)]) for s in document.sections]
    template = "latex/fragment.tex.j2" if fragment else "latex/paper.tex.j2"
    return render(template, title=escape_tex(document.title), summary=writer.summary(), sections=sections)


@dataclass(frozen=True)
class TexBlock:
    """A block for the template: its kind, and what that kind needs."""

    kind: str
    words: str = ""
    rows: tuple[str, ...] = ()
    table: tuple[tuple[str, ...], ...] = ()
    graphs: tuple[Graph, ...] = ()
    label: str = ""


class _Writer:
    def __init__(self, document: Document, notation: Notation, prefix: str):
        self.document, self.prefix = document, prefix
        self.printer = MatrixPrinter(notation)
        self.labels = {e.label for e in document.equations() if e.label}

    def summary(self) -> str:
        return self.prose(summary(self.document))

    def blocks(self, block: Block) -> Iterator[TexBlock]:
        match block:
            case Paragraph(words):
                yield TexBlock("paragraph", self.prose(words))
            case Equations():
                yield from self.equations(block)
            case Items(title, sentences):
                yield TexBlock("items", escape_tex(title), tuple(map(self.prose, sentences)))
            case Table(head, rows):
                yield TexBlock("table", rows=head, table=tuple(tuple(map(self.prose, r)) for r in rows))
            case Rules(rules):
                yield TexBlock("rules", table=tuple(self.rule(*r) for r in rules))
            case Figure(graphs, caption, label):
                yield TexBlock("figure", self.prose(caption), graphs=graphs, label=self.label(label))
            case _:
                raise TypeError(f"no LaTeX for the block {type(block).__name__}")

    def rule(self, title: str, definition: str, consequences: tuple[str, ...], note: str) -> tuple[str, str, str, str]:
        joined = "$ and $\\displaystyle ".join(consequences)
        return escape_tex(title), definition, joined, self.prose(note)

    def equations(self, block: Equations) -> Iterator[TexBlock]:
        shown = typeset(block, self.printer)
        beside = [self.prose(x.beside) for x in shown]
        if not any(beside) or fits_beside(shown, beside):
            made = [replace(x, beside=words) for x, words in zip(shown, beside, strict=True)]
            yield TexBlock("equations", self.prose(block.note), tuple(row for x in made for row in self.rows(x)))
            return
        for x, words in zip(shown, beside, strict=True):
            yield TexBlock("equations", f"{sentence(words)}:", tuple(self.rows(replace(x, beside=""))))

    def rows(self, x: Typeset) -> list[str]:
        """The rows of an align, numbered at the last one."""
        rows = [f"{left} &{right}" for left, right in x.cells]
        beside = rf" && \text{{{x.beside}}}" if x.beside else ""
        label = rf"\label{{{self.label(x.label)}}}" if x.label else ""
        return [*(rf"{row} \notag" for row in rows[:-1]), f"{rows[-1]}{beside}{label}{MARKS.get(x.mark, '')}"]

    def label(self, name: str) -> str:
        return f"{self.prefix}:{name}"

    def prose(self, text: str) -> str:
        out = ""
        for piece in pieces(text):
            if piece.kind == "math":
                out += f"${piece.text}$"
            elif piece.kind == "name":
                out += f"${name_tex(piece.text, self.printer.notation)}$"
            elif piece.kind == "ref" and piece.text in self.labels:
                out += rf"\eqref{{{self.label(piece.text)}}}"
            else:
                out += escape_tex(piece.text.removeprefix("n:"))
        return out
