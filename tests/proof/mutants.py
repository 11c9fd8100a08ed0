"""Random faults in formulas and in recursions: what a prover must tell from the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from random import Random

from sympy import HadamardProduct, MatAdd, MatMul, MatrixExpr, MatrixSymbol, Transpose

from derive.algebra import build as b
from derive.algebra.bound import Bound, MatrixSum, OrderedProduct
from derive.algebra.nodes import Diag, Scale, Timed, is_reference, t
from derive.algebra.shapes import same
from derive.errors import ShapeError
from derive.program import Program, operands, references
from derive.proof.field.truth import Subject

HARMLESS_SHARE = 0.3  # of the mutants that have no fault at all
Path = tuple[int, ...]
Fault = Callable[[MatrixExpr, Random], MatrixExpr | None]


def places(e: MatrixExpr, path: Path = ()) -> Iterator[tuple[Path, MatrixExpr]]:
    """Every part of an expression and where it is."""
    yield path, e
    for i, a in enumerate(operands(e)):
        yield from places(a, (*path, i))


def put(e: MatrixExpr, path: Path, new: MatrixExpr) -> MatrixExpr:
    """The expression with one part replaced."""
    if not path:
        return new
    parts = list(operands(e))
    parts[path[0]] = put(parts[path[0]], path[1:], new)
    join = {MatAdd: b.add, MatMul: b.matmul, HadamardProduct: b.hadamard}.get(e.func)
    if join:
        return join(*parts)
    if isinstance(e, Transpose):
        return b.transpose(*parts)
    if isinstance(e, Scale):
        return b.scale(e.coefficient, parts[0])
    rest = iter(parts)
    return e.func(*(next(rest) if isinstance(a, MatrixExpr) else a for a in e.args))


def _transposed(e: MatrixExpr, rng: Random) -> MatrixExpr | None:
    return b.transpose(e) if isinstance(e, (MatrixSymbol, Transpose)) and e.shape[0] == e.shape[1] else None


def _negative(e: MatrixExpr, rng: Random) -> MatrixExpr | None:
    return b.negative(e) if not isinstance(e, Bound) else None


def _doubled(e: MatrixExpr, rng: Random) -> MatrixExpr | None:
    return b.scale(rng.choice((2, 3)), e)


def _reordered(e: MatrixExpr, rng: Random) -> MatrixExpr | None:
    if not isinstance(e, MatMul):
        return None
    square = [i for i, a in enumerate(e.args) if a.shape[0] == a.shape[1]]
    pairs = [(i, j) for i, j in pairwise(square) if j == i + 1]
    if not pairs:
        return None
    i, j = rng.choice(pairs)
    args = list(e.args)
    args[i], args[j] = args[j], args[i]
    return b.matmul(*args)


def _without_factor(e: MatrixExpr, rng: Random) -> MatrixExpr | None:
    if isinstance(e, HadamardProduct):
        args = list(e.args)
        args.pop(rng.randrange(len(args)))
        return b.hadamard(*args)
    if not isinstance(e, MatMul):
        return None
    square = [i for i, a in enumerate(e.args) if a.shape[0] == a.shape[1] and a.shape[0] != 1]
    if not square or len(e.args) < 2:
        return None
    args = list(e.args)
    args.pop(rng.choice(square))
    return b.matmul(*args)


def _without_term(e: MatrixExpr, rng: Random) -> MatrixExpr | None:
    if not isinstance(e, MatAdd):
        return None
    args = list(e.args)
    args.pop(rng.randrange(len(args)))
    return b.add(*args)


def _turned(e: MatrixExpr, rng: Random) -> MatrixExpr | None:
    if not isinstance(e, OrderedProduct):
        return None
    other = "descending" if e.direction == "ascending" else "ascending"
    return OrderedProduct(e.body, e.index, e.low, e.high, other)


def _bounds(e: MatrixExpr, rng: Random) -> MatrixExpr | None:
    if not isinstance(e, Bound):
        return None
    d = rng.choice((-1, 1))
    low, high = (e.low + d, e.high) if rng.random() < 0.5 else (e.low, e.high + d)
    return e.func(e.body, e.index, low, high, *e.args[4:])


def _shifted(e: MatrixExpr, rng: Random) -> MatrixExpr | None:
    return Timed(e.name, e.index + rng.choice((-1, 1)), *e.shape) if isinstance(e, Timed) else None


def _squared(e: MatrixExpr, rng: Random) -> MatrixExpr | None:
    return b.hadamard(e, e) if isinstance(e, Timed) and e.shape[1] == 1 else None


def _split(e: MatrixExpr, rng: Random) -> MatrixExpr | None:
    """No fault: 3 a − 2 a."""
    return MatAdd(b.scale(3, e), b.scale(-2, e)) if not isinstance(e, Bound) else None


def _turned_sum(e: MatrixExpr, rng: Random) -> MatrixExpr | None:
    """No fault: the terms of a sum, or the factors of an elementwise product, in another order."""
    if not isinstance(e, (MatAdd, HadamardProduct)):
        return None
    args = list(e.args)
    rng.shuffle(args)
    return e.func(*args)


def _distributed(e: MatrixExpr, rng: Random) -> MatrixExpr | None:
    """No fault: A (b + c) as A b + A c."""
    if not isinstance(e, MatMul):
        return None
    sums = [i for i, a in enumerate(e.args) if isinstance(a, MatAdd)]
    if not sums:
        return None
    i = rng.choice(sums)
    return MatAdd(*(b.matmul(*e.args[:i], term, *e.args[i + 1 :]) for term in e.args[i].args))


def _diagonal(e: MatrixExpr, rng: Random) -> MatrixExpr | None:
    """No fault: a ⊙ b as diag(a) b."""
    if not isinstance(e, HadamardProduct) or e.shape[1] != 1:
        return None
    return b.matmul(Diag(b.hadamard(*e.args[:-1])), e.args[-1])


FAULTS: tuple[Fault, ...] = (
    _transposed,
    _negative,
    _doubled,
    _reordered,
    _without_factor,
    _without_term,
    _turned,
    _bounds,
    _shifted,
    _shifted,
    _squared,
    _split,
    _turned_sum,
    _distributed,
    _diagonal,
)
HARMLESS: tuple[Fault, ...] = (_split, _turned_sum, _distributed, _diagonal)


def mutant(e: MatrixExpr, rng: Random, swap: Fault, faults: tuple[Fault, ...] = ()) -> MatrixExpr:
    """The expression with one random change, harmless or not; `swap` names one quantity for another."""
    found = list(places(e))
    for _ in range(200):
        path, part = rng.choice(found)
        fault = rng.choice(faults or (*FAULTS, swap, swap))
        try:
            new = fault(part, rng)
            if new is not None and same(new.shape, part.shape):
                made = put(e, path, new)
                if made != e:
                    return made
        except ShapeError:
            continue
    return e


def swapper(program: Program, roles: tuple[str, ...]) -> Callable[[MatrixExpr, Random], MatrixExpr | None]:
    """Replaces a reference by another of the same shape, or an index by another one in the formula."""

    def swap(e: MatrixExpr, rng: Random) -> MatrixExpr | None:
        if not is_reference(e):
            return None
        alike = [
            v
            for v in program.variables.values()
            if v.role in roles and same(v.shape, e.shape) and v.timed == isinstance(e, Timed) and v.name != e.name
        ]
        if not alike:
            return None
        v = rng.choice(alike)
        return Timed(v.name, e.index, *e.shape) if isinstance(e, Timed) else MatrixSymbol(v.name, *e.shape)

    return swap


def formula_mutant(e: MatrixExpr, program: Program, rng: Random) -> MatrixExpr:
    """One to three faults in a formula."""
    swap = swapper(program, ("input", "target", "state", "result", "param"))
    faults = HARMLESS if rng.random() < HARMLESS_SHARE else ()
    for _ in range(rng.choice((1, 1, 2, 2, 3))):
        e = mutant(e, rng, swap, faults)
    return e


def recursion_mutant(subject: Subject, wanted: str, rng: Random) -> tuple[Subject, str]:
    """A copy of the adjoint equations with faults beside the true ones, and the copy's name for a cotangent."""
    program = subject.adjoint.program
    live = program.live([wanted])
    own = [n for n in program.equations if n in live and program[n].role in ("adjoint", "carry")]
    new = {n: f"{n}_copy" for n in own}

    def renamed(e: MatrixExpr) -> MatrixExpr:
        for r in set(references(e)):
            if r.name in new:
                other = (
                    Timed(new[r.name], r.index, *r.shape)
                    if isinstance(r, Timed)
                    else MatrixSymbol(new[r.name], *r.shape)
                )
                e = _replaced(e, r, other)
        return e

    equations = {new[n]: renamed(program.equations[n]) for n in own}
    variables = {new[n]: replace(program[n], name=new[n]) for n in own}
    swap = swapper(program, ("input", "target", "state", "result", "param"))
    faults = HARMLESS if rng.random() < HARMLESS_SHARE else ()
    for _ in range(rng.choice((1, 1, 2))):
        name = rng.choice(sorted(n for n in equations if operands(equations[n])))
        equations[name] = mutant(equations[name], rng, swap, faults)
    both = replace(program, equations={**program.equations, **equations}, variables={**program.variables, **variables})
    return replace(subject, adjoint=replace(subject.adjoint, program=both)), new[wanted]


def _replaced(e: MatrixExpr, old: MatrixExpr, new: MatrixExpr) -> MatrixExpr:
    for path, part in list(places(e)):
        if part == old:
            e = put(e, path, new)
    return e


__all__ = ["Diag", "MatrixSum", "formula_mutant", "recursion_mutant", "t"]
