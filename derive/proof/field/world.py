"""One model at concrete sizes and T, its given arrays drawn at random, and sweeps of dual numbers over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from random import Random
from typing import TypeAlias

from sympy import Expr, Integer, MatrixExpr, Rational, Symbol

from derive.algebra.nodes import SumOver, T, Timed, is_reference, t
from derive.errors import DeriveError, UnsupportedError
from derive.program import Assumption, Program, Variable, operands
from derive.proof.budget import Budget
from derive.proof.field.domain import Domain, Rows, Scalar, coefficient
from derive.proof.field.duals import Dual, Matrices
from derive.proof.field.points import ANY, Points
from derive.proof.field.rules import Env, Products, evaluate

Key: TypeAlias = tuple[str, int | None]
Directions: TypeAlias = tuple[Rows | None, ...]


class World:
    """Sizes, T, one sequence, and the values of every given array.

    Args:
        program: knows every variable, size and constant; its equations are not used here.
        points: what numbers given arrays hold.
    """

    def __init__(
        self, program: Program, sizes: Mapping[str, int], steps: int, domain: Domain, seed: int, points: Points = ANY
    ):
        self.program, self.sizes, self.steps, self.domain, self.seed = program, dict(sizes), steps, domain, seed
        self.matrices = Matrices(domain)
        self.budget = Budget()
        self.points = points
        self._sizes: dict[Symbol, Integer] = {s: Integer(self.sizes[s.name]) for s in program.sizes}
        self._numbers: dict[Symbol, Rational] = {**self._sizes, **program.numbers}
        self._coefficients: dict[Expr, Scalar] = {}
        self._integers: dict[Expr, int] = {}
        self._given: dict[Key, Dual] = {}
        self._plain: dict[int, Sweep] = {}

    def plain(self, program: Program) -> Sweep:
        """The values alone, which every sweep of a program shares."""
        known = self._plain.get(id(program))
        if known is None:
            known = self._plain[id(program)] = Sweep(self, program)
        return known

    def spend(self) -> None:
        self.budget.spend()

    def number(self, e: Expr) -> Scalar:
        if e not in self._coefficients:
            self._coefficients[e] = coefficient(e, self.domain, self._numbers, self.steps)
        return self._coefficients[e]

    def integer(self, e: Expr) -> int:
        if e not in self._integers:
            value = e.subs({**self._sizes, T: Integer(self.steps)})
            if not value.is_Integer:
                raise UnsupportedError(f"{e} is no whole number at these sizes")
            self._integers[e] = int(value)
        return self._integers[e]

    def time(self, index: Expr, env: Env) -> int:
        """A time or a bound of an index.

        Raises:
            UnsupportedError: an index in it has no value.
        """
        coefficients, constant = linear(index)
        try:
            return constant + sum(c * (self.steps if s == T else env[s]) for s, c in coefficients)
        except KeyError as error:
            raise UnsupportedError(f"the index {error.args[0]} has no value here") from error

    def given(self, key: Key) -> Dual:
        """The drawn value of a given array (at one step)."""
        if key not in self._given:
            self._given[key] = Dual(self._draw(self.program[key[0]], key))
        return self._given[key]

    def _draw(self, v: Variable, key: Key) -> Rows:
        rng = Random(f"{self.seed} {key[0]} {key[1]}")  # so that the order of drawing does not matter
        rows, cols = (self.integer(n) for n in v.shape)
        self.matrices.check(rows, cols)
        if v.onehot:
            return [[a] for a in self.domain.onehot(rng, rows)]
        drawn = self.points.draw(self.domain, rng, rows, cols)
        if self.points.scale != 1 and v.role != "initial":
            drawn = self.matrices.scale(self._rational(self.points.scale), Dual(drawn)).rows
        stated = [a for a in self.program.assumptions if self._concerns(a, v)]
        made = self._assume(drawn, stated)
        if not all(self.domain.keeps(a.relation, self._measured(made, a), self._rational(a.value)) for a in stated):
            raise ZeroDivisionError  # at these sizes no values keep all that is assumed; others may do better
        return made

    def _measured(self, rows: Rows, a: Assumption) -> list[Scalar]:
        flat = [x for row in rows for x in row]
        return [self.matrices.scalars.add(*flat)] if a.measure == "sum" and flat else flat

    def _concerns(self, a: Assumption, v: Variable) -> bool:
        if a.lag is None:
            return a.name == v.name
        initial = self.program[a.name].initial
        return v.name in initial and initial.index(v.name) + 1 == a.lag

    def _assume(self, rows: Rows, stated: Sequence[Assumption]) -> Rows:
        """Values of which all that is stated holds; an inequality matters to functions' domains only."""
        for a in stated:
            if a.measure == "entries" and a.relation == "==":
                return [[self._rational(a.value)] * len(row) for row in rows]
        low = max((a.value for a in stated if a.measure == "entries" and a.relation[0] == ">"), default=None)
        high = min((a.value for a in stated if a.measure == "entries" and a.relation[0] == "<"), default=None)
        rows = [[self._between(x, low, high) for x in row] for row in rows]
        for a in stated:
            if a.measure == "sum" and a.relation == "==":
                both = low is not None and high is not None
                rows = (
                    self._around(rows, a.value, low, high)
                    if both
                    else self._summing(rows, a.value, high if low is None else low)
                )
        return rows

    def _rational(self, value: Rational) -> Scalar:
        return self.domain.rational(int(value.p), int(value.q))

    def _between(self, x: Scalar, low: Rational | None, high: Rational | None) -> Scalar:
        """A value on the right side of its bounds, from any."""
        k = self.matrices.scalars
        if low is None and high is None:
            return x
        size = k.mul(x, x)
        if low is None:
            return k.add(self._rational(high), k.neg(size))
        if high is not None:
            share = k.mul(size, self.domain.inverse(k.add(self.domain.one, size)))
            size = k.mul(self._rational(high - low), share)
        return k.add(self._rational(low), size)

    def _summing(self, rows: Rows, value: Rational, bound: Rational | None) -> Rows:
        """The values moved so that they add up: the last one, or all in proportion, on their side of a bound."""
        k, flat = self.matrices.scalars, [x for row in rows for x in row]
        if bound is None:
            last = k.add(self._rational(value), *(k.neg(x) for x in flat[:-1]))
            return [*rows[:-1], [*rows[-1][:-1], last]]
        edge = self._rational(bound)
        parts = [k.add(x, k.neg(edge)) for x in flat]
        scale = k.mul(self._rational(value - len(flat) * bound), self.domain.inverse(k.add(*parts)))
        moved = iter([k.add(edge, k.mul(x, scale)) for x in parts])
        return [[next(moved) for _ in row] for row in rows]

    def _around(self, rows: Rows, value: Rational, low: Rational, high: Rational) -> Rows:
        """Values between two bounds moved around their mean so that they add up, and stay between."""
        k, flat = self.matrices.scalars, [x for row in rows for x in row]
        mean = value / len(flat)
        room = max(min(mean - low, high - mean), Rational(0)) / (high - low)
        own = k.mul(self._rational(Rational(1, len(flat))), k.add(*flat))
        scale, middle = self._rational(room), self._rational(mean)
        return [[k.add(middle, k.mul(scale, k.add(x, k.neg(own)))) for x in row] for row in rows]


