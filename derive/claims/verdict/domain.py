"""For which values of its free indices an equation is meant: those at which every index is in its range.

A derivative at a step after the last is zero, so that what it is multiplied with need not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from itertools import product
from math import prod

from sympy import Expr, HadamardProduct, Integer, MatMul, MatrixExpr, Poly, Symbol, Transpose

from derive.algebra.bound import Bound, OrderedProduct
from derive.algebra.nodes import Delta, Diag, Entry, Gradient, Jacobian, Pad, Reshape, Scale, StepGradient, T, Timed, t
from derive.algebra.text import unicode_text
from derive.errors import DeriveError
from derive.program import Program, operands
from derive.proof.budget import OutOfBudget
from derive.proof.field.world import linear

Env = dict[Symbol, int]
LINEAR = (Transpose, Diag, Entry, Reshape)  # of one operand
MOST = 3_000  # values of all free indices together
LATE = 3  # from this T on every sum that is meant has terms somewhere
MOST_TRIED = 20_000  # values that are looked at
KINDS = (Timed, StepGradient, Bound, Entry, Pad, Delta)  # what says something of indices
KNOWN = 64  # expressions whose parts are remembered


def nothing() -> None:
    """What a domain calls often where its caller has no limit of time."""


class NoValue(DeriveError):
    """An equation that has no value where it should."""


def is_power(p: OrderedProduct) -> bool:
    """Is it a power of what does not hang on the index?"""
    return p.index not in p.body.free_symbols


class Domain:
    """The values of free indices at one T and set of sizes."""

    def __init__(self, program: Program, steps: int, sizes: Mapping[str, int], spend: Callable[[], None] = nothing):
        self.program, self.steps, self.sizes, self.spend = program, steps, sizes, spend
        self.powers: frozenset[str] = frozenset()
        self.short: set[str] = set()  # indices whose ranges end before they begin at values that were left out
        self._fixed: Env = {T: steps, **{s: sizes[s.name] for s in program.sizes}}

    def envs(self, left: MatrixExpr, right: MatrixExpr, free: frozenset[Symbol]) -> list[Env]:
        """Every value of the free indices at which both sides have a value.

        Raises:
            NoValue: a sum has a value where it is empty only.
        """
        entries = _entry_indices(left) | _entry_indices(right)
        self.powers = frozenset(str(p.index) for e in (left, right) for p in _of(OrderedProduct, e) if is_power(p))
        names = sorted(free - set(self._fixed), key=str)
        if prod(len(self._range(s, s in entries)) for s in names) > MOST_TRIED:
            raise OutOfBudget(f"there are {len(names)} free indices")
        found: list[Env] = []
        others: list[Env] = []
        for values in product(*(self._range(s, s in entries) for s in names)):
            env = {**self._fixed, **dict(zip(names, values, strict=True))}
            fits = (not names or self._is_step(left, env)) and self.has_value(left, env) and self.has_value(right, env)
            (found if fits else others).append(env)
        if len(found) > MOST:
            raise OutOfBudget(f"its free indices have {len(found)} values together")
        if found and names and self.steps >= LATE:
            self._not_only_empty(found, others, left, right)
        return found

    def _not_only_empty(self, found: list[Env], others: list[Env], *sides: MatrixExpr) -> None:
        """A sum that runs out of the sequence wherever it has terms is a slip, however true it is where it has none."""
        inside = {x.index for e in sides for x in _of(Bound, e)}
        for b in sorted({x for e in sides for x in _of(Bound, e)}, key=str):
            if (b.low.free_symbols | b.high.free_symbols | b.body.free_symbols) & (inside - {b.index}):
                continue
            terms = [self.integer(b.high - b.low, env) >= 0 for env in found]
            if any(terms):
                continue
            for env in others:
                if self.integer(b.high - b.low, env) == 0 and not self.has_value(b, env):
                    raise NoValue(f"the sum or product over {b.index} is out of the sequence wherever it has a term")

    def outside(self, *sides: MatrixExpr) -> str:
        """What is read outside the sequence wherever all free indices are 0, in words; "" if nothing is."""
        env = {**self._fixed, **{s: 0 for e in sides for s in e.free_symbols if s not in self._fixed}}
        for e in sides:
            for r, now in self._outside(e, env):
                return (
                    f"{unicode_text(r, self.program)} is read {'before the first' if now < 0 else 'after the last'} one"
                )
        return ""

    def _outside(self, e: MatrixExpr, env: Env) -> Iterator[tuple[Timed, int]]:
        if isinstance(e, Bound):
            for k in range(self.integer(e.low, env), self.integer(e.high, env) + 1):
                yield from self._outside(e.body, {**env, e.index: k})
        elif isinstance(e, Timed):
            yield from () if self._at(e, env) else ((e, self.integer(e.index, env)),)
        elif not self._is_zero(e, env):
            for a in operands(e):
                yield from self._outside(a, env)

    def _range(self, s: Symbol, counts_entries: bool) -> range:
        if s == t:
            return range(self.steps)
        if counts_entries:
            return range(-1, max(self.sizes.values(), default=1) + 1)
        return range(-self.steps - 1, self.steps + 2)

    def _is_step(self, left: MatrixExpr, env: Env) -> bool:
        """Is the left side about a step of the sequence, or the one before the first? T+1, which is named, may be."""
        return not any(self._is_after(r, env) for r in _free_times(left) if r.index.free_symbols - {T})

    def integer(self, e: Expr, env: Env) -> int:
        known = _linear(e)
        if known is None:
            return int(e.xreplace({s: Integer(n) for s, n in env.items()}))
        pairs, constant = known
        return sum(c * env[s] for s, c in pairs) + constant

    def has_value(self, e: MatrixExpr, env: Env, inside: bool = False) -> bool:
        """Are all indices in range?  `inside` a sum or product a range that ends before it begins is an empty one.

        Raises:
            NoValue: a negative power of a matrix inside a sum.
        """
        match e:
            case Timed():
                return self._at(e, env)
            case Jacobian():
                rest = e.weight if isinstance(e, Gradient) else None
                inner = rest is None or self.has_value(rest, env, inside)
                return self._is_after(e.of, env) or (inner and self._at(e.of, env) and self._at(e.by, env))
            case StepGradient():
                return 0 <= self.integer(e.index, env) < self.steps
            case MatMul() | HadamardProduct():
                zero = any(self._is_zero(a, env) for a in operands(e))
                return zero or all(self.has_value(a, env, inside) for a in operands(e))
            case Bound():
                low, high = self.integer(e.low, env), self.integer(e.high, env)
                self.spend()
                if high < low - 1 and str(e.index) in self.powers:
                    if inside:
                        raise NoValue("a power inside a sum is negative at some of its terms: an inverse is not read")
                    return False
                if high < low - 1 and not inside:
                    self.short.add(str(e.index).rstrip("'"))
                    return False  # more than empty: the equation is meant for other values of its free indices
                return all(self.has_value(e.body, {**env, e.index: k}, True) for k in range(low, high + 1))
            case Pad():
                low = self.integer(e.low, env)
                return 0 <= low < self.integer(e.shape[0], env) and self.has_value(e.arg, env, inside)
            case Entry():
                i, j = self.integer(e.row, env), self.integer(e.col, env)
                rows, cols = (self.integer(n, env) for n in e.arg.shape)
                return 0 <= i < rows and 0 <= j < cols and self.has_value(e.arg, env, inside)
        return all(self.has_value(a, env, inside) for a in operands(e))

    def _at(self, r: MatrixExpr, env: Env) -> bool:
        """Does a quantity exist at its step?"""
        if not isinstance(r, Timed):
            return True
        now, v = self.integer(r.index, env), self.program[r.name]
        if v.role in ("adjoint", "carry"):
            owner = self.program[v.of]
            return now >= (-max(1, len(owner.initial)) if owner.role == "state" else 0)
        if 0 <= now < self.steps:
            return True
        before = now - self.steps + 1 if v.backward else -now
        return v.role == "state" and 1 <= before <= max(1, len(v.initial))

    def _is_after(self, r: MatrixExpr, env: Env) -> bool:
        if not isinstance(r, Timed):
            return False
        v = self.program[r.name]
        owner = self.program[v.of] if v.of in self.program.variables else v
        beyond = max(1, len(owner.initial)) if owner.backward else 0  # dL/dg[T], of a state that runs backward
        return self.integer(r.index, env) >= self.steps + beyond

    def _is_zero(self, e: MatrixExpr, env: Env) -> bool:
        """Is it a derivative at a step after the last one?"""
        if isinstance(e, Scale):
            return self._is_zero(e.arg, env)
        if isinstance(e, Timed):
            return self.program[e.name].role in ("adjoint", "carry") and self._is_after(e, env)
        if isinstance(e, Jacobian):
            return self._is_after(e.of, env) or (isinstance(e, Gradient) and self._is_after(e.by, env))
        if isinstance(e, (MatMul, HadamardProduct)):
            return any(self._is_zero(a, env) for a in operands(e))
        arguments = operands(e)
        return isinstance(e, LINEAR) and self._is_zero(arguments[0], env)


@cache
def _linear(e: Expr) -> tuple[tuple[tuple[Symbol, int], ...], int] | None:
    """Coefficients of symbols and a constant; None where two symbols are multiplied, as in the place of an entry."""
    if e.free_symbols and not (e.is_polynomial() and Poly(e).total_degree() == 1 and Poly(e).domain.is_ZZ):
        return None
    return linear(e)


def _entry_indices(e: MatrixExpr) -> set[Symbol]:
    """The symbols that count entries."""
    found: set[Symbol] = set()
    for x in _of(Entry, e):
        found |= x.row.free_symbols | x.col.free_symbols
    for x in _of(Pad, e):
        found |= x.low.free_symbols
    for x in _of(Delta, e):
        found |= x.at.free_symbols | x.time.free_symbols
    return found


def _bound(e: MatrixExpr) -> set[Symbol]:
    return {b.index for b in _of(Bound, e)}


@lru_cache(KNOWN)
def _free_times(e: MatrixExpr) -> tuple[Timed, ...]:
    """What is read at a step that no sum goes over."""
    bound = _bound(e)
    return tuple(r for r in _of(Timed, e) if not r.index.free_symbols & bound)


@lru_cache(KNOWN)
def _parts(e: MatrixExpr) -> frozenset[MatrixExpr]:
    return frozenset(e.atoms(*KINDS))


def _of(kinds: type | tuple[type, ...], e: MatrixExpr) -> list[MatrixExpr]:
    """The parts of some kinds: an expression is walked through once for all of them."""
    return [x for x in _parts(e) if isinstance(x, kinds)]


def reach(*sides: MatrixExpr) -> int:
    """How many steps more than usual are needed before all that is written can show: 4 for h[t-5], or for t-5 … t."""
    times, bounds = 0, 0
    for e in sides:
        times = max([times, *(_constant(r.index) for r in _of((Timed, StepGradient), e))])
        bounds = max([bounds, *(_constant(x) for s in _of(Bound, e) for x in (s.low, s.high, s.high - s.low))])
    both = min(times, bounds) > 1
    return max(times + bounds - 1 if both else max(times, bounds) - 1, 0)


def _constant(index: Expr) -> int:
    """The number in an index, without its sign."""
    number, _ = index.as_coeff_Add()
    return abs(int(number)) if number.is_Integer else 0


def whole_steps(*sides: MatrixExpr) -> Iterator[int]:
    """The steps that are named by number: 3 in h[3]."""
    for e in sides:
        yield from (int(r.index) for r in _of(Timed, e) if isinstance(r.index, Integer))
