"""The order in which a word is read along the time line, and words read backward in time.

A matrix A v uᵀ B is read uᵀ B | A v, so that both of its ends lie at the start of the time line and the
loss at its end; scalars follow.  What goes on at a cotangent has it last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from derive.algebra.nodes import T
from derive.proof.words.items import (
    Chain,
    Cut,
    Entry,
    Item,
    Matrix,
    NotInClass,
    Run,
    Term,
    Time,
    map_times,
    transpose_chain,
)

BORDER = Matrix("|", False, None)
AFTER_FACTORS = ";"  # and how many of the factors before it end here
REVERSED = Matrix("~", False, None)  # the time line runs from the last step to the first
AT_T = "@"


def is_mark(i: Item) -> bool:
    """Is it punctuation, not a quantity?"""
    return isinstance(i, Matrix) and (i in (BORDER, REVERSED) or i.name[:1] in ("×", AFTER_FACTORS))


def layout(x: Term, last: str, left_size: Callable[[Chain], str]) -> tuple[Chain, Entry | None]:
    """The items in order of reading, and the cotangent named `last` at which the word goes on.

    A scalar factor begins with a mark that tells how long its vectors are.  In a column, 1 1ᵀ is that mark:
    what follows it is a scalar; in a matrix or a row it is a mark of its own.

    Raises:
        NotInClass: the cotangent is not at an end that can be read last.
    """
    w = x.word
    scalars = [(left_size(c), c) for c in w.scalars]
    column, found = w.column, None
    atoms = w.atoms
    if last:
        column, found = _split_end(column, last)
        for i, (_, chain) in enumerate(scalars) if found is None else ():
            for way in (chain, transpose_chain(chain)):
                rest, found = _split_end(way, last)
                if found is not None:
                    scalars = [*scalars[:i], *scalars[i + 1 :], (left_size(way), rest or ())]
                    break
            if found is not None:
                break
        if found is None:
            found = next((a for a in atoms if a.name == last), None)
            atoms = tuple(a for a in atoms if a is not found)
        if found is None:
            raise NotInClass(f"the cotangent {last} stands where the word cannot go on")
    row = w.row or ()
    ones = any(isinstance(i, Run) and _has_cut(i) for i in row)  # then no letter need tell how long the row's left is
    head: list[Item] = [*atoms, *((Matrix(f"×{left_size(row)}", False, None),) if ones else ()), *_marked(row)]
    if w.row is not None and column is not None:
        head.append(BORDER)
    main = [*_marked(w.through or ()), *(column or ())]
    tail: list[Item] = [i for size, chain in scalars for i in (Cut(size), *chain)]
    if found is not None and column is not w.column and tail:
        if any(isinstance(i, Run) and _has_cut(i) for i in tail):
            raise NotInClass("ones inside an ordered product before a cotangent")  # they would be counted as factors
        return (*head, *tail, Matrix(f"{AFTER_FACTORS}{len(scalars)}", False, None), *main), found
    return (*head, *main, *tail), found


def _has_cut(run: Run) -> bool:
    return any(isinstance(i, Cut) for f in run.body for i in f.chain)


def _marked(chain: Chain) -> Chain:
    """1 1ᵀ in the products of a matrix or a row: no scalar begins there."""
    return tuple(i.with_chains(_inside) if isinstance(i, Run) else i for i in chain)


def _inside(chain: Chain) -> Chain:
    return tuple(Matrix(f"×{i.size}", False, None) if isinstance(i, Cut) else i for i in chain)


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
        ranges=tuple(r.mirrored() for r in flipped.ranges),
    )


def _turn(chain: Chain | None) -> Chain | None:
    if chain is None:
        return None
    return tuple(
        i._replace(low=i.high, high=i.low, ascending=not i.ascending) if isinstance(i, Run) else i for i in chain
    )
