"""The premises of a proof: equations that the prover confirms, and numbers that no entry of a column exceeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sympy import Expr, HadamardProduct, MatrixExpr, preorder_traversal

from derive.algebra.build import hadamard
from derive.algebra.nodes import Diag, Jacobian, T, Timed, is_reference
from derive.algebra.text import text
from derive.calculus.ranges import Ranges
from derive.errors import UnsupportedError
from derive.program import references
from derive.proof.budget import Budget
from derive.proof.inequality.encode import Encoder, jacobian_of
from derive.proof.inequality.equations import Equation, Equations, J, K
from derive.proof.inequality.rules import Premise
from derive.proof.inequality.terms import free

Holds = Callable[[MatrixExpr, MatrixExpr], bool]  # are two expressions equal, where both have a value?
MOST = 40  # equations


@dataclass
class Premises:
    """The premises for the expressions of one claim about one model.

    Args:
        holds: asks whether an equation is true, of whoever can tell.
        boundary: may ranges be used that hold only if the states before the first step lie in theirs?
    """

    equations: Equations
    encoder: Encoder
    holds: Holds
    ranges: Ranges
    budget: Budget
    boundary: bool = False

    def of(self, *sides: MatrixExpr) -> tuple[Premise, ...]:
        """All that can be said of the derivatives in these expressions, and of the columns in what they come to."""
        found: list[Premise] = []
        known: set[MatrixExpr] = set()
        columns: dict[MatrixExpr, None] = {}
        todo = list(sides)
        while todo:
            e = todo.pop(0)
            columns |= dict.fromkeys(_columns(e))
            for x in _derivatives(e):
                for equation in self.equations.about(x):
                    if equation.left in known or len(known) > MOST:
                        continue
                    if not equation.equal or self.holds(equation.left, equation.right):
                        known.add(equation.left)
                        found += self._both_ways(equation)
                        todo.append(equation.right)
        for c in [*columns]:
            bounded = [a for a in c.args if self._is_bounded(a)] if isinstance(c, HadamardProduct) else []
            if bounded:  # without what is not
                columns[hadamard(*bounded)] = None
        return (*found, *(p for c in columns for p in self._range(c)))

    def _is_bounded(self, e: MatrixExpr) -> bool:
        return _is_number(self.ranges.largest(e, computed=True))

    def _both_ways(self, e: Equation) -> Iterator[Premise]:
        m = self.encoder
        try:
            left, right = m.matrix(e.left), m.matrix(e.right)
        except UnsupportedError:
            return
        indices = tuple(sorted(m.index(s) for s in e.left.free_symbols & {J, K}))
        given = tuple(map(m.step, e.given))
        relation = "=" if e.equal else "≤, of norms,"
        why = f"{text(e.left)} {relation} {text(e.right)} (because {e.why})"
        yield Premise("norm", indices, left, right, given, why)
        if e.equal:
            yield Premise("norm", indices, right, left, (*given, *map(m.step, e.least)), why)

    def _range(self, column: MatrixExpr) -> Iterator[Premise]:
        """That no entry of a column exceeds a number: at the steps at which its quantities are computed, or at all."""
        self.budget.spend()
        ranges, m = self.ranges, self.encoder
        ranges.anew()
        most = ranges.largest(column, computed=True)
        if _is_number(most) and not ranges.needed():
            given = [a for r in ranges.named if isinstance(r, Timed) for a in self._computed(r)]
            why = f"the entries of {text(column)} are at most {most} in size"
        elif self.boundary:
            ranges.anew()
            most, given = ranges.largest(column), []
            inside = "; ".join(f"{s} lies in [{low}, {high}]" for s, (low, high) in ranges.bounds().items())
            why = (
                f"the entries of {text(column)} are at most {most} in size{f', if the initial {inside}' * bool(inside)}"
            )
        if not _is_number(most):
            return
        try:
            steps, left = tuple(sorted({m.step(a) for a in given})), m.matrix(column)
        except UnsupportedError:
            return
        indices = ({s for a in steps for s, _ in a if s} | free(left)) - {str(T)}
        yield Premise("entries", tuple(sorted(indices)), left, ("num", str(most)), steps, why)

    def _computed(self, r: Timed) -> list[Expr]:
        """What is ≥ 0 where it is no value from before the first step, or after the last of a state that runs back."""
        v = self.equations.program.variables.get(r.name)
        return [r.index, T - 1 - r.index] if v is None or v.backward else [r.index]


def _is_number(most: Expr) -> bool:
    return bool(most.is_Rational and most >= 0)


def _derivatives(e: MatrixExpr) -> Iterator[MatrixExpr]:
    """Jacobians, and names that may be gradients."""
    yield from (jacobian_of(x) for x in sorted(e.atoms(Jacobian), key=str))
    yield from (r for r in references(e) if is_reference(r))


def _columns(e: MatrixExpr) -> Iterator[MatrixExpr]:
    """Columns that may be bounded by their largest entry: with a quantity of some step in them."""
    for x in preorder_traversal(e):
        if isinstance(x, Diag):
            yield x.arg
        if isinstance(x, HadamardProduct) and x.shape[1] == 1:
            yield from x.args
        if isinstance(x, MatrixExpr) and x.shape[1] == 1 and any(isinstance(a, Timed) for a in references(x)):
            yield x
