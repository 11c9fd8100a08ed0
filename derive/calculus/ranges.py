"""Between which numbers the entries of a model's arrays lie, whatever its parameters and inputs are.

Interval arithmetic, exact where it is easy: a polynomial of one array by its critical points, one that is of first
degree in each array at the corners, so that y(1 − y) of a sigmoid is at most 1/4 and z ∘ h + (1 − z) ∘ n lies where h
and n do.  The range of a state is one that a step does not leave, if its boundary values lie in it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import prod
from typing import TypeAlias

from sympy import (
    Expr,
    HadamardProduct,
    Identity,
    MatAdd,
    MatrixExpr,
    Max,
    Min,
    Mul,
    OneMatrix,
    Poly,
    PolynomialError,
    S,
    Symbol,
    Transpose,
    ZeroMatrix,
    factor_list,
    oo,
    real_roots,
)

from derive.algebra.build import broadcast_scalar
from derive.algebra.functions import Apply
from derive.algebra.nodes import Concat, Delta, Detach, Diag, DiagPart, Pad, Scale, Slice, Softmax, Timed, is_reference
from derive.program import Program, Variable, operands

Range: TypeAlias = "tuple[Expr, Expr]"  # the least and the largest
ANY: Range = (-oo, oo)
UNIT: Range = (S.Zero, S.One)
SIGNED: Range = (S.NegativeOne, S.One)  # where boundary values are taken to lie, at least
PATIENCE = 3  # steps in which the range of a state has to settle
MOST_TERMS = 200  # of a polynomial that is multiplied out
JOINS = {"maximum": Max, "minimum": Min}
OF_OPERANDS = (*JOINS, "relu", "abs")  # functions whose values lie where their operands do
CORNERS = 8  # arrays of one product or sum whose corners are looked at, all together


class Ranges:
    """The ranges of one program's names and of expressions in them, at any step."""

    def __init__(self, program: Program):
        self.program = program
        self.known: dict[str, tuple[Range, frozenset[str]]] = {}
        self.named: list[MatrixExpr] = []  # the quantities on whose being computed an answer hangs
        self.used = set[str]()  # the states on whose ranges an answer hangs
        self.states = {v.name: self._start(v) for v in program.states}
        self._settle()
        self.reads = {name: self._read_by(name) for name in self.states}
        self.used.clear()

    def _start(self, v: Variable) -> Range:
        """Where the boundary values of a state lie: 0, ±1 at least, and what the model assumes of them."""
        if not any(v.initial):
            return S.Zero, S.Zero
        found = [SIGNED]
        for a in self.program.assumptions:
            if a.name == v.name and a.lag and a.measure == "entries":
                low = -oo if a.relation.startswith("<") else a.value
                found.append((low, oo if a.relation.startswith(">") else a.value))
        return hull(*found)

    def _read_by(self, name: str) -> frozenset[str]:
        """The states whose ranges the range of a state hangs on."""
        self.used.clear()
        self._step(name)
        return frozenset(self.used)

    def needed(self) -> set[str]:
        """The states whose boundary values have to lie in their ranges for the answers given so far."""
        found, todo = set[str](), list(self.used)
        while todo:
            name = todo.pop()
            if name not in found and any(x.is_finite for x in self.states[name]):
                found.add(name)
                todo += self.reads[name]
        return {n for n in found if any(self.program[n].initial)}

    def anew(self) -> None:
        """Forget on what the answers so far hang."""
        self.used.clear()
        self.named.clear()

    def bounds(self) -> dict[str, Range]:
        """The ranges of those states."""
        needed = self.needed()
        return {s: found for s, found in self.states.items() if s in needed}

    def _settle(self) -> None:
        """Ranges of states that no step leaves: what grows on and on has none."""
        for attempt in range(4 * len(self.states) + PATIENCE + 1):
            new = {name: hull(old, self._step(name)) for name, old in self.states.items()}
            moved = {name for name in new if new[name] != self.states[name]}
            if not moved:
                return
            if attempt >= PATIENCE:
                new |= {name: _wider(new[name]) for name in moved}
            self.states = new
            self.known.clear()

    def _step(self, name: str) -> Range:
        e = self.program.equations.get(name)
        return ANY if e is None else self.of(e)

    def largest(self, e: MatrixExpr, computed: bool = False) -> Expr:
        """A number that no entry exceeds in absolute value; infinite if there is none.

        Args:
            computed: every name in it stands at a step of the sequence, whichever that is: no boundary value.
        """
        before = set(self.used)
        low, high = self.of(e, self._computed if computed else self._atom)
        if not Max(-low, high).is_finite:
            self.used = before  # nothing is said
        return Max(-low, high)

    def of(self, e: MatrixExpr, within: Callable[[MatrixExpr], Range] | None = None) -> Range:
        """The range of an expression's entries; `within` gives that of what it is a polynomial of."""
        atoms: dict[MatrixExpr, Symbol] = {}
        p = self._polynomial(e, atoms)
        if p is None or _terms(p) > MOST_TERMS:
            return ANY
        return span(p, {s: (within or self._atom)(a) for a, s in atoms.items()})

    def _polynomial(self, e: MatrixExpr, atoms: dict[MatrixExpr, Symbol]) -> Expr | None:
        """What an entry is as a polynomial in the entries of other arrays; None where a coefficient is no number."""
        if isinstance(e, OneMatrix):
            return S.One
        if isinstance(e, ZeroMatrix):
            return S.Zero
        scalar = broadcast_scalar(e)
        if scalar is not None and scalar != e:
            return self._polynomial(scalar, atoms)
        power = isinstance(e, Apply) and e.name == "power" and e.numbers[0] > 0
        if not (power or isinstance(e, (MatAdd, HadamardProduct, Scale))):
            return atoms.setdefault(e, Symbol(f"a{len(atoms)}", real=True))
        found = [self._polynomial(a, atoms) for a in operands(e)]
        parts = [p for p in found if p is not None]
        if len(parts) < len(found):
            return None
        if isinstance(e, Scale):
            c = e.coefficient.subs(self.program.numbers)
            return c * parts[0] if c.is_number else None
        if isinstance(e, MatAdd):
            return sum(parts, S.Zero)
        return parts[0] ** e.numbers[0] if power else Mul(*parts)

    def _atom(self, e: MatrixExpr) -> Range:
        if is_reference(e):
            return self._reference(e)
        if isinstance(e, Apply):
            return self._applied(e)
        if isinstance(e, Softmax):
            return UNIT
        if isinstance(e, (Transpose, Slice, Detach)):
            return self.of(operands(e)[0])
        if isinstance(e, Concat):
            return hull(*map(self.of, operands(e)))
        if isinstance(e, (Diag, DiagPart, Pad, Delta)):
            return hull((S.Zero, S.Zero), self.of(operands(e)[0]))
        return UNIT if isinstance(e, Identity) else ANY

    def _computed(self, e: MatrixExpr) -> Range:
        """The range of what names no boundary value; its steps may be any expressions."""
        if is_reference(e):
            self.named.append(e)
            v = self.program.variables.get(e.name)
            known = v is not None and not v.given and not v.onehot
            return self._step(e.name) if known else UNIT if v is not None and v.onehot else ANY
        if isinstance(e, Apply) and e.name not in OF_OPERANDS:
            return self._applied(e)
        return UNIT if isinstance(e, Softmax) else ANY

    def _reference(self, r: MatrixExpr) -> Range:
        v = self.program[r.name]
        if v.onehot:
            return UNIT
        if v.role == "state":
            self.used.add(v.name)
            return self.states[v.name]
        if v.given or any(v.initial):
            return ANY
        if v.name not in self.known:
            before, self.used = self.used, set()
            self.known[v.name] = self.of(self.program.equations[v.name]), frozenset(self.used)
            self.used = before
        found, used = self.known[v.name]
        self.used |= used
        inside = not isinstance(r, Timed) or r.offset == 0
        return found if inside else hull((S.Zero, S.Zero), found)

    def _applied(self, e: Apply) -> Range:
        if e.name in JOINS:
            (a, b), (c, d) = map(self.of, e.matrices)
            join = JOINS[e.name]
            return join(a, c), join(b, d)
        low, high = e.function.values
        if e.name in ("relu", "abs"):
            high = Max(0, *(abs(x) if e.name == "abs" else x for x in self.of(e.arg)))
        return low, high


