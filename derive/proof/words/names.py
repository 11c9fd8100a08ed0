"""What the names of a model mean in words.

A name stands for itself where a nonlinear function, a recurrence or the user gives it its value;
every other name is replaced by its equation.  A cotangent of a recurrence stands at the end of its
word, and the automaton goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count

from sympy import MatrixExpr, Symbol

from derive.algebra.functions import Apply
from derive.algebra.nodes import FusedLoss, LogSoftmax, Softmax, SoftmaxCrossEntropy, T, Timed, t
from derive.graph import groups
from derive.program import Program, Variable, operands, references
from derive.proof.field.truth import Subject
from derive.proof.words.items import Entry, Item, Matrix, NotInClass, Range, Term, Terms, Time, items, map_times
from derive.proof.words.letters import Letters
from derive.proof.words.spelled import must_be_inside
from derive.proof.words.terms import ONE, function_name, is_column, letter_word, numbers_of


def _behind_slopes(normal: Program) -> Iterator[str]:
    """What the slope p − y of a fused loss takes for granted."""
    for e in normal.equations.values():
        if isinstance(e, SoftmaxCrossEntropy):
            v = normal[e.target.name]
            if normal.assumes_sum_one(v.name) and not v.onehot:
                yield f"sum({v.name}) == 1"


NONLINEAR = (Apply, Softmax, LogSoftmax, FusedLoss)


class Names:
    """The names of one model; `read`, which a subclass gives, reads the equations behind them."""

    def __init__(self, subject: Subject):
        self.subject, self.program = subject, subject.names
        self.letters = Letters()
        self._numbers = count(1)
        self._definitions: dict[str, tuple[Terms, frozenset[str]]] = {}  # with the assumptions that were used
        backward = {v.name for v in self.program.roles("adjoint", "carry")}
        self.recurrent = {
            n: g.direction for g in groups(self.program) if g.direction and set(g.names) & backward for n in g.names
        }
        self._nonterminal = dict.fromkeys(self.recurrent, True)
        for v in self.program.variables.values():
            self.letters.sizes[v.name] = (str(v.shape[0]), str(v.shape[1]))
            if v.initial:
                continue  # its values before the first step are another matter
            if v.onehot:
                self.letters.sums_to_one[v.name] = ""
            elif self.program.assumes_sum_one(v.name):
                self.letters.sums_to_one[v.name] = f"sum({v.name}) == 1"
        self._same: dict[str, tuple[str, Time | None]] = {}
        for name, e in self.program.equations.items():
            if isinstance(e, (Apply, Softmax, LogSoftmax)) and is_column(e):
                self._register(name, e)
        self._read_at: dict[str, set[int]] = {}
        for e in self.subject.normal.equations.values():
            for r in references(e):
                new = self.subject.adjoint.cotangents.get(r.name)
                if new and isinstance(r, Timed) and r.offset:
                    self._read_at.setdefault(new, set()).add(r.offset)
        self._fused = frozenset(_behind_slopes(self.subject.normal))
        self.always = frozenset(self.letters.used)  # what recognising functions relies on

    def _register(self, name: str, e: MatrixExpr) -> None:
        try:
            arguments = [self.read(a) for a in operands(e)]
        except NotInClass:
            return
        if isinstance(e, Softmax) and not self.program[name].initial:
            self.letters.sums_to_one[name] = ""
        if not self.letters.register(function_name(e), arguments, numbers_of(e), name, self.program[name].timed):
            found, time, _ = self.letters.letter(function_name(e), arguments, numbers_of(e))
            same_step = time is None or (time.anchor == t and time.offset == 0)
            if self.program[name].role != "state" and same_step:
                self._same[name] = (found, time)

    def definition(self, name: str) -> Terms:
        """The words of a name's equation, at step t."""
        if name not in self._definitions:
            others, self.letters.used = self.letters.used, set()
            try:
                terms = self.read(self.program.equations[name])
                fused = self._fused if self.program[name].role in ("adjoint", "carry") else frozenset()
                self._definitions[name] = terms, frozenset(self.letters.used) | fused
            finally:
                self.letters.used = others
        terms, used = self._definitions[name]
        self.letters.used |= used
        return terms

    def nonterminal(self, name: str) -> bool:
        """Does the automaton go on at this name: a cotangent that hangs on a recurrence's?"""
        if name not in self._nonterminal:
            v, known = self.program[name], name in self.subject.normal.variables
            letter = v.given or not v.timed or known or isinstance(self.program.equations[name], NONLINEAR)
            self._nonterminal[name] = not letter and any(self.last_name(x) for x in self.definition(name))
        return self._nonterminal[name]

    def last_name(self, x: Term) -> str:
        """The cotangent at which a word goes on; "" if it ends.

        Raises:
            NotInClass: there are two, or it stands elsewhere.
        """
        names = [i for i in items(x.word) if isinstance(i, Entry) and i.name in self.program.variables]
        found = [i for i in names if self.goes_on(i)]
        if len(found) > 1 or (found and found[0].exponent != 1):
            raise NotInClass("two cotangents of recurrences meet in one product")
        return found[0].name if found else ""

    def goes_on(self, e: Entry) -> bool:
        """Is the letter a cotangent at which a word goes on?"""
        return e.name in self.recurrent or (e.time is not None and self.nonterminal(e.name))

    def _boundary(self, name: str, time: Time | None) -> str:
        """The gradient of an initial value that a cotangent before the first step is; "" if it is none."""
        v = self.program[self.program[name].of] if self.program[name].of in self.program.variables else None
        if v is None or time is None:
            return ""
        k = time.offset + 1 if time.anchor == T else -time.offset
        of = v.initial[k - 1] if time.anchor == (T if v.backward else None) and 1 <= k <= len(v.initial) else None
        return self.subject.adjoint.cotangents.get(of or "", "")

    def _is_letter(self, v: Variable) -> bool:
        if v.given or v.role == "state" or v.name in self.recurrent:
            return True
        e = self.program.equations[v.name]
        return isinstance(e, NONLINEAR) or (v.timed and self.nonterminal(v.name))

    def _name(self, name: str, time: Time | None) -> Terms:
        if name not in self.program.variables:
            raise NotInClass(f"{name} is no name of the model")
        v = self.program[name]
        if v.role == "initial" and v.of:
            owner = self.program[v.of]
            k = owner.initial.index(name) + 1
            name, v, time = owner.name, owner, Time(T, k - 1) if owner.backward else Time(None, -k)
        if name in self._same:
            name, shift = self._same[name]
            moved = None if shift is None or time is None else time.shifted(shift.offset)
            inside = () if time is None else (must_be_inside(time),)
            return [Term(ONE, letter_word(name, v.shape, moved), ranges=inside)]
        boundary = self._boundary(name, time) if v.role == "adjoint" else ""
        if boundary:
            return self._name(boundary, None)
        if self._is_letter(v):
            ranges = self.cotangent_ranges(name, time)[1:] if v.role == "adjoint" and time is not None else ()
            return [Term(ONE, letter_word(name, v.shape, time), ranges=ranges)]
        terms = self.definition(name)
        if time is None:
            return [self.fresh(x) for x in terms]
        own = self.cotangent_ranges(name, time) if v.role == "adjoint" else (Range(time, 0, 0, strict=False),)

        def at(other: Time) -> Time:
            return time.shifted(other.offset) if other.anchor == t else other

        return [self.fresh(replace(map_times(x, at), ranges=(*own, *map_times(x, at).ranges))) for x in terms]

    def cotangent_ranges(self, name: str, time: Time) -> tuple[Range, ...]:
        """Where a cotangent is zero, and where it is another matter: dL/dh[-1] of what is read a step later."""
        offsets = self._read_at.get(name, ())
        early, late = any(n < 0 for n in offsets), any(n > 0 for n in offsets)
        zero = Range(time, None if early else 0, None if late else 0, strict=False)
        unknown = Range(time, 0 if early else None, 0 if late else None, strict=True)
        return (zero, unknown) if early or late else (zero,)

    def range(self, name: str, time: Time) -> Range | None:
        """Where a letter has a value: outside, it is zero; a slope letter 1 − h² is not, and must be inside."""
        v = self.program.variables.get(name.rstrip("'"))
        if v is None:
            return None
        if v.role == "adjoint":  # of a matrix: that of a column ends its word
            return self.cotangent_ranges(v.name, time)[0]
        known = 0
        while known < len(v.initial) and v.initial[known]:
            known += 1
        strict = name.endswith("'")
        return Range(time, 0, known, strict) if v.backward else Range(time, -known, 0, strict)

    def letter_ranges(self, chain: Iterable[Item], reverse: bool) -> Iterator[Range]:
        """The ranges of a chain's letters, in the time T − 1 − t where the chain is read in reverse."""
        for i in chain:
            if isinstance(i, (Entry, Matrix)) and i.time is not None:
                r = self.range(i.name, i.time)
                if r is not None:
                    yield r.mirrored() if reverse else r

    def index(self, name: str) -> Symbol:
        return Symbol(f"{name.split('#', maxsplit=1)[0]}#{next(self._numbers)}", integer=True)

    def fresh(self, x: Term) -> Term:
        """The same term with bound indices of its own."""
        if not x.binders:
            return x
        new = {i: self.index(i.name) for i, _, _ in x.binders}

        def rename(time: Time) -> Time:
            return Time(new.get(time.anchor, time.anchor), time.offset)

        renamed = map_times(x, rename)
        return replace(renamed, binders=tuple((new[i], low, high) for i, low, high in renamed.binders))

    def read(self, e: MatrixExpr) -> Terms:
        """The words of an expression.

        Raises:
            NotInClass: words cannot express it.
        """
        raise NotImplementedError
