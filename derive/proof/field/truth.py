"""The true values of expressions in which derivatives stand as symbols: by dual numbers, by no rule.

A cotangent's name (dh, dW …) stands for the total derivative of the loss, a carry for what the loss
owes to the reading of a name at one distance in time, a `Jacobian` for the derivative it names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from sympy import MatrixExpr, Symbol

from derive.algebra.bound import OrderedProduct
from derive.algebra.build import split
from derive.algebra.functions import Apply
from derive.algebra.nodes import Gradient, Jacobian, StepGradient, SumOver, T, is_reference, t
from derive.calculus.adjoint import Adjoint
from derive.calculus.normal import passed_over
from derive.errors import UnsupportedError
from derive.program import Program
from derive.proof.field.domain import Domain, Rows
from derive.proof.field.duals import Dual
from derive.proof.field.indices import Indices
from derive.proof.field.points import ANY, Points
from derive.proof.field.rules import Env, Products, evaluate
from derive.proof.field.world import Directions, Key, Sweep, World

MOST_PARTS = 2000  # of the formulas of several claims


@dataclass(frozen=True)
class Subject:
    """What equations are about: a model as the user wrote it, its normal form, and its adjoint.

    The adjoint gives cotangents their names; its equations for them are never used as truth.
    """

    reading: Program
    normal: Program
    adjoint: Adjoint

    @property
    def names(self) -> Program:
        """The program that knows every name."""
        return self.adjoint.program

    @cached_property
    def functions(self) -> frozenset[Apply]:
        """The functions in the model's equations, with their arguments."""
        return frozenset(x for e in self.reading.equations.values() for x in e.atoms(Apply))

    @cached_property
    def passed_over(self) -> frozenset[str]:
        """The names whose cotangent is not all of dL/dname: see `derive.calculus.normal.passed_over`."""
        return passed_over(self.reading)


@dataclass(slots=True)
class _Part:
    """A part of a formula, the indices in it, and its values by those of the indices."""

    e: MatrixExpr
    indices: tuple[Symbol, ...]
    values: dict[tuple[int | None, ...], Dual] = field(default_factory=dict)
    products: dict[tuple[int | None, ...], Products] = field(default_factory=dict)