def _wider(found: Range) -> Range:
    """To ±1, where what is averaged over time stays, and then without end."""
    low = S.Zero if found[0] == 0 else S.NegativeOne if found[0] >= -1 else -oo
    high = S.Zero if found[1] == 0 else S.One if found[1] <= 1 else oo
    return low, high


def hull(*ranges: Range) -> Range:
    """The least range that holds all of them."""
    return Min(*(low for low, _ in ranges)), Max(*(high for _, high in ranges))


def span(p: Expr, box: dict[Symbol, Range]) -> Range:
    """A range that holds the values of a polynomial where its symbols lie in theirs.

    Factors that have no symbol in common are independent of each other: (1 − z)(1 − h²) lies in [0, 1].
    """
    symbols = [s for s in box if p.has(s)]
    if not symbols:
        return p, p
    try:
        c, factors = factor_list(p, *symbols)
    except PolynomialError:  # a coefficient such as the root of two
        c, factors = S.One, [(p, 1)]
    groups: list[tuple[frozenset[Symbol], Expr]] = []
    for factor, n in factors:
        own, whole = frozenset(factor.free_symbols & {*symbols}), factor**n
        for other in [g for g in groups if g[0] & own]:
            groups.remove(other)
            own, whole = own | other[0], whole * other[1]
        groups.append((own, whole))
    found = (c, c)
    for _, group in groups:
        found = _times(found, _span(group, box))
    return found


