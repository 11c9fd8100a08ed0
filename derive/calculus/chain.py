"""The chain rule over hidden states: the recursion of BPTT, and the same as a double sum.

Within a recurrent component the cotangents obey y_t = e_t + K_{t+1} y_{t+1}: y stacks what arrives
at the component's states at step t, e is the part that comes from outside the component, and K is
the transposed Jacobian of one step.  Hence y_k = Σ_{j≥k} (K_{k+1} K_{k+2} … K_j) e_j, and a
parameter's gradient Σ_k G(y_k) is a double sum with an ordered product.  Several states give block
matrices, lags a companion matrix, and a state that runs backward a product that runs the other way.
(Werbos 1990; Pascanu, Mikolov & Bengio 2013, eqs. 3–5.)
"""

from __future__ import annotations

from itertools import chain, count

from sympy import HadamardProduct, MatAdd, MatrixExpr, Symbol, ZeroMatrix

from derive.algebra import build as b
from derive.algebra.bound import Bound, MatrixSum, OrderedProduct
from derive.algebra.names import Notation
from derive.algebra.nodes import Blocks, SumOver, T, Timed, is_reference, t
from derive.calculus.adjoint import Adjoint, Step
from derive.calculus.arrivals import arriving, mixed, vanishes
from derive.calculus.closed import ClosedForm, Path, is_long
from derive.calculus.component import Component
from derive.calculus.linear import spread
from derive.errors import UnsupportedError
from derive.graph import groups
from derive.program import Program, operands, rebuild, references

READABLE = 24  # a cotangent that takes more names than this to write out keeps its own
MOST_PATHS = 64
TO = " to "  # in the reason of a definition: before the gradient that it leads to


