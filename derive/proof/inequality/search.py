"""Looks for the proof of an inequality: a norm is taken apart until only norms are left that the right side names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, product

from derive.proof.budget import Budget
from derive.proof.inequality.affine import Affine, Facts, minus
from derive.proof.inequality.order import is_at_most
from derive.proof.inequality.rules import KEEP, Premise, Proof, RuleError, Rules
from derive.proof.inequality.terms import (
    BINDERS,
    Term,
    TermError,
    canonical,
    children,
    is_column,
    rebuilt,
    shape,
    steps,
    substituted,
)

MOST_TRIED, MOST_GROUPED = 200, 6
DEPTHS = (3, 6, 10, 15)  # of rules, one after the other, at one norm


def prove(left: Term, right: Term, rules: Rules, facts: Facts, budget: Budget) -> Proof | None:
    """A proof of left ≤ right, if one is found; the checker has to follow it."""
    for most in DEPTHS:
        search = _Search(rules, _named(right), budget, most)
        for proof, reached in islice(search.ways(left, facts, 0), MOST_TRIED):
            budget.spend()
            try:
                if is_at_most(reached, right, facts):
                    return proof
            except TermError:
                continue
    return None


def _named(a: Term) -> set[tuple[str, Term]]:
    """The norms in the right side, whatever their steps."""
    if a[0] == "norm":
        return set(_alike(a[1], a[2]))
    return set[tuple[str, Term]]().union(*map(_named, children(a)))


def _alike(kind: str, m: Term) -> list[tuple[str, Term]]:
    """A norm without its steps; in 2 and F, and of vectors, that of the transpose is the same."""
    kind = "2" if kind == "F" and "1" in shape(m) else kind
    turned = [("T", m)] if kind != "inf" or "1" in shape(m) else []
    return [(kind, _timeless(canonical(x)[1])) for x in (m, *turned)]


def _timeless(m: Term) -> Term:
    bare = rebuilt(m, _timeless, lambda a: ())
    return (bare[0], "", *bare[2:]) if bare[0] in BINDERS else bare


@dataclass
class _Search:
    rules: Rules
    goals: set[tuple[str, Term]]
    budget: Budget
    most: int

    def ways(self, a: Term, facts: Facts, depth: int) -> Iterator[tuple[Proof, Term]]:
        """Proofs with what they bound the number by, the likeliest first."""
        self.budget.spend()
        if depth > self.most:
            return
        if a[0] in ("times", "plus"):
            for chosen in product(*(list(islice(self.ways(x, facts, depth), 6)) for x in a[1:])):
                yield ("each", *(p for p, _ in chosen)), (a[0], *(x for _, x in chosen))
        elif a[0] in BINDERS:
            i, body, within = self.rules.opened(a, facts)
            for proof, reached in self.ways(body, within, depth):
                yield ("inside", proof), (a[0], i, a[2], a[3], reached)
        elif a[0] == "norm":
            yield from self._norm(a[1], a[2], facts, depth)
        else:
            yield KEEP, a

    def _norm(self, kind: str, m: Term, facts: Facts, depth: int) -> Iterator[tuple[Proof, Term]]:
        """A norm that is left over has to stand on the right side: no other way leads anywhere."""
        if self._wanted(kind, m):
            yield KEEP, ("norm", kind, m)
        for rule in self._applicable(kind, m, facts):
            try:
                after = self.rules.bound(("norm", kind, m), (*rule, KEEP), facts)
            except (RuleError, TermError):
                continue
            if self._arrives(rule):
                yield (*rule, KEEP), after
                continue
            for proof, reached in self.ways(after, facts, depth + 1):
                yield (*rule, proof), reached

    def _wanted(self, kind: str, m: Term) -> bool:
        return any(x in self.goals for x in _alike(kind, m))

    def _applicable(self, kind: str, m: Term, facts: Facts) -> Iterator[Proof]:
        """Rules with their data."""
        weaker = "2" if kind == "inf" else "F"
        if kind != "F" and (kind == "2" or is_column(m)) and (self._wanted(weaker, m) or self._is_given(weaker, m)):
            yield ("weaken",)
        numbered = sorted(enumerate(self.rules.premises), key=lambda pair: len(pair[1].indices))  # the nearest first
        for n, premise in numbered:
            values = matched(premise, m)
            if values is not None and self._leads_on(premise, kind, values, m):
                yield ("premise", n, tuple(sorted(values.items())))
        match m:  # both, where both apply
            case ("T", _) | ("prod", _, _, _, _, ("T", _)):
                yield ("transpose",)
        match m:
            case ("scale", *_):
                yield ("scale",)
            case ("add" | "sum", *_):
                yield ("triangle",)
            case ("prod", *_):
                yield ("product",)
            case ("diag", _):
                yield ("diagonal",)
            case ("identity", _):
                yield ("identity",)
            case ("had", *parts):
                named = [k for k, a in enumerate(parts) if self._wanted("inf", a) or self._wanted(kind, a)]
                yield from (
                    ("entrywise", groups, k) for groups in _apart(named, len(parts)) for k in range(len(groups))
                )
            case ("mul", *parts):
                for sizes in sorted(_groups(len(parts)), key=lambda s: -self._hits(parts, s, kind)):
                    yield from (("factors", sizes, k) for k in (range(len(sizes)) if kind == "F" else (0,)))

    def _is_given(self, kind: str, m: Term) -> bool:
        return any(p.head == f"norm {kind}" and matched(p, m) is not None for p in self.rules.premises)

    def _leads_on(self, premise: Premise, kind: str, values: Mapping[str, Affine], m: Term) -> bool:
        """Does it say what a derivative is, or how large entries are; or does it come to what is wanted?"""
        if premise.head != "norm":
            return kind == ("inf" if premise.head == "entries" else premise.head[5:])
        if self._is_backward(premise):
            return self._wanted(kind, premise.right)
        return not _contains(substituted(premise.right, values), m)

    def _arrives(self, rule: Proof) -> bool:
        """Does it lead to what is wanted, so that nothing follows?"""
        return rule[0] == "premise" and self._is_backward(self.rules.premises[rule[1]])

    @staticmethod
    def _is_backward(premise: Premise) -> bool:
        """From what a derivative is to the derivative."""
        return premise.head == "norm" and premise.left[0] not in ("op", "ref")

    def _hits(self, parts: list[Term], sizes: tuple[int, ...], kind: str) -> int:
        """How many groups are norms that are wanted, else how many groups there are."""
        at, found = 0, 0
        for n in sizes:
            group = parts[at] if n == 1 else ("mul", *parts[at : at + n])
            found += n > 1 and self._wanted(kind, group)
            at += n
        return 100 * found + len(sizes)


def _contains(a: Term, m: Term) -> bool:
    return a == m or any(_contains(x, m) for x in children(a))


def _apart(named: list[int], n: int) -> list[tuple[tuple[int, ...], ...]]:
    """The factors of an elementwise product whose norms are wanted on their own, all others together; or all apart."""
    others = tuple(k for k in range(n) if k not in named)
    single = tuple((k,) for k in range(n))
    return [(others, *((k,) for k in named)), single] if len(others) > 1 and named else [single]


def _groups(n: int) -> list[tuple[int, ...]]:
    """The ways to split n factors into two or more groups that stand side by side."""
    if n > MOST_GROUPED:
        return [(1,) * n]
    found: list[tuple[int, ...]] = []
    for cuts in product((True, False), repeat=n - 1):
        sizes = [1]
        for cut in cuts:
            if cut:
                sizes.append(1)
            else:
                sizes[-1] += 1
        found.append(tuple(sizes))
    return [s for s in found if len(s) > 1]


def matched(premise: Premise, m: Term) -> dict[str, Affine] | None:
    """The values of its indices at which the left side of a premise is m, if it is one; to be checked by the rule."""
    values: dict[str, Affine] = {}
    if not _match(premise.left, m, frozenset(premise.indices), values) or len(values) < len(premise.indices):
        return None
    return values


def _match(pattern: Term, m: Term, free: frozenset[str], values: dict[str, Affine]) -> bool:
    if pattern[0] != m[0] or len(pattern) != len(m):
        return False
    below, others, times, given = children(pattern), children(m), steps(pattern), steps(m)
    if len(below) != len(others) or len(times) != len(given):
        return False
    if not all(_fits(a, s, free, values) for a, s in zip(times, given, strict=True)):
        return False
    return all(_match(a, x, free, values) for a, x in zip(below, others, strict=True))


def _fits(step: Affine, given: Affine, free: frozenset[str], values: dict[str, Affine]) -> bool:
    """Is a step k + c of the pattern that one?"""
    unknown: Mapping[str, int] = {s: c for s, c in step if s in free}
    if len(unknown) != 1 or next(iter(unknown.values())) != 1:
        return True  # the rule will see
    s = next(iter(unknown))
    value = minus(given, tuple(p for p in step if p[0] != s))
    return values.setdefault(s, value) == value
