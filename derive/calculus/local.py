"""Jacobians within one step, written out: what ∂ŷ/∂h or ∂⁺h/∂W is in the model's own quantities.

A symbol g goes backward through the equations by the pullbacks; what arrives at a name is linear in
g, and its matrix, transposed, is the Jacobian (numerator layout).
"""

from __future__ import annotations

from collections.abc import Iterator

from sympy import HadamardProduct, Identity, MatAdd, MatMul, MatrixExpr, OneMatrix, Transpose

from derive.algebra import build as b
from derive.algebra.functions import Apply
from derive.algebra.losses import LOSSES
from derive.algebra.nodes import Diag, Kronecker, Loss, Scale, Timed, is_reference, t
from derive.algebra.shapes import is_scalar
from derive.calculus.linear import linear
from derive.calculus.pullback import pullback
from derive.errors import UnsupportedError
from derive.program import Program, references

COTANGENT = "g"


def jacobian(program: Program, of: str, by: MatrixExpr, named: bool = True) -> MatrixExpr:
    """The derivative of of[t] by a reference, through the equations of step t.

    Args:
        by: h[t], h[t-1], a parameter; a value on the way that it is computed from is not looked into.
        named: write the output of a function by its name (1 − h²) rather than in full (1 − tanh²(…)).

    Returns:
        A matrix with a row for each entry of `of` and a column for each of `by`, matrices row by row.

    Raises:
        UnsupportedError: it is no matrix that can be written down.
    """
    rows = program[of].shape[0]
    g = b.ones(1) if is_scalar(program[of].shape) else Timed(_fresh(program), t, rows, 1)
    found = _arrived(program, of, by, g, named)
    if not found:
        return b.zeros((rows, (by.shape[0] * by.shape[1]).expand()))
    return b.add(*(_matrix(x, g, by) for x in found))


def _fresh(program: Program) -> str:
    name = COTANGENT
    while name in program.variables:
        name += "'"
    return name


def _arrived(program: Program, of: str, by: MatrixExpr, g: MatrixExpr, named: bool) -> list[MatrixExpr]:
    """What g = dL/dof passes to `by` by way of the names of its step, the last ones first."""
    waiting: dict[str, list[MatrixExpr]] = {of: [g]}
    found: list[MatrixExpr] = []
    for name in reversed(list(program.equations)):
        if name not in waiting:
            continue
        y = program.ref(name) if named else None
        for r, passed in _passed(program, program.equations[name], y, _gathered(waiting.pop(name)), by):
            if r == by:
                found.append(passed)
            else:
                waiting.setdefault(r.name, []).append(passed)
    return found


def _passed(
    program: Program, e: MatrixExpr, y: MatrixExpr | None, g: MatrixExpr, by: MatrixExpr
) -> Iterator[tuple[MatrixExpr, MatrixExpr]]:
    """The references in an expression on the way to `by`, with what g = dL/de passes to them."""
    if not reaches(program, e, by):
        return
    if is_reference(e):
        yield e, g
        return
    if isinstance(e, Loss):
        expand = LOSSES[e.kind].expand
        if expand is None:
            raise UnsupportedError(f"{e.kind} has no form without its logits")
        e, y = expand(e.target, e.prediction), None
    for operand, passed in pullback(e, e if y is None else y, g, program):
        yield from _passed(program, operand, None, passed, by)


def _gathered(terms: list[MatrixExpr]) -> MatrixExpr:
    """Their sum; what all of them are multiplied by stands in front: g ∘ (a − b) for g ∘ a − g ∘ b."""
    parts = [(c, list(e.args) if isinstance(e, HadamardProduct) else [e]) for c, e in map(b.split, terms)]
    common = [a for a in parts[0][1] if all(a in rest for _, rest in parts[1:])]
    if len(terms) == 1 or not common or any(len(rest) == len(common) for _, rest in parts):
        return b.add(*terms)
    for _, rest in parts:
        for a in common:
            rest.remove(a)
    return b.hadamard(*common, b.add(*(b.scale(c, b.hadamard(*rest)) for c, rest in parts)))


def reaches(program: Program, e: MatrixExpr, by: MatrixExpr) -> bool:
    """Does an expression depend on a reference within the step?"""
    todo, seen = [e], set()
    while todo:
        for r in references(todo.pop()):
            if r == by:
                return True
            inside = not isinstance(r, Timed) or r.offset == 0
            if inside and r.name not in seen and r.name in program.equations:
                seen.add(r.name)
                todo.append(program.equations[r.name])
    return False


def _matrix(arrived: MatrixExpr, g: MatrixExpr, by: MatrixExpr) -> MatrixExpr:
    """The Jacobian of which `arrived`, linear in g, is the transposed product with g."""
    c, e = b.split(arrived)
    if isinstance(e, MatAdd) and not (is_scalar(g.shape) and by.shape[1] == 1):
        return b.scale(c, b.add(*(_matrix(a, g, by) for a in e.args)))
    return b.scale(c, _transposed(e, g) if by.shape[1] == 1 else _by_matrix(e, g))


def _transposed(e: MatrixExpr, g: MatrixExpr) -> MatrixExpr:
    if is_scalar(g.shape):
        return turned(e)  # g is 1
    found = linear(e, lambda r: Identity(g.shape[0]) if r == g else None, g.shape[0])
    if found is None:
        raise UnsupportedError("what arrives does not depend on what is passed back")
    return turned(found)


def turned(e: MatrixExpr) -> MatrixExpr:
    """eᵀ as a person writes it: (ŷ − y)ᵀ V, where a computer has ŷᵀ V − yᵀ V."""
    if isinstance(e, Transpose):
        return e.arg
    if isinstance(e, Scale):
        return b.scale(e.coefficient, turned(e.arg))
    if isinstance(e, MatMul):
        return _product([turned(a) for a in reversed(e.args)])
    if isinstance(e, MatAdd) and 1 not in e.shape:
        return b.add(*map(turned, e.args))
    compound = isinstance(e, (MatAdd, HadamardProduct, Apply)) and not is_scalar(e.shape)
    return Transpose(e) if compound else b.transpose(e)


def _product(factors: list[MatrixExpr]) -> MatrixExpr:
    """A product in which 1ᵀ diag(v) is vᵀ."""
    kept: list[MatrixExpr] = []
    for a in factors:
        if kept and isinstance(a, Diag) and isinstance(kept[-1], OneMatrix):
            kept[-1] = turned(a.arg) if kept[-1].shape[0] == 1 else b.matmul(kept[-1], a)
        else:
            kept.append(a)
    return b.matmul(*kept)


def _by_matrix(e: MatrixExpr, g: MatrixExpr) -> MatrixExpr:
    """(A g) xᵀ has the Jacobian Aᵀ ⊗ xᵀ, and x (A g)ᵀ has xᵀ ⊗ Aᵀ."""
    factors = list(e.args) if isinstance(e, MatMul) else [e]
    if len(factors) > 1:
        moving = [g in set(references(a)) for a in factors]
        if not any(moving[1:]):
            if factors[-1].shape[0] == 1:
                return Kronecker(_transposed(b.matmul(*factors[:-1]), g), turned(b.transpose(factors[-1])))
        elif not any(moving[:-1]) and factors[0].shape[1] == 1 and len(factors) == 2:
            return Kronecker(turned(factors[0]), _transposed(b.transpose(factors[1]), g))
    raise UnsupportedError("the derivative by this matrix is no Kronecker product")
