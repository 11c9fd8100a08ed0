"""The nearest true equation: edits of the right side, tried in the field, then judged like any claim."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations, groupby
from time import monotonic

from sympy import MatrixExpr

from derive.claims.reading.clock import NoIndex
from derive.claims.reading.formula import Formula
from derive.claims.reading.outline import Outline
from derive.claims.reading.readings import Choices
from derive.claims.reading.vocabulary import Vocabulary
from derive.claims.repair.bench import TROUBLE, Bench, Numbers, Preset, Where
from derive.claims.repair.derived import IN_OTHER_WORDS, derived, shown
from derive.claims.repair.edit import Edit
from derive.claims.repair.edits import single_edits
from derive.claims.repair.library import Library, library_for, place_of_time
from derive.claims.repair.reassembly import reassemblies
from derive.claims.repair.supplements import supplements
from derive.claims.repair.wording import worded
from derive.claims.text.marks import is_quotient
from derive.claims.text.parse import LatexError, parse
from derive.claims.text.patterns import TIME, plain
from derive.claims.text.printing import to_tex
from derive.claims.text.rewrite import letters, rewritten
from derive.claims.text.tree import Fraction, Group, Leaf, Matrix, Node, Root, Row, Scripted
from derive.claims.verdict.judge import Judge
from derive.claims.verdict.verdicts import ANEW, TRUE, Judgement, Outcome, Repair
from derive.errors import DeriveError
from derive.proof.budget import Budget, OutOfBudget
from derive.proof.prove import Prover

SECONDS = 4.0
AFTER = 0.1  # seconds for which others are looked for once one is found, or half as long as that took
MOST_HITS = 4  # candidates of one kind that are judged
Candidate = tuple[Row, tuple[str, ...]]  # a right side, and the edits that lead to it
ORDER = (Outcome.PROVED, Outcome.CHECKED, Outcome.CONDITIONAL)


@dataclass
class Repairer:
    """Repairs equations of one claim."""

    prover: Prover
    vocabulary: Vocabulary
    make: Callable[[Choices], Formula]
    judged_row: Callable[[Row], Judgement]
    judge: Callable[[], Judge]
    where: Where
    seconds: float = SECONDS  # of the search
    budget: Budget = field(init=False)

    def __post_init__(self) -> None:
        self.budget = Budget(self.seconds)

    def repair(self, left: Row, right: Row, readings: Sequence[Preset]) -> Repair | None:
        """The nearest true equation that is found in time."""
        outline = Outline(self.vocabulary)
        library = self._library(left, right, outline)
        edits = list(single_edits(right, outline, library))
        benches = []
        for choices in readings:
            try:
                benches.append(Bench(self.prover, self.make, left, right, choices, self.where, outline, self.budget))
            except (*TROUBLE, LatexError, NoIndex, DeriveError):
                continue
        misfit = bool(benches) and benches[0].base is None  # shapes do not fit: what changes them goes first
        edits.sort(key=lambda e: (0, 2, 1)[e.rank] if misfit else e.rank)
        alike = [list(group) for _, group in groupby(edits, key=lambda e: e.rank)]
        stages: tuple[Callable[[Bench], Iterator[Candidate]], ...] = (
            *(partial(_singles, right, group) for group in alike),
            lambda bench: supplements(bench, right, outline, library),
            lambda bench: _apart(bench, right, edits),
            lambda bench: reassemblies(bench, right, outline, library),
            lambda bench: _together(right, edits),
        )
        for stage in stages:
            for bench in benches:
                start, hits = monotonic(), list[tuple[Judgement, Candidate]]()
                for hit in self._hits(bench, stage(bench)):
                    if not hits:  # a few more may be as near
                        self.budget.shorten(max(AFTER, (monotonic() - start) / 2))
                    hits.append(hit)
                    if len(hits) >= MOST_HITS:
                        break
                if hits:
                    return self._best(left, hits)
        return self._derived(left, right, benches, library)

    def _derived(self, printed: Row, wrong: Row, benches: Sequence[Bench], library: Library) -> Repair | None:
        """The left side with what is derived for it, in the claim's notation where it is true when it is read again."""
        for bench in benches:
            judge = self.judge()
            for left, right in derived(bench.left, self.prover.subject, library.differentiated_by):
                judgement = judge.equation(left, right)
                if judgement.outcome in TRUE:
                    own = self._in_own_words(printed, wrong, right, bench, library)
                    names = self.prover.subject
                    return own or Repair(shown(left, right, names), (IN_OTHER_WORDS,), judgement.outcome)
        return None

    def _in_own_words(self, left: Row, wrong: Row, right: MatrixExpr, bench: Bench, library: Library) -> Repair | None:
        with suppress(LatexError, NoIndex, DeriveError, OutOfBudget, *TROUBLE):
            lie = bench.formula.rows, bench.formula.gradient_rows
            indices = Outline(self.vocabulary).bound_letters(wrong)
            row = plain(parse(worded(right, self.prover.subject.names, library, indices, *lie)))
            judgement = self.judged_row(row)
            if judgement.outcome in ORDER:
                latex = self._shown(left, row)
                return Repair(latex, (ANEW,), _as_true(judgement), reading=judgement.reading_needed)
        return None

    def _hits(self, bench: Bench, candidates: Iterable[Candidate]) -> Iterator[tuple[Judgement, Candidate]]:
        """The candidates that are true, of those that are looked at in time."""
        with suppress(OutOfBudget):
            yield from self._true(bench, candidates)

    def _true(self, bench: Bench, candidates: Iterable[Candidate]) -> Iterator[tuple[Judgement, Candidate]]:
        seen, outline = set[str](), Outline(self.vocabulary)
        for row, words in candidates:
            self.budget.spend()
            value = bench.value(row) if bench.closed or bench.is_closed(row, outline) else None
            if (
                value is None
                or bench.says_nothing(value)
                or bench.numbers(value) != bench.wanted
                or not bench.agrees(value)
            ):
                continue
            tex = to_tex(row)
            if tex in seen or _is_silly(bench.printed, row, outline) or _is_circular(bench, row):
                continue
            seen.add(tex)
            judgement = self.judged_row(row)
            if judgement.outcome in ORDER:
                yield judgement, (row, words)

    def _best(self, left: Row, hits: list[tuple[Judgement, Candidate]]) -> Repair:
        """The one with the fewest edits, the shortest; a proof counts more than a check."""
        shown = {id(h): self._shown(left, h[1][0]) for h in hits}
        hits.sort(key=lambda h: (len(h[1][1]), ORDER.index(h[0].outcome), len(shown[id(h)])))
        best, known = hits[0], {_kind(hits[0][1])}
        longest, near = NEAR * len(shown[id(best)]), list[str]()
        for h in hits[1:]:
            alike = len(h[1][1]) == len(best[1][1]) and (h[0].outcome in TRUE) == (best[0].outcome in TRUE)
            if alike and len(shown[id(h)]) <= longest and _kind(h[1]) not in known:
                known.add(_kind(h[1]))
                near.append(shown[id(h)])
        return Repair(shown[id(best)], best[1][1], _as_true(best[0]), tuple(near), best[0].reading_needed)

    def _shown(self, left: Row, right: Row) -> str:
        conditions = (rf",\quad {letter} = {to_tex(value)}" for letter, value in self.where.conditions)
        return f"{to_tex(left)} = {to_tex(right)}{''.join(conditions)}"

    def _library(self, left: Row, right: Row, outline: Outline) -> Library:
        """What is at hand: the times and the letters of the claim."""
        times, place = dict[str, Row](), "_"
        for row in (right, left):
            for nodes, found in outline.names(row):
                time = found.match.values.get(TIME)
                if time:
                    times.setdefault(to_tex(time), time)
                    place = place_of_time(nodes) if place == "_" and found.word.own else place
        bound = outline.bound_letters(right)
        used = {x.text for t in times.values() for x in letters(t)}
        free = sorted(used - bound - {self.vocabulary.clock.letter})
        for letter in (*free, *sorted(bound)):
            times.setdefault(letter, (Leaf("letter" if len(letter) == 1 else "symbol", letter),))
        entries = sorted(
            {
                to_tex(found.match.values[x])
                for row in (left, right)
                for _, found in outline.names(row)
                for x in found.word.entries
                if x in found.match.values
            }
        )
        own = self.prover.subject.reading.variables
        return library_for(self.vocabulary, own, list(times.values()), bound, free, entries, place)


