"""Expressions and the equations behind names, read as sums of words.

A name stands for itself where a nonlinear function, a recurrence or the user gives it its value;
every other name is replaced by its equation.  A cotangent of a recurrence stands at the end of its
word, and the automaton goes on from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import singledispatchmethod
from itertools import count, product
from typing import TypeAlias

from sympy import (
    Expr,
    HadamardProduct,
    Identity,
    MatAdd,
    MatMul,
    MatrixExpr,
    MatrixSymbol,
    OneMatrix,
    Rational,
    Symbol,
    Transpose,
    ZeroMatrix,
)

from derive.algebra.bound import MatrixSum, OrderedProduct
from derive.algebra.functions import Apply
from derive.algebra.nodes import (
    Blocks,
    Delta,
    Detach,
    Diag,
    FusedLoss,
    LogSoftmax,
    Scale,
    Softmax,
    SumOver,
    T,
    Timed,
    t,
)
from derive.algebra.shapes import is_scalar
from derive.graph import groups
from derive.program import Variable, operands
from derive.proof.field.truth import Subject
from derive.proof.words.items import (
    CUT,
    Chain,
    Entry,
    Factor,
    Matrix,
    NotInClass,
    Range,
    Run,
    Term,
    Terms,
    Time,
    Word,
    diagonal,
    entrywise,
    items,
    map_times,
    pure,
    times,
    transpose,
    transpose_chain,
)
from derive.proof.words.letters import Letters, inverse, must_be_inside

NONLINEAR = (Apply, Softmax, LogSoftmax, FusedLoss)
Grid: TypeAlias = "list[list[Terms]]"
ONE = Fraction(1)
MOST_FACTORS = 64


class Reader:
    """Reads expressions over the names of one model."""

    def __init__(self, subject: Subject):
        self.subject, self.program = subject, subject.names
        self.letters = Letters()
        self._numbers = count(1)
        self._definitions: dict[str, Terms] = {}
        adjoint = subject.adjoint
        backward = {*adjoint.cotangents.values(), *adjoint.carries.values()}
        self.recurrent = {
            n: g.direction for g in groups(self.program) if g.direction and set(g.names) & backward for n in g.names
        }
        self._nonterminal = dict.fromkeys(self.recurrent, True)
        for v in self.program.variables.values():
            if v.onehot:
                self.letters.sums_to_one[v.name] = ""
            elif self.program.assumes_sum_one(v.name):
                self.letters.sums_to_one[v.name] = f"sum({v.name}) == 1"
        self._same: dict[str, tuple[str, Time | None]] = {}
        for name, e in self.program.equations.items():
            if isinstance(e, (Apply, Softmax, LogSoftmax)) and is_column(e):
                self._register(name, e)

    def _register(self, name: str, e: MatrixExpr) -> None:
        try:
            arguments = [self.read(a) for a in operands(e)]
        except NotInClass:
            return
        if isinstance(e, Softmax):
            self.letters.sums_to_one[name] = ""
        if not self.letters.register(function_name(e), arguments, numbers_of(e), name):
            found, time, _ = self.letters.letter(function_name(e), arguments, numbers_of(e))
            if self.program[name].role != "state":
                self._same[name] = (found, time)

    # Names

    def definition(self, name: str) -> Terms:
        """The words of a name's equation, at step t."""
        if name not in self._definitions:
            self._definitions[name] = self.read(self.program.equations[name])
        return self._definitions[name]

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
        if self._is_letter(v):
            return [Term(ONE, letter_word(name, v.shape, time))]
        terms = self.definition(name)
        if time is None:
            return [self.fresh(x) for x in terms]
        own = Range(time, 0, 0, strict=False)

        def at(other: Time) -> Time:
            return time.shifted(other.offset) if other.anchor == t else other

        return [self.fresh(replace(map_times(x, at), ranges=(own, *map_times(x, at).ranges))) for x in terms]

    def range(self, name: str, time: Time) -> Range | None:
        """Where a letter has a value: outside, it is zero; a slope letter 1 − h² is not, and must be inside."""
        v = self.program.variables.get(name.rstrip("'"))
        if v is None:
            return None
        known = 0
        while known < len(v.initial) and v.initial[known]:
            known += 1
        strict = name.endswith("'")
        return Range(time, 0, known, strict) if v.backward else Range(time, -known, 0, strict)

    # Indices

    def index(self, name: str) -> Symbol:
        return Symbol(f"{name.split('#')[0]}#{next(self._numbers)}", integer=True)

    def fresh(self, x: Term) -> Term:
        """The same term with bound indices of its own."""
        if not x.binders:
            return x
        new = {i: self.index(i.name) for i, _, _ in x.binders}

        def rename(time: Time) -> Time:
            return Time(new.get(time.anchor, time.anchor), time.offset)

        renamed = map_times(x, rename)
        return replace(renamed, binders=tuple((new[i], low, high) for i, low, high in renamed.binders))

    # Expressions

    def read(self, e: MatrixExpr) -> Terms:
        """The words of an expression.

        Raises:
            NotInClass: words cannot express it.
        """
        return self.letters.tidy(self.terms(e))

    @singledispatchmethod
    def terms(self, e: MatrixExpr) -> Terms:
        raise NotInClass(f"{type(e).__name__} is no sum of products")

    @terms.register(Timed)
    def _(self, e: Timed) -> Terms:
        return self._name(e.name, time_of(e.index))

    @terms.register(MatrixSymbol)
    def _(self, e: MatrixSymbol) -> Terms:
        return self._name(e.name, None)

    @terms.register(OneMatrix)
    def _(self, e: OneMatrix) -> Terms:
        rows, cols = e.shape
        return [Term(ONE, Word(column=None if rows == 1 else (), row=None if cols == 1 else ()))]

    @terms.register(Identity)
    def _(self, e: Identity) -> Terms:
        return [Term(ONE, Word() if e.shape[0] == 1 else Word(through=()))]

    @terms.register(ZeroMatrix)
    def _(self, e: ZeroMatrix) -> Terms:
        return []

    @terms.register(MatAdd)
    def _(self, e: MatAdd) -> Terms:
        return [x for a in e.args for x in self.terms(a)]

    @terms.register(Scale)
    def _(self, e: Scale) -> Terms:
        return [self._scaled(c, atoms, x) for c, atoms in self._coefficient(e.coefficient) for x in self.terms(e.arg)]

    @staticmethod
    def _scaled(c: Fraction, atoms: tuple[Entry, ...], x: Term) -> Term:
        word = replace(x.word, atoms=(*x.word.atoms, *atoms))
        return replace(x, coefficient=c * x.coefficient, word=word)

    def _coefficient(self, e: Expr) -> list[tuple[Fraction, tuple[Entry, ...]]]:
        """A scalar of numbers, sizes and T as a sum of rationals times commuting letters."""
        out = []
        for part in (
            e.xreplace({Symbol(n, real=True): c for n, c in self.program.constants.items()}).expand().as_ordered_terms()
        ):
            c, atoms = ONE, []
            for factor in part.as_ordered_factors():
                base, exponent = factor.as_base_exp()
                if isinstance(factor, Rational):
                    c *= Fraction(int(factor.p), int(factor.q))
                elif exponent.is_Integer:
                    atoms.append(Entry(str(base), None, int(exponent), True))
                elif (2 * exponent).is_Integer:
                    atoms.append(Entry(f"sqrt({base})", None, int(2 * exponent), True))
                else:
                    raise NotInClass(f"the coefficient {factor}")
            out.append((c, tuple(atoms)))
        return out

    @terms.register(MatMul)
    def _(self, e: MatMul) -> Terms:
        grid = self._product(e.args)
        if len(grid) > 1 or len(grid[0]) > 1:
            raise NotInClass("a block matrix that is not multiplied out")
        return grid[0][0]

    def _product(self, factors: Sequence[MatrixExpr]) -> Grid:
        done = self.grid(factors[0])
        for a in factors[1:]:
            right, inner = self.grid(a), a.shape[0]
            if len(done[0]) != len(right):
                raise NotInClass("blocks that do not lie like those they are multiplied by")
            done = [
                [
                    self._inner([row[k] for k in range(len(right))], [r[j] for r in right], inner)
                    for j in range(len(right[0]))
                ]
                for row in done
            ]
        return done

    def _inner(self, row: Sequence[Terms], column: Sequence[Terms], inner: Expr) -> Terms:
        pairs = [pair for left, right in zip(row, column, strict=True) for pair in self._pairs(left, right)]
        return self.letters.tidy(self._times(x, y, inner) for x, y in pairs)

    def _pairs(self, left: Terms, right: Terms) -> list[tuple[Term, Term]]:
        if len(left) * len(right) > MOST_FACTORS**2:
            raise NotInClass(f"more than {MOST_FACTORS**2} terms when multiplied out")
        return list(product(left, right))

    def _times(self, x: Term, y: Term, inner: Expr) -> Term:
        word, met = times(x.word, y.word)
        joined = joined_terms(x, y, word)
        if met:  # 1ᵀ 1
            (only,) = self._coefficient(inner)
            return self._scaled(*only, joined)
        return joined

    @terms.register(HadamardProduct)
    def _(self, e: HadamardProduct) -> Terms:
        done = self.read(e.args[0])
        for a in e.args[1:]:
            pairs = self._pairs(done, self.read(a))
            done = self.letters.tidy(self._entrywise(x, y) for x, y in pairs)
        return done

    def _entrywise(self, x: Term, y: Term) -> Term:
        """The elementwise product; of two compound factors, one becomes a letter of its own."""
        if self._cannot_lie_before(x, y):
            x, y = self._one_letter(x, y)
        return joined_terms(x, y, entrywise(x.word, y.word))

    def _cannot_lie_before(self, x: Term, y: Term) -> bool:
        """Are both compound, or is one and the other a cotangent, at which the word must go on?"""
        compound = [not _is_pure(w) for w in (x.word, y.word)]
        vectors = x.word.through is None and y.word.through is None
        return vectors and (all(compound) or (any(compound) and any(map(self.last_name, (x, y)))))

    def _one_letter(self, x: Term, y: Term) -> tuple[Term, Term]:
        refusal = NotInClass("an elementwise product of two compound factors")
        for a, b in sorted(((x, y), (y, x)), key=lambda pair: str(pair[0].word)):
            if _is_pure(a.word):
                continue
            try:
                return self._as_letter(a), b
            except NotInClass as reason:
                refusal = reason
        raise refusal

    def _as_letter(self, x: Term) -> Term:
        """A compound vector as a letter named after its word.

        Raises:
            NotInClass: it is no vector, or hangs on a cotangent or on several times.
        """
        w = x.word
        chain = w.column if w.row is None else w.row
        if chain is None or (w.column is not None and w.row is not None):
            raise NotInClass("an elementwise product of two compound matrices")
        if pure(chain):
            return x
        column = chain if w.row is None else transpose_chain(chain)
        if self.last_name(x):
            raise NotInClass("an elementwise product of two cotangents")
        before = next(n for n, i in enumerate(column) if not isinstance(i, Entry))
        name, time, _ = self.letters.letter("", [[Term(ONE, Word(column=column[before:]))]], "")
        letter: Chain = (*column[:before], Entry(name, time))
        word = replace(w, column=letter) if w.row is None else replace(w, row=letter)
        return x.with_word(word)

    @terms.register(Transpose)
    def _(self, e: Transpose) -> Terms:
        return [x.with_word(transpose(x.word)) for x in self.terms(e.arg)]

    @terms.register(Diag)
    def _(self, e: Diag) -> Terms:
        return [x.with_word(diagonal(x.word)) for x in map(self._as_letter, self.read(e.arg))]

    @terms.register(Detach)
    def _(self, e: Detach) -> Terms:
        return self.terms(e.arg)

    @terms.register(Apply)
    @terms.register(Softmax)
    @terms.register(LogSoftmax)
    def _(self, e: MatrixExpr) -> Terms:
        arguments = [self.read(a) for a in operands(e)]
        plain = self._monomial(e, arguments[0]) if isinstance(e, Apply) else None
        if plain is not None:
            return plain
        name, time, strict = self.letters.letter(function_name(e), arguments, numbers_of(e))
        if isinstance(e, Softmax):
            self.letters.sums_to_one.setdefault(name, "")
        ranges = tuple(r._replace(strict=True) for argument in arguments for x in argument for r in x.ranges)
        ranges = (*((must_be_inside(time),) if strict and time is not None else ()), *ranges)
        return [Term(ONE, letter_word(name, e.shape, time), ranges=tuple(dict.fromkeys(ranges)))]

    def _monomial(self, e: Apply, argument: Terms) -> Terms | None:
        """Powers and reciprocals of products of letters."""
        if e.name not in ("reciprocal", "power"):
            return None
        n = -1 if e.name == "reciprocal" else int(e.numbers[0])
        base = argument if n > 0 else inverse(argument)
        if base is None or len(base) ** abs(n) > MOST_FACTORS:
            return None
        done = base
        for _ in range(abs(n) - 1):
            done = self.letters.tidy(self._entrywise(x, y) for x, y in product(done, base))
        return done

    @terms.register(SumOver)
    def _(self, e: SumOver) -> Terms:
        if "t" not in e.axes:
            return self.terms(e.arg)  # there is one sequence
        return self._summed(self.read(e.arg), t, Time(None, 0), Time(T, -1))

    @terms.register(MatrixSum)
    def _(self, e: MatrixSum) -> Terms:
        return self._summed(self.read(e.body), e.index, time_of(e.low), time_of(e.high))

    def _summed(self, body: Terms, index: Symbol, low: Time, high: Time) -> Terms:
        return [self._bind(x, index, low, high) for x in body]

    def _bind(self, x: Term, index: Symbol, low: Time, high: Time) -> Term:
        """Σ over the index; where it occurs as j − d only, over what that is."""
        new = self.index(index.name)
        found = {time.anchor for time in all_times(x) if time.anchor is not None and time.anchor.has(index)}
        mixed = found - {index}
        if len(mixed) == 1 and index not in found:
            (whole,) = mixed
            sign, rest = whole.coeff(index), whole - whole.coeff(index) * index
            ends = [sign * bound.offset + sign * (bound.anchor or 0) + rest for bound in (low, high)]
            low, high = (time_of(end) for end in (ends if sign == 1 else reversed(ends)))
            index = whole

        def rename(time: Time) -> Time:
            return Time(new, time.offset) if time.anchor == index else time

        bound = map_times(x, rename)
        return replace(bound, binders=((new, low, high), *bound.binders))

    @terms.register(OrderedProduct)
    def _(self, e: OrderedProduct) -> Terms:
        return self._run(e)[0][0]

    def _run(self, e: OrderedProduct) -> Grid:
        """The blocks of an ordered product."""
        new = self.index(e.index.name)
        grid = self.grid(e.body)
        body: list[Factor] = []
        ranges: list[Range] = []
        for i, row in enumerate(grid):
            for j, terms in enumerate(row):
                for x in terms:
                    if x.binders or x.equal or x.word.scalars:
                        raise NotInClass("a sum inside an ordered product")
                    if any(isinstance(i, Run) for i in items(x.word)):
                        raise NotInClass("an ordered product inside another")
                    x = map_times(x, lambda time: Time(new, time.offset) if time.anchor == e.index else time)
                    ranges += (r._replace(strict=True) for r in x.ranges)
                    body.append(Factor(i, j, x.coefficient, (*x.word.atoms, *flat(x.word))))
        run = Run(new, time_of(e.low), time_of(e.high), tuple(body), e.direction == "ascending")
        kept = tuple(dict.fromkeys(ranges))
        blocks = range(len(grid))
        word = {(i, j): Word(through=(run._replace(row=i, column=j),)) for i in blocks for j in blocks}
        return [[[Term(ONE, word[i, j], ranges=kept)] for j in blocks] for i in blocks]

    def grid(self, e: MatrixExpr) -> Grid:
        """A block matrix block by block; anything else is one block."""
        if isinstance(e, Blocks):
            return [[self.read(e.block(i, j)) for j in range(e.block_cols)] for i in range(e.block_rows)]
        if isinstance(e, OrderedProduct):
            return self._run(e)
        if isinstance(e, MatMul) and any(isinstance(a, (Blocks, OrderedProduct)) for a in e.args):
            return self._product(e.args)
        return [[self.read(e)]]

    @terms.register(Delta)
    def _(self, e: Delta) -> Terms:
        pair = (time_of(e.at), time_of(e.time))
        return [replace(x, equal=(*x.equal, pair)) for x in self.terms(e.arg)]


