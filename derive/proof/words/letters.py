"""Letters: which quantities stand for themselves in words, and which relations hold among them.

The output h of a tanh has the letters h and h' = 1 − h²; that of a sigmoid s and s' = s (1 − s).
Squares are rewritten, so that a polynomial in them has one form.  A function of the model's own
pre-activation is recognised as the model's output, at whatever time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product

from derive.algebra.names import index_tex
from derive.algebra.nodes import t
from derive.proof.words.items import (
    Chain,
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
)
from derive.proof.words.spelled import slots_of, text_of

Monomial = tuple[Entry, ...]
MOST_TERMS = 2000
HIGHEST = 16  # power of a letter whose square is rewritten: each two double the terms


@dataclass(frozen=True)
class Known:
    """A letter of the model: its name, and how far its time is from the earliest one in its argument."""

    name: str
    shift: int
    strict: bool  # a function's output at a step of the sequence, not a boundary value


class Letters:
    """The letters of one model.

    `sums_to_one` maps names to why their entries sum to one; `used` collects what was relied on.
    """

    def __init__(self) -> None:
        self.functions: dict[str, str] = {}
        self.known: dict[str, Known] = {}
        self.sums_to_one: dict[str, str] = {}
        self.sizes: dict[str, tuple[str, str]] = {}  # rows and columns of every letter, as text
        self.used: set[str] = set()
        self.spend: Callable[[], None] = lambda: None  # called often; it may stop the work

    def register(self, function: str, arguments: Sequence[Terms], numbers: str, name: str, timed: bool) -> bool:
        """Remember that name[t] is the function of these arguments; False if another name already is."""
        self.functions[name] = function
        try:
            signature, time = self.signature(function, arguments, numbers)
        except NotInClass:
            return True
        moves = time is not None and time.anchor == t
        if timed != moves or (time is not None and not moves):
            return True  # a value that is the same at every step, under a name that is zero outside the sequence
        if signature in self.known:
            return False
        self.known[signature] = Known(name, 0 if time is None else -time.offset, time is not None)
        return True

    def letter(self, function: str, arguments: Sequence[Terms], numbers: str) -> tuple[str, Time | None, bool]:
        """The letter of a function's value: the model's own, or one named after its argument.

        Raises:
            NotInClass: the argument is at several times that do not move together.
        """
        signature, time = self.signature(function, arguments, numbers)
        known = self.known.setdefault(signature, Known(signature, 0, False))
        self.functions[known.name] = function
        return known.name, None if time is None else time.shifted(known.shift), known.strict

    def signature(self, function: str, arguments: Sequence[Terms], numbers: str) -> tuple[str, Time | None]:
        """The value's name up to a shift in time, and the earliest time in it."""
        terms = [x for argument in arguments for x in argument]
        if any(x.binders or x.equal or any(isinstance(i, Run) for i in items(x.word)) for x in terms):
            raise NotInClass(f"{function} of a sum or a product over steps")
        found = {i.time for x in terms for i in items(x.word) if i.time is not None}  # type: ignore[union-attr]
        anchors = {time.anchor for time in found}
        if len(anchors) > 1:
            raise NotInClass(f"{function} of values at times that do not move together")
        first = min((time.offset for time in found), default=0)
        shown = " ; ".join(
            " + ".join(sorted(text_of(map_times(x, lambda time: Time(None, time.offset - first))) for x in argument))
            for argument in arguments
        )
        earliest = Time(next(iter(anchors)), first) if found else None
        return f"{function}({shown}{numbers})", earliest

    @property
    def outputs(self) -> set[str]:
        """The letters that stand for what functions of the model's values give."""
        return {k.name for k in self.known.values()}

    # One form for each polynomial

    def tidy(self, terms: Iterable[Term], most: int = MOST_TERMS) -> Terms:
        """Squares rewritten, entries that sum to one summed, and like terms merged."""
        merged: dict[tuple[object, ...], Term] = {}
        for given in terms:
            for x in self._reduce(given):
                strict, loose = _split(x.ranges)
                key = (x.word, x.binders, x.equal, loose)
                old = merged.get(key)
                if old is not None:
                    strict = tuple(dict.fromkeys((*_split(old.ranges)[0], *strict)))
                    x = replace(x, coefficient=x.coefficient + old.coefficient)
                merged[key] = replace(x, ranges=(*strict, *loose))
                if len(merged) > most:
                    raise NotInClass(f"more than {most} terms")
        return _without_zeros(list(merged.values()))

    def _reduce(self, x: Term) -> Terms:
        self.spend()
        w = x.word
        scalars = [c for c in w.scalars if not self._is_one(c)]
        inside = {r.time for r in x.ranges if r.strict}
        ones = (r for c in w.scalars if c not in scalars for r in self._where_one(c))
        ranges = (*x.ranges, *(r for r in ones if r.time not in inside))
        nothing: list[tuple[Fraction, Chain | None]] = [(Fraction(1), None)]
        slots = [nothing if c is None else [*self._chain(c)] for c in slots_of(w)]
        factors = [self._measured(c) for c in scalars]
        out = []
        for choice, rest in product(product(*slots), product(*factors)):
            coefficient, atoms = x.coefficient, list(w.atoms)
            for k, _ in choice:
                coefficient *= k
            for k, _, sizes in rest:
                coefficient *= k
                atoms += sizes
            through, column, row = (c for _, c in choice)
            for k, kept in self.monomials(atoms):
                word = Word(through, column, row, tuple(c for _, c, _ in rest if c), kept)
                out.append(Term(coefficient * k, word, x.binders, x.equal, tuple(dict.fromkeys(ranges))))
        return out

    def left_size(self, chain: Chain) -> str:
        """How long the vector is that a chain is multiplied by from the left.

        Raises:
            NotInClass: nothing in the chain tells.
        """
        first = next(_vectors(chain), None)
        if isinstance(first, Run):
            factors = (f.chain for f in first.body if f.row == first.row)
            return self.left_size(next((c for c in factors if any(_vectors(c))), ()))
        if not isinstance(first, (Matrix, Entry)) or first.name.rstrip("'") not in self.sizes:
            raise NotInClass("ones that meet ones")
        rows, cols = self.sizes[first.name.rstrip("'")]
        if isinstance(first, Entry):
            return cols if rows == "1" else rows
        return cols if first.transposed else rows

    def _measured(self, chain: Chain) -> list[tuple[Fraction, Chain, Monomial]]:
        """A closed chain reduced; where it vanishes, 1ᵀ1, the size as a factor."""
        out: list[tuple[Fraction, Chain, Monomial]] = []
        for c, reduced in self._chain(chain):
            if any(_vectors(reduced)):
                out.append((c, reduced, ()))
                continue
            atoms = tuple(i for i in reduced if isinstance(i, Entry))
            size = self.left_size(chain)
            if size.isdecimal():
                out.append((c * int(size), (), atoms))
            elif size.isidentifier():
                out.append((c, (), (*atoms, Entry(f"[{size}]", None, 1, True))))
            else:
                raise NotInClass(f"the size {size}")
        return out

    def _where_one(self, chain: Chain) -> Iterator[Range]:
        """Outside the sequence a name of the model is zero, and its entries do not sum to one."""
        for i in chain:
            if isinstance(i, Entry) and i.time is not None and "(" not in i.name:
                yield Range(i.time, 0, 0, strict=False)

    def _is_one(self, chain: Chain) -> bool:
        """Is 1ᵀ v the sum of entries that sum to one?"""
        if len(chain) != 1 or not isinstance(chain[0], Entry) or chain[0].exponent != 1:
            return False
        why = self.sums_to_one.get(chain[0].name)
        if why is None:
            return False
        if why:
            self.used.add(why)
        return True

    def _chain(self, chain: Chain) -> list[tuple[Fraction, Chain]]:
        """The diagonal letters between matrices sorted and rewritten."""
        done: list[tuple[Fraction, Chain]] = [(Fraction(1), ())]
        block: list[Entry] = []
        for item in (*chain, None):
            if isinstance(item, Entry):
                block.append(item)
                continue
            options = self.monomials(block)
            tail: tuple[Item, ...] = () if item is None else (item,)
            done = [(c * k, head + m + tail) for c, head in done for k, m in options]
            block = []
        return done

    def monomials(self, entries: Sequence[Entry]) -> list[tuple[Fraction, Monomial]]:
        """A product of commuting letters as a sum of reduced ones."""
        exponents: dict[tuple[str, Time | None, bool], int] = {}
        for e in entries:
            key = (e.name, e.time, e.scalar)
            exponents[key] = exponents.get(key, 0) + e.exponent
        for (name, time, scalar), n in exponents.items():
            square = self.square(name)
            if n > HIGHEST and square is not None:
                raise NotInClass(f"a power higher than {HIGHEST} of {name}")
            if n >= 2 and square is not None:
                rest = {**exponents, (name, time, scalar): n - 2}
                return [
                    (c * k, m)
                    for c, extra in square
                    for k, m in self.monomials(
                        [Entry(a, at, e, s) for (a, at, s), e in rest.items()]
                        + [Entry(a, time, 1, scalar) for a in extra]
                    )
                ]
        kept = (Entry(name, time, n, scalar) for (name, time, scalar), n in exponents.items() if n)
        return [(Fraction(1), tuple(sorted(kept, key=_order)))]

    def square(self, name: str) -> list[tuple[Fraction, tuple[str, ...]]] | None:
        """The square of a letter in simpler ones."""
        function = self.functions.get(name)
        if function == "tanh":
            return [(Fraction(1), ()), (Fraction(-1), (f"{name}'",))]
        if function == "sigmoid":
            return [(Fraction(1), (name,)), (Fraction(-1), (f"{name}'",))]
        if name == "[sqrt(2)]":
            return [(Fraction(2), ())]
        return None


def _vectors(chain: Chain) -> Iterator[Item]:
    """What has a length: all but scalars."""
    return (i for i in chain if not (isinstance(i, Entry) and i.scalar))


def _split(ranges: tuple[Range, ...]) -> tuple[tuple[Range, ...], tuple[Range, ...]]:
    return tuple(r for r in ranges if r.strict), tuple(r for r in ranges if not r.strict)


def _without_zeros(terms: Terms) -> Terms:
    """The terms that are left, and those that vanished but demand something of their own times."""
    return [x for x in terms if x.coefficient or _split(x.ranges)[0]]


def _order(e: Entry) -> tuple[bool, str, int, str]:
    """By time, letters without one last; two equal products are then in one order."""
    if e.time is None:
        return (True, "", 0, e.name)
    return (False, index_tex(e.time.anchor) if e.time.anchor else "", e.time.offset, e.name)
