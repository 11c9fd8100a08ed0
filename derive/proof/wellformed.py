"""What makes a claim meaningless: shapes that differ, names nobody knows, indices that nobody binds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sympy import (
    Expr,
    HadamardPower,
    HadamardProduct,
    MatAdd,
    MatMul,
    MatrixExpr,
    MatrixSymbol,
    OneMatrix,
    Pow,
    Symbol,
    Transpose,
)

from derive.algebra.bound import Bound
from derive.algebra.functions import Apply
from derive.algebra.nodes import (
    NONEMPTY,
    Delta,
    Jacobian,
    Scale,
    Softmax,
    StepGradient,
    T,
    Timed,
    is_reference,
    t,
)
from derive.algebra.shapes import same, shape_text
from derive.algebra.text import unicode_text
from derive.errors import UnsupportedError
from derive.program import Program, operands


def problems(left: MatrixExpr, right: MatrixExpr, program: Program) -> Iterator[str]:
    """What is wrong with the claim, in words; nothing if it can be judged."""
    if not same(left.shape, right.shape):
        yield f"the left side is {shape_text(left.shape)}, the right side {shape_text(right.shape)}"
    for side in (left, right):
        yield from _names(side, program)
    for s in sorted((left.free_symbols | right.free_symbols) - _taken(program), key=str):
        if isinstance(s, Symbol):
            yield f"the index {s} is not bound by a sum or a product"


def _taken(program: Program) -> set[Symbol]:
    """The symbols that mean something already."""
    return {t, T, NONEMPTY, *program.sizes, *program.numbers}


def _names(e: MatrixExpr, program: Program) -> Iterator[str]:
    if is_reference(e):
        yield from _name(e, program)
    if isinstance(e, Bound):
        yield from _index(e, program)
    if isinstance(e, StepGradient):
        yield from _name(MatrixSymbol(e.name, *e.shape), program)
    for r in (e.of, e.by) if isinstance(e, Jacobian) else ():
        if r.name in program.variables and program[r.name].role in ("adjoint", "carry"):
            yield f"{unicode_text(e)} is a derivative of a derivative"
    numbers = e.numbers if isinstance(e, Apply) else ()
    for n in (*e.shape, *numbers):
        if n.free_symbols - _taken(program):
            yield f"{n}, a size or a number of a function, depends on an index"
    for time in _times(e):
        if not _is_time(time):
            yield f"{time} is no time and no bound: only sums of indices, T and whole numbers are"
    for a in operands(e):
        yield from _names(a, program)


def _index(e: Bound, program: Program) -> Iterator[str]:
    """What is printed must say what is meant: no two symbols of one name."""
    name = e.index.name
    if name in {s.name for s in _taken(program)} or not INDEX.fullmatch(name):
        yield f"{name} is no name for the index of a sum"
    if any(s.name == name and s != e.index for s in e.free_symbols | e.body.free_symbols if isinstance(s, Symbol)):
        yield f"two indices are called {name}"


def reach(e: MatrixExpr) -> int:
    """How far its times may lie from the ends of the sequence: 6 in h[T-6], 12 in a sum of those from T-6 on."""
    own = int(max((abs(time.as_coeff_Add()[0]) for time in _times(e)), default=0))
    inner = max(map(reach, operands(e)), default=0)
    return own + inner if isinstance(e, Bound) else max(own, inner)


def is_far(e: MatrixExpr) -> bool:
    """Does it name times that are two steps or more from an end, so that little of it is there at T = 3?"""
    return any(abs(time.as_coeff_Add()[0]) >= 2 for time in _times(e)) or any(map(is_far, operands(e)))


PARTIAL = frozenset(("reciprocal", "log", "sqrt"))


def divisors(e: MatrixExpr) -> Iterator[Expr]:
    """The scalars that a formula, as it was written, divides by, or that stand inside what is not defined at zero."""
    yield from (p.base for p in e.atoms(Pow) if p.exp.could_extract_minus_sign())
    for inner in _partial(e):
        yield from (x.coefficient for x in inner.atoms(Scale))
        yield from (c for x in inner.atoms(MatMul) for c in x.args if not isinstance(c, MatrixExpr))


def _partial(e: MatrixExpr) -> Iterator[MatrixExpr]:
    """The arguments of functions that have no value at zero."""
    yield from (x for x, _ in _partial_in(e, {}))


Ranges = Mapping[Symbol, tuple[Expr, Expr]]


def _partial_in(e: MatrixExpr, ranges: Ranges) -> Iterator[tuple[MatrixExpr, Ranges]]:
    """Those, each with the ranges of the indices of sums around it."""
    if isinstance(e, (Apply, HadamardPower)):
        power = e.exp if isinstance(e, HadamardPower) else e.numbers[0] if e.name == "power" else None
        if e.name in PARTIAL if power is None else power.could_extract_minus_sign():
            yield (e.base if isinstance(e, HadamardPower) else e.arg), ranges
    inner = {**ranges, e.index: (e.low, e.high)} if isinstance(e, Bound) else ranges
    for a in operands(e):
        yield from _partial_in(a, inner)


POSITIVE = frozenset(("exp", "sigmoid", "softplus"))


def may_be_undefined(program: Program, *sides: MatrixExpr) -> bool:
    """Is something divided by, or a logarithm or a root taken, of what is not known to be positive?

    Then v / v = 1 may have no value at some T or size, whatever the values: n[t] = n[t-1] - 1 counts down to 0.
    """
    return any(not _is_positive(x, program, ranges) for e in sides for x, ranges in _partial_in(e, {}))


def _is_positive(e: MatrixExpr, program: Program, ranges: Ranges) -> bool:
    """For all values of what is in it."""
    if is_reference(e):
        root = program.equations.get(e.name)
        if isinstance(e, Timed) and not _is_step(e.index, ranges):
            return False  # outside the sequence it is zero, or what is given there
        return isinstance(root, Softmax) or (isinstance(root, Apply) and root.name in POSITIVE)
    match e:
        case Apply():
            return e.name in POSITIVE
        case Softmax() | OneMatrix():
            return True
        case Scale():
            return bool(e.coefficient.is_positive) and _is_positive(e.arg, program, ranges)
        case MatAdd() | HadamardProduct() | Transpose():
            return all(_is_positive(a, program, ranges) for a in operands(e))
    return False


def _is_step(index: Expr, ranges: Ranges) -> bool:
    """Does it lie in 0 … T-1, wherever its sums go?"""
    low, high = index, index
    for _ in ranges:
        low = low.subs({s: bounds[0] for s, bounds in ranges.items()})
        high = high.subs({s: bounds[1] for s, bounds in ranges.items()})
    first, last = low.subs(t, 0).expand(), (T - 1 - high.subs(t, T - 1)).expand()
    rises = all(index.coeff(s) >= 0 for s in index.free_symbols)
    return bool(rises and first.is_Integer and first >= 0 and last.is_Integer and last >= 0)


def is_delicate(program: Program, *sides: MatrixExpr) -> bool:
    """Do single values matter: the zeros of one-hot vectors, where functions have a kink or no value?"""
    if not any(v.onehot for v in program.variables.values()):
        return False
    found = (x for e in (*sides, *program.equations.values()) for x in e.atoms(Apply))
    return any(not x.function.smooth or x.name in (*PARTIAL, "power") for x in found)


def least_steps(e: MatrixExpr, program: Program) -> int:
    """0, or 1 where the formula divides by T.

    Raises:
        UnsupportedError: it divides by something else of T or the sizes, which may be zero.
    """
    least = 0
    for base in divisors(e):
        if base.subs(program.numbers).expand() == 0:
            raise UnsupportedError(f"it divides by {base}, which is zero")
        symbols = base.free_symbols - {NONEMPTY}
        if not any(s.is_integer for s in symbols) or base.is_positive:
            continue  # numbers, constants and sizes
        if not base.subs(T, 1).is_positive or any(f.is_Add for f in base.as_ordered_factors()):
            raise UnsupportedError(f"it divides by {base}, which may be zero")
        least = 1
    return least


INDEX = re.compile(r"[^\W\d_]\w*'*")


def _times(e: MatrixExpr) -> tuple[Expr, ...]:
    if isinstance(e, Bound):
        return e.low, e.high
    if isinstance(e, Delta):
        return e.at, e.time
    return (e.index,) if isinstance(e, (Timed, StepGradient)) else ()


def _is_time(e: Expr) -> bool:
    """Is it a whole number plus whole multiples of symbols?"""
    rest = e
    for s in e.free_symbols:
        c = e.coeff(s)
        if not c.is_Integer:
            return False
        rest -= c * s
    return bool(rest.expand().is_Integer)


def _name(e: MatrixExpr, program: Program) -> Iterator[str]:
    v = program.variables.get(e.name)
    if v is None:
        yield f"{unicode_text(e)} is no quantity of the model {program.name}"
    elif not same(e.shape, v.shape):
        yield f"{unicode_text(e)} is {shape_text(v.shape)} in the model, not {shape_text(e.shape)}"
    elif isinstance(e, Timed) and not v.timed:
        yield f"{unicode_text(e)} has a time, but {e.name} is the same at every step"
    elif isinstance(e, MatrixSymbol) and v.timed:
        yield f"{unicode_text(e)} has a value per step: write {e.name}[t]"
