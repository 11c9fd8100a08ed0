"""The chain rule over hidden states: the recursion of BPTT, and the same as a double sum.

Within a recurrent component the cotangents obey y_t = e_t + K_{t+1} y_{t+1}: y stacks what arrives
at the component's states at step t, e is the part that comes from outside the component, and K is
the transposed Jacobian of one step.  Hence y_k = Σ_{j≥k} (K_{k+1} K_{k+2} … K_j) e_j, and a
parameter's gradient Σ_k G(y_k) is a double sum with an ordered product.  Several states give block
matrices, lags a companion matrix, and a state that runs backward a product that runs the other way.
(Werbos 1990; Pascanu, Mikolov & Bengio 2013, eqs. 3–5.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from sympy import MatAdd, MatrixExpr, Symbol, ZeroMatrix

from derive.algebra import build as b
from derive.algebra.bound import Bound, MatrixSum, OrderedProduct
from derive.algebra.nodes import Blocks, SumOver, T, Timed, is_reference, t
from derive.calculus.adjoint import Adjoint, Step
from derive.calculus.component import Component
from derive.errors import UnsupportedError
from derive.graph import groups
from derive.program import operands, rebuild, references

J, K = Symbol("j", integer=True), Symbol("k", integer=True)
M = Symbol("m", integer=True)
READABLE = 24  # a cotangent that takes more names than this to write out keeps its own


@dataclass(frozen=True)
class Path:
    """One kind of term: `summand` in j and k, summed over k and over the j that reach it, or in j alone."""

    summand: MatrixExpr
    double: bool
    backward: bool = False

    def sum(self) -> MatrixExpr:
        if not self.double:
            return MatrixSum(self.summand, J, 0, T - 1)
        bounds = (J, T - 1) if self.backward else (0, J)
        return MatrixSum(MatrixSum(self.summand, K, *bounds), J, 0, T - 1)


@dataclass(frozen=True)
class ClosedForm:
    """A gradient as sums over steps.

    Attributes:
        compact: the sum, with symbols for the one-step block matrix and what goes with it.
        definitions: what those symbols stand for at step t.
        short_paths: the summands of `compact`, path by path.
        rest: the terms of `compact` that are no sums over steps; they count once, not per sequence.
    """

    compact: MatrixExpr
    definitions: tuple[Step, ...]
    short_paths: tuple[Path, ...] = field(repr=False)
    rest: MatrixExpr = field(repr=False)

    @cached_property
    def expression(self) -> MatrixExpr:
        """The sum, explicit in the model's own quantities."""
        return self._explicit(self.compact)

    @cached_property
    def paths(self) -> tuple[Path, ...]:
        """The explicit summands, path by path."""
        return tuple(replace(p, summand=self._explicit(p.summand)) for p in self.short_paths)

    def _explicit(self, e: MatrixExpr) -> MatrixExpr:
        known = {s.left.name: s.right for s in self.definitions}
        return _substitute(e, known) if known else e


def _substitute(e: MatrixExpr, known: Mapping[str, MatrixExpr]) -> MatrixExpr:
    """Replace symbols by what they stand for, at their own time."""
    if is_reference(e):
        return known[e.name].xreplace({t: e.index}) if e.name in known else e
    if isinstance(e, Bound):
        return e.func(_substitute(e.body, known), *e.args[1:])
    if not operands(e):
        return e
    parts = [_substitute(a, known) for a in operands(e)]
    return b.matmul(*parts) if e.is_MatMul else rebuild(e, parts)


def readable(adjoint: Adjoint) -> tuple[Step, ...]:
    """The adjoint recursion as a person writes it: carries replaced by what they stand for."""
    carried = {name: offset for (_, offset), name in adjoint.carries.items()}
    equations = adjoint.program.equations

    def visit(e: MatrixExpr) -> MatrixExpr:
        if is_reference(e) and e.name in carried:
            return equations[e.name].xreplace({t: e.index})
        if is_reference(e) or not operands(e):
            return e
        parts = [visit(a) for a in operands(e)]
        return b.add(*parts) if isinstance(e, MatAdd) else rebuild(e, parts)

    return tuple(replace(s, right=visit(s.right)) for s in adjoint.steps if s.rule != "carry")


