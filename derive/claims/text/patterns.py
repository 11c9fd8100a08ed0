r"""A name as it is printed, with letters that stand for a time or a component: \delta_t also reads \delta_{t+1}.

A time may stand below, above in brackets, above alone, or behind the name as an argument; whatever way the name
was given in, it is recognised in each.  What else stands above (a transpose, a power) is left to the caller.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count

from derive.claims.text.indices import has_time_letter, is_index
from derive.claims.text.tree import Accent, Font, Fraction, Group, Leaf, Matrix, Node, Root, Row, Scripted, is_leaf

TIME = "t"  # the letter of a pattern that stands for a time
BOLD = ("mathbf", "boldsymbol", "bm", "mathbb", "mathbbm", "mathds")  # alphabets in which 1 is a vector of ones


@dataclass(frozen=True)
class Match:
    """Where a pattern was found: what its letters stand for, the row's next place, and what is left above."""

    values: Mapping[str, Row]
    end: int
    sup: Row = ()
    primes: int = 0


@dataclass(frozen=True)
class Pattern:
    """A row of nodes, some letters of which stand for anything.

    Args:
        letters: those that do; `TIME` for a whole time, each other one for a single symbol.
        times: where a time may stand: anywhere, bare above only with a letter (h_i^2 is a square, h_i^{t-1} none, h_i^T
            a transpose), or exactly where it does here.
    """

    nodes: Row
    letters: frozenset[str]
    times: str = "anywhere"

    @cached_property
    def variants(self) -> tuple[Row, ...]:
        """The ways in which the name is written: its time below, above, or behind it in brackets."""
        own = plain(self.nodes)
        if TIME not in self.letters or self.times == "exactly":
            return (own,)
        return tuple(dict.fromkeys((own, *_placed(own))))

    def match(self, row: Row, at: int) -> Match | None:
        """The pattern at a place of a row; the longest way in which it fits."""
        return max(self.matches(row, at), key=lambda m: (m.end, -len(m.sup)), default=None)

    def matches(self, row: Row, at: int) -> Iterator[Match]:
        """The pattern at a place of a row, in each way in which it fits."""
        for variant in self.variants:
            match = _matched(variant, self.letters, row, at)
            if match is None or (self.times == "bracketed" and _is_power(variant, match)):
                continue
            if len(self.variants) == 1 or not _is_called(variant) or _may_be_called(match.values.get(TIME, ())):
                yield match


STEPS = frozenset("ijklmnrstuT")  # letters that a time behind a name, h(t), is made of


def _is_called(variant: Row) -> bool:
    return isinstance(variant[-1], Group) and variant[-1].open == "(" and _is_time(variant[-1].row)


def _may_be_called(time: Row) -> bool:
    """May it be a time, and not a factor in brackets: f (1 - f)?"""
    return all(x.text in STEPS for x in time if isinstance(x, Leaf) and x.kind == "letter")


def _is_power(variant: Row, match: Match) -> bool:
    """Is the time bare above, and a number or T?"""
    last = variant[-1]
    bare = isinstance(last, Scripted) and bool(last.sup) and _is_time((last.sup or ())[-1:])
    return bare and not has_time_letter(match.values[TIME])


def head_of(node: Node) -> object:
    """What a name begins with, the same however its scripts and times are written."""
    match node:
        case Leaf(kind, text):
            return kind, text
        case Scripted(base):
            return head_of(base)
        case Accent(name, row) if row:
            return name, head_of(row[0])
        case Group(open_):
            return "group", open_
    return type(node).__name__


def plain(row: Row) -> Row:
    """The row without fonts and without braces that print nothing; functions that are spelled out are one word."""
    out: list[Node] = []
    for node in row:
        out += _plain(node)
    return _spelled(out)


def _apart(above: Row | None) -> Row | None:
    """(t-1)^T above a name is a time and a transpose."""
    if above and isinstance(above[-1], Scripted) and isinstance(above[-1].base, Group) and above[-1].sub is None:
        return (*above[:-1], above[-1].base, *(above[-1].sup or ()))
    return above