class Truth:
    """The values of expressions over a model and its derivatives, at one set of sizes."""

    def __init__(
        self,
        subject: Subject,
        sizes: Mapping[str, int],
        steps: int,
        domain: Domain,
        seed: int,
        points: Points = ANY,
        indices: Indices | None = None,
    ):
        self.subject, self.steps = subject, steps
        self.world = World(subject.names, sizes, steps, domain, seed, points)
        self.matrices = self.world.matrices
        self.number, self.integer, self.time = self.world.number, self.world.integer, self.world.time
        self.spend = self.world.spend
        self._values = Sweep(self.world, subject.names)
        self._of = {new: name for name, new in subject.adjoint.cotangents.items()}
        self._carried = {new: key for key, new in subject.adjoint.carries.items()}
        self._known: dict[object, Dual] = {}
        self._parts: dict[int, _Part] = {}
        self._indices = indices or Indices((T, *subject.names.sizes))

    def value(self, e: MatrixExpr, env: Mapping[Symbol, int] | None = None) -> Rows:
        """The value of an expression; `env` gives t and other free indices."""
        if len(self._parts) > MOST_PARTS:
            self._parts.clear()
        return evaluate(e, self, env or {}).rows

    def _record(self, e: MatrixExpr) -> _Part:
        record = self._parts.get(id(e))  # by identity: hashing a formula costs more than evaluating it
        if record is None:
            record = self._parts[id(e)] = _Part(e, tuple(self._indices.of(e)))
        return record

    def part(self, e: MatrixExpr, env: Env) -> Dual:
        """An operand's value, kept for the values of the indices in it."""
        if is_reference(e):
            return self.lookup(e, env)
        record = self._record(e)
        now = tuple([env.get(s) for s in record.indices]) if record.indices else ()
        value = record.values.get(now)
        if value is None:
            value = record.values[now] = evaluate(e, self, env)
        return value

    def products(self, e: OrderedProduct, env: Env) -> Products:
        """The products of the same factors that are known."""
        others = tuple([env.get(s) for s in self._record(e.body).indices if s != e.index])
        return self._record(e).products.setdefault(others, {})

    def lookup(self, r: MatrixExpr, env: Env) -> Dual:
        name, now = key = self._values.key(r, env)
        of_the_model = name in self.subject.normal.variables or self.subject.names[name].given
        if of_the_model and name not in self._of and name not in self._carried:
            return self._values.get(key)
        if key not in self._known:
            self._known[key] = self._compute(name, now)
        return self._known[key]

    def _compute(self, name: str, now: int | None) -> Dual:
        shape = self._shape(name)
        if name in self._of:  # at a step outside the sequence too: dL/dh[-1]
            return self.gradient(self._of[name], now)
        if now is not None and not 0 <= now < self.steps:
            return self.matrices.constant(*shape, self.matrices.domain.zero)
        if name in self._carried:
            of, offset = self._carried[name]
            sweep = self._sweep(self.subject.normal, edges={(of, offset, now or 0): self._basis(shape)})
            return self._shaped(self._objective(sweep), shape)
        return evaluate(self.subject.names.equations[name], self, {} if now is None else {t: now})

    def gradient(self, name: str, now: int | None = None) -> Dual:
        """dL/dname (at step `now`), in the shape of the name.

        For what is given, by the user's own equations; for what is computed, by the normal form, in which a
        loss that is fused with a softmax or a sigmoid reads the argument of that directly.
        """
        shape = self._shape(name)
        given = self.subject.normal[name].given
        program = self.subject.reading if given and name in self.subject.reading.variables else self.subject.normal
        sweep = self._sweep(program, {self._values.settle((name, now)): self._basis(shape)})
        return self._shaped(self._objective(sweep), shape)

    def derivative(self, e: Jacobian | StepGradient, env: Env) -> Dual:
        if isinstance(e, StepGradient):
            return self._step_gradient(e.name, self.time(e.index, env))
        of, by, *held = (self._values.settle(self._values.key(r, env)) for r in (e.of, e.by, *e.held))
        key = (of, by, e.kind, *held)
        if key not in self._known:
            copy = by[1] is not None and not self.subject.names[by[0]].timed
            self._known[key] = self._by_copy(of, by) if copy else self._jacobian(of, by, e.kind, frozenset(held))
        value = self._known[key]
        if not isinstance(e, Gradient):
            return value
        weight = [x for row in self.part(e.weight, env).rows for x in row]
        return self._reshaped(self.matrices.matmul(Dual([weight]), value), self._shape(by[0]))

    def _jacobian(self, of: Key, by: Key, kind: str, held: frozenset[Key]) -> Dual:
        reach: Callable[[Key], bool] = {
            "total": lambda key: True,
            "immediate": lambda key: key[1] in (None, of[1]),
            "partial": lambda key: key == of,
            "separate": lambda key: key[0] == of[0] or self.subject.names[key[0]].role != "state",
        }[kind]
        program, basis = self._program(of[0], by[0]), self._basis(self._shape(by[0]))
        sweep = Sweep(self.world, program, {by: basis}, flows=lambda key: key not in held and reach(key))
        rows, cols = self._shape(of[0])
        return self._columns(sweep.get(of), [(i, j) for i in range(rows) for j in range(cols)], self._shape(by[0]))

    def _by_copy(self, of: Key, by: Key) -> Dual:
        """The derivative by what one step alone uses of a quantity that all steps share."""
        name, step = by
        edges = {(name, 0, step or 0): self._basis(self._shape(name))}
        sweep = self._sweep(self._program(of[0], name), edges=edges)
        rows, cols = self._shape(of[0])
        return self._columns(sweep.get(of), [(i, j) for i in range(rows) for j in range(cols)], self._shape(name))

    def _step_gradient(self, name: str, step: int) -> Dual:
        shape = self._shape(name)
        sweep = self._sweep(self._program(name), {(name, None): self._basis(shape)})
        parts = []
        for of, given in self.subject.adjoint.seeds.items():
            if given:
                parts.append(self._paired(sweep, of, given, step))
                continue
            c, e = split(self.subject.normal.equations[of])
            if not isinstance(e, SumOver) or "t" not in e.axes:
                raise UnsupportedError("the loss is no sum over steps: step j has no loss of its own")
            parts.append(self.matrices.scale(self.number(c), evaluate(e.arg, sweep, {t: step})))
        return self._shaped(self.matrices.add(*parts), shape)

    def _objective(self, sweep: Sweep) -> Dual:
        """The loss; without one, the outputs weighted by their given cotangents."""
        parts = []
        for of, given in self.subject.adjoint.seeds.items():
            if not given:
                parts.append(sweep.get((of, None)))
                continue
            times = range(self.steps) if self.subject.names[of].timed else (None,)
            parts += [self._paired(sweep, of, given, now) for now in times]
        return self.matrices.add(self.matrices.constant(1, 1, self.matrices.domain.zero), *parts)

    def _paired(self, sweep: Sweep, of: str, given: str, now: int | None) -> Dual:
        m = self.matrices
        product = m.hadamard(m.transpose(self.world.given((given, now))), m.transpose(sweep.get((of, now))))
        rows, cols = product.shape
        return m.matmul(m.matmul(m.constant(1, rows, m.domain.one), product), m.constant(cols, 1, m.domain.one))

    def _sweep(
        self,
        program: Program,
        seeds: Mapping[Key, Directions] | None = None,
        edges: Mapping[tuple[str, int, int], Directions] | None = None,
    ) -> Sweep:
        return Sweep(self.world, program, seeds, edges)

    def _program(self, *names: str) -> Program:
        """The user's own equations where they know the names, else the normal form."""
        reading = self.subject.reading
        return reading if all(n in reading.variables for n in names) else self.subject.normal

    def _shape(self, name: str) -> tuple[int, int]:
        rows, cols = self.subject.names[name].shape
        return self.integer(rows), self.integer(cols)

    def _basis(self, shape: tuple[int, int]) -> Directions:
        """One direction for each entry, row by row."""
        zero, one = self.matrices.domain.zero, self.matrices.domain.one
        rows, cols = shape
        self.matrices.check(rows * cols, rows * cols)
        return tuple(
            [[one if (i, j) == (a, b) else zero for j in range(cols)] for i in range(rows)]
            for a in range(rows)
            for b in range(cols)
        )

    def _columns(self, value: Dual, entries: list[tuple[int, int]], by: tuple[int, int]) -> Dual:
        """The tangents as a matrix: a row for each entry, a column for each direction."""
        zero = self.matrices.domain.zero
        tangents = value.tangents or (None,) * (by[0] * by[1])
        return Dual([[zero if d is None else d[i][j] for d in tangents] for i, j in entries])

    def _shaped(self, objective: Dual, shape: tuple[int, int]) -> Dual:
        """The tangents of a scalar in the shape of what it is differentiated by."""
        return self._reshaped(self._columns(objective, [(0, 0)], shape), shape)

    @staticmethod
    def _reshaped(row: Dual, shape: tuple[int, int]) -> Dual:
        """A row of as many entries as a matrix has, as that matrix."""
        rows, cols = shape
        return Dual([row.rows[0][i * cols : (i + 1) * cols] for i in range(rows)])
