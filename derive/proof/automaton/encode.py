"""From a network to strings: each word has one spelling, whatever way it was written.

A spelling is read with a clock: + is one step of time, - one back, and a letter at a time stands
where the clock shows it.  Diagonal letters between two matrices commute, and are spelled in the order
of their times; matrices have no time, and stand after the ticks that lead to the next letter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    """How letters without a time are spelled; any one way will do if both sides use it.

    LATE: scalars at the end of the string.  IN_PLACE: scalars beside the letter that they follow.
    WOVEN: likewise, and one matrix to each tick, for recurrences without a letter at a time.
    """

    LATE = "scalars last"
    IN_PLACE = "scalars in place"
    WOVEN = "matrices woven into the ticks"


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
        untimed: diagonal letters of this block that came before any with a time.
        latest: the largest time in this block.
        atoms: scalars for the end of the string.
        begun, loose: has a letter been spelled; have ticks since, with no matrix to weave in?
    """

    clock: int = 0
    waiting: Symbols = ()
    block: tuple[Pending, ...] = ()
    untimed: tuple[tuple[str, int], ...] = ()
    latest: int | None = None
    atoms: tuple[tuple[str, int], ...] = ()
    begun: bool = False
    loose: bool = False


Outcome: TypeAlias = "tuple[Number, Symbols, State]"
Square: TypeAlias = "Callable[[str], list[tuple[Fraction, tuple[str, ...]]] | None]"


class Speller:
    """One move of a network: what is spelled, and what waits after it."""

    def __init__(self, spelling: Spelling, earliest: int, square: Square):
        self.spelling, self.earliest, self.square = spelling, earliest, square

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
            yield from self._entry(s, m.item, m.at)
        else:
            yield 1, *self._matrix(s, m)

    # Letters

    def _matrix(self, s: State, m: Letter) -> tuple[Symbols, State]:
        symbol = symbol_of(m.item)
        out, s = self._flush_block(s)
        if m.at is not None:
            more, s = self._spell(s, m.at, symbol)
            return out + more, s
        if s.loose and self.spelling is Spelling.WOVEN:
            raise NotInClass("matrices that ticks cannot be woven with")
        if len(s.waiting) >= LONGEST_WAIT:
            raise NotInClass("a power of a matrix without a letter at a time")
        return out, replace(s, waiting=(*s.waiting, symbol))

    def _entry(self, s: State, e: Entry, at: int | None) -> Iterator[Outcome]:
        if at is None:
            yield 1, *self._untimed(s, e)
            return
        first = () if e.scalar else s.untimed
        letters = [Pending(at, int(not e.scalar), e.name, e.exponent)]
        letters += [Pending(at, 1, name, n) for name, n in first]
        latest = s.latest if e.scalar else max(at, at if s.latest is None else s.latest)
        base = replace(s, latest=latest, untimed=s.untimed if e.scalar else ())
        for weight, block in self._insert(s.block, letters):
            if len(block) > 2 * LONGEST_WAIT:
                raise NotInClass("too many letters that wait for their turn")
            yield weight, (), replace(base, block=block)

    def _untimed(self, s: State, e: Entry) -> tuple[Symbols, State]:
        if e.scalar and self.spelling is Spelling.LATE:
            atoms = _raised(s.atoms, e.name, e.exponent)
            if any(abs(n) > LONGEST_WAIT for _, n in atoms):
                raise NotInClass("a power of a scalar without a time")
            return (), replace(s, atoms=atoms)
        if self.spelling is Spelling.WOVEN:
            return self._matrix(s, Letter(Matrix(power_text(e.name, e.exponent), False, None), None))
        if s.latest is not None:
            ((_, block),) = self._insert(s.block, [Pending(s.latest, 1, e.name, e.exponent)])
            return (), replace(s, block=block)
        untimed = _raised(s.untimed, e.name, e.exponent)
        if any(abs(n) > LONGEST_WAIT for _, n in untimed):
            raise NotInClass("a power of a vector without a letter at a time")
        return (), replace(s, untimed=untimed)

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
            left = (Pending(at, kind, name, n - 2),) if n > 2 else ()
            return [
                (c * w, b)
                for c, extra in square
                for w, b in self._insert(rest, [*left, *(Pending(at, kind, a, 1) for a in extra)])
            ]
        return [(1, tuple(sorted(Pending(*k, e) for k, e in exponents.items() if e)))]

    # Spelling

    def _spell(self, s: State, at: int, symbol: str) -> tuple[Symbols, State]:
        """A letter at its time: ticks, what waits before it, and the letter."""
        ticks = at - s.clock
        done = replace(s, clock=at, waiting=(), begun=True, loose=False)
        if ticks < 0:
            return (*("-" for _ in range(-ticks)), *s.waiting, symbol), done
        out: Symbols = ()
        if self.spelling is Spelling.WOVEN and s.begun:
            for w in s.waiting:
                out += ("+", w) if ticks > 0 else (w,)
                ticks = max(0, ticks - 1)
            return (*out, *("+" for _ in range(ticks)), symbol), done
        return (*("+" for _ in range(ticks)), *s.waiting, symbol), done

    def _flush(self, s: State, before: int | None) -> tuple[Symbols, State]:
        """Spell the waiting letters before a time, or all."""
        out: Symbols = ()
        while s.block and (before is None or s.block[0].at < before):
            p, rest = s.block[0], s.block[1:]
            symbol = power_text(p.name, p.exponent)
            if p.kind == 0:  # a scalar does not end the wait of matrices
                ticks = p.at - s.clock
                out += (*(("+" if ticks > 0 else "-") for _ in range(abs(ticks))), symbol)
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
        untimed = tuple(power_text(name, n) for name, n in s.untimed)
        return out, replace(s, untimed=(), latest=None, waiting=(*s.waiting, *untimed))

    def _advance(self, s: State) -> tuple[Symbols, State]:
        """One step of the reference: everything lies one further back."""
        block = tuple(replace(p, at=p.at - 1) for p in s.block)
        latest = None if s.latest is None else s.latest - 1
        if latest is not None and latest < self.earliest - LONGEST_WAIT:
            latest = self.earliest - LONGEST_WAIT
        s = replace(s, clock=s.clock - 1, block=block, latest=latest)
        out, s = self._flush(s, self.earliest)
        if s.clock < self.earliest:
            more, s = self._follow(s)
            out += more
        return out, s

    def _follow(self, s: State) -> tuple[Symbols, State]:
        """A tick of the clock, which no later letter can precede."""
        s = replace(s, clock=s.clock + 1)
        if self.spelling is not Spelling.WOVEN or not s.begun:
            return ("+",), s
        if s.waiting:
            return ("+", s.waiting[0]), replace(s, waiting=s.waiting[1:])
        return ("+",), replace(s, loose=True)

    def _end(self, s: State, at: int) -> Symbols:
        out, s = self._flush_block(s)
        more, s = self._flush(s, None)
        ticks = at - s.clock
        if self.spelling is Spelling.WOVEN and s.waiting and s.begun:
            raise NotInClass("matrices after the last letter")
        clock = tuple("+" if ticks > 0 else "-" for _ in range(abs(ticks)))
        return (*out, *more, *clock, *s.waiting, *(power_text(name, n) for name, n in s.atoms))


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
    return "·"


def encode(net: Net, spelling: Spelling, earliest: int, square: Square) -> Automaton:
    """The automaton of a network's spelled words.

    Raises:
        NotInClass: a word would need more memory than a finite automaton has.
    """
    speller, builder = Speller(spelling, earliest, square), Builder()
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
