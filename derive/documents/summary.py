"""What a document says of its own equations."""

from __future__ import annotations

from collections.abc import Mapping

from derive.documents.content import Document, Mark

LEGEND: Mapping[Mark, str] = {
    Mark.PROVED: "proved for every $T$ and every size",
    Mark.EXACT: "both sides evaluated at two sets of sizes, exactly in a finite field: "
    "a false equation passes with a probability below $2^{-100}$",
    Mark.UNCHECKED: "could not be evaluated",
    Mark.DEFINITION: "a definition",
}


def legend(document: Document) -> list[tuple[Mark, str]]:
    """The marks that the document has, and what they say."""
    counts = document.counts()
    return [(mark, words) for mark, words in LEGEND.items() if counts[mark]]


def summary(document: Document) -> str:
    """How many signs of equality were checked, and how; "" where none was."""
    counts = document.counts()
    proved, exact, open_ = (counts[m] for m in (Mark.PROVED, Mark.EXACT, Mark.UNCHECKED))
    whole = proved + exact + open_
    if not whole:
        return ""
    words = f"{proved + exact} of {whole} equalities checked, {proved} proved for all $T$ and all sizes."
    if open_:
        words += f" {open_} could not be evaluated."
    return words
