"""Rewrites of lowered programs that move work out of time loops: still programs, same values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from sympy import HadamardProduct, MatAdd, MatrixExpr, OneMatrix, ZeroMatrix

from derive.algebra import build as b
from derive.algebra.functions import Apply
from derive.algebra.nodes import Scale, Timed, is_reference
from derive.kernels.graph import groups
from derive.program import Builder, Program, operands, rebuild, references

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


def hoist(program: Program) -> Program:
    """Compute before a loop, over all steps at once, what does not hang on its recurrence."""
    inside = {n: frozenset(g.names) for g in groups(program) if g.direction for n in g.names}
    out = Builder(Program(**{**vars(program), "equations": {}}))
    for name, e in program.equations.items():
        if name in inside and is_map_root(e):
            e = _Hoist(out, inside[name], name).visit(e)
        out.define(name, e)
    return out.program()


class _Hoist:
    """One equation of a loop; `members` are the names of its recurrence."""

    def __init__(self, out: Builder, members: frozenset[str], name: str):
        self.out, self.members, self.name = out, members, name

    def moves(self, e: MatrixExpr) -> bool:
        return any(r.name in self.members for r in references(e))

    def outside(self, e: MatrixExpr) -> MatrixExpr:
        """A name for work outside, unless it is no work."""
        c, rest = b.split(e)
        trivial = is_reference(rest) or isinstance(rest, (OneMatrix, ZeroMatrix))
        if trivial or b.broadcast_scalar(rest) is not None:
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
            return b.hadamard(*(self.visit(a) for a in moving), *fixed)
        if isinstance(e, (Scale, Apply)):
            return _scaled(e, [self.visit(a) for a in operands(e)])
        return e

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
            result.append(b.hadamard(*(self.visit(a) for a in parts), fixed) if parts else fixed)
        return b.add(*result)


