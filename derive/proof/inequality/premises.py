"""What a bound may rest on: the chain rule where one state alone carries the past, one step written out, and ranges."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sympy import Expr, HadamardProduct, MatrixExpr, Symbol, preorder_traversal

from derive.algebra.bound import OrderedProduct
from derive.algebra.build import matmul
from derive.algebra.nodes import Detach, Diag, Jacobian, SumOver, Timed, t
from derive.algebra.text import text
from derive.calculus.local import jacobian
from derive.calculus.ranges import Ranges
from derive.errors import UnsupportedError
from derive.program import Program, references
from derive.proof.inequality.encode import Encoder
from derive.proof.inequality.rules import Premise
from derive.proof.inequality.terms import free

J, K, I = (Symbol(s, integer=True) for s in ("j_", "k_", "i_"))
Holds = Callable[[MatrixExpr, MatrixExpr], bool]  # are two expressions equal, where both have a value?


@dataclass
class Premises:
    """The premises for the expressions of one claim about one model.

    Args:
        program: the model as the user wrote it.
        holds: asks whether an equation is true, of whoever can tell.
    """

    program: Program
    encoder: Encoder
    holds: Holds

    def of(self, *sides: MatrixExpr) -> list[Premise]:
        """All that can be said of the derivatives in these expressions, and of the columns in what they come to."""
        found: list[Premise] = []
        seen: set[tuple[str, str, str, bool]] = set()
        todo = list(sides)
        columns: dict[MatrixExpr, None] = {}
        while todo:
            e = todo.pop()
            columns |= dict.fromkeys(_columns(e))
            for x in e.atoms(Jacobian):
                key = self._kind(x)
                if key is None or key in seen:
                    continue
                seen.add(key)
                for left, right, given, why in self._derivative(*key):
                    if self.holds(left, right):
                        found.append(self._most(left, right, given, why))
                        found.append(self._most(right, left, [*given, J - K] if K in left.free_symbols else given, why))
                        todo.append(right)
        return found + [p for c in columns for p in self._range(c)]

    def _kind(self, x: Jacobian) -> tuple[str, str, str, bool] | None:
        """What is differentiated by what, how, and whether the steps are neighbours."""
        if x.held or not all(isinstance(r, Timed) for r in (x.of, x.by)):
            return None
        if any(r.name not in self.program.variables for r in (x.of, x.by)):
            return None
        return x.of.name, x.by.name, x.kind, x.of.index - x.by.index == 1

    def _derivative(
        self, of: str, state: str, kind: str, next_: bool
    ) -> Iterator[tuple[MatrixExpr, MatrixExpr, list[Expr], str]]:
        """Equations for a derivative by an earlier state: left side, right side, what has to be ≥ 0, why."""
        if not self._is_sole(state):
            return
        at = self.program.at
        if next_ and of == state and kind in ("total", "immediate"):
            try:
                step = jacobian(self.program, state, self.program.ref(state, -1))
            except UnsupportedError:
                return
            left = Jacobian(at(state, J), at(state, J - 1), kind)
            yield left, step.xreplace({t: J}), [J], f"one step of {state}, written out by the chain rule"
        elif kind == "total" and (of == state or self._passes(of, state)):
            one = Jacobian(at(state, I), at(state, I - 1))
            product = OrderedProduct(one, I, K + 1, J, "descending")
            left = Jacobian(at(of, J), at(state, K))
            right = product if of == state else matmul(Jacobian(at(of, J), at(state, J)), product)
            yield left, right, [], f"{state} alone carries what came before from step to step"

    def _most(self, left: MatrixExpr, right: MatrixExpr, given: list[Expr], why: str) -> Premise:
        m = self.encoder
        free = sorted(map(m.index, left.free_symbols & {J, K}))
        return Premise("norm", tuple(free), m.matrix(left), m.matrix(right), tuple(map(m.step, given)), why)

    # One state that carries everything

    def _is_sole(self, state: str) -> bool:
        """Is a vector, read one step later, all by which a step reaches later ones?"""
        v = self.program.variables.get(state)
        if v is None or v.role != "state" or v.backward or v.shape[1] != 1 or len(v.initial) > 1:
            return False
        for name, e in self.program.equations.items():
            for r in references(e):
                later = isinstance(r, Timed) and r.offset != 0
                if later and r.name in self.program.equations and (r.name, r.offset) != (state, -1):
                    return False
            if e.has(Detach) or (e.has(SumOver) and self.program[name].timed):
                return False
        return True

    def _passes(self, of: str, state: str) -> bool:
        """Does the past reach a quantity of a step by that step's state only?"""
        v = self.program[of]
        if not v.timed or of not in self.program.equations or v.shape[1] != 1:
            return False
        todo, seen = [of], {state}
        while todo:
            name = todo.pop()
            if name in seen:
                continue
            seen.add(name)
            for r in references(self.program.equations.get(name, self.program.ref(state))):
                if isinstance(r, Timed) and r.offset != 0 and r.name in self.program.equations:
                    return False
                todo.append(r.name)
        return True

    # Ranges

    def _range(self, column: MatrixExpr) -> Iterator[Premise]:
        """That no entry of a column exceeds a number, at the steps at which its states are computed."""
        names = list(references(column))
        ranges = Ranges(self.program)
        most = ranges.largest(column, computed=True)
        if not (most.is_Rational and most >= 0) or ranges.needed():
            return
        m = self.encoder
        try:
            given = tuple(sorted({m.step(r.index) for r in names if isinstance(r, Timed)}))
            left = m.matrix(column)
        except UnsupportedError:
            return
        indices = sorted({s for a in given for s, _ in a if s} | free(left))
        why = f"the entries of {text(column)} are at most {most}"
        yield Premise("entries", tuple(indices), left, ("num", str(most)), given, why)


def _columns(e: MatrixExpr) -> Iterator[MatrixExpr]:
    """Columns that stand in a diagonal or an elementwise product, and columns whose norm is asked for."""
    for x in preorder_traversal(e):
        if isinstance(x, Diag):
            yield x.arg
        if isinstance(x, HadamardProduct) and x.shape[1] == 1:
            yield from x.args
        if isinstance(x, MatrixExpr) and x.shape[1] == 1 and any(isinstance(a, Timed) for a in references(x)):
            yield x
