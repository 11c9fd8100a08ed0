"""From a network to strings: each word has one spelling, whatever way it was written.

A spelling is read with a clock: + is one step of time, - one back, and a letter at a time stands
where the clock shows it.  Diagonal letters between two matrices commute, and are spelled in the order
of their times; matrices have no time, and stand after the ticks that lead to the next letter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction
from typing import TypeAlias

from derive.proof.automaton.net import End, Letter, Move, Net, Step
from derive.proof.automaton.weighted import Automaton, Builder, Number, whole
from derive.proof.words.items import Entry, Matrix, NotInClass

LONGEST_WAIT = 8
MOST_STATES = 20_000


class Spelling(Enum):
    """Where letters without a time are spelled; any one way will do if both sides use it.

    LATE: scalars at the end of the string, matrices before the next letter that has a time.
    IN_PLACE: scalars at the step of the equation, or of the factor, in which they stand.
    STEPWISE: matrices too, for recurrences without a letter that has a time.
    """

    LATE = "scalars last"
    IN_PLACE = "scalars at their steps"
    STEPWISE = "scalars and matrices at their steps"


@dataclass(frozen=True, order=True)
class Pending:
    """A commuting letter that waits for its turn; `at` is relative to the reference."""

    at: int
    kind: int  # scalars first
    name: str
    exponent: int


Symbols: TypeAlias = "tuple[str, ...]"


@dataclass(frozen=True)
class State:
    """What has been read and not yet spelled.

    Attributes:
        clock: what the spelled ticks show, relative to the reference.
        waiting: matrices and marks that stand before the next letter.
        block: diagonal letters since the last matrix, and scalars, in order.
        atoms: scalars for the end of the string.
    """

    clock: int = 0
    waiting: Symbols = ()
    block: tuple[Pending, ...] = ()
    atoms: tuple[tuple[str, int], ...] = ()


Outcome: TypeAlias = "tuple[Number, Symbols, State]"
Square: TypeAlias = "Callable[[str], list[tuple[Fraction, tuple[str, ...]]] | None]"


@dataclass(frozen=True)
class Calendar:
    """When letters are spelled: a letter's slot is its time plus a shift that its name decides.

    With the shift, what a step of the recursion reads lies in one slot, and little waits.
    """

    shifts: Mapping[str, int]
    earliest: int

    @classmethod
    def of(cls, *nets: Net) -> Calendar:
        shifts: dict[str, int] = {}
        for letter in (x for net in nets for x in net.letters()):
            name = letter.item.name  # type: ignore[union-attr]
            shifts[name] = max(shifts.get(name, -(letter.at or 0)), -(letter.at or 0))
        return cls(shifts, min(0, *(net.shortest_end for net in nets)))

    def slot(self, m: Letter) -> int | None:
        """The slot of a letter, from the reference: never before `earliest`."""
        return None if m.at is None else m.at + self.shifts[m.item.name]  # type: ignore[union-attr]


class Speller:
    """One move of a network: what is spelled, and what waits after it."""

    def __init__(self, spelling: Spelling, calendar: Calendar, square: Square):
        self.spelling, self.calendar, self.square = spelling, calendar, square
        self.earliest = calendar.earliest

    def move(self, s: State, m: Move) -> Iterator[Outcome]:
        if isinstance(m, Step):
            out: Symbols = ()
            for _ in range(m.by):
                more, s = self._advance(s)
                out += more
            yield 1, out, s
        elif isinstance(m, End):
            yield 1, self._end(s, m.at), State()
        elif isinstance(m.item, Entry):
            yield from self._entry(s, m.item, self.calendar.slot(m) or 0)
        else:
            yield 1, *self._matrix(s, m)

    # Letters

    def _matrix(self, s: State, m: Letter) -> tuple[Symbols, State]:
        symbol, at = symbol_of(m.item), self.calendar.slot(m)
        out, s = self._flush_block(s)
        if at is not None and (m.item.time is not None or self.spelling is Spelling.STEPWISE):  # type: ignore[union-attr]
            more, s = self._spell(s, at, symbol)
            return out + more, s
        if len(s.waiting) >= LONGEST_WAIT:
            raise NotInClass("a power of a matrix without a letter at a time")
        return out, replace(s, waiting=(*s.waiting, symbol))

    def _entry(self, s: State, e: Entry, at: int) -> Iterator[Outcome]:
        if e.time is None and e.scalar and self.spelling is Spelling.LATE:
            atoms = _raised(s.atoms, e.name, e.exponent)
            if any(abs(n) > LONGEST_WAIT for _, n in atoms):
                raise NotInClass("a power of a scalar without a time")
            yield 1, (), replace(s, atoms=atoms)
            return
        for weight, block in self._insert(s.block, [Pending(at, int(not e.scalar), e.name, e.exponent)]):
            if len(block) > 2 * LONGEST_WAIT:
                raise NotInClass("too many letters that wait for their turn")
            yield weight, (), replace(s, block=block)

    def _insert(self, block: tuple[Pending, ...], letters: list[Pending]) -> list[tuple[Number, tuple[Pending, ...]]]:
        """The block with more letters, equal ones merged and squares rewritten."""
        exponents = {(p.at, p.kind, p.name): p.exponent for p in block}
        for p in letters:
            key = (p.at, p.kind, p.name)
            exponents[key] = exponents.get(key, 0) + p.exponent
        for (at, kind, name), n in exponents.items():
            square = self.square(name) if n >= 2 else None
            if square is None:
                continue
            rest = tuple(Pending(*k, e) for k, e in exponents.items() if k != (at, kind, name))
            left = [Pending(at, kind, name, n - 2)] if n > 2 else []
            return [
                (whole(c) * w, b)
                for c, extra in square
                for w, b in self._insert(rest, left + [self._beside(a, at, kind, name) for a in extra])
            ]
        return [(1, tuple(sorted(Pending(*k, e) for k, e in exponents.items() if e)))]

    def _beside(self, new: str, at: int, kind: int, old: str) -> Pending:
        """A letter at the time of another one."""
        shifts = self.calendar.shifts
        shift = shifts.get(old, 0)
        return Pending(at - shift + shifts.get(new, shift), kind, new, 1)

    # Spelling

    def _spell(self, s: State, at: int, symbol: str) -> tuple[Symbols, State]:
        """A letter at its time: ticks, what waits before it, and the letter."""
        return (*_ticks(at - s.clock), *s.waiting, symbol), replace(s, clock=at, waiting=())

    def _flush(self, s: State, before: int | None) -> tuple[Symbols, State]:
        """Spell the waiting letters before a time, or all."""
        out: Symbols = ()
        while s.block and (before is None or s.block[0].at < before):
            p, rest = s.block[0], s.block[1:]
            symbol = power_text(p.name, p.exponent)
            if p.kind == 0:  # a scalar does not end the wait of matrices
                out += (*_ticks(p.at - s.clock), symbol)
                s = replace(s, clock=p.at, block=rest)
            else:
                more, s = self._spell(replace(s, block=rest), p.at, symbol)
                out += more
        return out, s

    def _flush_block(self, s: State) -> tuple[Symbols, State]:
        """The end of a block: its diagonal letters are spelled; later scalars wait on."""
        out: Symbols = ()
        last = max((p.at for p in s.block if p.kind == 1), default=None)
        if last is not None:
            later = tuple(p for p in s.block if p.kind == 0 and p.at > last)
            out, s = self._flush(replace(s, block=tuple(p for p in s.block if p not in later)), None)
            s = replace(s, block=later)
        return out, s

    def _advance(self, s: State) -> tuple[Symbols, State]:
        """One step of the reference: everything lies one further back."""
        block = tuple(replace(p, at=p.at - 1) for p in s.block)
        out, s = self._flush(replace(s, clock=s.clock - 1, block=block), self.earliest)
        if s.clock < self.earliest:  # no later letter can precede this tick
            return (*out, "+"), replace(s, clock=s.clock + 1)
        return out, s

    def _end(self, s: State, at: int) -> Symbols:
        out, s = self._flush_block(s)
        more, s = self._flush(s, None)
        return (*out, *more, *_ticks(at - s.clock), *s.waiting, *(power_text(name, n) for name, n in s.atoms))


def _ticks(n: int) -> Symbols:
    return ("+" if n > 0 else "-",) * abs(n)


def _raised(powers: tuple[tuple[str, int], ...], name: str, n: int) -> tuple[tuple[str, int], ...]:
    """A product of powers times name^n."""
    all_ = dict(powers)
    all_[name] = all_.get(name, 0) + n
    return tuple(sorted((k, e) for k, e in all_.items() if e))


def power_text(name: str, n: int) -> str:
    return name if n == 1 else f"{name}^{n}"


def symbol_of(item: object) -> str:
    if isinstance(item, Matrix):
        return f"{item.name}ᵀ" if item.transposed else item.name
    return str(item.name)  # type: ignore[attr-defined]


def encode(
    net: Net, spelling: Spelling, calendar: Calendar, square: Square, spend: Callable[[], None] = lambda: None
) -> Automaton:
    """The automaton of a network's spelled words.

    Raises:
        NotInClass: a word would need more memory than a finite automaton has.
    """
    speller, builder = Speller(spelling, calendar, square), Builder()
    known: dict[tuple[int, State], int] = {}
    todo: list[tuple[int, State]] = []

    def number(node: int, state: State) -> int:
        if (node, state) not in known:
            known[node, state] = builder.state()
            todo.append((node, state))
            if len(builder.symbols) > MOST_STATES:
                raise NotInClass(f"more than {MOST_STATES} states")
        return known[node, state]

    start, end = number(Net.START, State()), builder.state()
    while todo:
        spend()
        node, state = todo.pop()
        source = known[node, state]
        for arc in net.arcs[node]:
            outcomes: list[Outcome] = [(whole(arc.weight), (), state)]
            for m in arc.moves:
                outcomes = [(w * v, out + more, new) for w, out, s in outcomes for v, more, new in speller.move(s, m)]
            for weight, out, new in outcomes:
                target = end if arc.target == Net.END else number(arc.target, new)
                builder.path(source, out, weight, target)
    return builder.automaton(start, end)
