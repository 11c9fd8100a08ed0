"""How much one step can enlarge a small difference of the state: a bound of ‖∂s_t/∂s_{t−1}‖, by rules.

For every expression of a step a bound of its derivative's spectral norm, block by block: a row for each state, a
column for each state of the step before.  ‖A + B‖ ≤ ‖A‖ + ‖B‖, ‖A B‖ ≤ ‖A‖ ‖B‖, ‖diag(v)‖ = max|v|, and |f'| is at
most what the function's slope is anywhere.  Products of the bounds of successive steps bound ∂s_j/∂s_k.
(Pascanu, Mikolov & Bengio 2013, section 2.1, for the cell tanh(W h + U x).)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import singledispatch

from sympy import Expr, HadamardProduct, Identity, MatAdd, MatMul, MatrixExpr, OneMatrix, S, Symbol, Transpose, sqrt

from derive.algebra.build import hadamard
from derive.algebra.functions import Apply
from derive.algebra.nodes import (
    Concat,
    Delta,
    Detach,
    Diag,
    LogSoftmax,
    Pad,
    Scale,
    Slice,
    Softmax,
    Timed,
    is_reference,
)
from derive.algebra.text import text
from derive.calculus.ranges import Range, Ranges
from derive.errors import UnsupportedError
from derive.program import Program, operands, references

Key = tuple[str, int]  # a state and how many steps ago: ("h", 1) is the state that the next step reads
Row = Mapping[Key, Expr]  # by which factor at most a difference of each past state is enlarged


@dataclass(frozen=True)
class Growth:
    """Bounds of one step's derivatives.

    Attributes:
        keys: the parts of the state, in order: each state, and what is remembered of it longer than a step.
        blocks: (part now, part one step before) → a bound of that block's spectral norm; absent where it is zero.
        norms: in the bounds, symbol → the matrix whose spectral norm it is.
        peaks: likewise, symbol → the array at step t whose largest entry, in absolute value, it is.
        ranges: where the boundary values of some states have to lie for it.
    """

    keys: tuple[Key, ...]
    blocks: Mapping[tuple[Key, Key], Expr]
    norms: Mapping[Symbol, MatrixExpr]
    peaks: Mapping[Symbol, MatrixExpr]
    ranges: Mapping[str, Range]


def growth(program: Program, states: tuple[str, ...]) -> Growth:
    """Bounds for states of one direction, of a model in normal form.

    Raises:
        UnsupportedError: something on the way has no rule.
    """
    lags = {s: _lags(program, s) for s in states}
    states = tuple(s for s in states if lags[s])
    if not states:
        raise UnsupportedError(f"{', '.join(lags)}: no later step reads it, so no gradient flows through it")
    rules = _Rules(program, states)
    keys = tuple((s, k) for s in states for k in range(1, max(lags[s]) + 1))
    blocks: dict[tuple[Key, Key], Expr] = {}
    for s, k in keys:
        if k > 1:
            blocks[(s, k), (s, k - 1)] = S.One
            continue
        for key, value in rules.row(s).items():
            blocks[(s, 1), key] = value
    return Growth(keys, blocks, dict(rules.norms), dict(rules.peaks), rules.ranges.bounds())


def _lags(program: Program, state: str) -> list[int]:
    """How many steps later a state is read."""
    found = (r for e in program.equations.values() for r in references(e) if isinstance(r, Timed))
    return [abs(r.offset) for r in found if r.name == state and r.offset]


@dataclass
class _Rules:
    """The rows of one program's names; found when they are asked for."""

    program: Program
    states: tuple[str, ...]
    known: dict[str, Row] = field(default_factory=dict)
    reached: dict[str, bool] = field(default_factory=dict)
    norms: dict[Symbol, MatrixExpr] = field(default_factory=dict)
    peaks: dict[Symbol, MatrixExpr] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ranges = Ranges(self.program)

    def row(self, name: str) -> Row:
        """The bounds for a name of this step."""
        if name not in self.known:
            self.known[name] = grow(self.program.equations[name], self) if self.hangs(name) else {}
        return self.known[name]

    def hangs(self, name: str) -> bool:
        """Does a name hang on the states at all?"""
        if name not in self.reached:
            self.reached[name] = name in self.program.equations and bool(self.program.live([name]) & {*self.states})
        found = self.reached[name]
        shape = self.program[name].shape
        if found and 1 not in shape:
            raise UnsupportedError(f"{name} is a matrix on the way of the state: the bound is for vectors")
        return found

    def largest(self, e: MatrixExpr) -> Expr:
        """A number that no entry exceeds, else a symbol for the largest entry of the step."""
        value = self.ranges.largest(e)
        return value if value.is_finite else self._symbol(f"max|{text(e)}|", e, self.peaks)

    def norm(self, e: MatrixExpr) -> Expr:
        """A bound of the spectral norm of what does not hang on the state."""
        if isinstance(e, (Transpose, Scale)):
            c = e.coefficient if isinstance(e, Scale) else S.One
            return abs(c.subs(self.program.numbers)) * self.norm(operands(e)[0])
        if isinstance(e, OneMatrix):
            return sqrt(e.shape[0] * e.shape[1])
        if isinstance(e, (Identity, Diag)):
            return S.One if isinstance(e, Identity) else self.largest(e.arg)
        if isinstance(e, MatAdd):
            return sum((self.norm(a) for a in e.args), S.Zero)
        if isinstance(e, MatMul):
            return self.product(e.args, self.norm)
        if is_reference(e) and not self.program[e.name].axes:
            return self._symbol(f"‖{text(e)}‖", e, self.norms)
        return sqrt(e.shape[0] * e.shape[1]) * self.largest(e)

    @staticmethod
    def product(factors: tuple[MatrixExpr, ...], measure: Callable[[MatrixExpr], Expr]) -> Expr:
        found = S.One
        for a in factors:
            found *= measure(a)
        return found

    @staticmethod
    def _symbol(name: str, e: MatrixExpr, table: dict[Symbol, MatrixExpr]) -> Symbol:
        symbol = Symbol(name, nonnegative=True)
        table[symbol] = e
        return symbol


