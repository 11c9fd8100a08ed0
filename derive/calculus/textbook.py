"""A parameter's gradient derived as a textbook does it, step after step, each one an equation.

The steps of one kind have one rule: what they are called in the list below.  Steps that follow one
another with the same left side are one chain of equalities.

    sum over time         dL/dθ = Σ_j dL_j/dθ
    paths                 dL_0/dθ, dL_1/dθ, … one term for each way back
    step                  ds_j/dθ from ds_{j−1}/dθ
    sum over hidden states, product, instance, substitution
    loss, substitution in the sum
    term                  each factor in the model's quantities
    substitution of terms
    layout                the row as a matrix: the gradient
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sympy import Expr, Integer, MatrixExpr, Symbol

from derive.algebra import build as b
from derive.algebra.bound import Bound, MatrixSum, OrderedProduct
from derive.algebra.functions import Apply
from derive.algebra.nodes import FusedLoss, Jacobian, T, t
from derive.calculus.adjoint import Step
from derive.calculus.closed import is_long
from derive.calculus.hidden import Hidden
from derive.calculus.local import jacobian
from derive.errors import UnsupportedError
from derive.program import Program, operands, rebuild, references

INSTANCE = 3  # the j that is written out, back to k = 0
SUM, PATHS, STEP, HIDDEN = "sum over time", "paths", "step", "sum over hidden states"
PRODUCT, WRITTEN = "product", "instance"
SUBSTITUTION, LOSS, WHOLE, TERM = "substitution", "loss", "substitution in the sum", "term"
TERMS, LAYOUT = "substitution of terms", "layout"


@dataclass(frozen=True)
class Textbook:
    """The derivation of one parameter's gradient.

    Args:
        hidden: where the parameter acts.
        normal: the model's normal form, in which the loss is fused with what it is taken of.
        gradient: the gradient's symbol, and its value as a sum over steps.
        indices: the letters of the steps of loss, parameter and product: j, k and m.
    """

    hidden: Hidden
    normal: Program
    gradient: tuple[MatrixExpr, MatrixExpr]
    indices: Sequence[Symbol]

    def steps(self, last: int = 2) -> Iterator[Step]:
        """Every step of the derivation; `last` is the last loss that is written out path by path."""
        yield self._sum_over_time()
        yield from self._paths(last)
        if self.hidden.state:
            yield from self._over_hidden_states()
        yield from self._whole()
        yield from self._in_the_models_quantities()
        yield self._layout()

    @property
    def j(self) -> Symbol:
        return self.indices[0]

    @property
    def k(self) -> Symbol:
        return self.indices[1]

    @property
    def m(self) -> Symbol:
        return self.indices[2]

    def _over_time(self, e: MatrixExpr) -> MatrixExpr:
        return b.scale(self.hidden.coefficient, MatrixSum(e, self.j, 0, T - 1))

    @property
    def _total(self) -> MatrixExpr:
        return Jacobian(self.hidden.program.ref(self.hidden.program.total), self.hidden.parameter, "total")

    def _sum_over_time(self) -> Step:
        return Step(self._total, self._over_time(self.hidden.total(self.j)), SUM, "the loss is a sum over steps")

    def _paths(self, last: int) -> Iterator[Step]:
        for i in range(last + 1):
            terms = [self.hidden.along(path) for path in self.hidden.paths(i)]
            yield Step(self.hidden.total(Integer(i)), b.add(*terms), PATHS, f"{len(terms)} ways back from step {i}")

    def _between(self, later: Expr, earlier: Expr) -> MatrixExpr:
        """ds_j/ds_k."""
        state = self.hidden.state
        return Jacobian(self.hidden.at(state, later), self.hidden.at(state, earlier), "total")

    def _product(self, factor: MatrixExpr) -> MatrixExpr:
        return OrderedProduct(factor, self.m, self.k + 1, self.j, "descending")

    def _one_loss(self, between: MatrixExpr) -> MatrixExpr:
        """Σ_k ∂L_j/∂s_j · between · ∂⁺s_k/∂θ."""
        factors = [*self.hidden.head(self.j), between, self.hidden.last(self.k)]
        return MatrixSum(b.matmul(*factors), self.k, 0, self.j)

    def _over_hidden_states(self) -> Iterator[Step]:
        state, parameter = self.hidden.state, self.hidden.parameter
        now, before = (Jacobian(self.hidden.at(state, j), parameter, "total") for j in (self.j, self.j - 1))
        earlier = b.matmul(self.hidden.hidden(self.j), before)
        yield Step(now, b.add(self.hidden.last(self.j), earlier), STEP, "directly, and through the state before")
        left, between = self.hidden.total(self.j), self._between(self.j, self.k)
        yield Step(left, self._one_loss(between), HIDDEN, "one term for each step at which the parameter acted")
        product = self._product(self.hidden.hidden(self.m))
        yield Step(between, product, PRODUCT, "the chain rule from step to step")
        steps = [self.hidden.hidden(Integer(i)) for i in range(INSTANCE, 0, -1)]
        yield Step(self._between(Integer(INSTANCE), Integer(0)), b.matmul(*steps), WRITTEN, "written out")
        yield Step(left, self._one_loss(product), SUBSTITUTION, "the product in the sum")

    def _summand(self) -> MatrixExpr:
        """dL_j/dθ in factors."""
        if not self.hidden.state:
            return b.matmul(*self.hidden.head(self.j), self.hidden.last(self.j))
        return self._one_loss(self._product(self.hidden.hidden(self.m)))

    def _whole(self) -> Iterator[Step]:
        program = self.hidden.program
        loss = self._over_time(self.hidden.at(self.hidden.loss, self.j))
        yield Step(program.ref(program.total), loss, LOSS, "the definition of the loss")
        yield Step(self._total, self._over_time(self._summand()), WHOLE, "the contributions of all steps")

    # Each factor in the model's own quantities

    def _in_the_models_quantities(self) -> Iterator[Step]:
        """Each factor, then all of them in the sum; nothing where one cannot be written as a matrix."""
        try:
            terms = list(self._terms())
            yield from terms
            yield self._substituted()
        except UnsupportedError:
            return

    def _terms(self) -> Iterator[Step]:
        for edge in self.hidden.head(self.j):
            yield from self._term(edge, "behind the state")
        if self.hidden.state:
            yield from self._head_as_one()
            yield from self._term(self.hidden.hidden(self.m), "from one state to the next", in_full=True)
        yield from self._term(self._last(), "where the parameter acts")
        if not self.hidden.state:
            yield from self._head_as_one()

    def _head_as_one(self) -> Iterator[Step]:
        """The factors behind the state multiplied out, those behind it down to the parameter for one that is there."""
        factors = self.hidden.head(self.j) if self.hidden.state else self._behind()
        if len(factors) > 1:
            reason = "their product" + (", since the target sums to one" if self._needs_sum_one() else "")
            yield Step(b.matmul(*factors), self._explicit_head(), TERM, reason)

    def _behind(self) -> list[MatrixExpr]:
        return [*self.hidden.head(self.j), self._last()]

    def _last(self) -> MatrixExpr:
        return self.hidden.last(self.k if self.hidden.state else self.j)

    def _term(self, edge: MatrixExpr, where: str, in_full: bool = False) -> Iterator[Step]:
        """An edge in full (1 − tanh²(…)), where one equation of a function leads to it, and by names (1 − h²)."""
        if in_full and edge.kind == "partial" and isinstance(self.hidden.program.equations[edge.of.name], Apply):
            full = self._local(edge, named=False)
            if full != self._local(edge):
                yield Step(edge, full, TERM, f"{where}, in full")
        yield Step(edge, self._local(edge), TERM, where)

    def _local(self, edge: MatrixExpr, named: bool = True) -> MatrixExpr:
        """The value of an edge, at its step."""
        index = edge.of.index
        by = edge.by.xreplace({index: t}) if edge.by.has(index) else edge.by
        return jacobian(self.hidden.program, edge.of.name, by, named).xreplace({t: index})

    def _needs_sum_one(self) -> bool:
        e = self.normal.equations[self.hidden.loss]
        return isinstance(e, FusedLoss) and self.normal.assumes_sum_one(e.target.name)

    def _explicit_head(self) -> MatrixExpr:
        """∂L_j/∂s_j (or by the parameter): by the fused loss where there is one, else the product of its factors."""
        end = self.normal.ref(self.hidden.trunk[-1]) if self.hidden.state else self.hidden.parameter
        if isinstance(self.normal.equations[self.hidden.loss], FusedLoss):
            row = jacobian(self.normal, self.hidden.loss, end).xreplace({t: self.j})
            if not row.is_ZeroMatrix and not any(self.normal[r.name].role == "temporary" for r in references(row)):
                return row
        factors = self.hidden.head(self.j) if self.hidden.state else self._behind()
        return b.matmul(*map(self._local, factors))

    def _substituted(self) -> Step:
        if not self.hidden.state:
            right = self._over_time(self._explicit_head())
        else:
            edge = self.hidden.hidden(self.m)
            one_step = self._local(edge)
            product = self._product(edge if is_long(one_step) else one_step)
            row = [self._explicit_head()] if self.hidden.head(self.j) else []
            summand = b.matmul(*row, product, self._local(self._last()))
            right = self._over_time(MatrixSum(summand, self.k, 0, self.j))
        return Step(self._total, right, TERMS, "all terms in the sum")

    def _layout(self) -> Step:
        left, right = self.gradient
        return Step(left, self._shortened(right), LAYOUT, "the row in the shape of the parameter")

    def _shortened(self, e: MatrixExpr) -> MatrixExpr:
        """A long Jacobian of one step as its symbol, transposed."""
        if isinstance(e, OrderedProduct):
            edge = self.hidden.hidden(e.index)
            return e.func(b.transpose(edge), *e.args[1:]) if is_long(e.body) and edge.shape == e.shape else e
        if isinstance(e, Bound):
            return e.func(self._shortened(e.body), *e.args[1:])
        parts = [self._shortened(a) for a in operands(e)]
        return rebuild(e, parts) if e.has(OrderedProduct) else e