def _is_pure(w: Word) -> bool:
    return all(pure(c) for c in (w.column, w.row) if c is not None)


def is_column(e: MatrixExpr) -> bool:
    return e.shape[1] == 1


def function_name(e: MatrixExpr) -> str:
    return e.name if isinstance(e, Apply) else type(e).__name__


def numbers_of(e: MatrixExpr) -> str:
    return "".join(f", {n}" for n in e.numbers) if isinstance(e, Apply) else ""


def flat(w: Word) -> Chain:
    """A matrix as one chain."""
    if w.through is not None:
        return w.through
    if w.column is None or w.row is None:
        raise NotInClass("a product of scalars over an index")
    return (*w.column, CUT, *w.row)


def letter_word(name: str, shape: tuple[Expr, Expr], time: Time | None) -> Word:
    """The word of one letter, by its shape."""
    rows, cols = shape
    if is_scalar(shape):
        return Word(atoms=(Entry(name, time, 1, True),))
    if cols == 1:
        return Word(column=(Entry(name, time),))
    if rows == 1:
        return Word(row=(Entry(name, time),))
    return Word(through=(Matrix(name, False, time),))


def joined_terms(x: Term, y: Term, word: Word) -> Term:
    """The product of two terms, given that of their words."""
    ranges = tuple(dict.fromkeys((*x.ranges, *y.ranges)))
    return Term(x.coefficient * y.coefficient, word, x.binders + y.binders, x.equal + y.equal, ranges)


def all_times(x: Term) -> list[Time]:
    """Every time in a term."""
    found: list[Time] = []

    def note(time: Time) -> Time:
        found.append(time)
        return time

    map_times(x, note)
    return found


def time_of(index: Expr) -> Time:
    """An index as anchor + offset; the anchor may be j − d until d is summed over."""
    constant = int(index.subs(dict.fromkeys(index.free_symbols, 0)))
    anchor = index - constant
    return Time(anchor if anchor != 0 else None, constant)