def _total(*rows: Row) -> Row:
    found: dict[Key, Expr] = {}
    for row in rows:
        for key, value in row.items():
            found[key] = found.get(key, S.Zero) + value
    return found


def _times(c: Expr, row: Row) -> Row:
    return {key: c * value for key, value in row.items() if c != 0}


@singledispatch
def grow(e: MatrixExpr, rules: _Rules) -> Row:
    """By which factor at most an expression enlarges a difference of each part of the past state."""
    if not is_reference(e):
        if not any(grow(r, rules) for r in references(e)):
            return {}
        raise UnsupportedError(f"no bound for {type(e).__name__}: register one in derive.calculus.growth")
    if not rules.hangs(e.name):
        return {}
    offset = e.offset if isinstance(e, Timed) else 0
    if offset is None:
        raise UnsupportedError(f"{text(e)} is read at every step: its way back is not one step long")
    if not offset:
        return rules.row(e.name)
    if e.name not in rules.states:
        raise UnsupportedError(f"{text(e)} remembers the state and is not one of {', '.join(rules.states)}")
    return {(e.name, abs(offset)): S.One}


@grow.register(Identity)
@grow.register(OneMatrix)
@grow.register(Detach)
def _(e: MatrixExpr, rules: _Rules) -> Row:
    return {}


@grow.register(MatAdd)
def _(e: MatAdd, rules: _Rules) -> Row:
    return _total(*(grow(a, rules) for a in e.args))


@grow.register(Scale)
def _(e: Scale, rules: _Rules) -> Row:
    return _times(abs(e.coefficient.subs(rules.program.numbers)), grow(e.arg, rules))


@grow.register(Transpose)
@grow.register(Slice)
@grow.register(Pad)
@grow.register(Delta)
def _(e: MatrixExpr, rules: _Rules) -> Row:
    return grow(operands(e)[0], rules)


@grow.register(HadamardProduct)
def _(e: HadamardProduct, rules: _Rules) -> Row:
    rows = []
    for i, a in enumerate(e.args):
        others = [*e.args[:i], *e.args[i + 1 :]]
        if row := grow(a, rules):
            rows.append(_times(rules.largest(hadamard(*others)), row))
    return _total(*rows)


@grow.register(MatMul)
def _(e: MatMul, rules: _Rules) -> Row:
    rows = []
    for i, a in enumerate(e.args):
        if row := grow(a, rules):
            rows.append(_times(rules.product((*e.args[:i], *e.args[i + 1 :]), rules.norm), row))
    return _total(*rows)


@grow.register(Apply)
def _(e: Apply, rules: _Rules) -> Row:
    rows = []
    for i, a in enumerate(e.matrices):
        slope = e.slope(i, e)
        if slope is not None and (row := grow(a, rules)):
            steepest = e.function.steepest(*(n.subs(rules.program.numbers) for n in e.numbers))
            rows.append(_times(steepest if steepest.is_finite else rules.largest(slope), row))
    return _total(*rows)


@grow.register(Softmax)
def _(e: Softmax, rules: _Rules) -> Row:
    """vᵀ (diag(s) − s sᵀ) v is a variance of entries that lie in a range of at most √2 ‖v‖: at most ‖v‖²/2."""
    return _times(S.Half, grow(e.arg, rules))


@grow.register(LogSoftmax)
def _(e: LogSoftmax, rules: _Rules) -> Row:
    """I − 1 sᵀ, and ‖s‖ ≤ 1."""
    return _times(1 + sqrt(e.shape[0]), grow(e.arg, rules))


@grow.register(Concat)
def _(e: Concat, rules: _Rules) -> Row:
    """Rows on top of each other: their squares add up."""
    rows = [grow(a, rules) for a in operands(e)]
    keys = {key for row in rows for key in row}
    return {key: sqrt(sum((row.get(key, S.Zero) ** 2 for row in rows), S.Zero)) for key in keys}