class Sweep:
    """The values of a program's names, with derivatives along the directions of `seeds`.

    Args:
        seeds: key → its tangents; the key then counts as given, whatever its equation says.
        edges: (name, offset, step) → tangents added where an equation reads name[step + offset], or a name without
            a time (offset 0), at that step.
        flows: does what comes through a key's equation count, or is it held fixed?
    """

    def __init__(
        self,
        world: World,
        program: Program,
        seeds: Mapping[Key, Directions] | None = None,
        edges: Mapping[tuple[str, int, int], Directions] | None = None,
        flows: Callable[[Key], bool] = lambda key: True,
    ):
        self.world, self.program = world, program
        self.seeds, self.edges, self.flows = seeds or {}, edges or {}, flows
        self.matrices, self.steps = world.matrices, world.steps
        self.number, self.integer, self.time, self.spend = world.number, world.integer, world.time, world.spend
        self._memo: dict[Key, Dual] = {}
        self._needed: dict[Key, tuple[Key, ...]] = {}

    def get(self, key: Key) -> Dual:
        """The value of a name at a step, and of what it needs, with a stack of our own: time can be long."""
        todo, waiting = [self.settle(key)], set()
        while todo:
            top = todo[-1]
            needs = () if top in self._memo or top in self.seeds else self.values.needs(top)
            missing = [k for k in needs if k not in self._memo]
            if missing and top in waiting:
                raise DeriveError(f"{top[0]} at step {top[1]} needs itself: no order of time evaluates the program")
            if missing:
                waiting.add(top)
                todo.extend(missing)
                continue
            if top not in self._memo:
                moves = top in self.seeds or self._has_edge(top) or any(self._memo[k].moves for k in needs)
                self._memo[top] = self._compute(top) if moves or self.values is self else self.values.get(top)
            self.spend()
            todo.pop()
        return self._memo[self.settle(key)]

    @cached_property
    def values(self) -> Sweep:
        """The sweep that has no directions."""
        return self.world.plain(self.program) if self.seeds or self.edges else self

    def needs(self, key: Key) -> tuple[Key, ...]:
        """What a key's equation reads."""
        known = self._needed.get(key)
        if known is None:
            known = self._needed[key] = tuple(dict.fromkeys(self._needs(key)))
        return known

    def _has_edge(self, key: Key) -> bool:
        """Is something added where its equation reads?  One without a time may read at any step."""
        return bool(self.edges) and (key[1] is None or any(step == key[1] for _, _, step in self.edges))

    def settle(self, key: Key) -> Key:
        """The key of a value: that of the boundary value where the time is outside 0 … T−1."""
        name, now = key
        v = self.program[name]
        if now is None or 0 <= now < self.steps:
            return key
        k = now - self.steps + 1 if v.backward else -now
        initial = v.initial[k - 1] if 1 <= k <= len(v.initial) else None
        return (initial, None) if initial else key

    def _needs(self, key: Key) -> Iterator[Key]:
        name, now = key
        if name in self.program.equations and not self._outside(now):
            yield from self._keys(self.program.equations[name], now)

    def _outside(self, now: int | None) -> bool:
        return now is not None and not 0 <= now < self.steps

    def _keys(self, e: MatrixExpr, now: int | None) -> Iterator[Key]:
        if is_reference(e):
            yield self.settle(self.key(e, {} if now is None else {t: now}))
        times = range(self.steps) if isinstance(e, SumOver) and "t" in e.axes else [now]
        for a in operands(e):
            for time in times:
                yield from self._keys(a, time)

    def key(self, r: MatrixExpr, env: Env) -> Key:
        return (r.name, self.time(r.index, env)) if isinstance(r, Timed) else (r.name, None)

    def _compute(self, key: Key) -> Dual:
        name, now = key
        if key in self.seeds:
            return Dual(self.values.get(key).rows, self.seeds[key])
        v = self.program[name]
        if self._outside(now):
            rows, cols = (self.integer(n) for n in v.shape)
            value = self.matrices.constant(rows, cols, self.matrices.domain.zero)
        elif name not in self.program.equations:
            value = self.world.given(key)
        else:
            value = evaluate(self.program.equations[name], self, {} if now is None else {t: now})
        return value if self.flows(key) else value.plain()

    def lookup(self, r: MatrixExpr, env: Env) -> Dual:
        value = self.get(self.key(r, env))
        offset = r.offset if isinstance(r, Timed) else 0
        if self.edges and t in env and offset is not None:
            extra = self.edges.get((r.name, offset, env[t]))
            if extra is not None:
                return self.matrices.add(value, Dual(self._nothing(value), extra))
        return value

    def _nothing(self, like: Dual) -> Rows:
        return self.matrices.constant(*like.shape, self.matrices.domain.zero).rows

    def part(self, e: MatrixExpr, env: Env) -> Dual:
        return evaluate(e, self, env)

    def derivative(self, e: MatrixExpr, env: Env) -> Dual:
        raise UnsupportedError("a program has no symbols for derivatives")

    def products(self, e: MatrixExpr, env: Env) -> Products:
        return {}


@cache
def linear(index: Expr) -> tuple[tuple[tuple[Symbol, int], ...], int]:
    """A time as coefficients of its symbols and a constant."""
    symbols = sorted(index.free_symbols, key=str)
    constant = index.subs(dict.fromkeys(symbols, 0))
    return tuple((s, int(index.coeff(s))) for s in symbols), int(constant)