def _span(p: Expr, box: dict[Symbol, Range]) -> Range:
    symbols = [s for s in box if p.has(s)]
    poly = Poly(p, *symbols)
    finite = all(x.is_finite for s in symbols for x in box[s])
    if len(symbols) == 1 and finite:
        (s,) = symbols
        low, high = box[s]
        slope = [c * (poly.degree() - i) for i, c in enumerate(poly.all_coeffs()[:-1])]
        critical = [r for r in real_roots(Poly(slope, s)) if low < r < high] if poly.degree() > 1 else []
        values = [p.subs(s, x) for x in (low, high, *critical)]
        return Min(*values), Max(*values)
    if finite and len(symbols) <= CORNERS and all(poly.degree(s) <= 1 for s in symbols):
        values = [p.subs(dict(zip(symbols, corner, strict=True))) for corner in product(*(box[s] for s in symbols))]
        return Min(*values), Max(*values)
    low, high = S.Zero, S.Zero
    for powers, c in poly.terms():
        found = (c, c)
        for s, n in zip(symbols, powers, strict=True):
            found = _times(found, _raised(box[s], n))
        low, high = low + found[0], high + found[1]
    return low, high


def _terms(p: Expr) -> int:
    """How many terms it has when it is multiplied out, at most."""
    if p.is_Add:
        return sum(_terms(a) for a in p.args)
    if p.is_Mul:
        return prod(_terms(a) for a in p.args)
    return int(min(_terms(p.base) ** abs(p.exp), MOST_TERMS + 1)) if p.is_Pow and p.exp.is_Integer else 1


def _raised(a: Range, n: int) -> Range:
    if n == 0:
        return S.One, S.One
    ends = [_times((x, x), (x ** (n - 1), x ** (n - 1)))[0] for x in a]
    within = [S.Zero] if n % 2 == 0 and a[0] < 0 < a[1] else []
    return Min(*ends, *within), Max(*ends, *within)


def _times(a: Range, b: Range) -> Range:
    """Of finite factors: where one of them is 0 so is the product, however large the other one may be."""
    corners = [S.Zero if S.Zero in (x, y) else x * y for x in a for y in b]
    return Min(*corners), Max(*corners)