class Chain:
    """The closed forms of one adjoint program."""

    def __init__(self, adjoint: Adjoint):
        self.adjoint, self.program = adjoint, adjoint.program
        cotangents = set(adjoint.cotangents.values()) | set(adjoint.carries.values())
        found = [g for g in groups(self.program) if g.direction and set(g.names) & cotangents]
        self.recurrent = frozenset(n for g in found for n in g.names)
        self._groups = [tuple(g.names) for g in found]
        self._components: dict[int, Component] = {}
        self._meanings: dict[str, MatrixExpr | None] = {}

    def component_of(self, name: str) -> Component | None:
        """The component whose cotangents `name` is computed from, directly or through this step's equations."""
        live = {name} | self._same_step(name)
        for i, names in enumerate(self._groups):
            if live & set(names):
                if i not in self._components:
                    self._components[i] = Component(self.adjoint, names, self.recurrent)
                return self._components[i]
        return None

    def _same_step(self, name: str) -> set[str]:
        """Temporaries and cotangents between `name` and the nearest recurrent components."""
        seen: set[str] = set()
        todo = [name]
        while todo:
            n = todo.pop()
            for r in references(self.program.equations.get(n, ZeroMatrix(1, 1))):
                if r.name not in seen and self.program[r.name].role in ("adjoint", "temporary", "carry"):
                    seen.add(r.name)
                    if r.name not in self.recurrent:
                        todo.append(r.name)
        return seen

    def plain(self, e: MatrixExpr) -> MatrixExpr:
        """Cotangents outside every recurrence replaced by what they are (ŷ − y), where that is short."""
        if is_reference(e):
            meaning = self._meaning(e.name)
            return e if meaning is None else meaning.xreplace({t: e.index} if isinstance(e, Timed) else {})
        if isinstance(e, Bound) or not operands(e):
            return e
        parts = [self.plain(a) for a in operands(e)]
        if isinstance(e, MatAdd):
            return b.add(*parts)
        return rebuild(e, parts)

    def _meaning(self, name: str) -> MatrixExpr | None:
        """What a name stands for at its own step; None where the name tells a reader more."""
        if name not in self._meanings:
            self._meanings[name] = self._short(name)
        return self._meanings[name]

    def _short(self, name: str) -> MatrixExpr | None:
        inside = self.program[name].role not in ("adjoint", "temporary") or name in self.recurrent
        if inside or name not in self.program.equations:
            return None
        e = self.program.equations[name]
        if e.atoms(SumOver) or any(self.program[r.name].role == "carry" for r in references(e)):
            return None  # the t of a sum must not become j
        meaning = self.plain(e)
        return meaning if sum(1 for _ in references(meaning)) <= READABLE else None

    def closed_form(self, name: str) -> ClosedForm:
        """The gradient with respect to `name` (a parameter) as sums over steps.

        Raises:
            UnsupportedError: there is no such form that would help a reader; the message says why.
        """
        e = self.program.equations[self.adjoint.cotangents[name]]
        rest: list[MatrixExpr] = []
        paths: list[Path] = []
        definitions: dict[str, Step] = {}
        for term in e.args if isinstance(e, MatAdd) else (e,):
            c, inner = b.split(term)
            if not isinstance(inner, SumOver) or "t" not in inner.axes:
                rest.append(term)
                continue
            bodies = inner.arg.args if isinstance(inner.arg, MatAdd) else (inner.arg,)
            paths += [self._path(b.scale(c, body), definitions) for body in bodies]
        whole = _sum([*(p.sum() for p in paths), *rest], e)
        return ClosedForm(whole, tuple(definitions.values()), tuple(paths), _sum(rest, e))

    def _path(self, body: MatrixExpr, definitions: dict[str, Step]) -> Path:
        """The summand of one sum over steps, its recurrent cotangent written out over the steps it comes from."""
        moving = [r for r in references(body) if self._component(r) is not None]
        if not moving:
            return Path(self.plain(body).xreplace({t: J}), double=False)
        if len(moving) > 1:
            raise UnsupportedError("two cotangents of recurrences meet in one product")
        r, part = moving[0], self._component(moving[0])
        assert part is not None
        product = self._product(part, *self._define(part, r.name, definitions))
        summand = body.xreplace({t: K}).xreplace({r.xreplace({t: K}): product})
        return Path(summand, double=True, backward=part.backward)

    def _component(self, r: MatrixExpr) -> Component | None:
        if self.program[r.name].role not in ("adjoint", "temporary") or r.name not in self.program.equations:
            return None
        return self.component_of(r.name)

    def _product(self, part: Component, row: MatrixExpr, step: MatrixExpr, source: MatrixExpr) -> MatrixExpr:
        """row(k) · (product of one-step matrices between k and j) · source(j)."""
        one_step = step.xreplace({t: M})
        if part.backward:
            product = OrderedProduct(one_step, M, J, K - 1, "descending")
        else:
            product = OrderedProduct(one_step, M, K + 1, J, "ascending")
        return b.matmul(row.xreplace({t: K}), product, source.xreplace({t: J}))

    def _define(
        self, part: Component, name: str, definitions: dict[str, Step]
    ) -> tuple[MatrixExpr, MatrixExpr, MatrixExpr]:
        """Symbols for the parts of a product, where they are worth a name."""
        index = self._groups.index(tuple(part.names)) + 1
        tail = str(index) if len(self._groups) > 1 else ""
        made = []
        of = self.program[name].of
        reached = f"dL/d{of}" if of else name
        for letter, e, meaning in (
            (f"P_{of or name}", part.row(name), f"from what arrives at the states to {reached}"),
            (f"K{tail}", part.step(), "the transposed Jacobian of one step"),
            (f"e{tail}", self.plain(part.source()), "what arrives at step t from outside the recurrence"),
        ):
            if isinstance(e, Blocks):
                symbol = Timed(self._fresh(letter), t, *e.shape)
                definitions.setdefault(symbol.name, Step(symbol, e, "definition", meaning))
                made.append(symbol)
            else:
                made.append(e)
        return made[0], made[1], made[2]

    def _fresh(self, name: str) -> str:
        while name in self.program.variables:
            name += "'"
        return name


def _sum(terms: list[MatrixExpr], like: MatrixExpr) -> MatrixExpr:
    # No merging of like terms: comparing sums over an index is what takes time.
    kept = [a for a in terms if not b.is_zero(a)]
    if not kept:
        return b.zeros(like.shape)
    return kept[0] if len(kept) == 1 else MatAdd(*kept)


def expand(e: MatrixExpr, steps: int) -> MatrixExpr:
    """A closed form with T = steps, every sum and product written out."""
    return _expand(e.subs(T, steps))


def _expand(e: MatrixExpr) -> MatrixExpr:
    if isinstance(e, Bound):
        if not (e.low.is_Integer and e.high.is_Integer):
            return e
        terms = [_expand(e.at(k)) for k in range(int(e.low), int(e.high) + 1)]
        return e.combine(terms)
    if is_reference(e) or not operands(e):
        return e
    parts = [_expand(a) for a in operands(e)]
    if isinstance(e, MatAdd):
        return b.add(*parts)
    return b.matmul(*parts) if e.is_MatMul else rebuild(e, parts)