def _kind(candidate: Candidate) -> tuple[str, ...]:
    """Its edits, but not the place at which a factor is inserted: those are one repair."""
    return tuple(words.partition(" inserted ")[0] for words in candidate[1])


def _is_silly(left: Row, right: Row, outline: Outline) -> bool:
    """Does it say x = … + x, or … + y - y?"""
    for n, terms in enumerate(outline.sums(right)):
        signs: dict[str, set[str]] = {}
        for term in terms:
            signs.setdefault(to_tex(term.nodes), set()).add(term.sign.text if term.sign is not None else "+")
        if any(len(s) > 1 for s in signs.values()) or (not n and to_tex(left) in signs):
            return True
    return False


def _is_circular(bench: Bench, row: Row) -> bool:
    """Does it say what a quantity is by that quantity, or by a derivative of something by itself?"""
    nodes = list(_values(row))
    itself = any(is_quotient(x) and _by_itself(x) for x in nodes)
    return itself or (bench.names_one and len(bench.printed) == 1 and bench.printed[0] in nodes)


def _by_itself(x: Node) -> bool:
    return isinstance(x, Fraction) and len(x.top) > 1 and x.top[1:] == x.bottom[1:]


def _values(row: Row) -> Iterator[Node]:
    """The nodes that have a value each: those inside a derivative have none."""
    for node in row:
        yield node
        match node:
            case Scripted(base):
                yield from _values((base,)) if isinstance(base, Group) or is_quotient(base) else ()
            case Fraction(top, bottom) if not is_quotient(node):
                yield from (*_values(top), *_values(bottom))
            case Group() | Root():
                yield from _values(node.row)
            case Matrix(rows):
                yield from (x for cells in rows for cell in cells for x in _values(cell))