class Chain:
    """The closed forms of one adjoint program."""

    def __init__(self, adjoint: Adjoint):
        self.adjoint, self.program = adjoint, adjoint.program
        cotangents = set(adjoint.cotangents.values()) | set(adjoint.carries.values())
        found = [g for g in groups(self.program) if g.direction and set(g.names) & cotangents]
        self.recurrent = frozenset(n for g in found for n in g.names)
        self._groups = [tuple(g.names) for g in found]
        self._arriving = arriving(self.program)
        self._mixed = mixed(self.program, self._arriving)
        self._components: dict[int, Component] = {}
        self._meanings: dict[str, MatrixExpr | None] = {}
        self._near: dict[str, set[str]] = {}
        self.j, self.k, self.m = _indices(adjoint.program)

    def component(self, index: int) -> Component:
        """One recurrence of the adjoint program."""
        if index not in self._components:
            self._components[index] = Component(self.adjoint, self._groups[index], self.recurrent)
        return self._components[index]

    def component_of(self, name: str) -> Component | None:
        """The recurrence that a cotangent belongs to, or from which alone this step's equations compute it."""
        own = [i for i, names in enumerate(self._groups) if name in names]
        if not own:
            own = [i for i, names in enumerate(self._groups) if self._reached(name) & set(names)]
            if len(own) != 1 or not self._homogeneous(name) or self._is_late(name):
                return None
        return self.component(own[0])

    def _is_late(self, name: str) -> bool:
        """Does a recurrence reach it from another step, by a carry outside every recurrence?"""
        read = (r for n in (name, *self._reached(name) - self.recurrent) for r in references(self.program.equations[n]))
        return any(isinstance(r, Timed) and r.index != t and self.moves(r.name) for r in read)

    def _homogeneous(self, name: str) -> bool:
        """Is it zero where the cotangents of the recurrences are: does nothing else go into it?"""

        def zero(r: MatrixExpr) -> bool:
            return self.moves(r.name) and (r.name in self.recurrent or self._homogeneous(r.name))

        return vanishes(self.program.equations[name], zero)

    def moves(self, name: str) -> bool:
        """Does it depend on the cotangents of a recurrence?"""
        return name in self.recurrent or bool(self._reached(name) & self.recurrent)

    def _reached(self, name: str) -> set[str]:
        """Temporaries and cotangents between `name` and the nearest recurrent components."""
        if name not in self._near:
            self._near[name] = self._walk(name)
        return self._near[name]

    def _walk(self, name: str) -> set[str]:
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
            if isinstance(e, Timed) and e.index != t:
                return e  # after the last step a cotangent is zero, what it stands for is not
            return self._meaning(e.name) or e
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
            paths += self._paths(b.scale(c, inner.arg), definitions)
        whole = _sum([*(p.sum() for p in paths), *rest], e)
        return ClosedForm(whole, tuple(definitions.values()), tuple(paths), _sum(rest, e), self._arriving, self._mixed)

    def _paths(self, body: MatrixExpr, definitions: dict[str, Step]) -> list[Path]:
        """The summands of one sum over steps, recurrent cotangents written out over the steps they come from."""
        found: list[Path] = []
        todo = [(term, 0) for term in spread(body, self.moves)]  # with the step, after t, whose carry it is a term of
        while todo:
            term, late = todo.pop(0)
            moving = list(dict.fromkeys(r for r in references(term) if self.moves(r.name)))
            if not moving:  # j is the step of the carry, which is zero after the last one
                summand = self.plain(term.xreplace({t: t - late})).xreplace({t: self.j})
                found.append(Path(summand, False, late < 0, self.j, self.k, late=abs(late)).settled({}))
                continue
            if len(moving) > 1:
                raise UnsupportedError("two cotangents of recurrences meet in one product")
            r = moving[0]
            part, offset = self.component_of(r.name), (r.offset or 0) if isinstance(r, Timed) else 0
            if late * offset < 0 or (part is not None and abs(offset) < abs(late)):  # it is there, the carry is not
                raise UnsupportedError("a cotangent is read at a step of its own: the recursion says it better")
            if part is not None:
                found.append(self._path(term, r, part, definitions))
            else:  # several recurrences, or one and what does not recur: a path for each
                meaning = self.program.equations[r.name].xreplace({t: r.index} if isinstance(r, Timed) else {})
                later = max(late, offset, key=abs)
                todo = [(x, later) for x in spread(_put(term, r, meaning), self.moves)] + todo
            if len(todo) + len(found) > MOST_PATHS:
                raise UnsupportedError(f"more than {MOST_PATHS} paths lead to it: the recursion says it better")
        return found

    def _path(self, term: MatrixExpr, r: MatrixExpr, part: Component, definitions: dict[str, Step]) -> Path:
        """One summand over j and k."""
        offset = r.offset if isinstance(r, Timed) else 0
        if offset is None or (-offset if part.backward else offset) < 0:
            raise UnsupportedError("a cotangent is read at a step of its own: the recursion says it better")
        product = self._product(part, *self._define(part, r.name, definitions)).xreplace({self.k: self.k + offset})
        summand = _put(term.xreplace({t: self.k}), r.xreplace({t: self.k}), product)
        known = {s.left.name: s.right for s in definitions.values()}
        return Path(summand, True, part.backward, self.j, self.k, late=abs(offset)).settled(known)

    def _product(self, part: Component, row: MatrixExpr, step: MatrixExpr, source: MatrixExpr) -> MatrixExpr:
        """row(k) · (product of one-step matrices between k and j) · source(j)."""
        one_step = step.xreplace({t: self.m})
        if part.backward:
            product = OrderedProduct(one_step, self.m, self.j, self.k - 1, "descending")
        else:
            product = OrderedProduct(one_step, self.m, self.k + 1, self.j, "ascending")
        return b.matmul(row.xreplace({t: self.k}), product, source.xreplace({t: self.j}))

    def arriving(self, name: str) -> ClosedForm:
        """What arrives at a name at step t from the losses of all later steps, by the unfolded recursion.

        Raises:
            UnsupportedError: the recurrence has several states, or the name belongs to none.
        """
        part = self.component_of(name)
        if part is None or len(part.basis) * part.depth > 1:
            raise UnsupportedError("the recurrence has several states")
        definitions: dict[str, Step] = {}
        product = self._product(part, *self._define(part, name, definitions))
        bounds = (0, t) if part.backward else (t, T - 1)
        whole = MatrixSum(product.xreplace({self.k: t}), self.j, *bounds)
        return ClosedForm(whole, tuple(definitions.values()), (), b.zeros(whole.shape), self._arriving, self._mixed)

    def _define(
        self, part: Component, name: str, definitions: dict[str, Step]
    ) -> tuple[MatrixExpr, MatrixExpr, MatrixExpr]:
        """Symbols for the parts of a product, where they are worth a name."""
        tail = str(self._rank(part)) if len(self._groups) > 1 else ""
        states = ", ".join(dict.fromkeys(f"`{self.program[n].of}`" for n in part.basis))
        made = []
        of = self.program[name].of
        reached = f"`dL/d{of}[t]`" if of else f"`{name}`"
        for letter, e, meaning in (
            (
                f"P_{of or name}",
                part.row(name),
                f"from what arrives at {states} from outside and from the next step{TO}{reached}",
            ),
            (f"K{tail}", part.step(), f"the transposed Jacobian of one step of {states}"),
            (f"e{tail}", self.plain(part.source()), f"what arrives at {states} from outside the recurrence"),
        ):
            if isinstance(e, Blocks) or is_long(e):
                symbol = Timed(self._fresh(letter), t, *e.shape)
                definitions.setdefault(symbol.name, Step(symbol, e, "definition", meaning))
                made.append(symbol)
            else:
                made.append(e)
        return made[0], made[1], made[2]

    def _rank(self, part: Component) -> int:
        """The number of a recurrence, in the order of the states in the model."""
        order = {name: i for i, name in enumerate(self.program.variables)}

        def first(names: tuple[str, ...]) -> int:
            return min(order.get(self.program[n].of, len(order)) for n in names)

        return sorted(self._groups, key=first).index(tuple(part.names)) + 1

    def _fresh(self, name: str) -> str:
        while name in self.program.variables:
            name += "'"
        return name


def _indices(program: Program) -> list[Symbol]:
    """j, k and m, or other letters where the model has these names for something else."""
    notation = Notation(program.variables)
    taken = {*program.variables, *(s.name for s in program.sizes), *program.constants}
    taken |= {notation.base(name) for name in program.variables}
    names = chain("jkmnpqrsuvw", (f"{x}_{n}" for n in count(1) for x in "jkm"))
    free = (x for x in names if x not in taken)
    return [Symbol(next(free), integer=True) for _ in range(3)]


def _put(e: MatrixExpr, r: MatrixExpr, value: MatrixExpr) -> MatrixExpr:
    """The expression with a reference replaced."""
    if e == r:
        return value
    if is_reference(e) or not operands(e):
        return e
    parts = [_put(a, r, value) for a in operands(e)]
    join = {MatAdd: b.add, HadamardProduct: b.hadamard}.get(e.func)
    return join(*parts) if join else rebuild(e, parts)


def _sum(terms: list[MatrixExpr], like: MatrixExpr) -> MatrixExpr:
    # No merging of like terms: comparing sums over an index is what takes time.
    kept = [a for a in terms if not b.is_zero(a)]
    if not kept:
        return b.zeros(like.shape)
    return kept[0] if len(kept) == 1 else MatAdd(*kept)
