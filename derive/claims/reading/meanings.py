"""What a name in a claim may mean, and what is known of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from sympy import Expr, Symbol

from derive.claims.reading.clock import Scope, read_index
from derive.claims.reading.directives import IndexSet, Quantity, Quotient
from derive.claims.text.parse import parse
from derive.claims.text.patterns import TIME, Match, Pattern, plain, without_time
from derive.claims.text.tree import Group, Leaf, Node, Row, Scripted, is_leaf, leaves

FUNCTION_NAMES: Mapping[str, str] = {
    "tanh": "tanh", "sigma": "sigmoid", "sigmoid": "sigmoid", "exp": "exp", "log": "log", "ln": "log", "sin": "sin",
    "cos": "cos", "relu": "relu", "ReLU": "relu", "softplus": "softplus", "softmax": "softmax",
    "erf": "erf", "step": "step", "sign": "sign",
}  # fmt: skip


@dataclass(frozen=True)
class Named:
    """A quantity of the model at a time and at components, both as the book counts; None where it has none."""

    name: str
    time: Expr | None = None
    components: tuple[Expr, ...] = ()
    copy: Expr | None = None


@dataclass(frozen=True)
class Ratio:
    """±d of/d by, along some paths only if `through` names any."""

    of: Named
    by: Named
    sign: int = 1
    through: tuple[Named, ...] = ()


@dataclass(frozen=True)
class FunctionName:
    name: str


@dataclass(frozen=True)
class Size:
    symbol: Symbol


@dataclass(frozen=True)
class Components:
    """The values of an index set."""

    size: Symbol


@dataclass(frozen=True)
class Definition:
    """A row, in which some letters stand for what they stand for where the name is used.

    Attributes:
        hidden: how many names, the latest ones, were not known when it was written: W_f = W_f[:n] has the old one.
    """

    row: Row
    scope: Scope
    hidden: int = 0


Meaning: TypeAlias = "Named | Ratio | FunctionName | Size | Components | Definition"
ENTRY_LETTERS = frozenset("ijklmnpq")
INDEX_LETTERS = frozenset("tkjmnlrs")


@dataclass(frozen=True)
class Word:
    """A name, and what is known of it: a meaning from a directive, or a row that defines it."""

    tex: str
    pattern: Pattern
    meanings: tuple[object, ...]  # Quantity | Quotient | IndexSet | Row
    own: bool = False  # of the model, not of the paper
    entries: frozenset[str] = frozenset()  # letters of the pattern that stand for an index of an entry

    def fits(self, match: Match) -> bool:
        """Are the indices of its entries letters that indices have: W_{ij}, not W_{hh}?

        Beside a time that is told by its t, any small letter may be one: y_c^t.
        """
        found = [match.values.get(x, ()) for x in self.entries]
        if not all(len(row) == 1 and isinstance(row[0], Leaf) for row in found):
            return False
        told = any(is_leaf(x, "letter", TIME) for x in match.values.get(TIME, ()))
        return all(x.text in ENTRY_LETTERS or (told and _is_small(x)) for row in found for x in leaves(row))

    def indices(self, match: Match) -> frozenset[str]:
        """The letters that are indices of entries."""
        return frozenset(x.text for name in self.entries for x in leaves(match.values.get(name, ())))

    @staticmethod
    def step(match: Match) -> frozenset[str]:
        """The letter that is the whole time, other than t."""
        time = match.values.get(TIME, ())
        named = len(time) == 1 and isinstance(time[0], Leaf) and time[0].kind == "letter"
        return frozenset(x.text for x in leaves(time)) - {TIME} if named else frozenset()

    @property
    def names(self) -> set[str]:
        """The quantities that it may stand for."""
        return {m.name for m in self.meanings if isinstance(m, Quantity)}


def _is_small(x: Leaf) -> bool:
    return x.kind == "letter" and x.text.islower() and x.text != TIME


@dataclass(frozen=True)
class Function:
    """f(x_t, h_{t-1}, w): an equation of the model as a function of its arguments."""

    name: Row
    arguments: tuple[Row, ...]
    letters: frozenset[str]
    value: Quantity


@dataclass(frozen=True)
class Found:
    """A name that was found, and its meanings."""

    word: Word
    match: Match
    meanings: Mapping[str, Meaning]
    by_place: bool = False  # are they told apart by which of two indices is the time?
    indices: frozenset[str] = frozenset()  # letters that nothing binds: indices of entries
    steps: frozenset[str] = frozenset()  # and those that are a whole time


def model_word(tex: str, *meanings: object) -> Word:
    letters = frozenset(x for m in meanings for x in letters_of(m))
    return Word(tex, Pattern(plain(parse(tex)), letters), meanings, own=True)


def copy_word(tex: str, name: str) -> Word:
    """W^{(t)}: the copy of a weight that step t uses."""
    *before, last = plain(parse(tex))
    symbol = last if isinstance(last, Scripted) else Scripted(last)
    time = Group("(", (Leaf("letter", TIME),))
    row = (*before, Scripted(symbol.base, symbol.sub, (*(symbol.sup or ()), time), symbol.primes))
    pattern = Pattern(row, frozenset((TIME,)), times="exactly")
    return Word(f"{tex}, a copy", pattern, (Quantity(name, copy=TIME),), own=True)


def entry_words(tex: str, q: Quantity | Quotient, matrix: bool) -> Iterator[Word]:
    """The entries of a vector or a matrix: h_{t,i}, h_i^{(t)}, W_{ij}; of a derivative, of what it is by."""
    *before, last = plain(parse(tex))
    own_quantity = q.by if isinstance(q, Quotient) else q
    symbol = last if isinstance(last, Scripted) else Scripted(last)
    if own_quantity.time:
        symbol = without_time(symbol) or symbol
    own = tuple(x for x in symbol.sub or () if not (own_quantity.time and is_leaf(x, "letter", TIME)))
    own = own[:-1] if own and is_leaf(own[-1], "sep") else own
    taken = {x.text for x in leaves((*before, last))}  # of the input gate, i itself
    names = [x for x in sorted(ENTRY_LETTERS) if x not in taken][: 2 if matrix else 1]
    comma, places_of = Leaf("sep", ","), tuple(Leaf("letter", x) for x in names)
    head = (*own, comma) if own else ()
    indices = (places_of, (places_of[0], comma, places_of[1])) if matrix else (places_of,)
    for places in indices:
        sub = (*head, *places, comma, Leaf("letter", TIME)) if own_quantity.time else (*head, *places)
        letters = frozenset(names)
        nodes = (*before, Scripted(symbol.base, sub, symbol.sup, symbol.primes))
        pattern = Pattern(nodes, letters | ({TIME} if own_quantity.time else set()), times="bracketed")
        entry = replace(own_quantity, components=tuple(names))
        meaning = replace(q, by=entry) if isinstance(q, Quotient) else entry
        yield Word(f"{tex}, an entry", pattern, (meaning,), own=True, entries=letters)


def split_at(row: Row, *marks: str) -> list[Row]:
    """The parts of a row between commas."""
    parts: list[list[Node]] = [[]]
    for node in row:
        if is_leaf(node, "sep", *marks):
            parts.append([])
        else:
            parts[-1].append(node)
    return [tuple(p) for p in parts]


def quantities(m: object) -> Iterator[Quantity | IndexSet]:
    match m:
        case Quantity() | IndexSet():
            yield m
        case Quotient(of, by, _, through):
            yield from (of, by, *through)


def letters_of(m: object) -> Iterator[str]:
    """The letters in a meaning's times and components."""
    for q in quantities(m):
        if isinstance(q, Quantity):
            for text in (q.time, q.copy, *q.components):
                yield from (x.text for x in leaves(read_index(text)))


def shown(m: object) -> str:
    """A meaning in the words of its directive."""
    match m:
        case Quantity(name, time, components, copy):
            at = f"@{copy}" if copy else ""
            return name + at + (f"[{time}]" if time else "") + (f"[{','.join(components)}]" if components else "")
        case Quotient(of, by, sign, through):
            tail = f" through {', '.join(map(shown, through))}" if through else ""
            return f"{'-' if sign < 0 else ''}d{shown(of)}/d{shown(by)}{tail}"
        case IndexSet(size):
            return f"range({size})"
    return ""


def split_at_op(row: Row, *signs: str) -> list[Row]:
    """The parts of a row between some signs."""
    parts: list[list[Node]] = [[]]
    for node in row:
        if is_leaf(node, "op", *signs):
            parts.append([])
        else:
            parts[-1].append(node)
    return [tuple(p) for p in parts]
