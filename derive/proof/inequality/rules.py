"""What a norm is at most: a rule for each way to come by a bound, applied as a proof says and checked on the way.

A proof follows the number that it bounds: "keep", ("each", proof, …) for sums and products, ("inside", proof) below a
sum or product over an index, and for a norm a rule with what it needs and the proof for what comes of it.  All that is
bounded stands where a larger number makes the whole larger: numbers are never negative, nothing is subtracted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from derive.proof.inequality.affine import Affine, Facts, minus, never_negative, replaced
from derive.proof.inequality.terms import Term, canonical, free, is_column, names, shape, substituted, written

KEEP = ("keep",)
Proof = tuple[Any, ...]


class RuleError(Exception):
    """A step that is no proof; the message says why."""


@dataclass(frozen=True)
class Premise:
    """What a proof may use without proof, for all values of its indices that are as given.

    Attributes:
        head: "norm": ‖left‖ ≤ ‖right‖ in every norm; "entries": no entry of the column `left` exceeds `right`;
            "norm 2", "norm F", "norm inf": that norm of `left` is at most `right`.
        given: what has to be ≥ 0.
        why: in words, for readers.
    """

    head: str
    indices: tuple[str, ...]
    left: Term
    right: Term
    given: tuple[Affine, ...]
    why: str

    def reads(self, name: str) -> bool:
        """Is it an equation with this quantity in it?"""
        return self.head == "norm" and (names(self.left, name) or names(self.right, name))

    def applies(self, m: Term, values: Mapping[str, Affine], facts: Facts) -> bool:
        """Is m its left side, at these values of its indices?"""
        if set(values) != set(self.indices):
            return False
        if not all(never_negative(replaced(a, values), facts) for a in self.given):
            return False
        return canonical(substituted(self.left, values)) == canonical(m)


@dataclass(frozen=True)
class Within:
    """What is known of each index from low to high: that `fact`, in which it is called `index`, is ≥ 0."""

    index: str
    low: Affine
    high: Affine
    fact: Affine

    def at(self, i: str, facts: Facts) -> Facts:
        """The fact about an index, if it is seen to be one of them."""
        value: Affine = ((i, 1),)
        if never_negative(minus(value, self.low), facts) and never_negative(minus(self.high, value), facts):
            return (replaced(self.fact, {self.index: value}),)
        return ()


@dataclass(frozen=True)
class Rules:
    """Follows proofs, with these premises, and what is known of the indices of sums and products."""

    premises: tuple[Premise, ...]
    within: tuple[Within, ...] = ()

    def bound(self, a: Term, proof: Proof, facts: Facts) -> Term:
        """What the proof says that a is at most, wherever the facts hold.

        Raises:
            RuleError: it is no proof.
        """
        match a, proof:
            case _, ("keep",):
                return a
            case (("times" | "plus") as head, *parts), ("each", *proofs):
                _ensure(len(parts) == len(proofs), "there is not one proof for each part")
                return (head, *(self.bound(x, p, facts) for x, p in zip(parts, proofs, strict=True)))
            case ("prod" | "sum", _, low, high, _), ("inside", inner):
                i, body, within = self.opened(a, facts)
                return (a[0], i, low, high, self.bound(body, inner, within))
            case ("norm", kind, m), (rule, *data, rest):
                made = RULES.get(rule)
                if made is None:
                    raise RuleError(f"there is no rule {str(rule)[:40]!r}")
                return self.bound(made(self, kind, m, tuple(data), facts), rest, facts)
        raise RuleError("the proof is not that of the number it bounds")

    def opened(self, a: Term, facts: Facts) -> tuple[str, Term, Facts]:
        """The body of a sum or product, with an index that no fact is about, and what is known of it."""
        _, i, low, high, body = a
        taken = {s for f in facts for s, _ in f} | (free(a) - {i}) | {s for x in (low, high) for s, _ in x}
        taken |= {s for w in self.within for x in (w.low, w.high, w.fact) for s, _ in x}
        name = i
        while name in taken:
            name += "'"
        index: Affine = ((name, 1),)
        facts = (*facts, minus(index, low), minus(high, index))
        return name, substituted(body, {i: index}), facts + sum((w.at(name, facts) for w in self.within), ())


def _ensure(holds: bool, what: str) -> None:
    if not holds:
        raise RuleError(what)


def _spectral(kind: str, *matrices: Term) -> None:
    """Norms that a product's does not exceed: not those of row vectors in "inf", which is their largest entry."""
    rows = any(shape(m)[0] == "1" for m in matrices)
    _ensure(kind != "inf" or not rows, "the largest entry of a row vector is not submultiplicative")


def _turn(rules: Rules, kind: str, m: Term, data: Proof, facts: Facts) -> Term:
    """‖Aᵀ‖ = ‖A‖"""
    _ensure(kind != "inf" or "1" in shape(m), "of a matrix, the largest row is not that of its transpose")
    return ("norm", kind, turned(m))


def turned(m: Term) -> Term:
    """The transpose, one level down."""
    match m:
        case ("T", a):
            return a
        case ("prod", i, low, high, direction, a):
            return ("prod", i, low, high, "ascending" if direction == "descending" else "descending", turned(a))
        case ("mul", *parts):
            return ("mul", *map(turned, reversed(parts)))
        case ("diag", _) | ("identity", _):
            return m
    return ("T", m)


