"""Two sides as automata with one spelling, and whether they are equal for every T."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from sympy import MatrixExpr

from derive.proof.automaton.compiler import Compiler
from derive.proof.automaton.encode import Calendar, Spelling, encode
from derive.proof.automaton.loops import has_step
from derive.proof.automaton.paths import Path
from derive.proof.automaton.weighted import Automaton, Different, Equal, compare
from derive.proof.budget import Budget
from derive.proof.words.items import NotInClass, Term, Terms
from derive.proof.words.layout import layout
from derive.proof.words.reading import Reader


@dataclass(frozen=True)
class Found:
    """Two automata and how they compare; `word` tells a difference in words, at this T."""

    left: Automaton
    right: Automaton
    result: Equal | Different
    spelling: str
    assumptions: frozenset[str]
    word: str = ""
    T: int = -1


def decide(reader: Reader, left: MatrixExpr, right: MatrixExpr, least: int, free: bool, budget: Budget) -> Found:
    """Are the two sides equal for every T from `least` on?

    Args:
        free: is t free, so that the claim is about every step?

    Raises:
        NotInClass: the automata cannot express one of them; the message says why.
    """
    reader.letters.used = set(reader.always)
    reader.letters.spend = budget.spend
    try:
        return _decided(reader, left, right, least, free, budget)
    finally:
        reader.letters.spend = lambda: None


def _decided(reader: Reader, left: MatrixExpr, right: MatrixExpr, least: int, free: bool, budget: Budget) -> Found:
    sides = [reader.read(left), reader.read(right)]
    found = _compared(reader, sides, least, free, False, budget)
    chains = (layout(x, reader.last_name(x), reader.letters.left_size)[0] for side in sides for x in side)
    if isinstance(found.result, Different) and any(has_step(i) for chain in chains for i in chain):
        with suppress(NotInClass):  # two ways to say when a letter without a time stands
            other = _compared(reader, sides, least, free, True, budget)
            return other if isinstance(other.result, Equal) else found
    return found


def _compared(reader: Reader, sides: Sequence[Terms], least: int, free: bool, beside: bool, budget: Budget) -> Found:
    paths = _paths(reader, [x for side in sides for x in side], least, free, beside)
    nets = []
    for side in sides:
        compiler = Compiler(reader)
        for x in side:
            budget.spend()
            compiler.add(paths[id(x)])
        nets.append(compiler.net)
    calendar = Calendar.of(*nets)
    refusal = NotInClass("nothing was tried")
    for spelling in Spelling:
        try:
            a, b = (encode(net, spelling, calendar, reader.letters.square, budget.spend) for net in nets)
            result = compare(a, b, budget.spend)
        except NotInClass as reason:
            refusal = reason
            continue
        word, T = ("", -1) if isinstance(result, Equal) else told(result, calendar)
        return Found(a, b, result, spelling.value, frozenset(reader.letters.used), word, T)
    raise refusal


def _first(reader: Reader, x: Term) -> str:
    """What a word begins with: words that begin alike are read in one direction of time."""
    chain, found = layout(x, reader.last_name(x), reader.letters.left_size)
    return str(chain[0][0]) if chain else (found.name if found else "")


def _paths(reader: Reader, terms: Terms, least: int, free: bool, beside: bool = False) -> dict[int, Path]:
    """The way of each term, by its identity: those that begin alike go forward in time, or all backward."""
    by_name: dict[str, Terms] = {}
    for x in terms:
        by_name.setdefault(_first(reader, x), []).append(x)
    chosen: dict[int, Path] = {}
    for alike in by_name.values():
        refusals = []
        for reverse in (False, True):
            try:
                found = {id(x): Path(reader, x, reverse, least, free, beside) for x in alike}
            except NotInClass as refusal:
                refusals.append(refusal)
                continue
            chosen |= found
            break
        else:
            raise refusals[0]
    return chosen


def told(d: Different, calendar: Calendar) -> tuple[str, int]:
    """A difference in words, and its T."""
    clock, shown = 0, []
    backward = "~" in d.word
    for symbol in d.word:
        if symbol in "+-":
            clock += 1 if symbol == "+" else -1
        elif symbol != "~":
            shown.append((symbol, clock - calendar.shifts.get(symbol.split("^")[0], 0)))
    T = clock
    names = [s if s in "|·" else f"{s}@{T - 1 - c if backward else c}" for s, c in shown]
    text: Sequence[str] = names
    if "|" in names:
        at = names.index("|")
        text = [*names[at + 1 :], "⊗", *names[:at]]
    return f"T = {T}: the product {' '.join(text)} has the coefficient {d.left} on the left, {d.right} on the right", T
