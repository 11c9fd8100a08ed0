"""What a document is made of, whatever it is printed as.

Prose is plain text with marks: `h[t-1]` and `∂⁺h[k]/∂W` in backquotes are mathematics, @h is the
number of the equation that defines h, @{label} that of any equation, $…$ is TeX.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeAlias

from sympy import MatrixExpr

from derive.documents.claims import Claim
from derive.documents.figures import Graph


class Mark(Enum):
    """What is known of an equation."""

    NONE = ""
    DEFINITION = "definition"
    PROVED = "proved"  # for every T and every size
    EXACT = "exact"  # on both sides, at some T and sizes, with a known error
    UNCHECKED = "unchecked"  # too large, or outside what can be evaluated
    WRONG = "wrong"


@dataclass(frozen=True)
class Equation:
    """left = right (= …), one number; `beside` stands at its right where there is room.

    `meaning` is the right side in the model's own quantities, where what is shown has letters of its own.
    """

    left: MatrixExpr
    rights: tuple[MatrixExpr, ...]
    label: str = ""
    beside: str = ""
    defines: bool = False
    meaning: MatrixExpr | None = None
    marks: tuple[Mark, ...] = ()  # one for each =

    @property
    def mark(self) -> Mark:
        """That of the weakest =."""
        return max(self.marks, key=list(Mark).index, default=Mark.NONE)


@dataclass(frozen=True)
class Paragraph:
    words: str


@dataclass(frozen=True)
class Equations:
    """Equations below one another, their signs of equality aligned; `note` says why, unless each does beside it."""

    items: tuple[Equation, ...]
    note: str = ""


@dataclass(frozen=True)
class Items:
    """A list of sentences under a word in bold."""

    title: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Rows of prose under headings."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Rule:
    """A node's definition and what it passes back: y = f(a) gives dL/da = …, the mathematics in TeX.

    `claim` says the same in equations that can be checked, one for each consequence.
    """

    title: str
    definition: str
    consequences: tuple[str, ...]
    note: str
    claim: Claim
    mark: Mark = Mark.NONE


@dataclass(frozen=True)
class Rules:
    """Rules of differentiation, one below the other."""

    rows: tuple[Rule, ...]


@dataclass(frozen=True)
class Figure:
    """Graphs beside one another over a caption."""

    graphs: tuple[Graph, ...]
    caption: str
    label: str


Block: TypeAlias = Paragraph | Equations | Items | Table | Rules | Figure


@dataclass(frozen=True)
class Section:
    title: str
    blocks: tuple[Block, ...]

    def equations(self) -> Iterator[Equation]:
        for block in self.blocks:
            if isinstance(block, Equations):
                yield from block.items


@dataclass(frozen=True)
class Document:
    """A title and sections."""

    title: str
    sections: tuple[Section, ...]

    def equations(self) -> Iterator[Equation]:
        for section in self.sections:
            yield from section.equations()

    def rules(self) -> Iterator[Rule]:
        for section in self.sections:
            for block in section.blocks:
                if isinstance(block, Rules):
                    yield from block.rows

    def marked(self, judge: Callable[[Equation], tuple[Mark, ...]], judge_rule: Callable[[Rule], Mark]) -> Document:
        """The document with a mark for each =."""

        def visit(block: Block) -> Block:
            if isinstance(block, Rules):
                return Rules(tuple(replace(r, mark=judge_rule(r)) for r in block.rows))
            if not isinstance(block, Equations):
                return block
            return replace(block, items=tuple(replace(e, marks=judge(e)) for e in block.items))

        made = (replace(s, blocks=tuple(map(visit, s.blocks))) for s in self.sections)
        return replace(self, sections=tuple(made))

    def counts(self) -> dict[Mark, int]:
        """How many = have each mark."""
        found = dict.fromkeys(Mark, 0)
        for e in self.equations():
            for mark in e.marks:
                found[mark] += 1
        for rule in self.rules():
            found[rule.mark] += len(rule.consequences)
        return found