def _scale(rules: Rules, kind: str, m: Term, data: Proof, facts: Facts) -> Term:
    """‖c A‖ = |c| ‖A‖"""
    _ensure(m[0] == "scale", "nothing is multiplied by a number")
    return ("times", ("num", written(abs(Fraction(m[1])))), ("norm", kind, m[2]))


def _triangle(rules: Rules, kind: str, m: Term, data: Proof, facts: Facts) -> Term:
    """‖A + B‖ ≤ ‖A‖ + ‖B‖"""
    _ensure(m[0] in ("add", "sum"), "there is no sum")
    if m[0] == "sum":
        return (*m[:4], ("norm", kind, m[4]))
    return ("plus", *(("norm", kind, x) for x in m[1:]))


def _factors(rules: Rules, kind: str, m: Term, data: Proof, facts: Facts) -> Term:
    """‖A B‖ ≤ ‖A‖ ‖B‖

    Of groups of factors that stand side by side; in F all of them but one may take their norm in 2.
    """
    _ensure(m[0] == "mul" and len(data) == 2, "there is no product")
    sizes, whole = data
    _ensure(all(type(n) is int and n > 0 for n in sizes) and sum(sizes) == len(m) - 1, "groups of another product")
    groups, at = [], 1
    for n in sizes:
        groups.append(m[at] if n == 1 else ("mul", *m[at : at + n]))
        at += n
    _spectral(kind, *groups)
    if kind != "F":
        return ("times", *(("norm", kind, g) for g in groups))
    _ensure(type(whole) is int and 0 <= whole < len(groups), "no factor keeps the norm")
    return ("times", *(("norm", "F" if k == whole else "2", g) for k, g in enumerate(groups)))


def _product(rules: Rules, kind: str, m: Term, data: Proof, facts: Facts) -> Term:
    """‖Π A_i‖ ≤ Π ‖A_i‖

    Where an empty product, the identity, has norm 1: not in F.
    """
    _ensure(m[0] == "prod" and kind in ("2", "inf"), "there is no product over an index, or its norm is F")
    _spectral(kind, m)
    return (*m[:4], ("norm", kind, m[5]))


def _diagonal(rules: Rules, kind: str, m: Term, data: Proof, facts: Facts) -> Term:
    """‖diag v‖ = max |v|

    And in F the length of v.
    """
    _ensure(m[0] == "diag" and is_column(m[1]), "there is no diagonal")
    return ("norm", "2" if kind == "F" else "inf", m[1])


def _entrywise(rules: Rules, kind: str, m: Term, data: Proof, facts: Facts) -> Term:
    """‖u ∘ v‖ ≤ max |u| ‖v‖

    Of columns, in groups of factors.
    """
    _ensure(m[0] == "had" and is_column(m) and len(data) == 2, "there are no columns that are multiplied")
    places, whole = data
    _ensure(sorted(k for group in places for k in group) == list(range(len(m) - 1)), "groups of another product")
    groups = [m[1 + group[0]] if len(group) == 1 else ("had", *(m[1 + k] for k in group)) for group in places]
    _ensure(type(whole) is int and 0 <= whole < len(groups), "no factor keeps the norm")
    return ("times", *(("norm", kind if k == whole else "inf", x) for k, x in enumerate(groups)))


def _weaken(rules: Rules, kind: str, m: Term, data: Proof, facts: Facts) -> Term:
    """‖A‖_2 ≤ ‖A‖_F

    And max |v| ≤ ‖v‖, of columns.
    """
    if kind == "inf":
        _ensure(is_column(m), "the largest row is not below the other norms")
        return ("norm", "2", m)
    return ("norm", "F", m)


def _premise(rules: Rules, kind: str, m: Term, data: Proof, facts: Facts) -> Term:
    """‖left‖ ≤ ‖right‖, or max |left| ≤ c"""
    _ensure(len(data) == 2 and type(data[0]) is int and 0 <= data[0] < len(rules.premises), "no such premise")
    premise, values = rules.premises[data[0]], dict(data[1])
    _ensure(premise.applies(m, values, facts), f"premise {data[0]} does not apply")
    if premise.head == "entries":
        _ensure(kind == "inf" and is_column(m), "the premise is about entries")
        return premise.right
    if premise.head != "norm":
        _ensure(premise.head == f"norm {kind}", "the premise is about another norm")
        return premise.right
    return ("norm", kind, substituted(premise.right, values))


def _even(rules: Rules, kind: str, m: Term, data: Proof, facts: Facts) -> Term:
    """‖I‖ = 1

    Not in F.
    """
    _ensure(m[0] == "identity" and kind != "F", "no identity, or its norm is F")
    return ("num", "1")


RULES: Mapping[str, Callable[[Rules, str, Term, Proof, Facts], Term]] = {
    "transpose": _turn,
    "scale": _scale,
    "triangle": _triangle,
    "factors": _factors,
    "product": _product,
    "diagonal": _diagonal,
    "entrywise": _entrywise,
    "weaken": _weaken,
    "premise": _premise,
    "identity": _even,
}
