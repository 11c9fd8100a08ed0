"""What a repair may put into a formula: the model's quantities under the claim's names, slopes, times in use."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

from sympy import Expr

from derive.algebra.functions import Apply
from derive.claims.reading.directives import Quantity, Quotient
from derive.claims.reading.meanings import Found, Named, Ratio, Word
from derive.claims.reading.vocabulary import Vocabulary
from derive.claims.text.indices import has_time_letter, is_index
from derive.claims.text.parse import parse
from derive.claims.text.patterns import TIME
from derive.claims.text.rewrite import with_letter
from derive.claims.text.tree import Fraction, Group, Leaf, Node, Row, Scripted, leaves

MOST_TIMES = 6


def index_row(text: str) -> Row:
    """An index as it is printed."""
    return parse(text)


@dataclass
class Library:
    """What is at hand for one claim."""

    vocabulary: Vocabulary
    times: list[Row] = field(default_factory=list)  # those that the claim uses
    free_letters: list[str] = field(default_factory=list)
    entry_letters: list[str] = field(default_factory=list)  # of indices of entries
    own: Container[str] = ()  # the quantities that the model's author named
    differences: list[Row] = field(default_factory=list)  # exponents that may be meant
    factors: list[tuple[Row, bool]] = field(default_factory=list)  # with: is it a vector, for an elementwise product?
    matrices: list[Row] = field(default_factory=list)  # those of them that are parameters
    place: str = "_"  # where the claim writes times: see `place_of_time`

    def shifted(self, row: Row, step: int) -> Row | None:
        """An index, one more or one less."""
        if not row or not is_index(row):
            return None
        last, before = row[-1], row[:-1]
        if isinstance(last, Leaf) and last.kind == "number" and last.text.isdigit():
            sign = -1 if before and isinstance(before[-1], Leaf) and before[-1].text == "-" else 1
            value = sign * int(last.text) + step
            head = before[:-1] if before and isinstance(before[-1], Leaf) and before[-1].text in "+-" else before
            return self._with_number(head, value)
        return self._with_number(row, step)

    def near(self, row: Row) -> list[Row]:
        """An index, one more and one less, and with another sign inside it."""
        found = [new for step in (1, -1) if (new := self.shifted(row, step)) is not None]
        if is_index(row):
            for k, node in enumerate(row[1:], 1):
                if isinstance(node, Leaf) and node.text in ("+", "-"):
                    new = (*row[:k], Leaf("op", "-" if node.text == "+" else "+"), *row[k + 1 :])
                    found += [new] if new not in found else []
        return found

    @staticmethod
    def _with_number(head: Row, value: int) -> Row | None:
        if not head:
            return (Leaf("number", str(value)),) if value >= 0 else None
        if value == 0:
            return head
        return (*head, Leaf("op", "+" if value > 0 else "-"), Leaf("number", str(abs(value))))

    def alike(self, found: Found) -> Iterator[tuple[Word, bool]]:
        """Other names of the same kind, and whether they are of the same shape."""
        for meaning in found.meanings.values():
            kind = type(meaning)
            if not isinstance(meaning, (Named, Ratio)):
                continue
            own = meaning if isinstance(meaning, Named) else meaning.by
            if own.components:
                continue
            for word in self._words():
                other = word.meanings[0]
                target = other.by if isinstance(other, Quotient) else other
                assert isinstance(target, Quantity)
                alike = isinstance(other, Quotient) == (kind is Ratio) and not target.components
                alike = alike and bool(target.time) == (own.time is not None)
                if alike and word.tex != found.word.tex:
                    yield word, self._shape(target.name) == self._shape(own.name)

    @cached_property
    def differentiated_by(self) -> frozenset[str]:
        """The quantities whose derivatives the paper has names for."""
        words, total = self.vocabulary.words, self.vocabulary.program.total
        meanings = [w.meanings[0] for w in words if not w.own and len(w.meanings) == 1]
        return frozenset(m.by.name for m in meanings if isinstance(m, Quotient) and is_of_loss(m, total))

    def _shape(self, name: str) -> tuple[Expr, Expr]:
        return self.vocabulary.program[name].shape  # type: ignore[no-any-return]

    def _words(self) -> Iterator[Word]:
        """One name for each quantity, the paper's before the model's."""
        seen: set[str] = set()
        for word in self.vocabulary.words:
            meaning = word.meanings[0] if len(word.meanings) == 1 else None
            if not isinstance(meaning, (Quantity, Quotient)) or repr(meaning) in seen:
                continue
            target = meaning.by if isinstance(meaning, Quotient) else meaning
            if target.name not in self.own:
                continue
            seen.add(repr(meaning))
            yield word

    def usual_times(self, word: Word, time: Row | None) -> Iterator[Row | None]:
        """When a name is likely to be meant: at the same time, and a state also at the one before or after."""
        yield time
        meaning = word.meanings[0]
        v = self.vocabulary.program[meaning.name] if isinstance(meaning, Quantity) else None
        if time and v is not None and v.role == "state":
            before = self.shifted(time, 1 if v.backward else -1)
            if before is not None:
                yield before

    def derivatives(self) -> Iterator[tuple[Word, Row | None]]:
        """The derivatives that the paper has names for, at each time in use."""
        for word in self._words():
            if isinstance(word.meanings[0], Quotient):
                if TIME not in word.pattern.letters:
                    yield word, None
                else:
                    yield from ((word, time) for time in self.times)

    def vectors(self) -> Iterator[tuple[Row, str, Row]]:
        """The vectors of a step that the model has, each with its name there, at each time in use."""
        for word in self._words():
            meaning = word.meanings[0]
            if isinstance(meaning, Quantity) and not (meaning.components or meaning.copy) and meaning.time == TIME:
                v = self.vocabulary.program[meaning.name]
                if v.shape[1] == 1 and v.shape[0] != 1:
                    for time in self.times:
                        row = self.written(word, time)
                        if row is not None:
                            yield row, v.name, time

    def residuals(self) -> Iterator[Row]:
        r"""(\hat y_t - y_t): what is compared with a target, less that."""
        program, vectors = self.vocabulary.program, list(self.vectors())
        for (target, name, time), (row, other, when) in product(vectors, vectors):
            alike = other != name and time == when and self._shape(other) == self._shape(name)
            if alike and program[name].role == "target":
                yield (Group("(", (*row, Leaf("op", "-"), *target)),)

    def written(self, word: Word, time: Row | None, sup: Row = ()) -> Row | None:
        """A name at a time, with what stood above."""
        row = word.pattern.nodes
        if TIME in word.pattern.letters:
            if not time:
                return None
            if word.own:  # the model's name, in the claim's way
                row = next((v for v in word.pattern.variants if place_of_time(v) == self.place), row)
            row = with_letter(row, TIME, time)
        if not sup:
            return row
        last = row[-1]
        above = (*(last.sup or ()), *sup) if isinstance(last, Scripted) else sup
        sub = last.sub if isinstance(last, Scripted) else None
        base = last.base if isinstance(last, Scripted) else last
        return (*row[:-1], Scripted(base, sub, above))


def is_of_loss(q: Quotient, total: str) -> bool:
    """Is it the derivative of the whole loss, by all ways?"""
    return q.of.name in ("L", total) and not q.of.time and q.sign == 1 and not q.through


def place_of_time(nodes: Row) -> str:
    """Where a name that has a time has it: "_" below, "(" or "<" above in such brackets, "^" above, "call" behind."""
    last = nodes[-1]
    if not isinstance(last, Scripted):
        return "call"
    for x in last.sup or ():
        if isinstance(x, Group) and x.open in ("(", "<"):
            return x.open
    return "^" if last.sup and has_time_letter(last.sup) else "_"


def library_for(
    vocabulary: Vocabulary,
    own: Container[str],
    times: list[Row],
    bound: set[str],
    free: list[str],
    entries: list[str],
    place: str,
) -> Library:
    """What may be put into a formula in which these times and indices of entries occur, and are written there."""
    library = Library(vocabulary, times[:MOST_TIMES], free, entries, own, place=place)
    letters = sorted({x.text for t in times for x in leaves(t) if x.kind in ("letter", "symbol")} | bound)
    for a in letters:
        for b in letters:
            if a != b:
                library.differences.append(_difference(a, b))
    for word in library._words():
        meaning = word.meanings[0]
        if not isinstance(meaning, Quantity) or meaning.components or meaning.copy:
            continue
        v = vocabulary.program[meaning.name]
        if v.role == "param" and v.shape[1] != 1:
            for sup in ((), (Leaf("symbol", "top"),)):
                written = library.written(word, None, sup)
                if written is not None:
                    library.matrices.append(written)
        elif v.role == "param":
            library.factors.append((library.written(word, None) or (), True))
    library.factors += [(row, False) for row in library.matrices]
    for row, name, _ in library.vectors():
        library.factors += [(row, True), *_slopes(vocabulary, name, row)]
    library.factors += [(row, False) for row in _coefficients(vocabulary)]
    return library


def _coefficients(vocabulary: Vocabulary) -> Iterator[Row]:
    """Numbers that losses bring: 2, 1/2, and means over the steps or over a size that has a name here."""
    two, one = Leaf("number", "2"), Leaf("number", "1")
    yield (two,)
    yield (Fraction((one,), (two,)),)
    if vocabulary.clock.letter:
        yield (Fraction((one,), (_letter(vocabulary.clock.letter),)),)
    sizes = {s.name for s in vocabulary.program.sizes}
    for word in vocabulary.words:
        meaning = word.meanings[0]
        if isinstance(meaning, Quantity) and meaning.name in sizes:
            yield (Fraction((one,), word.pattern.nodes),)
            yield (Fraction((two,), word.pattern.nodes),)


def _difference(a: str, b: str) -> Row:
    return (_letter(a), Leaf("op", "-"), _letter(b))


def _letter(name: str) -> Leaf:
    return Leaf("letter" if len(name) == 1 else "symbol", name)


def _slopes(vocabulary: Vocabulary, name: str, written: Row) -> Iterator[tuple[Row, bool]]:
    """The slope of the function whose value a quantity is: 1 - h^2 or z ⊙ (1 - z), as a vector and as a diagonal.

    Of z ⊙ (1 - z) the second factor too, which is forgotten easily.
    """
    equation = vocabulary.program.equations.get(name)
    if not isinstance(equation, Apply) or equation.name not in ("tanh", "sigmoid"):
        return
    one, minus = Leaf("number", "1"), Leaf("op", "-")
    if equation.name == "tanh":
        last = written[-1]
        time_above = isinstance(last, Scripted) and last.sup is not None
        base: Node = Group("(", written) if time_above or len(written) > 1 else last
        squared = replaced_sup(base, (Leaf("number", "2"),))
        slope: Row = (one, minus, squared)
    else:
        rest = Group("(", (one, minus, *written))
        slope = (*written, Leaf("op", "odot"), rest)
        yield (rest,), True
    yield (Group("(", slope),), True
    yield (Leaf("word", "diag"), Group("(", slope)), False


def replaced_sup(node: Node, sup: Row) -> Node:
    if isinstance(node, Scripted):
        return Scripted(node.base, node.sub, sup, node.primes)
    return Scripted(node, None, sup)
