"""The language in which inequalities are certified: nonnegative numbers, and the matrices whose norms they are.

Numbers: ("num", "p/q"), ("size", text), ("norm", kind, M), ("times", a, …), ("plus", a, …),
("prod", i, low, high, a), ("sum", i, low, high, a), the index running over low … high, nothing if high < low.

Matrices: ("ref", name, step or None, rows, cols), ("op", head, rows, cols, parts, steps) for what no rule looks into,
("mul", M, …), ("add", M, …), ("had", M, …) entry by entry, ("T", M), ("scale", "p/q", M), ("diag", v),
("identity", n), ("prod", i, low, high, direction, M) and ("sum", i, low, high, M).

Norms are "2", the largest singular value (a vector's length), "F", the length of all entries in a row, and "inf",
the largest sum of absolute values in a row; of a row vector its largest entry, like that of a column.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Any, TypeAlias

from derive.proof.inequality.affine import Affine, minus, plus, replaced

Term: TypeAlias = "tuple[Any, ...]"
Shape: TypeAlias = "tuple[str, str]"
BINDERS = ("prod", "sum")
KINDS = ("2", "F", "inf")
MOST_DEPTH = 60


class TermError(Exception):
    """Not a term."""


def shape(m: Term) -> Shape:
    """Rows and columns.

    Raises:
        TermError: operands do not conform.
    """
    match m:
        case ("ref", _, _, rows, cols) | ("op", _, rows, cols, _, _):
            return rows, cols
        case ("identity", n):
            return n, n
        case ("T", a):
            return shape(a)[::-1]
        case ("scale", _, a) | ("sum", _, _, _, a):
            return shape(a)
        case ("diag", v):
            rows, cols = shape(v)
            _ensure(cols == "1", "a diagonal is a column")
            return rows, rows
        case ("prod", _, _, _, _, a):
            _ensure(shape(a)[0] == shape(a)[1], "a product over an index is of square matrices")
            return shape(a)
        case ("add" | "had", *parts):
            _ensure(bool(parts) and len(set(map(shape, parts))) == 1, "operands have different shapes")
            return shape(parts[0])
        case ("mul", *parts):
            shapes = [shape(a) for a in parts]
            _ensure(bool(parts) and all(a[1] == b[0] for a, b in pairwise(shapes)), "no product")
            return shapes[0][0], shapes[-1][1]
    raise TermError(f"{str(m)[:60]} is no matrix")


def _ensure(holds: bool, what: str) -> None:
    if not holds:
        raise TermError(what)


def is_column(m: Term) -> bool:
    return shape(m)[1] == "1"


def rebuilt(e: Term, on_term: Callable[[Term], Term], on_step: Callable[[Affine], Affine] = lambda a: a) -> Term:
    """With its parts and steps replaced."""
    match e:
        case ("num" | "size" | "identity", _):
            return e
        case ("norm", kind, m):
            return ("norm", kind, on_term(m))
        case ("ref", name, step, rows, cols):
            return ("ref", name, None if step is None else on_step(step), rows, cols)
        case ("op", head, rows, cols, parts, steps):
            return ("op", head, rows, cols, tuple(map(on_term, parts)), tuple(map(on_step, steps)))
        case ("scale", c, m):
            return ("scale", c, on_term(m))
        case ("prod", i, low, high, direction, m):
            return ("prod", i, on_step(low), on_step(high), direction, on_term(m))
        case ("prod" | "sum", i, low, high, a):
            return (e[0], i, on_step(low), on_step(high), on_term(a))
        case (head, *parts):
            return (head, *map(on_term, parts))
    raise TermError(f"{str(e)[:60]} is no term")


def children(e: Term) -> list[Term]:
    found: list[Term] = []
    rebuilt(e, lambda a: found.append(a) or a)  # type: ignore[func-returns-value]
    return found


def steps(e: Term) -> list[Affine]:
    """The steps that a term itself names, with those of its bounds."""
    found: list[Affine] = []
    rebuilt(e, lambda a: a, lambda s: found.append(s) or s)  # type: ignore[func-returns-value]
    return found


def names(e: Term, name: str) -> bool:
    """Does it read a quantity?"""
    return e[:2] == ("ref", name) or any(names(a, name) for a in children(e))


def free(e: Term) -> set[str]:
    """The indices that no binder in it binds."""
    own = {s for a in steps(e) for s, _ in a if s}
    inner = set[str]().union(*map(free, children(e)))
    return own | (inner - {e[1]} if e[0] in BINDERS else inner)


def substituted(e: Term, values: Mapping[str, Affine]) -> Term:
    """With expressions in the place of free indices; bound ones get names that nothing else has."""
    values = {s: a for s, a in values.items() if s in free(e)}
    if not values:
        return e
    if e[0] in BINDERS:
        taken = free(e) | {s for a in values.values() for s, _ in a}
        i = e[1]
        while i in taken:
            i += "'"
        inside = {**{s: a for s, a in values.items() if s != e[1]}, e[1]: ((i, 1),)}
        bounds = tuple(replaced(a, values) for a in e[2:4])
        return (e[0], i, *bounds, *e[4:-1], substituted(e[-1], inside))
    return rebuilt(e, lambda a: substituted(a, values), lambda s: replaced(s, values))


def written(c: Fraction | int) -> str:
    return str(Fraction(c))


# One form for equal matrices


def canonical(m: Term, depth: int = 0) -> tuple[Fraction, Term]:
    """A number and a matrix whose product it is: transposes inside, numbers outside, indices by their depth."""
    match m:
        case ("T", a):
            return _turned(a, depth)
        case ("scale", c, a):
            factor, inner = canonical(a, depth)
            return Fraction(c) * factor, inner
        case ("mul", *parts):
            return _product(parts, depth)
        case ("had", *parts):
            found = [canonical(a, depth) for a in parts]
            factor = Fraction(1)
            for c, _ in found:
                factor *= c
            return factor, ("had", *sorted((a for _, a in found), key=repr))
        case ("add", *parts):
            found = sorted((canonical(a, depth) for a in parts), key=lambda pair: repr(pair[1]))
            first = next((c for c, _ in found if c), Fraction(1))  # −(A − B) is B − A
            return first, ("add", *(_scaled(c / first, a) for c, a in found))
        case ("diag", v):
            factor, inner = canonical(v, depth)
            return factor, ("diag", inner)
        case ("prod" | "sum", *_):
            return Fraction(1), _bound(m, depth)
        case ("op", *_):
            return Fraction(1), rebuilt(m, lambda a: _scaled(*canonical(a, depth)))
    return Fraction(1), m


def _scaled(c: Fraction, m: Term) -> Term:
    return m if c == 1 else ("scale", written(c), m)


def _product(parts: list[Term], depth: int) -> tuple[Fraction, Term]:
    factor, flat = Fraction(1), list[Term]()
    for a in parts:
        c, inner = canonical(a, depth)
        factor *= c
        flat += inner[1:] if inner[0] == "mul" else [] if inner[0] == "identity" else [inner]
    if not flat:
        return factor, ("identity", shape(parts[0])[0])
    return factor, flat[0] if len(flat) == 1 else ("mul", *flat)


def _bound(m: Term, depth: int) -> Term:
    """From left to right, counting from 0, by an index that is named after how deep it stands."""
    i, low, high = m[1:4]
    index = f"#{depth}"
    backward = m[0] == "prod" and m[4] == "descending"
    step = minus(high, ((index, 1),)) if backward else plus(low, ((index, 1),))
    body = _scaled(*canonical(substituted(m[-1], {i: step}), depth + 1))
    direction = ("ascending",) if m[0] == "prod" else ()
    return (m[0], index, (), minus(high, low), *direction, body)


def _turned(a: Term, depth: int) -> tuple[Fraction, Term]:
    """The transpose of a."""
    match a:
        case ("T", inner):
            return canonical(inner, depth)
        case ("scale", c, inner):
            factor, found = _turned(inner, depth)
            return Fraction(c) * factor, found
        case ("mul", *parts):
            return _product([("T", x) for x in reversed(parts)], depth)
        case ("add" | "had", *parts):
            return canonical((a[0], *(("T", x) for x in parts)), depth)
        case ("diag", _) | ("identity", _):
            return canonical(a, depth)
        case ("prod", i, low, high, direction, inner):
            other = "descending" if direction == "ascending" else "ascending"
            return canonical(("prod", i, low, high, other, ("T", inner)), depth)
        case ("sum", i, low, high, inner):
            return canonical(("sum", i, low, high, ("T", inner)), depth)
    factor, found = canonical(a, depth)
    return factor, ("T", found)
