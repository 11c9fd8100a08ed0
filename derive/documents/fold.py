"""Names that are better read in place: their values put where they stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence

from sympy import HadamardProduct, MatAdd, MatMul, MatrixExpr

from derive.algebra import build as b
from derive.algebra.bound import Bound
from derive.algebra.functions import Apply
from derive.algebra.nodes import Blocks, Detach, FusedLoss, LogSoftmax, Softmax, Timed, is_reference, t
from derive.calculus.adjoint import Adjoint, Step
from derive.program import Program, operands, rebuild, references


def substitute(e: MatrixExpr, values: Mapping[str, MatrixExpr]) -> MatrixExpr:
    """Names replaced by expressions at step t; what becomes a nested sum or product is flattened."""
    if not any(r.name in values for r in references(e)):
        return e
    if is_reference(e):
        value = values.get(e.name)
        return e if value is None else value.xreplace({t: e.index}) if isinstance(e, Timed) else value
    if isinstance(e, Bound):
        return e.func(substitute(e.body, values), *e.args[1:])
    if not operands(e):
        return e
    scalar = b.broadcast_scalar(e)
    if scalar is not None:  # in one piece: flattened, its sum would be one over a matrix
        return b.broadcast(substitute(scalar, values), e.shape)
    parts = [substitute(a, values) for a in operands(e)]
    join = {MatAdd: b.add, HadamardProduct: b.hadamard, MatMul: b.matmul}.get(e.func)
    if isinstance(e, Blocks):
        return Blocks(e.block_rows, e.block_cols, *parts)
    return join(*parts) if join else rebuild(e, parts)


IN_PLACE = (Apply, Softmax, LogSoftmax, FusedLoss, Detach)


def helpers(program: Program, shown: Container[str] = ()) -> dict[str, MatrixExpr]:
    """The temporaries better read in place: a function of named values, such as tanh(c[t]), and h[T-1].

    With `shown`, the names that have an equation of their own in the document, every other temporary.
    """
    found: dict[str, MatrixExpr] = {}
    for name, e in program.equations.items():
        in_place = isinstance(e, IN_PLACE) or is_reference(e) or (shown and name not in shown)
        if program[name].role == "temporary" and in_place:
            found[name] = substitute(e, found)
    return found


def fold_program(normal: Program) -> dict[str, MatrixExpr]:
    """The equations of a normal form with the helpers in place."""
    values = helpers(normal)
    return {n: substitute(e, values) for n, e in normal.equations.items() if n not in values}


def folded(steps: Sequence[Step], adjoint: Adjoint, normal: Program) -> dict[str, MatrixExpr]:
    """The helpers of an adjoint program, and those of their adjoints that are used at most once."""
    values = helpers(adjoint.program, normal.equations)
    uses = Counter(r.name for s in steps for r in references(s.right))
    right = {s.left.name: s.right for s in steps}
    for name in [adjoint.cotangents[n] for n in reversed(values) if n in adjoint.cotangents]:
        if uses[name] <= 1 and name in right:
            values[name] = substitute(right[name], values)
    return values
