"""What a document says of its own equations."""

from __future__ import annotations

from derive.documents.content import Document, Mark


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
