"""At which T a formula is evaluated whole: a sum over a < b < c < d says nothing of its terms for T < 4."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sympy import MatrixExpr, Symbol

from derive.algebra.bound import Bound
from derive.algebra.nodes import Delta, T, t
from derive.program import operands
from derive.proof.budget import OutOfBudget
from derive.proof.field.world import linear


def full_at(first: int, last: int, spend: Callable[[], None], sizes: Mapping[Symbol, int], *sides: MatrixExpr) -> int:
    """The least T from `first` on at which every part of the sides has a value somewhere, at these sizes.

    A sum that is empty for every T has no parts.

    Raises:
        OutOfBudget: there is none up to `last`.
    """
    steps = first
    for e in sides:
        while not any(_is_full(e, {**sizes, T: steps, t: now}, spend) for now in range(max(1, steps))):
            steps += 1
            if steps > last:
                raise OutOfBudget(f"a sum in it is empty for every T up to {last}")
    return steps


def _is_full(e: MatrixExpr, env: Mapping[Symbol, int], spend: Callable[[], None]) -> bool:
    """Has every part a value, with these indices?"""
    spend()
    if isinstance(e, Delta):
        at, time = (sum(c * env[s] for s, c in pairs) + n for pairs, n in map(linear, (e.at, e.time)))
        return at == time and _is_full(e.arg, env, spend)
    if not isinstance(e, Bound):
        return all(_is_full(a, env, spend) for a in operands(e))
    low, high = (sum(c * env[s] for s, c in pairs) + n for pairs, n in map(linear, (e.low, e.high)))
    if high < low:
        return bool((e.high - e.low).expand().is_negative)
    return any(_is_full(e.body, {**env, e.index: k}, spend) for k in range(low, high + 1))
