r"""a_1 + a_2 + \cdots + a_n: the sum that the dots stand for, found from the terms beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sympy import Expr, Integer

from derive.algebra.bound import MatrixSum
from derive.algebra.nodes import T, t
from derive.claims.reading import values as v
from derive.claims.reading.binders import Binders
from derive.claims.reading.clock import NoIndex, Scope
from derive.claims.reading.meanings import split_at
from derive.claims.reading.values import Value
from derive.claims.text.indices import is_index
from derive.claims.text.parse import LatexError
from derive.claims.text.tree import Accent, Fraction, Group, Leaf, Node, Root, Row, Scripted, is_leaf

Term = tuple[int, Row]
Shared = tuple[Row, Mapping[str, tuple[Row, Row]]]  # what two terms share, and the indices in which they differ


class Progressions(Binders):
    """Sums with dots."""

    def progressions(self, terms: list[Term], scope: Scope) -> tuple[list[Term], list[Value]]:
        """The terms that stand for themselves, and the sums that dots stand for.

        Raises:
            LatexError: it is not clear how the terms go on.
        """
        places = [k for k, (_, row) in enumerate(terms) if len(row) == 1 and is_leaf(row[0], "dots")]
        if not places:
            return terms, []
        d = places[0]
        at = terms[d][1][0].at
        if len(places) > 1 or d == 0 or d + 1 == len(terms) or len({sign for sign, _ in terms[d - 1 : d + 2]}) > 1:
            raise LatexError("dots that do not stand between two terms of a sum", at)
        shared, _ = self._differing(terms[d - 1][1], terms[d + 1][1], scope, at)
        first, last, step = d - 1, d + 1, 0
        while first and (before := self._distance(terms[first - 1], terms[first], shared, scope)) is not None:
            step = self._step(step, before, at)
            first -= 1
        while (
            last + 1 < len(terms) and (more := self._distance(terms[last], terms[last + 1], shared, scope)) is not None
        ):
            step = self._step(step, more, at)
            last += 1
        inner = self.vocabulary.with_sizes(scope)
        start, end = (self.clock.value(row, inner) for row in next(iter(shared[1].values())))
        rises, falls = self._way(start, end, inner)
        if not step and rises == falls:
            raise LatexError("it is not clear whether the indices rise or fall here", at)
        step = step or (1 if rises else -1)
        value = self._progression(terms[first][1], terms[last][1], step, scope, at)
        return [*terms[:first], *terms[last + 1 :]], [v.negative(value) if terms[d][0] < 0 else value]

    def _progression(self, first: Row, last: Row, step: int, scope: Scope, at: int) -> Value:
        (row, places), n = self._differing(first, last, scope, at)
        s, inner = self._fresh("s"), self.vocabulary.with_sizes(scope)
        for name, (start, _) in places.items():
            inner = inner.binding(name, self.clock.value(start, scope) + step * s)
        body = v.as_array(self.product(row, inner.limiting(s, Integer(0), step * n)))
        return MatrixSum(body, s, 0, (step * n).expand())

    def _differing(self, a: Row, b: Row, scope: Scope, at: int) -> tuple[Shared, Expr]:
        """What two terms share, and how far their indices are apart."""
        found = self._apart(a, b, scope)
        if found is None or found[1] == 0:
            raise LatexError("the terms beside the dots do not differ in an index alone", at)
        bound = {x for e in scope.letters.values() for x in e.free_symbols} | {t, T, *self.program.sizes}
        unknown = [x.name for x in found[1].free_symbols - bound if x.name not in self.left_letters]
        if unknown:
            raise LatexError(f"what is {unknown[0]}? nothing says which number it is", at)
        return found

    def _apart(self, a: Row, b: Row, scope: Scope) -> tuple[Shared, Expr] | None:
        places: dict[str, tuple[Row, Row]] = {}
        row = _shared(a, b, places)
        if row is None:
            return None
        scope = self.vocabulary.with_sizes(scope)
        try:
            gaps = {(self.clock.value(y, scope) - self.clock.value(x, scope)).expand() for x, y in places.values()}
        except NoIndex:
            return None
        return ((row, places), gaps.pop()) if len(gaps) == 1 else None

    def _distance(self, a: Term, b: Term, shared: Shared, scope: Scope) -> Expr | None:
        """How far two terms beside each other are apart, if they are both of the sum that the dots stand for."""
        found = self._apart(a[1], b[1], scope) if a[0] == b[0] else None
        return found[1] if found is not None and found[0][0] == shared[0] else None

    @staticmethod
    def _step(known: int, gap: Expr, at: int) -> int:
        if abs(gap) != 1 or (known and gap != known):
            raise LatexError("the terms before the dots do not go on by one", at)
        return int(gap)


def _shared(a: Row, b: Row, places: dict[str, tuple[Row, Row]], inside: bool = False) -> Row | None:
    """A row with letters of its own where two rows differ in an index; None where they differ in more."""
    if a == b:
        return a
    if inside and len(split_at(a, ",")) == len(split_at(b, ",")) == 1 and is_index(a) and is_index(b):
        return (_letter(a, b, places),)
    if len(a) != len(b):
        return None
    nodes = [_node(x, y, places, inside) for x, y in zip(a, b, strict=True)]
    return None if any(x is None for x in nodes) else tuple(x for x in nodes if x is not None)


def _letter(a: Row, b: Row, places: dict[str, tuple[Row, Row]]) -> Leaf:
    name = f"…{len(places)}"
    places[name] = a, b
    return Leaf("letter", name, a[0].at)


def _node(a: Node, b: Node, places: dict[str, tuple[Row, Row]], inside: bool) -> Node | None:
    if a == b:
        return a
    match a, b:
        case Leaf(), Leaf() if inside and is_index((a,)) and is_index((b,)):
            return _letter((a,), (b,), places)
        case Scripted(), Scripted() if a.primes == b.primes:
            base = _node(a.base, b.base, places, inside)
            scripts = [_script(x, y, places) for x, y in ((a.sub, b.sub), (a.sup, b.sup))]
            known = [x is None for x in (a.sub, a.sup)] == [x is None for x in (b.sub, b.sup)]
            if base is None or not known or any(s is None for s in scripts):
                return None
            return replace(a, base=base, sub=scripts[0] or None, sup=scripts[1] or None)
        case (Group(), Group()) | (Accent(), Accent()) | (Root(), Root()):
            assert isinstance(a, (Group, Accent, Root))
            assert isinstance(b, (Group, Accent, Root))
            row = _shared(a.row, b.row, places, inside) if replace(a, row=()) == replace(b, row=()) else None
            return None if row is None else replace(a, row=row)
        case Fraction(), Fraction():
            top, bottom = _shared(a.top, b.top, places, inside), _shared(a.bottom, b.bottom, places, inside)
            return None if top is None or bottom is None else replace(a, top=top, bottom=bottom)
    return None


def _script(a: Row | None, b: Row | None, places: dict[str, tuple[Row, Row]]) -> Row | None:
    return () if a is None or b is None else _shared(a, b, places, inside=True)
