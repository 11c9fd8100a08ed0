"""Random formulas of every shape: two sizes, blocks, other names for one value, softmax, ones, sums of ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from random import Random

from sympy import Expr, Identity, Integer, MatrixExpr, Symbol, ZeroMatrix, symbols

import derive
from derive.algebra import MatrixSum, OrderedProduct, T, apply, diag, hadamard, matmul, ones, power, transpose
from derive.algebra import build as b
from derive.algebra.accept import accept
from derive.algebra.nodes import Blocks

CELL = """
cell shaped
dims H, I
input x : I
input z : H
state h : H
state g : H
state p : I
param W : H x H
param U : H x I
param Q : I x H
param v : H
param s : 1
a[t] = W @ h[t-1] + U @ x[t] + v
h[t] = tanh(a[t])
same[t] = h[t]
before[t] = h[t-1]
g[t] = sigmoid(W.T @ g[t+1] + s * same[t] + z[t])
p[t] = softmax(Q @ g[t] + p[t-1])
loss[t] = norm2(h[t]) + sum(g[t] * z[t]) + norm2(p[t])
"""
LENGTHS = {"H": "zzhhgsb", "I": "xxpp"}
NAMES = {"s": "same", "b": "before"}
INDICES = symbols("j k", integer=True)
M = Symbol("m", integer=True)


@cache
def cell() -> derive.Model:
    return derive.parse(CELL)


class Shaped:
    """Makes formulas of a wanted shape; `at` lists the anchors that may stand in a time."""

    swaps: Mapping[str, Sequence[str]] = {"h": ("h", "h", "same", "before"), "same": ("same", "h"), "before": ("h",)}

    def __init__(self, rng: Random):
        self.rng, self.model = rng, cell()
        self.H, self.I = self.model.symbol("h").shape[0], self.model.symbol("x").shape[0]
        self.inside = 0  # how many products the formula is in

    def time(self, at: Sequence[Expr]) -> Expr:
        return self.rng.choice(at) + self.rng.choice((-2, -1, 0, 0, 0, 1))

    def named(self, name: str, time: Expr) -> MatrixExpr:
        return self.model.symbol(NAMES.get(name, name), time)

    def vector(self, n: Expr, at: Sequence[Expr]) -> MatrixExpr:
        """An n-vector: a name, a cotangent, a function of one, ones."""
        if n == 1:
            return self.scalar(at)
        kind, time = self.rng.randrange(14), self.time(at)
        name = self.rng.choice(LENGTHS[str(n)])
        if kind == 0:
            return ones(n)
        if kind == 1:
            return self.model.cotangent("h" if n == self.H else "p", time)
        if kind == 2:
            return apply(self.rng.choice(("exp", "tanh", "sigmoid")), self.named(name, time))
        if kind == 3:
            return power(self.named(name, time), 2)
        if kind == 4 and n == self.H:
            return apply("tanh", self.model.symbol("a", time))
        if kind == 5:
            other = self.rng.choice([k for k in (self.H, self.I) if k != n])
            return matmul(self.matrix(n, other, at), self.vector(other, at))
        return self.named(name, time)

    def scalar(self, at: Sequence[Expr]) -> MatrixExpr:
        n = self.rng.choice((self.H, self.I))
        kind = self.rng.randrange(5)
        if kind == 0:
            return self.model.symbol("s")
        if kind == 1:
            return matmul(ones(1, n), self.vector(n, at))
        return matmul(transpose(self.vector(n, at)), self.vector(n, at))

    def matrix(self, n: Expr, k: Expr, at: Sequence[Expr]) -> MatrixExpr:
        if n == 1:
            return transpose(self.vector(k, at))
        if k == 1:
            return self.vector(n, at)
        kind = self.rng.randrange(8)
        if kind < 1:
            return matmul(self.vector(n, at), transpose(self.vector(k, at)))
        if n != k:
            there, back = ("U", "Q") if n == self.H else ("Q", "U")
            return self.model.symbol(there) if kind < 6 else transpose(self.model.symbol(back))
        if kind < 3:
            return diag(self.vector(n, at))
        if kind < 5 and n == self.H:
            return self.rng.choice((lambda W: W, transpose))(self.model.symbol("W"))
        if kind < 6 and not self.inside:
            return self.blocked(n, at)
        return self.run(n, at)

    def run(self, n: Expr, at: Sequence[Expr]) -> MatrixExpr:
        """An ordered product whose factors are n × n."""
        if self.inside:
            return diag(self.vector(n, at))
        self.inside += 1
        body = self.factor(n, [M])
        self.inside -= 1
        return OrderedProduct(body, M, *self.bounds(at), self.rng.choice(("ascending", "descending")))

    def bounds(self, at: Sequence[Expr]) -> tuple[Expr, Expr]:
        """Those of a product: any, or more often from an index (or 0) to a later one (or T)."""
        if self.rng.random() < 0.3:
            return self.time(at), self.time(at)
        low, high = self.rng.choice((Integer(0), *at[2:])), self.rng.choice((T, *at[2:]))
        return low + self.rng.choice((0, 1, 1)), high + (-1 if high == T else self.rng.choice((0, 0, -1)))

    def factor(self, n: Expr, at: Sequence[Expr]) -> MatrixExpr:
        kind = self.rng.randrange(6)
        first = self.matrix(n, n, at)
        if kind == 0:
            return b.add(Identity(n), first)
        if kind == 1:
            return b.add(self.matrix(n, n, at), first)
        if kind == 2:
            return matmul(self.model.symbol("s"), first) if n == 1 else b.hadamard(ones(n, n), first)
        if kind == 3:
            other = self.rng.choice([k for k in (self.H, self.I) if k != n])
            return matmul(self.matrix(n, other, at), self.matrix(other, n, at))
        return first

    def blocked(self, n: Expr, at: Sequence[Expr]) -> MatrixExpr:
        """A corner of a product of block matrices, as two states that feed each other give."""
        k = self.rng.choice((self.H, self.I))
        self.inside += 1
        zero = ZeroMatrix
        entries = [self.matrix(p, q, [M]) if self.rng.random() < 0.7 else zero(p, q) for p in (n, k) for q in (n, k)]
        self.inside -= 1
        direction = self.rng.choice(("ascending", "descending"))
        product = OrderedProduct(Blocks(2, 2, *entries), M, *self.bounds(at), direction)
        left = Blocks(1, 2, Identity(n), self.matrix(n, k, at) if self.rng.random() < 0.5 else zero(n, k))
        right = Blocks(2, 1, Identity(n), self.matrix(k, n, at) if self.rng.random() < 0.5 else zero(k, n))
        return matmul(left, product, right)

    def formula(self) -> MatrixExpr:
        inner = INDICES[: self.rng.choice((0, 1, 1, 2))]
        at = [Integer(0), T, *inner]
        n = self.rng.choice((self.H, self.I))
        factors = [self.matrix(n, n, at) for _ in range(self.rng.choice((0, 1, 1, 2)))]
        e = matmul(*factors, self.vector(n, at)) if factors else self.vector(n, at)
        last: tuple[Callable[[], MatrixExpr], ...] = (
            lambda: hadamard(e, self.vector(n, at)),
            lambda: matmul(e, self.scalar(at)),
            lambda: matmul(e, transpose(self.vector(self.I, at))),
            lambda: matmul(transpose(self.vector(n, at)), e),
        )
        if self.rng.random() < 0.4:
            e = self.rng.choice(last)()
        for i in reversed(range(len(inner))):
            low = self.rng.choice([Integer(0), Integer(0), Integer(1), *inner[:i]])
            e = MatrixSum(e, inner[i], low, self.rng.choice([T - 1, T - 1, T - 2, T, *inner[:i]]))
        return accept(e)
