"""Is one nonnegative number at most another, by what both are made of?  Sums of products, compared term by term.

A term is a coefficient and factors: pairs of an atom and how many times it stands there (that many, or none if the
number is negative).  What is left over of the smaller side may only be numbers that make it smaller still.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import product
from math import prod
from typing import TypeAlias

from derive.proof.inequality.affine import ONE, Affine, Facts, indices, minus, never_negative, plus
from derive.proof.inequality.terms import Term, TermError, canonical, shape, substituted, written

Factors: TypeAlias = "tuple[tuple[Term, Affine], ...]"
Sum: TypeAlias = "Mapping[Factors, Fraction]"
MOST_TERMS, MOST_REPEATED, MOST_NESTED = 60, 6, 5
UNIT: Sum = {(): Fraction(1)}


def is_at_most(left: Term, right: Term, facts: Facts) -> bool:
    """Is left ≤ right, wherever the facts hold?  False where that is not seen."""
    return _sums(multiplied_out(left, facts), multiplied_out(right, facts), facts)


def multiplied_out(a: Term, facts: Facts, depth: int = 0) -> Sum:
    """A number as a sum of products.

    Raises:
        TermError: it is too long, or is no number.
    """
    match a:
        case ("num", c):
            return {(): Fraction(c)} if Fraction(c) else {}
        case ("size", _):
            return {((a, ONE),): Fraction(1)}
        case ("norm", kind, m):
            return _norm(kind, m, depth)
        case ("plus", *parts):
            return _added([multiplied_out(x, facts, depth) for x in parts])
        case ("times", *parts):
            found = UNIT
            for x in parts:
                found = _times(found, multiplied_out(x, facts, depth), facts)
            return found
        case ("prod" | "sum", i, low, high, body):
            count = plus(minus(high, low), ONE)
            if depth > MOST_NESTED:
                raise TermError("its sums are nested too deeply")
            within = (*facts, *_range(depth, count))
            index: Affine = ((f"#{depth}", 1),)
            ways = [substituted(body, {i: step}) for step in (plus(low, index), minus(high, index))]
            both = [multiplied_out(x, within, depth + 1) for x in ways]  # from either end
            inner = min(both, key=lambda s: repr(_frozen(s)))
            return _repeated(inner, count, facts, depth) if a[0] == "prod" else _summed(inner, count, depth)
    raise TermError(f"{str(a)[:60]} is no number")


def _range(depth: int, count: Affine) -> Facts:
    """0 ≤ index < count."""
    index: Affine = ((f"#{depth}", 1),)
    return index, minus(minus(count, ONE), index)


def _norm(kind: str, m: Term, depth: int) -> Sum:
    if m[0] == "diag":  # its singular values, and its rows, are its entries
        return _norm("2" if kind == "F" else "inf", m[1], depth)
    factor, inner = canonical(m, depth)
    if kind != "inf" or "1" in shape(m):  # the transpose has the same norm, and a number of its own in front
        factor, inner = min((factor, inner), canonical(("T", m), depth), key=lambda pair: repr(pair[1]))
    if inner[0] == "identity" and kind != "F":
        return {(): abs(factor)}
    if inner[0] == "diag":
        return {f: abs(factor) * c for f, c in _norm(kind, inner, depth).items()}
    if kind == "F" and "1" in shape(m):
        kind = "2"
    return {((("norm", kind, inner), ONE),): abs(factor)} if factor else {}


def _frozen(s: Sum) -> tuple[tuple[Factors, str], ...]:
    return tuple(sorted(((f, written(c)) for f, c in s.items()), key=repr))


def _added(sums: list[Sum]) -> Sum:
    found: dict[Factors, Fraction] = {}
    for s in sums:
        for f, c in s.items():
            found[f] = found.get(f, Fraction(0)) + c
    if len(found) > MOST_TERMS:
        raise TermError("it has too many terms")
    return found


def _times(a: Sum, b: Sum, facts: Facts) -> Sum:
    return _added([{_joined((*f, *g), facts): c * d} for (f, c), (g, d) in product(a.items(), b.items())])


def _joined(factors: Factors, facts: Facts) -> Factors:
    """The same atoms together, where none of the counts can be negative."""
    known: dict[Term, Affine] = {}
    others: list[tuple[Term, Affine]] = []
    for atom, count in factors:
        if never_negative(count, facts):
            known[atom] = plus(known.get(atom, ()), count)
        else:
            others.append((atom, count))
    return tuple(sorted([*((a, n) for a, n in known.items() if n), *others], key=repr))


def _repeated(s: Sum, count: Affine, facts: Facts, depth: int) -> Sum:
    """A product over an index: powers of what does not hang on it, and the rest."""
    number = _constant(count)
    if not s:
        raise TermError("a product of zeros")
    if number is not None and number <= MOST_REPEATED and not _mentions(_frozen(s), depth):
        found = UNIT
        for _ in range(number):
            found = _times(found, s, facts)
        return found
    if len(s) > 1:
        head = "over" if _mentions(_frozen(s), depth) else "power"
        return {(((head, f"#{depth}", count, _frozen(s)), ONE),): Fraction(1)}
    ((factors, c),) = s.items()
    powers = [(a, count) for a, n in factors if n == ONE and not _mentions(a, depth)]
    rest = tuple((a, n) for a, n in factors if n != ONE or _mentions(a, depth))
    powers += [(("num", written(c)), count)] if c != 1 else []
    powers += [(("over", f"#{depth}", count, _frozen({rest: Fraction(1)})), ONE)] if rest else []
    return {_joined(tuple(powers), facts): Fraction(1)}


def _summed(s: Sum, count: Affine, depth: int) -> Sum:
    found = []
    for factors, c in s.items():
        inside = tuple(x for x in factors if _mentions(x, depth))
        outside = [x for x in factors if not _mentions(x, depth)]
        number = _constant(count)
        if inside:
            outside.append((("total", f"#{depth}", count, inside), ONE))
        elif number is None:
            outside.append((("count", count), ONE))
        found.append({tuple(sorted(outside, key=repr)): c * (1 if inside or number is None else number)})
    return _added([s for s in found if any(s.values())])


def _constant(count: Affine) -> int | None:
    return None if indices(count) else max(0, sum(c for _, c in count))


def _mentions(x: object, depth: int) -> bool:
    return x == f"#{depth}" or (isinstance(x, tuple) and any(_mentions(y, depth) for y in x))


# Comparing


def _sums(left: Sum, right: Sum, facts: Facts) -> bool:
    """Has each term on the left one on the right of its own that is as large?  What is over on the right is ≥ 0."""
    spare = dict(right)
    for factors, c in sorted(left.items(), key=lambda item: item[0] not in right):
        for other in sorted(spare, key=lambda f: f != factors):
            if spare[other] >= c and _products(factors, other, facts):
                spare[other] -= c
                break
        else:
            return False
    return True


def _products(left: Factors, right: Factors, facts: Facts) -> bool:
    rest, over = list(left), list(right)
    for x in left:
        if x in over:
            rest.remove(x)
            over.remove(x)
    for x in list(rest):
        other = next((y for y in over if _inside(x, y, facts)), None)
        if other is not None:
            rest.remove(x)
            over.remove(other)
    if any(a[0] != "num" for a, _ in (*rest, *over)):
        return False
    for n in {n for _, n in (*rest, *over)}:
        sides = [prod((Fraction(a[1]) for a, m in side if m == n), start=Fraction(1)) for side in (rest, over)]
        if sides[0] > sides[1]:
            return False
    return True


def _inside(x: tuple[Term, Affine], y: tuple[Term, Affine], facts: Facts) -> bool:
    """Of two sums, or two products, over the same steps: is each part of one at most that of the other?"""
    (a, n), (b, m) = x, y
    if n != m or a[0] != b[0] or a[0] not in ("over", "power", "total") or a[1:3] != b[1:3]:
        return False
    depth = int(a[1][1:])
    within = (*facts, *_range(depth, a[2]))
    if a[0] == "total":
        return _products(a[3], b[3], within)
    return _sums({f: Fraction(c) for f, c in a[3]}, {f: Fraction(c) for f, c in b[3]}, within)