def _as_true(judgement: Judgement) -> Outcome:
    """What is known of the reading in which it is true."""
    if judgement.outcome is not Outcome.CONDITIONAL:
        return judgement.outcome
    outcomes = {r.outcome for r in judgement.readings}
    return Outcome.PROVED if Outcome.PROVED in outcomes else Outcome.CHECKED


NEAR = 1.05  # times as long as the best: those are as near


def _singles(right: Row, edits: list[Edit], bench: Bench) -> Iterator[Candidate]:
    """One edit; of an index or a time where an index is free that should not be."""
    for e in edits if bench.closed else (e for e in edits if e.indices):
        yield rewritten(right, e.changes), (e.words,)


def _together(right: Row, edits: list[Edit]) -> Iterator[Candidate]:
    """Two edits at once, whichever."""
    for a, b in combinations(edits, 2):
        if not set(a.changes) & set(b.changes):
            yield rewritten(right, {**a.changes, **b.changes}), (a.words, b.words)


def _apart(bench: Bench, right: Row, edits: list[Edit]) -> Iterator[Candidate]:
    """Two edits in different terms: what they change adds up to what is missing.

    Or of one term the sign and something inside it: from a to -b is what from a to -a is, less what from a to b is.
    """
    base = bench.numbers(bench.base) if bench.base is not None else None
    if base is None:
        return
    missing, surplus = bench.minus(bench.wanted, base), bench.minus(base, bench.wanted)
    changed = dict[Numbers, list[Edit]]()
    for e in edits:
        value = bench.value(rewritten(right, e.changes))
        numbers = bench.numbers(value) if value is not None else None
        if numbers is None:
            continue
        own = bench.minus(numbers, base)
        fitting = dict.fromkeys((bench.minus(missing, own), bench.minus(own, missing), bench.minus(own, surplus)))
        for other in (x for change in fitting for x in changed.get(change, ())):
            if not set(e.changes) & set(other.changes):
                yield rewritten(right, {**other.changes, **e.changes}), (other.words, e.words)
        changed.setdefault(own, []).append(e)
