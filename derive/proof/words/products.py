"""Products in words: of matrices, elementwise, over an index, of blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product

from sympy import Expr, Integer, MatMul, MatrixExpr, Rational, preorder_traversal, srepr

from derive.algebra.bound import OrderedProduct
from derive.algebra.functions import Apply
from derive.algebra.nodes import NONEMPTY, Blocks, T
from derive.proof.words.items import (
    Chain,
    Cut,
    Entry,
    Factor,
    NotInClass,
    Range,
    Run,
    Term,
    Terms,
    Time,
    Word,
    entrywise,
    items,
    map_times,
    pure,
    times,
    transpose_chain,
)
from derive.proof.words.names import Names
from derive.proof.words.spelled import inverse
from derive.proof.words.terms import ONE, Grid, anchors_of, flat, is_pure, joined_terms, time_of

MOST_FACTORS = 64


class Products(Names):
    """Multiplies terms."""

    @staticmethod
    def _scaled(c: Fraction, atoms: tuple[Entry, ...], x: Term) -> Term:
        word = replace(x.word, atoms=(*x.word.atoms, *atoms))
        return replace(x, coefficient=c * x.coefficient, word=word)

    def _coefficient(self, e: Expr) -> list[tuple[Fraction, tuple[Entry, ...]]]:
        """A scalar of numbers, sizes and T as a sum of rationals times commuting letters."""
        allowed = {*self.program.sizes, T, NONEMPTY}
        numbers = e.xreplace(self.program.numbers)
        if numbers.free_symbols - allowed or any(_bulky(p) for p in preorder_traversal(numbers)):
            raise NotInClass(f"the coefficient {e}" if len(str(e)) < 80 else "a long coefficient")
        out = []
        for part in numbers.expand().as_ordered_terms():
            c, atoms = ONE, []
            for factor in part.as_ordered_factors():
                base, exponent = factor.as_base_exp()
                if isinstance(factor, Rational):
                    c *= Fraction(int(factor.p), int(factor.q))
                elif base == T and exponent.is_Integer and exponent < 0:
                    atoms.append(Entry("[1/T]", None, -int(exponent), True))  # 0 at T = 0, so it cancels no T
                elif exponent.is_Integer:
                    atoms.append(Entry(f"[{self._spelled(base)}]", None, int(exponent), True))
                elif (2 * exponent).is_Integer:
                    atoms.append(Entry(f"[sqrt({self._spelled(base)})]", None, int(2 * exponent), True))
                else:
                    raise NotInClass(f"the coefficient {factor}")
            out.append((c, tuple(atoms)))
        return out

    def _spelled(self, base: Expr) -> str:
        """A size by its name, a number in digits; what else there is may have the name of a size, and gets a dot."""
        if base in self.program.sizes or base.is_Integer:
            return str(base)
        return f".{base if base.is_Atom else srepr(base)}"

    def _product(self, factors: Sequence[MatrixExpr]) -> Grid:
        done, lies = self.grid(factors[0]), partition(factors[0])[1]
        for a in factors[1:]:
            right, (rows, cols) = self.grid(a), partition(a)
            if lies != rows:
                raise NotInClass("blocks that do not lie like those they are multiplied by")
            lies = cols
            done = [[self._inner(row, [r[j] for r in right], rows) for j in range(len(right[0]))] for row in done]
        return done

    def _inner(self, row: Sequence[Terms], column: Sequence[Terms], inner: Sequence[Expr]) -> Terms:
        """Σ of a row of blocks times a column of blocks, whose heights are `inner`."""
        blocks = zip(row, column, inner, strict=True)
        found = [(x, y, n) for left, right, n in blocks for x, y in self._pairs(left, right)]
        return self.letters.tidy(self._times(x, y, n) for x, y, n in found)

    def _pairs(self, left: Terms, right: Terms) -> list[tuple[Term, Term]]:
        if len(left) * len(right) > MOST_FACTORS**2:
            raise NotInClass(f"more than {MOST_FACTORS**2} terms when multiplied out")
        return list(product(left, right))

    def _times(self, x: Term, y: Term, inner: Expr) -> Term:
        word, met = times(x.word, y.word)
        joined = joined_terms(x, y, word)
        if met:  # 1ᵀ 1
            sizes = self._coefficient(inner)
            if len(sizes) != 1:
                raise NotInClass(f"the size {inner}")
            return self._scaled(*sizes[0], joined)
        return joined

    def _entrywise(self, x: Term, y: Term) -> Term:
        """The elementwise product; of two compound factors, one becomes a letter of its own."""
        if self._cannot_lie_before(x, y):
            x, y = self._one_letter(x, y)
        return joined_terms(x, y, entrywise(x.word, y.word))

    def _cannot_lie_before(self, x: Term, y: Term) -> bool:
        """Are both compound, or is one and the other a cotangent, at which the word must go on?"""
        compound = [not is_pure(w) for w in (x.word, y.word)]
        vectors = x.word.through is None and y.word.through is None
        return vectors and (all(compound) or (any(compound) and any(map(self.last_name, (x, y)))))

    def _one_letter(self, x: Term, y: Term) -> tuple[Term, Term]:
        refusal = NotInClass("an elementwise product of two compound factors")
        for a, b in sorted(((x, y), (y, x)), key=lambda pair: str(pair[0].word)):
            if is_pure(a.word):
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
        size = self.letters.left_size(column[before:])
        name, time, _ = self.letters.letter("", [[Term(ONE, Word(column=column[before:]))]], "")
        self.letters.sizes.setdefault(name, (size, "1"))
        letter: Chain = (*column[:before], Entry(name, time))
        word = replace(w, column=letter) if w.row is None else replace(w, row=letter)
        return x.with_word(word)

    def _monomial(self, e: Apply, argument: Terms) -> Terms | None:
        """Powers and reciprocals of products of letters."""
        if e.name not in ("reciprocal", "power"):
            return None
        power = Integer(-1) if e.name == "reciprocal" else e.numbers[0]
        if not power.is_Integer or power == 0 or abs(power) > MOST_FACTORS:
            return None
        n = int(power)
        base = argument if n > 0 else inverse(argument)
        if base is None or len(base) ** abs(n) > MOST_FACTORS:
            return None
        done = base
        for _ in range(abs(n) - 1):
            done = self.letters.tidy(self._entrywise(x, self.fresh(y)) for x, y in product(done, base))
        return done

    def _run(self, e: OrderedProduct) -> Grid:
        """The blocks of an ordered product."""
        new = self.index(e.index.name)
        grid = self.grid(e.body)
        rows, cols = partition(e.body)
        if rows != cols:
            raise NotInClass("an ordered product of blocks that do not lie like one another")
        body: list[Factor] = []
        ranges: list[Range] = []
        for i, row in enumerate(grid):
            for j, terms in enumerate(row):
                for x in terms:
                    if x.binders or x.equal or x.word.scalars:
                        raise NotInClass("a sum inside an ordered product")
                    if any(isinstance(i, Run) for i in items(x.word)):
                        raise NotInClass("an ordered product inside another")
                    if any(a != e.index and a.has(e.index) for a in anchors_of(x)):
                        raise NotInClass(f"a time that is more than {e.index} and a number inside an ordered product")
                    x = map_times(x, lambda time: Time(new, time.offset) if time.anchor == e.index else time)
                    ranges += (r._replace(strict=True) for r in x.ranges)
                    if not x.coefficient:
                        continue  # it only demands
                    body.append(
                        Factor(i, j, x.coefficient, (*x.word.atoms, *flat(x.word, self._inner_size(x.word, cols[j]))))
                    )
        if len(grid) > 1 and any(_begins_with_ones(f.chain) for f in body):
            raise NotInClass("ones whose length only a block of an ordered product tells")
        run = Run(new, time_of(e.low), time_of(e.high), tuple(body), e.direction == "ascending")
        kept = tuple(dict.fromkeys(ranges))
        blocks = range(len(grid))
        word = {(i, j): Word(through=(run._replace(row=i, column=j),)) for i in blocks for j in blocks}
        return [[[Term(ONE, word[i, j], ranges=kept)] for j in blocks] for i in blocks]

    def _inner_size(self, w: Word, cols: Expr) -> str:
        return self.letters.left_size(w.row) if w.row else str(cols)

    def grid(self, e: MatrixExpr) -> Grid:
        """A block matrix block by block; anything else is one block."""
        if isinstance(e, Blocks):
            return [[self.read(e.block(i, j)) for j in range(e.block_cols)] for i in range(e.block_rows)]
        if isinstance(e, OrderedProduct):
            return self._run(e)
        if isinstance(e, MatMul) and any(isinstance(a, (Blocks, OrderedProduct)) for a in e.args):
            return self._product(e.args)
        return [[self.read(e)]]


def _begins_with_ones(chain: Chain) -> bool:
    """Is its first vector 1 1ᵀ, which tells the length of the second one only?"""
    return isinstance(next((i for i in chain if not (isinstance(i, Entry) and i.scalar)), None), Cut)


def only_block(grid: Grid) -> Terms:
    """The terms of a matrix that is not in blocks.

    Raises:
        NotInClass: it is.
    """
    if len(grid) > 1 or len(grid[0]) > 1:
        raise NotInClass("a block matrix that is not multiplied out")
    return grid[0][0]


def _bulky(e: Expr) -> bool:
    """A power of a sum that would take long to multiply out."""
    return bool(e.is_Pow and e.base.is_Add and (not e.exp.is_Integer or abs(e.exp) > 8))


def partition(e: MatrixExpr) -> tuple[list[Expr], list[Expr]]:
    """The heights and widths of the blocks of a matrix; of a plain matrix, its own."""
    if isinstance(e, Blocks):
        heights = [e.block(i, 0).shape[0] for i in range(e.block_rows)]
        return heights, [e.block(0, j).shape[1] for j in range(e.block_cols)]
    if isinstance(e, OrderedProduct):
        return partition(e.body)
    if isinstance(e, MatMul) and any(isinstance(a, (Blocks, OrderedProduct)) for a in e.args):
        return partition(e.args[0])[0], partition(e.args[-1])[1]
    return [e.shape[0]], [e.shape[1]]
