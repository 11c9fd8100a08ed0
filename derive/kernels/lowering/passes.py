"""Rewrites of lowered programs that move work out of time loops: still programs, same values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from sympy import HadamardProduct, MatAdd, MatMul, MatrixExpr, OneMatrix, Transpose, ZeroMatrix, preorder_traversal

from derive.algebra import build as b
from derive.algebra.functions import Apply
from derive.algebra.nodes import FusedLoss, Scale, SumOver, Timed, is_reference
from derive.graph import groups
from derive.program import SEQUENCE, Builder, Program, Variable, operands, rebuild, references

ARITHMETIC = (MatAdd, HadamardProduct, Scale)  # functions keep their names: gates are read, and stacked
Origins = dict[str, tuple[str, ...]]  # lowered name → the names of the equations it implements


def inline(program: Program, keep: Collection[str], origins: Origins) -> Program:
    """Put a map that is used once, at its own time, into the map that uses it."""
    uses: Counter[str] = Counter(r.name for e in program.equations.values() for r in references(e))
    uses.update(i for v in program.variables.values() for i in v.initial if i)
    equations: dict[str, MatrixExpr] = {}

    def put(e: MatrixExpr, user: str) -> MatrixExpr:
        if is_reference(e):
            same_time = not isinstance(e, Timed) or e.offset == 0
            v = program[e.name]
            single = same_time and uses[e.name] == 1 and e.name not in keep and e.name in equations
            if single and v.axes == program[user].axes and isinstance(equations[e.name], ARITHMETIC):
                origins[user] = origins.pop(e.name, ()) + origins.get(user, ())
                return equations.pop(e.name)
            return e
        if isinstance(e, (MatAdd, HadamardProduct, Scale, Apply)):
            parts = [put(a, user) for a in operands(e)]
            if isinstance(e, MatAdd):
                return b.add(*parts)
            return b.hadamard(*parts) if isinstance(e, HadamardProduct) else _scaled(e, parts)
        return e

    for name, e in program.equations.items():
        equations[name] = put(e, name) if is_map_root(e) else e
    return Builder(Program(**{**vars(program), "equations": equations})).program()


def _scaled(e: MatrixExpr, parts: list[MatrixExpr]) -> MatrixExpr:
    return b.scale(e.coefficient, parts[0]) if isinstance(e, Scale) else rebuild(e, parts)


def is_map_root(e: MatrixExpr) -> bool:
    return isinstance(e, (MatAdd, HadamardProduct, Scale, Apply))


def hoist(program: Program, arithmetic: bool = True) -> Program:
    """Compute before a loop, over all steps at once, what does not hang on its recurrence.

    Without `arithmetic` only what calls functions: the rest is set in front of what waits for the recurrence.
    """
    inside = {n: frozenset(g.names) for g in groups(program) if g.direction for n in g.names}
    out = Builder(Program(**{**vars(program), "equations": {}}))
    for name, e in program.equations.items():
        if name in inside and is_map_root(e):
            e = _Hoist(out, inside[name], name, arithmetic).visit(e)
        out.define(name, e)
    return out.program()


class _Hoist:
    """One equation of a loop; `members` are the names of its recurrence."""

    def __init__(self, out: Builder, members: frozenset[str], name: str, arithmetic: bool):
        self.out, self.members, self.name, self.arithmetic = out, members, name, arithmetic

    def moves(self, e: MatrixExpr) -> bool:
        return any(r.name in self.members for r in references(e))

    def outside(self, e: MatrixExpr) -> MatrixExpr:
        """A name for work outside, unless it is no work."""
        c, rest = b.split(e)
        trivial = is_reference(rest) or isinstance(rest, (OneMatrix, ZeroMatrix))
        cheap = not self.arithmetic and not any(isinstance(a, Apply) for a in preorder_traversal(rest))
        if trivial or cheap or b.broadcast_scalar(rest) is not None:
            return e
        return b.scale(c, self.out.name(rest, f"pre_{self.name}"))

    def visit(self, e: MatrixExpr) -> MatrixExpr:
        if not self.moves(e):
            return self.outside(e)
        if isinstance(e, MatAdd):
            return self.sum(e.args)
        if isinstance(e, HadamardProduct):
            moving, rest = self.factors(e)
            fixed = [self.outside(b.hadamard(*rest))] if rest else []
            return self.product([self.visit(a) for a in moving], fixed)
        if isinstance(e, (Scale, Apply)):
            return _scaled(e, [self.visit(a) for a in operands(e)])
        return e

    def product(self, moving: list[MatrixExpr], fixed: list[MatrixExpr]) -> MatrixExpr:
        return b.hadamard(*moving, *fixed) if self.arithmetic else b.hadamard(*fixed, *moving)

    def factors(self, e: MatrixExpr) -> tuple[list[MatrixExpr], list[MatrixExpr]]:
        parts = e.args if isinstance(e, HadamardProduct) else (e,)
        return [a for a in parts if self.moves(a)], [a for a in parts if not self.moves(a)]

    def sum(self, terms: Sequence[MatrixExpr]) -> MatrixExpr:
        """Terms with the same moving factors become one; the others are added up outside."""
        collected: dict[tuple[MatrixExpr, ...], list[MatrixExpr]] = {}
        for term in terms:
            c, rest = b.split(term)
            moving, fixed = self.factors(rest)
            factor = b.hadamard(*fixed) if fixed else b.ones(*rest.shape)
            collected.setdefault(tuple(moving), []).append(b.scale(c, factor))
        result = []
        for parts, factors in collected.items():
            fixed = self.outside(b.add(*factors))
            result.append(self.product([self.visit(a) for a in parts], [fixed]) if parts else fixed)
        return b.add(*result)


def densify(program: Program) -> Program:
    """Write one-hot arrays out where classes do not serve.

    They serve as the right operand of a product with a weight (a gather), in a sum of outer products
    (a scatter), as the target of a loss, and as a term of a sum.
    """
    out = Builder(Program(**{**vars(program), "equations": {}}))
    dense: dict[str, MatrixExpr] = {}

    def is_class(a: MatrixExpr) -> bool:
        return is_reference(a) and program[a.name].onehot

    def replace(e: MatrixExpr) -> MatrixExpr:
        if is_class(e):
            if e.name not in dense:
                v = program[e.name]
                name = out.fresh(f"{e.name}_dense")
                out.declare(Variable(name, "temporary", v.shape, v.axes))
                dense[e.name] = out.define(name, e)
            return dense[e.name]
        if is_reference(e) or not any(is_class(r) for r in references(e)):
            return e
        return rebuild(e, (replace(a) for a in operands(e)))

    def alike(a: MatrixExpr, axes: frozenset[str]) -> bool:
        """A class array with these axes: one that has fewer would have to be broadcast."""
        return is_class(a) and program[a.name].axes == axes

    def keep(e: MatrixExpr, axes: frozenset[str]) -> MatrixExpr:
        if isinstance(e, FusedLoss):
            target = e.target if alike(e.target, axes) else replace(e.target)
            return rebuild(e, (target, replace(e.logits), replace(e.companion)))
        if isinstance(e, MatAdd):
            return b.add(*(a if alike(b.split(a)[1], axes) else replace(a) for a in e.args))
        if alike(b.split(e)[1], axes) or _gathers(program, e) or _scatters(program, e):
            return e
        return replace(e)

    for name, e in program.equations.items():
        out.define(name, keep(e, program[name].axes))
    return out.program()


def _gathers(program: Program, e: MatrixExpr) -> bool:
    if not isinstance(e, MatMul) or isinstance(e.args[0], OneMatrix):
        return False
    weight = e.args[0].arg if isinstance(e.args[0], Transpose) else e.args[0]
    return weight.shape[1] != 1 and is_reference(e.args[1]) and not program[weight.name].axes


def _scatters(program: Program, e: MatrixExpr) -> bool:
    if not (isinstance(e, SumOver) and isinstance(e.arg, MatMul) and e.axes == "tb"):
        return False
    left, right = e.arg.args
    if not (is_reference(left) and isinstance(right, Transpose) and is_reference(right.arg)):
        return False
    sequences = program[left.name].axes == program[right.arg.name].axes == SEQUENCE
    column = not program[left.name].onehot and left.shape[1] == 1 and left.shape[0] != 1
    return sequences and column and program[right.arg.name].onehot
