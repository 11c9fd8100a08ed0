"""Both sides written out at one T, in words: exact, for all sizes.

It shares the reader with the automata and nothing else: no networks, no spelling, no linear algebra.
So it is the slow twin that the automata are held to, and decides what they cannot express.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import product

from derive.algebra.nodes import T, t
from derive.proof.words.items import (
    Chain,
    Cut,
    Entry,
    Item,
    Matrix,
    NotInClass,
    Range,
    Run,
    Term,
    Terms,
    Time,
    Word,
    items,
    map_times,
    transpose_chain,
)
from derive.proof.words.reading import Reader
from derive.proof.words.terms import all_times

MOST_WORDS = 20_000
Weights = dict[Word, Fraction]


class Expansion:
    """The words of expressions at one T; `spend` is called often, and may stop the work."""

    def __init__(self, reader: Reader, steps: int, spend: Callable[[], None]):
        self.reader, self.steps, self.spend = reader, steps, spend
        self._known: dict[tuple[str, int], Terms] = {}

    def weights(self, terms: Terms, now: int | None) -> Weights:
        """Each word that occurs, with its coefficient; `now` is t.

        Raises:
            NotInClass: a value outside the sequence, or too many words.
        """
        total: Weights = {}
        for x in self._all(terms, now):
            word = _canonical(x.word)
            total[word] = total.get(word, Fraction(0)) + x.coefficient
        return {w: c for w, c in total.items() if c}

    def _all(self, terms: Terms, now: int | None) -> Terms:
        written = [y for x in terms for y in self._written(self._at(x, t, now) if now is not None else x)]
        return self.reader.letters.tidy(written, MOST_WORDS)

    def _at(self, x: Term, anchor: object, value: int) -> Term:
        return map_times(x, lambda time: Time(None, time.offset + value) if time.anchor == anchor else time)

    def _written(self, x: Term) -> Iterator[Term]:
        """A term at every value of its indices, its products multiplied out and its cotangents written out."""
        self.spend()
        x = self._at(x, T, self.steps)
        if x.binders:
            (index, low, high), rest = x.binders[0], x.binders[1:]
            if low.anchor is not None or high.anchor is not None:
                raise NotInClass("bounds that hang on an index inside")
            for value in range(low.offset, high.offset + 1):
                yield from self._written(self._at(replace(x, binders=rest), index, value))
            return
        runs = {i.index for i in items(x.word) if isinstance(i, Run)}
        if any(time.anchor is not None and time.anchor not in runs for time in all_times(x)):
            raise NotInClass("an index without a value")
        if any(a.offset != b.offset for a, b in x.equal) or not self._inside(x):
            return
        for y in self._multiplied(replace(x, equal=(), ranges=())):
            if self._letters_inside(y):
                yield from self._followed(y)

    def _inside(self, x: Term) -> bool:
        """Is every value inside the sequence?  Else the term is zero, or nothing is known."""
        runs = {i.index: i for i in items(x.word) if isinstance(i, Run)}
        for r in sorted(x.ranges, key=lambda r: not r.strict):  # what is demanded is asked first
            run = runs.get(r.time.anchor)
            times = [r.time.offset]
            if run is not None:
                times = [k + r.time.offset for k in range(run.low.offset, run.high.offset + 1)]
            for time in times:
                if not self._holds(r, time):
                    return False
        return True

    def _holds(self, r: Range, time: int) -> bool:
        if (r.low is None or r.low <= time) and (r.high is None or time <= self.steps - 1 + r.high):
            return True
        if r.strict:
            raise NotInClass("a value outside the sequence")
        return False

    def _letters_inside(self, x: Term) -> bool:
        for i in items(x.word):
            if isinstance(i, (Entry, Matrix)) and i.time is not None:
                r = self.reader.range(i.name, i.time)
                if r is not None and not self._holds(r, i.time.offset):
                    return False
        return True

    def _multiplied(self, x: Term) -> Iterator[Term]:
        """The ordered products of a term multiplied out."""
        w = x.word
        slots = [[(Fraction(1), None)] if c is None else self._chain(c) for c in (w.through, w.column, w.row)]
        scalars = [self._chain(c) for c in w.scalars]
        for choice in product(*slots, *scalars):
            self.spend()
            coefficient = x.coefficient
            for c, _ in choice:
                coefficient *= c
            through, column, row, *rest = (chain for _, chain in choice)
            yield replace(
                x,
                coefficient=coefficient,
                word=Word(through, column, row, tuple(rest), w.atoms),  # type: ignore[arg-type]
            )

    def _chain(self, chain: Chain) -> list[tuple[Fraction, Chain]]:
        done: list[tuple[Fraction, Chain]] = [(Fraction(1), ())]
        for item in chain:
            more = self._run(item) if isinstance(item, Run) else [(Fraction(1), (item,))]
            done = [(c * k, head + tail) for c, head in done for k, tail in more]
            if len(done) > MOST_WORDS:
                raise NotInClass(f"more than {MOST_WORDS} words")
        return done

    def _run(self, run: Run) -> list[tuple[Fraction, Chain]]:
        values = range(run.low.offset, run.high.offset + 1)
        done: dict[int, list[tuple[Fraction, Chain]]] = {run.row: [(Fraction(1), ())]}
        for k in values if run.ascending else reversed(values):
            following: dict[int, list[tuple[Fraction, Chain]]] = {}
            for f in run.body:
                self.spend()
                factor = tuple(_moved(i, run.index, k) for i in f.chain)
                following.setdefault(f.column, []).extend(
                    (c * f.coefficient, head + factor) for c, head in done.get(f.row, ())
                )
            done = following
            if sum(map(len, done.values())) > MOST_WORDS:
                raise NotInClass(f"more than {MOST_WORDS} words")
        return done.get(run.column, [])

    def _followed(self, x: Term) -> Iterator[Term]:
        """The cotangents of recurrences in a term replaced by what they are, until none is left."""
        found = self._cotangent(x.word)
        if found is None:
            yield x
            return
        if found.exponent != 1:
            raise NotInClass("a power of a cotangent")
        if found.time is None or found.time.anchor is not None:
            raise NotInClass(f"the cotangent {found.name} has no time")
        for y in self._meaning(found.name, found.time.offset):
            word = _replaced(x.word, found, y.word)
            yield from self._followed(Term(x.coefficient * y.coefficient, word))

    def _cotangent(self, w: Word) -> Entry | None:
        for i in items(w):
            if isinstance(i, Entry) and i.name in self.reader.program.variables and self.reader.goes_on(i):
                return i
        return None

    def _meaning(self, name: str, now: int) -> Terms:
        """The words of a cotangent at a step."""
        if not 0 <= now < self.steps:
            return []
        if (name, now) not in self._known:
            self._known[name, now] = self._all(self.reader.definition(name), now)
        return self._known[name, now]


def _moved(i: Item, index: object, value: int) -> Item:
    if isinstance(i, Run) or i.time is None or i.time.anchor != index:
        return i
    return i._replace(time=Time(None, i.time.offset + value))  # type: ignore[union-attr]


def _replaced(w: Word, e: Entry, value: Word) -> Word:
    """The word with a vector (or a scalar) letter at one of its ends replaced by a word."""
    scalars, atoms = (*w.scalars, *value.scalars), (*w.atoms, *value.atoms)
    if e in w.atoms:
        rest = list(w.atoms)
        rest.remove(e)
        return replace(w, scalars=scalars, atoms=(*rest, *value.atoms))
    if value.column is None:
        raise NotInClass("a cotangent that is no vector")
    if w.column is not None and e in w.column:
        return replace(w, column=_at_end(w.column, e, value.column), scalars=scalars, atoms=atoms)
    if w.row is not None and e in w.row:
        turned = _at_end(transpose_chain(w.row), e, value.column)
        return replace(w, row=transpose_chain(turned), scalars=scalars, atoms=atoms)
    for n, chain in enumerate(w.scalars):
        if e in chain:
            others = (*w.scalars[:n], *w.scalars[n + 1 :], *value.scalars)
            try:
                new = _at_end(chain, e, value.column)
            except NotInClass:
                new = _at_end(transpose_chain(chain), e, value.column)
            return replace(w, scalars=(*others, new), atoms=atoms)
    raise NotInClass("a cotangent on a diagonal")


def _at_end(chain: Chain, e: Entry, value: Chain) -> Chain:
    for n in range(len(chain) - 1, -1, -1):
        if chain[n] == e:
            return chain[:n] + chain[n + 1 :] + value
        if not isinstance(chain[n], Entry):
            break
    raise NotInClass("a cotangent in the middle of a product")


def _canonical(w: Word) -> Word:
    """Scalars are their own transposes, and commute."""
    if w.row is not None and any(isinstance(i, Cut) for i in w.row):
        raise NotInClass("ones inside a row, whose length nothing may tell")
    scalars = tuple(sorted((min(c, transpose_chain(c), key=str) for c in w.scalars), key=str))
    return replace(w, scalars=scalars)


def first_difference(
    reader: Reader, left: Terms, right: Terms, steps: int, free: bool, spend: Callable[[], None]
) -> tuple[Word, Fraction, Fraction] | None:
    """A word that the two sides weigh differently at this T; None if there is none.

    Raises:
        NotInClass: words cannot tell.
    """
    expansion = Expansion(reader, steps, spend)
    for now in range(steps) if free else (None,):
        a, b = expansion.weights(left, now), expansion.weights(right, now)
        for word in {**a, **b}:
            if a.get(word, 0) != b.get(word, 0):
                return word, a.get(word, Fraction(0)), b.get(word, Fraction(0))
    return None