def _is_simple(above: Row | None) -> bool:
    """A transpose or a number."""
    return bool(above) and len(above or ()) == 1 and isinstance((above or ())[0], Leaf)


SPELLED = ("softmax", "sigmoid", "diag", "tanh", "relu", "exp", "log")


def _spelled(nodes: list[Node]) -> Row:
    """diag(…) for d i a g (…): letters that stand close together before a bracket."""
    out: list[Node] = []
    at = 0
    while at < len(nodes):
        for word in SPELLED:
            end = at + len(word)
            run = nodes[at:end]
            if end < len(nodes) and isinstance(nodes[end], Group) and all(map(_spells, run, word, count(run[0].at))):
                out.append(Leaf("word", word, run[0].at))
                at = end
                break
        else:
            out.append(nodes[at])
            at += 1
    return tuple(out)


def _spells(node: Node, letter: str, at: int) -> bool:
    return is_leaf(node, "letter", letter) and node.at == at


def _plain(node: Node) -> Row:
    match node:
        case Font(name, (Leaf("number", "1", at),), _) if name in BOLD:
            return (Leaf("ones", "1", at),)
        case Font(_, row, _):
            return plain(row)
        case Group("", row, _):
            return plain(row)
        case Leaf("word", text, at) if len(text) == 1 and text.isalpha():
            return (Leaf("letter", text, at),)
        case Accent(name, row, at):
            inner = plain(row)
            if len(inner) == 1 and isinstance(inner[0], Scripted):  # \hat{h_t} prints what \hat h_t does, or nearly
                return (replace(inner[0], base=Accent(name, (inner[0].base,), at)),)
            return (replace(node, row=inner),)
        case Group(_, row, _) | Root(row, _):
            return (replace(node, row=plain(row)),)
        case Fraction(top, bottom, _):
            return (replace(node, top=plain(top), bottom=plain(bottom)),)
        case Matrix(rows, _):
            return (replace(node, rows=tuple(tuple(map(plain, cells)) for cells in rows)),)
        case Scripted(base, sub, sup, primes):
            inner = _plain(base)
            below, above = (None if x is None else plain(x) for x in (sub, sup))
            above = _apart(above)
            if len(inner) != 1:
                base = Group("", inner, node.at)
            elif isinstance(inner[0], Scripted) and not (inner[0].sub and below) and not (inner[0].sup and above):
                one = inner[0]  # braces around a symbol with scripts print nothing
                return (Scripted(one.base, one.sub or below, one.sup or above, one.primes + primes),)
            elif isinstance(inner[0], Scripted) and not (inner[0].sub and below) and _is_simple(above):
                one = inner[0]  # {h^{(t)}}^\top is h^{(t)\top}
                return (Scripted(one.base, one.sub or below, (*(one.sup or ()), *(above or ())), one.primes + primes),)
            else:
                base = inner[0]
            return (Scripted(base, below, above, primes),)
        case _:
            return (node,)


def _placed(nodes: Row) -> Iterator[Row]:
    """The last symbol of a name with its time in every place."""
    *before, last = nodes
    called = isinstance(last, Group) and last.open == "(" and _is_time(last.row)
    if called and before:
        head = before[-1]
        symbol = head if isinstance(head, Scripted) else Scripted(head)
        rest = before[:-1]
    elif isinstance(last, Scripted):
        found = without_time(last)
        if found is None:
            return
        symbol, rest = found, before
    else:
        return
    time: Row = (Leaf("letter", TIME),)
    below = (*(symbol.sub or ()), *((Leaf("sep", ","),) if symbol.sub else ()), *time)
    yield (*rest, replace(symbol, sub=below))
    if symbol.sub:
        yield (*rest, replace(symbol, sub=(*time, Leaf("sep", ","), *symbol.sub)))
    above = symbol.sup or ()
    for bracketed in ((Group("(", time),), (Group("<", time),), *((time,) if not above else ())):
        yield (*rest, replace(symbol, sup=(*above, *bracketed)))
    bare = symbol if symbol.sub or symbol.sup or symbol.primes else symbol.base
    yield (*rest, bare, Group("(", time))


