"""What the outputs have in common: blocks as data for a template, prose piece by piece."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from derive.algebra.names import Notation
from derive.documents.content import Block, Document, Equations, Figure, Items, Paragraph, Rule, Rules, Table
from derive.documents.figures import Graph
from derive.documents.latex import MatrixPrinter
from derive.documents.prose import name_tex, pieces
from derive.documents.typeset import Typeset, fits_beside, typeset
from derive.documents.words import sentence


@dataclass(frozen=True)
class Shown:
    """A block for a template: its kind, and what that kind needs, in the language of the output."""

    kind: str
    words: str = ""
    rows: tuple[Any, ...] = ()
    table: tuple[tuple[str, ...], ...] = ()
    graphs: tuple[Any, ...] = ()
    label: str = ""


class Writer(ABC):
    """Turns the blocks of one document into data.

    Args:
        prefix: before every label, so that a book may hold several documents.
    """

    def __init__(self, document: Document, notation: Notation, prefix: str):
        self.document, self.prefix = document, prefix
        self.printer = MatrixPrinter(notation)
        self.labels = {e.label for e in document.equations() if e.label}

    @abstractmethod
    def text(self, plain: str) -> str:
        """Free text, inert."""

    @abstractmethod
    def math(self, tex: str) -> str:
        """A formula in a line of text."""

    @abstractmethod
    def reference(self, label: str) -> str:
        """The number of an equation."""

    @abstractmethod
    def equation(self, x: Typeset, beside: str) -> Iterator[Any]:
        """The rows of an equation; `beside` is written already."""

    @abstractmethod
    def graph(self, graph: Graph) -> Any:
        """A graph for the template."""

    @abstractmethod
    def rule(self, rule: Rule) -> tuple[str, ...]:
        """A rule of differentiation: title, definition, consequences, note and mark."""

    def sections(self) -> list[tuple[str, list[Shown]]]:
        """Every section: its title and its blocks."""
        return [(self.prose(s.title), [x for b in s.blocks for x in self.blocks(b)]) for s in self.document.sections]

    def blocks(self, block: Block) -> Iterator[Shown]:
        match block:
            case Paragraph(words):
                yield Shown("paragraph", self.prose(words))
            case Equations():
                yield from self.equations(block)
            case Items(title, sentences):
                yield Shown("items", self.text(title), tuple(map(self.prose, sentences)))
            case Table(head, rows):
                yield Shown("table", rows=head, table=tuple(tuple(map(self.prose, r)) for r in rows))
            case Rules(rules):
                yield Shown("rules", rows=tuple(map(self.rule, rules)))
            case Figure(graphs, caption, label):
                drawn = tuple(map(self.graph, graphs))
                yield Shown("figure", self.prose(caption), graphs=drawn, label=self.label(label))
            case _:
                raise TypeError(f"no output for the block {type(block).__name__}")

    def equations(self, block: Equations) -> Iterator[Shown]:
        """The equations of a block; where there is no room beside them, each with its reason before it."""
        shown = typeset(block, self.printer)
        beside = [self.prose(x.beside) for x in shown]
        if not any(beside) or fits_beside(shown, beside):
            rows = (row for x, words in zip(shown, beside, strict=True) for row in self.equation(x, words))
            yield Shown("equations", self.prose(block.note), tuple(rows))
            return
        for x, words in zip(shown, beside, strict=True):
            yield Shown("equations", f"{sentence(words)}:", tuple(self.equation(replace(x, beside=""), "")))

    def label(self, name: str) -> str:
        return f"{self.prefix}:{name}"

    def prose(self, marked: str) -> str:
        """Prose with marks in the language of the output."""
        out = ""
        for piece in pieces(marked):
            if piece.kind == "math":
                out += self.math(piece.text)
            elif piece.kind == "name":
                out += self.math(name_tex(piece.text, self.printer.notation))
            elif piece.kind == "ref" and piece.text in self.labels:
                out += self.reference(self.label(piece.text))
            else:
                out += self.text(piece.text.removeprefix("n:"))
        return out
