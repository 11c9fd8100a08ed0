"""The order in which a word is read along the time line, and words read backward in time.

A matrix A v uᵀ B is read uᵀ B | A v, so that both of its ends lie at the start of the time line and the
loss at its end; scalars follow.  What goes on at a cotangent has it last.
"""

from __future__ import annotations

from dataclasses import replace

from derive.algebra.nodes import T
from derive.proof.words.items import (
    CUT,
    Chain,
    Entry,
    Item,
    Matrix,
    NotInClass,
    Range,
    Run,
    Term,
    Time,
    map_times,
    transpose_chain,
)

BORDER = Matrix("|", False, None)
REVERSED = Matrix("~", False, None)  # the time line runs from the last step to the first
AT_T = "@"


def layout(x: Term, last: str) -> tuple[Chain, Entry | None]:
    """The items in order of reading, and the cotangent named `last` at which the word goes on.

    Raises:
        NotInClass: the cotangent is not at an end that can be read last.
    """
    w = x.word
    scalars = list(w.scalars)
    column, found = w.column, None
    atoms = w.atoms
    if last:
        column, found = _split_end(column, last)
        for i, chain in enumerate(scalars) if found is None else ():
            rest, found = _split_end(chain, last)
            if found is None:
                rest, found = _split_end(transpose_chain(chain), last)
            if found is not None:
                scalars = [*scalars[:i], *scalars[i + 1 :], rest or ()]
                break
        if found is None:
            found = next((a for a in atoms if a.name == last), None)
            atoms = tuple(a for a in atoms if a is not found)
        if found is None:
            raise NotInClass(f"the cotangent {last} stands where the word cannot go on")
    head: list[Item] = [*atoms, *(w.row or ())]
    if w.row is not None and column is not None:
        head.append(BORDER)
    main = [*(w.through or ()), *(column or ())]
    tail = [i for chain in scalars for i in (CUT, *chain)]
    inside_column = found is not None and column is not w.column
    return tuple([*head, *tail, *main] if inside_column else [*head, *main, *tail]), found


def _split_end(chain: Chain | None, name: str) -> tuple[Chain | None, Entry | None]:
    """The chain without the letter `name` of its last block, and that letter."""
    if chain is None:
        return None, None
    for i in range(len(chain) - 1, -1, -1):
        item = chain[i]
        if not isinstance(item, Entry):
            break
        if item.name == name:
            return chain[:i] + chain[i + 1 :], item
    return chain, None


def mirrored(x: Term) -> Term:
    """The same term in the time T − 1 − t: what went backward goes forward."""

    def flip(time: Time) -> Time:
        if time.anchor is None:
            return Time(T, -1 - time.offset)
        return Time(None, -1 - time.offset) if time.anchor == T else Time(time.anchor, -time.offset)

    flipped = map_times(x, flip)
    return replace(
        flipped,
        word=replace(
            flipped.word,
            through=_turn(flipped.word.through),
            column=_turn(flipped.word.column),
            row=_turn(flipped.word.row),
            scalars=tuple(_turn(c) or () for c in flipped.word.scalars),
        ),
        binders=tuple((i, high, low) for i, low, high in flipped.binders),
        ranges=tuple(Range(r.time, -r.high, -r.low, r.strict) for r in flipped.ranges),
    )


def _turn(chain: Chain | None) -> Chain | None:
    if chain is None:
        return None
    return tuple(
        i._replace(low=i.high, high=i.low, ascending=not i.ascending) if isinstance(i, Run) else i for i in chain
    )
