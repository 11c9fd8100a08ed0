"""Random sums of random products, most of which no book would print: what a proof must survive.

Bounds leave the sequence, products have negative lengths, states have two lags or run backward, boundary
values are not zero.  What the automata call equal must be equal in the field, at every T that is tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random

from sympy import Expr, Integer, MatrixExpr, Symbol, preorder_traversal, symbols

import derive
from derive.algebra import MatrixSum, OrderedProduct, T, Timed, diag, hadamard, matmul, ones, power, transpose
from derive.algebra import build as b
from derive.algebra.accept import accept
from derive.errors import DeriveError
from derive.proof.automaton.equality import decide
from derive.proof.automaton.weighted import Equal
from derive.proof.budget import Budget, OutOfBudget
from derive.proof.words.items import NotInClass
from tests.proof.shaped import Shaped

CELL = """
cell random
dims H
input x : H
state h : H
state g : H
param W : H x H
param v : H
param s : 1
h[t] = tanh(W @ h[t-1] + v * h[t-2] + x[t])
g[t] = sigmoid(W.T @ g[t+1] + s * h[t])
loss[t] = norm2(h[t]) + sum(g[t])
"""
INDICES = symbols("j k", integer=True)
LARGEST = 6  # T


@cache
def cell() -> derive.Model:
    return derive.parse(CELL)


class Maker:
    """Makes formulas; `at` lists the anchors that may stand in a time."""

    swaps: Mapping[str, Sequence[str]] = {}

    def __init__(self, rng: Random):
        self.rng, self.model, self.symbol = rng, cell(), cell().symbol
        self.H = self.symbol("h").shape[0]

    def time(self, at: Sequence[Expr]) -> Expr:
        return self.rng.choice(at) + self.rng.choice((-2, -1, 0, 0, 0, 1))

    def vector(self, at: Sequence[Expr]) -> MatrixExpr:
        time, kind = self.time(at), self.rng.randrange(12)
        if kind < 7:
            return self.symbol("xxxhhhg"[kind], time)
        if kind == 7:
            return self.symbol("v")
        if kind == 8:
            return power(self.symbol(self.rng.choice("hg"), time), 2)
        if kind == 9:
            return b.subtract(ones(self.H), power(self.symbol("h", time), 2))
        return cell().cotangent(self.rng.choice("hg"), time)

    def matrix(self, at: Sequence[Expr]) -> MatrixExpr:
        W, kind = self.symbol("W"), self.rng.randrange(10)
        if kind < 4:
            return W if kind < 3 else transpose(W)
        if kind < 6:
            return diag(self.vector(at))
        m = Symbol("m", integer=True)
        body = diag(self.symbol(self.rng.choice("xh"), m + self.rng.choice((-1, 0, 0, 1))))
        if self.rng.random() < 0.5:
            body = matmul(self.rng.choice((W, transpose(W))), body)
        direction = self.rng.choice(("ascending", "ascending", "descending"))
        return OrderedProduct(body, m, self.time(at), self.time(at), direction)

    def formula(self) -> MatrixExpr:
        inner = INDICES[: self.rng.choice((0, 1, 1, 2, 2))]
        at = [Integer(0), T, *inner]
        factors = [self.matrix(at) for _ in range(self.rng.choice((0, 1, 1, 2)))]
        e = matmul(*factors, self.vector(at)) if factors else self.vector(at)
        extra = self.rng.random()
        if extra < 0.12:
            e = hadamard(e, self.vector(at))
        elif extra < 0.24:
            e = matmul(e, matmul(transpose(self.vector(at)), self.vector(at)))
        for n in reversed(range(len(inner))):
            bounds = [Integer(0), Integer(0), Integer(1), *inner[:n]]
            e = MatrixSum(e, inner[n], self.rng.choice(bounds), self.rng.choice([T - 1, T - 1, T - 2, T, *inner[:n]]))
        return accept(e)


def variant(e: MatrixExpr, rng: Random, swaps: Mapping[str, Sequence[str]]) -> MatrixExpr:
    """The formula with one time or one bound moved by a step, or with another name or transpose in one place."""
    found = [p for p in preorder_traversal(e) if isinstance(p, (Timed, MatrixSum, OrderedProduct))]
    if not found:
        return b.scale(2, e)
    p, d = rng.choice(found), rng.choice((-1, 1))
    if isinstance(p, Timed):
        other = rng.choice(swaps.get(p.name, (p.name,)))
        return e.xreplace({p: Timed(other, p.index + d * (other == p.name), *p.shape)})
    low, high = (p.low + d, p.high) if rng.random() < 0.5 else (p.low, p.high + d)
    return e.xreplace({p: p.func(p.body, p.index, low, high, *p.args[4:])})


@dataclass
class Result:
    """How many pairs were called equal, different or refused, and which wrongly."""

    equal: int = 0
    different: int = 0
    refused: int = 0
    unsound: list[str] = field(default_factory=list)


def try_pairs(count: int, seed: int, kind: type[Maker] | type[Shaped] = Maker) -> Result:
    """Random formulas against variants of themselves, and against sums that differ by such a variant."""
    rng = Random(seed)
    result, maker = Result(), kind(rng)
    prover = maker.model.prover
    for _ in range(count):
        try:
            left = maker.formula()
            right = variant(left, rng, kind.swaps)
            if rng.random() < 0.3:  # a sum in another order, or one that differs in one of three terms
                other = maker.formula()
                if other.shape == left.shape:
                    left, right = b.add(left, other), b.add(other, rng.choice((left, right)))
            found = decide(prover.reader, left, right, 0, False, Budget(20))
        except (NotInClass, DeriveError, OutOfBudget):
            result.refused += 1
            continue
        if not isinstance(found.result, Equal):
            result.different += 1
            continue
        result.equal += 1
        budget = Budget(60)
        for steps in range(LARGEST + 1):
            for shift in (0, 1)[: 1 + (steps == 3)]:
                if prover.agreement.differ(left, right, steps, prover.agreement.sizes(shift), budget):
                    result.unsound.append(f"{left} = {right}")
    return result
