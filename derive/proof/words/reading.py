"""Expressions read as sums of words: one rule per node."""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatchmethod

from sympy import (
    HadamardProduct,
    Identity,
    MatAdd,
    MatMul,
    MatrixExpr,
    MatrixSymbol,
    OneMatrix,
    Symbol,
    Transpose,
    ZeroMatrix,
)

from derive.algebra.bound import MatrixSum, OrderedProduct
from derive.algebra.functions import Apply
from derive.algebra.nodes import Delta, Detach, Diag, LogSoftmax, Scale, Softmax, SumOver, T, Timed, t
from derive.program import operands
from derive.proof.words.items import NotInClass, Term, Terms, Time, Word, diagonal, map_times, transpose
from derive.proof.words.products import Products, only_block
from derive.proof.words.spelled import must_be_inside
from derive.proof.words.terms import ONE, anchors_of, function_name, letter_word, numbers_of, time_of


class Reader(Products):
    """Reads expressions over the names of one model."""

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

    @terms.register(MatMul)
    def _(self, e: MatMul) -> Terms:
        return only_block(self._product(e.args))

    @terms.register(HadamardProduct)
    def _(self, e: HadamardProduct) -> Terms:
        done = self.read(e.args[0])
        for a in e.args[1:]:
            pairs = self._pairs(done, self.read(a))
            done = self.letters.tidy(self._entrywise(x, y) for x, y in pairs)
        return done

    @terms.register(Transpose)
    def _(self, e: Transpose) -> Terms:
        return [x.with_word(transpose(x.word)) for x in self.terms(e.arg)]

    @terms.register(Diag)
    def _(self, e: Diag) -> Terms:
        if e.shape[0] == 1:
            return self.terms(e.arg)
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
        self.letters.sizes.setdefault(name, (str(e.shape[0]), str(e.shape[1])))
        if isinstance(e, Softmax) and e.shape[1] == 1 and name not in self.program.variables:
            self.letters.sums_to_one.setdefault(name, "")
        ranges = tuple(r._replace(strict=True) for argument in arguments for x in argument for r in x.ranges)
        ranges = (*((must_be_inside(time),) if strict and time is not None else ()), *ranges)
        return [Term(ONE, letter_word(name, e.shape, time), ranges=tuple(dict.fromkeys(ranges)))]

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
        found = {a for a in anchors_of(x) if a.has(index)}
        mixed = found - {index}
        if mixed:
            if found != mixed or len(mixed) > 1:
                raise NotInClass(f"{index} and what it is added to in one term")
            (whole,) = mixed
            sign, rest = whole.coeff(index), whole - whole.coeff(index) * index
            if sign not in (1, -1) or rest.has(index):
                raise NotInClass(f"a time that moves by more than one step with {index}")
            ends = [sign * bound.offset + sign * (bound.anchor or 0) + rest for bound in (low, high)]
            low, high = (time_of(end) for end in (ends if sign == 1 else reversed(ends)))
            index = whole

        def rename(time: Time) -> Time:
            return Time(new, time.offset) if time.anchor == index else time

        bound = map_times(x, rename)
        return replace(bound, binders=((new, low, high), *bound.binders))

    @terms.register(OrderedProduct)
    def _(self, e: OrderedProduct) -> Terms:
        return only_block(self._run(e))

    @terms.register(Delta)
    def _(self, e: Delta) -> Terms:
        pair = (time_of(e.at), time_of(e.time))
        return [replace(x, equal=(*x.equal, pair)) for x in self.terms(e.arg)]
