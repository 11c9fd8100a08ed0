"""From normal form to lowered form: one kind of work per equation, still a Program.

A lowered right side is a map (an elementwise tree over references of its own shape and broadcast
scalars), a product of two operands, a sum over steps or sequences of a reference or such a product,
or one of softmax, loss, slice, padding, concat, diagonal and Delta on references.  The interpreter
runs lowered programs too, so every pass is checked against the one before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from sympy import Expr, HadamardProduct, Integer, MatAdd, MatMul, MatrixExpr, OneMatrix, Transpose, ZeroMatrix

from derive.algebra import build as b
from derive.algebra.functions import Apply
from derive.algebra.nodes import (
    NONEMPTY,
    B,
    Detach,
    Diag,
    FusedLoss,
    LogSoftmax,
    Scale,
    Softmax,
    SumOver,
    T,
    Timed,
    is_reference,
)
from derive.program import SEQUENCE, Builder, Program, Variable, at_own_time, operands, rebuild, references

TYPICAL = {"size": 50, "t": 100, "b": 8}  # what products are ordered by when sizes are symbols


def lower(program: Program, wanted: Sequence[str]) -> Program:
    """The lowered form of what the wanted names need."""
    program = copied(program.restrict(wanted))
    lowering = _Lowering(Program(**{**vars(program), "equations": {}}))
    for name, e in program.equations.items():
        lowering.current = name
        lowering.define(name, lowering.widened(name, lowering.root(e)))
    return lowering.program()


def copied(program: Program) -> Program:
    """A given sequence that is read at another time is copied: outside 0 … T−1 the copy is zero."""
    shifted = {r.name for e in program.equations.values() for r in references(e) if not at_own_time(r)}
    names = [n for n in program.variables if n in shifted and program[n].given]
    out = Builder(Program(**{**vars(program), "equations": {}}))
    copies = {}
    for name in names:
        v = program[name]
        copy = Variable(out.fresh(f"{name}_copy"), "temporary", v.shape, v.axes)
        copies[name] = out.declare(copy).name
        out.define(copy.name, Scale(1, program.ref(name)))

    def moved(e: MatrixExpr) -> MatrixExpr:
        if is_reference(e):
            return e if at_own_time(e) or e.name not in copies else Timed(copies[e.name], e.index, *e.shape)
        return rebuild(e, (moved(a) for a in operands(e))) if operands(e) else e

    for name, e in program.equations.items():
        out.define(name, moved(e))
    return out.program() if names else program


def is_simple(e: MatrixExpr) -> bool:
    """An operand of a product: a reference, its transpose, or ones."""
    return is_reference(e) or isinstance(e, OneMatrix) or (isinstance(e, Transpose) and is_reference(e.arg))


class _Lowering(Builder):
    current = ""

    def leaf(self, e: MatrixExpr, hint: str = "") -> MatrixExpr:
        """A reference for any expression."""
        if is_reference(e) and not (isinstance(e, Timed) and e.offset is None):
            return e
        e = self.root(e)
        return e if is_reference(e) else self.temporary(e, hint or _hint(e) or f"u_{self.current}")

    def temporary(self, e: MatrixExpr, hint: str) -> MatrixExpr:
        """Like `name`, but a value per step is also one per sequence: kernels know no other sequences."""
        if e not in self._known and self.view().axes(e) == {"t"}:
            name = self.fresh(hint)
            self.declare(Variable(name, "temporary", e.shape, SEQUENCE))
            self.define(name, e)
            self._known[e] = self.ref(name)
        return self.name(e, hint)

    def widened(self, name: str, e: MatrixExpr) -> MatrixExpr:
        """Work is done on the axes that it has; a name that has more of them gets a copy for each."""
        work = isinstance(e, (SumOver, Softmax, LogSoftmax, FusedLoss)) or (
            isinstance(e, MatMul) and b.broadcast_scalar(e) is None
        )
        narrow = work and self.view().axes(e) != self.variables[name].axes
        return self.temporary(e, f"once_{name}") if narrow else e

    def root(self, e: MatrixExpr) -> MatrixExpr:
        if isinstance(e, SumOver):
            return self.sum(e)
        if isinstance(e, Scale) and isinstance(e.arg, SumOver):
            return self.map(b.scale(e.coefficient, self.leaf(self.sum(e.arg))))
        if isinstance(e, MatMul) and b.broadcast_scalar(e) is None:
            return self.product(e)
        if isinstance(e, (MatAdd, HadamardProduct, Scale, Apply, Detach, Transpose, MatMul)):
            return self.map(e)
        if isinstance(e, FusedLoss):  # the companion served the gradient; its axes are none of the value's
            return rebuild(e, map(self.leaf, (e.target, e.logits, e.logits)))
        return e if is_reference(e) else rebuild(e, (self.leaf(a) for a in operands(e)))

    # maps

    def map(self, e: MatrixExpr) -> MatrixExpr:
        """An elementwise tree; what is not elementwise gets a name."""
        if isinstance(e, (OneMatrix, ZeroMatrix)):
            return e
        if isinstance(e, Timed) and e.offset is None:
            return self.temporary(e, f"at_{e.name}")
        if is_reference(e):
            return e
        if isinstance(e, MatAdd):
            return b.add(*(self.map(a) for a in e.args))
        if isinstance(e, HadamardProduct):
            return b.hadamard(*(self.map(a) for a in e.args))
        if isinstance(e, Scale):
            return b.scale(e.coefficient, self.map(e.arg))
        if isinstance(e, Apply):
            return rebuild(e, (self.map(a) for a in e.matrices))
        if isinstance(e, Detach):  # gradients are behind us: the value is all that counts
            return self.map(e.arg)
        if isinstance(e, Transpose):
            return b.transpose(self.leaf(e.arg))
        scalar = b.broadcast_scalar(e)
        if scalar is not None:
            c, scalar = b.split(scalar)
            return b.scale(c, b.broadcast(self.leaf(scalar), e.shape))
        return self.leaf(e)

    # products

    def product(self, e: MatMul) -> MatrixExpr:
        """A binary product; longer ones are associated by cost."""
        factors = [self.operand(a) for a in e.args]
        return self.associate(tuple(factors))

    def operand(self, a: MatrixExpr) -> MatrixExpr:
        if isinstance(a, OneMatrix):
            return a
        if isinstance(a, Diag):
            return self.temporary(rebuild(a, [self.leaf(a.arg)]), f"diag_{self.current}")
        if isinstance(a, Transpose):
            return b.transpose(self.leaf(a.arg))
        return self.leaf(a)

    def associate(self, factors: tuple[MatrixExpr, ...]) -> MatrixExpr:
        if len(factors) == 1:
            return factors[0]
        axes = tuple(self.view().axes(a) for a in factors)
        dims = (*(typical(a.shape[0]) for a in factors), typical(factors[-1].shape[1]))
        split = _best_split(dims, axes)[1]
        left, right = (self.associate(part) for part in (factors[:split], factors[split:]))
        return b.matmul(*(a if is_simple(a) else self._named_product(a) for a in (left, right)))

    def _named_product(self, a: MatrixExpr) -> MatrixExpr:
        """A name for a product; a row is named as a column, which is what kernels are good at."""
        if a.shape[0] == 1 and a.shape[1] != 1:
            return b.transpose(self.temporary(b.transpose(a), f"p_{self.current}"))
        return self.temporary(a, f"p_{self.current}")

    # sums over steps and sequences

    def sum(self, e: SumOver) -> MatrixExpr:
        """A sum over axes; an axis that the body lacks is a factor T or B."""
        c, body = b.split(e.arg)
        if isinstance(body, MatAdd):
            maps = [a for a in body.args if not isinstance(b.split(a)[1], MatMul)]
            rest = [a for a in body.args if isinstance(b.split(a)[1], MatMul)]
            parts = ([b.add(*maps)] if maps else []) + rest
            if len(parts) > 1:
                return self.map(b.scale(c, b.add(*(self.leaf(self.sum(SumOver(a, e.axes))) for a in parts))))
        if isinstance(body, SumOver):
            body = self.leaf(self.sum(body))
        present = "".join(a for a in e.axes if a in self.view().axes(body))
        for axis in e.axes:
            c = c if axis in present else c * (T * NONEMPTY if axis == "t" else B)  # T·(1/T) is 0 at T = 0
        if not present:
            return self.map(b.scale(c, body))
        inner = self.product(body) if isinstance(body, MatMul) and b.broadcast_scalar(body) is None else None
        k, inner = b.split(inner) if inner is not None else (1, self.leaf(body))
        inner = inner if is_reference(inner) or isinstance(inner, MatMul) else self.leaf(inner)
        summed = SumOver(inner, present)
        return summed if c * k == 1 else self.map(b.scale(c * k, self.temporary(summed, f"s_{self.current}")))


def _hint(e: MatrixExpr) -> str:
    """U_x for U @ x[t], as a person would call it; "" where that gets long."""
    if not isinstance(e, MatMul):
        return ""
    bases = [a.arg if isinstance(a, Transpose) else a for a in e.args]
    name = "_".join(a.name if is_reference(a) else "sum" for a in bases)
    return name if len(name) <= 24 else ""


def typical(e: Expr) -> int:
    """A size expression at a typical size."""
    return int(e.subs({s: Integer(TYPICAL["size"]) for s in e.free_symbols}))


@lru_cache(maxsize=4096)
def _best_split(dims: tuple[int, ...], axes: tuple[frozenset[str], ...]) -> tuple[float, int]:
    """(cost, where to split) of a chain product; ties associate to the right."""
    if len(axes) == 1:
        return 0.0, 0
    best = (float("inf"), 0)
    for k in range(1, len(axes)):
        cost = _best_split(dims[: k + 1], axes[:k])[0] + _best_split(dims[k:], axes[k:])[0]
        every = frozenset().union(*axes)
        times = (TYPICAL["t"] if "t" in every else 1) * (TYPICAL["b"] if "b" in every else 1)
        cost += float(times) * dims[0] * dims[k] * dims[-1]
        if cost < best[0]:
            best = (cost, k)
    return best
