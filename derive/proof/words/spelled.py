"""A term in one line, its reciprocal, and the times that it demands."""

from __future__ import annotations

from derive.proof.words.items import Chain, Cut, Entry, Item, Matrix, Range, Term, Terms, Time, Word, pure


def slots_of(w: Word) -> tuple[Chain | None, Chain | None, Chain | None]:
    return w.through, w.column, w.row


def text_of(x: Term) -> str:
    """One line that tells terms at constant times apart."""

    def item(i: Item) -> str:
        at = "" if i.time is None else f"[{i.time.offset}]"  # type: ignore[union-attr]
        if isinstance(i, Matrix):
            return f"{i.name}{at}{'.T' if i.transposed else ''}"
        if isinstance(i, Entry):
            kind = "scalar " if i.scalar else ""
            return f"{kind}{i.name}{at}" + (f"^{i.exponent}" if i.exponent != 1 else "")
        return i.name if isinstance(i, Cut) else "run"

    def chain(c: Chain) -> str:
        return "(" + " ".join(map(item, c)) + ")"

    w = x.word
    slots = [(kind, c) for kind, c in zip(("matrix", "column", "row"), slots_of(w), strict=True) if c is not None]
    shown = [f"{kind} {chain(c)}" for kind, c in slots] + [f"factor {chain(c)}" for c in w.scalars]
    shown += [f"factors {chain(w.atoms)}"] if w.atoms else []
    return f"{x.coefficient}*<{', '.join(shown)}>"  # ranges are demanded of the letter, strictly


def inverse(terms: Terms) -> Terms | None:
    """The entrywise reciprocal of a single product of letters; None for anything else."""
    if len(terms) != 1:
        return None
    (x,) = terms
    w = x.word
    chains = [c for c in (w.column, w.row) if c is not None]
    if x.binders or x.equal or w.through is not None or w.scalars or not all(map(pure, chains)):
        return None

    def negative(c: Chain | None) -> Chain | None:
        return None if c is None else tuple(e._replace(exponent=-e.exponent) for e in c)  # type: ignore[union-attr,call-arg]

    word = Word(None, negative(w.column), negative(w.row), (), negative(w.atoms) or ())  # type: ignore[arg-type]
    return [Term(1 / x.coefficient, word, ranges=tuple(r._replace(strict=True) for r in x.ranges))]


def must_be_inside(time: Time) -> Range:
    """The time of a value that is known only at the steps of the sequence."""
    return Range(time, 0, 0, strict=True)