def without_time(x: Scripted) -> Scripted | None:
    """The symbol without the time in one of its scripts; None if there is none."""
    sub, sup = x.sub or (), x.sup or ()
    if _is_time(sub):
        return replace(x, sub=None)
    if len(sub) > 2 and _is_time(sub[-1:]) and is_leaf(sub[-2], "sep", ","):
        return replace(x, sub=sub[:-2])
    if sup and _is_time(sup[-1:]):
        return replace(x, sup=sup[:-1] or None)
    if sup and isinstance(sup[-1], Group) and _is_time(sup[-1].row):
        return replace(x, sup=sup[:-1] or None)
    return None


def _is_time(row: Row) -> bool:
    return len(row) == 1 and is_leaf(row[0], "letter", TIME)


# Matching


def _matched(pattern: Row, letters: frozenset[str], row: Row, at: int) -> Match | None:
    end = at + len(pattern)
    if not pattern or end > len(row):
        return None
    for values in _rows(pattern[:-1], row[at : end - 1], {}, letters):
        for m in _last(pattern[-1], row[end - 1], values, letters):
            return replace(m, end=end)
    return None


def _last(pattern: Node, node: Node, values: Mapping[str, Row], letters: frozenset[str]) -> Iterator[Match]:
    """The last symbol: more may stand above it than in the pattern."""
    p = pattern if isinstance(pattern, Scripted) else Scripted(pattern)
    x = node if isinstance(node, Scripted) else Scripted(node)
    if p.primes > x.primes or (p.sub is None) != (x.sub is None):
        return
    for a in _nodes(p.base, x.base, values, letters):
        for b in _rows(p.sub or (), x.sub or (), a, letters):
            above = x.sup or ()
            for n in range(len(above), -1, -1) if p.sup else [0]:
                for c in _rows(p.sup or (), above[:n], b, letters):
                    yield Match(c, 0, above[n:], x.primes - p.primes)
                    return


def _rows(pattern: Row, row: Row, values: Mapping[str, Row], letters: frozenset[str]) -> Iterator[Mapping[str, Row]]:
    """Ways in which two rows are the same, a time taking one node or more."""
    if not pattern:
        if not row:
            yield values
        return
    head = pattern[0]
    if isinstance(head, Leaf) and head.kind == "letter" and head.text in letters:
        for n in range(1, len(row) - len(pattern) + 2) if head.text == TIME else (1,):
            taken = row[:n]
            if head.text == TIME and not is_index(taken):
                continue
            if len(taken) == n and values.get(head.text, taken) == taken:
                yield from _rows(pattern[1:], row[n:], {**values, head.text: taken}, letters)
        return
    if row:
        for inner in _nodes(head, row[0], values, letters):
            yield from _rows(pattern[1:], row[1:], inner, letters)


def _nodes(p: Node, x: Node, values: Mapping[str, Row], letters: frozenset[str]) -> Iterator[Mapping[str, Row]]:
    match p, x:
        case Leaf(), Leaf():
            if p.kind == "letter" and p.text in letters:
                yield from _rows((p,), (x,), values, letters)
            elif (p.kind, p.text) == (x.kind, x.text):
                yield values
        case Scripted(), Scripted():
            if p.primes == x.primes and (p.sub is None, p.sup is None) == (x.sub is None, x.sup is None):
                for a in _nodes(p.base, x.base, values, letters):
                    for b in _rows(p.sub or (), x.sub or (), a, letters):
                        yield from _rows(p.sup or (), x.sup or (), b, letters)
        case Group(), Group():
            if p.open == x.open:
                yield from _rows(p.row, x.row, values, letters)
        case Accent(), Accent():
            if p.name == x.name:
                yield from _rows(p.row, x.row, values, letters)
        case _:
            if p == x:
                yield values
