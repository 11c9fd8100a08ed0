r"""\begin{cases}: a value where two indices of entries are equal, another one where they are not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sympy import Expr

from derive.algebra import build as b
from derive.algebra.nodes import Delta, Entry, T, Timed, t
from derive.claims.reading import values as v
from derive.claims.reading.below import UNEQUAL
from derive.claims.reading.clock import Clock, Scope
from derive.claims.reading.conditions import tidy
from derive.claims.reading.readings import Choices
from derive.claims.reading.values import Value
from derive.claims.text.parse import LatexError
from derive.claims.text.tree import Leaf, Row, is_leaf

ELSE = ("otherwise", "else", "elsewhere")
WORDS = ("if", "for", "when", "where", "and")


class Run(Protocol):
    """What it takes to read the rows."""

    @property
    def clock(self) -> Clock: ...

    @property
    def choices(self) -> Choices: ...

    def sum(self, row: Row, scope: Scope) -> Value: ...


def by_cases(run: Run, rows: Sequence[Sequence[Row]], scope: Scope, at: int) -> Value:
    r"""a where i = j, b where i \ne j or otherwise.

    Cases by time are not read: a value that does not exist at some step would hide what is said of that step.

    Raises:
        LatexError: the conditions are others.
    """
    if len(rows) != 2 or any(len(cells) != 2 for cells in rows):
        raise LatexError("cases that are read are two: where two indices are equal, and where they are not", at)
    found = {_kind(_bare(cells[1]), at): cells for cells in rows}
    if len(found) != 2 or "=" not in found:
        raise LatexError("cases that are read are two: where two indices are equal, and where they are not", at)
    pair = _pair(_bare(found["="][1]), run.clock, scope)
    if "ne" in found:
        other = _pair(_bare(found["ne"][1]), run.clock, scope)
        if {*pair} != {*other}:
            raise LatexError("the two cases are about different indices", at)
    equal, unequal = (v.as_array(run.sum(_value(found[k][0]), scope)) for k in ("=", *({*found} - {"="})))
    letters = pair[0].free_symbols ^ pair[1].free_symbols
    times = {s for x in (equal, unequal) for r in x.atoms(Timed) for s in r.index.free_symbols}
    if not letters or letters & {*times, t, T}:
        raise LatexError("cases by time are not read", at)
    places = {p for x in (equal, unequal) for e in x.atoms(Entry) for p in (e.row, e.col)}
    if any(not (p.is_Integer or (p + 1).is_Symbol) for p in places):  # one that is out of range hides what is said
        raise LatexError("cases of entries beside the ones that are named are not read", at)
    total = v.add(unequal, b.negative(Delta(unequal, *pair)), run.choices, at)
    return v.add(total, Delta(equal, *pair), run.choices, at)


def _value(row: Row) -> Row:
    """Without the comma before the condition."""
    return tidy(row)


def _bare(row: Row) -> Row:
    """A condition without the words around it."""
    words = [x for x in row if is_leaf(x, "word") and isinstance(x, Leaf) and x.text.strip(" .,") not in WORDS]
    return tuple(x for x in row if not is_leaf(x, "sep") and (x in words or not is_leaf(x, "word")))


def _kind(row: Row, at: int) -> str:
    if len(row) == 1 and isinstance(row[0], Leaf) and row[0].text.strip(" .,") in ELSE:
        return "else"
    signs = [x for x in row if isinstance(x, Leaf) and x.kind == "rel"]
    if len(signs) == 1 and is_leaf(signs[0], "rel", "="):
        return "="
    if len(signs) == 1 and is_leaf(signs[0], "rel", *UNEQUAL):
        return "ne"
    raise LatexError("a condition of a case that is not understood", row[0].at if row else at)


def _pair(row: Row, clock: Clock, scope: Scope) -> tuple[Expr, Expr]:
    place = next(k for k, x in enumerate(row) if is_leaf(x, "rel"))
    return clock.value(row[:place], scope), clock.value(row[place + 1 :], scope)
