"""The chain rule over hidden states, path by path, as a textbook writes it.

For a network with one recurrent state s, read one step later, and a loss that is a sum over steps:

    dL/dθ = Σ_j dL_j/dθ,   dL_j/dθ = Σ_{k≤j} ∂L_j/∂ŷ_j ∂ŷ_j/∂s_j (Π_{m=k+1}^{j} ∂s_m/∂s_{m−1}) ∂⁺s_k/∂θ,

and for a parameter that no state depends on the path within the step.  The paths are found on the
graph of the equations, whatever stands between the loss and the state.  Derivatives are Jacobians
in numerator layout: a factor for each edge of a path, from the loss back.
(Werbos 1990; Pascanu, Mikolov & Bengio 2013, eqs. 3–5.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from sympy import Expr, Integer, MatrixExpr

from derive.algebra import build as b
from derive.algebra.nodes import Jacobian, SumOver, Timed, t
from derive.calculus.local import reaches
from derive.errors import UnsupportedError
from derive.graph import dependencies, groups
from derive.program import Program, references

Vertex = tuple[str, int | None]  # a name, and the step at which it is meant; None for a parameter


@dataclass(frozen=True)
class Hidden:
    """Where a parameter acts in a network with one recurrent state.

    Attributes:
        program: the model as the user wrote it.
        name: the parameter.
        loss: the loss of one step.
        coefficient: L = coefficient · Σ_j loss_j.
        state: the state through which it acts; "" if it acts behind it.
        trunk: from the loss to the state (or the last value before the parameter): what every path passes.
    """

    program: Program
    name: str
    loss: str
    coefficient: Expr
    state: str
    trunk: tuple[str, ...]

    @classmethod
    def of(cls, program: Program, name: str) -> Hidden:
        """How a parameter acts.

        Raises:
            UnsupportedError: the network is not of this kind; the message says in what.
        """
        loss, coefficient = _loss(program)
        parameter = program.ref(name)
        if not any(reaches(program, program.ref(n), parameter) for n, _ in _lagged(program)):
            return cls(program, name, loss, coefficient, "", _trunk(program, loss, parameter))
        state = _state(program)
        if reaches(_without(program, state), program.ref(loss), parameter):
            raise UnsupportedError(f"{name} acts on the state and behind it")
        return cls(program, name, loss, coefficient, state, _trunk(program, loss, program.ref(state)))

    @property
    def parameter(self) -> MatrixExpr:
        return self.program.ref(self.name)

    def at(self, name: str, index: Expr) -> MatrixExpr:
        return self.program.at(name, index)

    def edge(self, of: str, by: MatrixExpr, index: Expr) -> Jacobian:
        """The derivative along one edge of a path, at a step; ∂ where it is that of one equation, else ∂⁺."""
        direct = self._is_direct(of, by)
        moved = by.xreplace({t: index})
        return Jacobian(self.at(of, index), moved, "partial" if direct else "immediate")

    def _is_direct(self, of: str, by: MatrixExpr) -> bool:
        """Does a value enter another by its own equation only?"""
        if not isinstance(by, Timed):
            return False
        return not any(r != by and reaches(self.program, r, by) for r in references(self.program.equations[of]))

    def head(self, index: Expr) -> list[MatrixExpr]:
        """∂L_j/∂ŷ_j ∂ŷ_j/∂s_j: the factors from the loss of a step to the state, or to the last value."""
        return [self.edge(a, self.program.ref(c), index) for a, c in zip(self.trunk, self.trunk[1:], strict=False)]

    def hidden(self, index: Expr) -> MatrixExpr:
        """∂s_m/∂s_{m−1}."""
        return self.edge(self.state, self.program.ref(self.state, -1), index)

    def last(self, index: Expr) -> MatrixExpr:
        """∂⁺s_k/∂θ, or ∂⁺ŷ_j/∂θ of a parameter behind the state."""
        return Jacobian(self.at(self.trunk[-1], index), self.parameter, "immediate")

    def total(self, index: Expr) -> MatrixExpr:
        """dL_j/dθ."""
        return Jacobian(self.at(self.loss, index), self.parameter, "total")

    # The unrolled graph

    def successors(self, vertex: Vertex) -> Iterator[Vertex]:
        """What a value of the trunk or a state is computed from, one step of the way back to the parameter."""
        name, step = vertex
        if step is None:
            return
        after = self.trunk[self.trunk.index(name) + 1 :]
        if after:
            yield after[0], step
            return
        yield self.name, None
        if self.state and step > 0:
            yield self.state, step - 1

    def paths(self, step: int) -> list[tuple[Vertex, ...]]:
        """Every way from the loss of a step back to the parameter, the shortest first."""
        done: list[tuple[Vertex, ...]] = []
        todo: list[tuple[Vertex, ...]] = [((self.loss, step),)]
        while todo:
            path = todo.pop(0)
            if path[-1][1] is None:
                done.append(path)
            todo += [(*path, v) for v in self.successors(path[-1])]
        return done

    def along(self, path: tuple[Vertex, ...]) -> MatrixExpr:
        """The product of the derivatives along a path."""
        factors = []
        for (a, i), (c, k) in pairwise(path):
            assert i is not None
            by = self.program.ref(c, 0 if k is None else k - i)
            factors.append(self.last(Integer(i)) if k is None else self.edge(a, by, Integer(i)))
        return b.matmul(*factors)


def _loss(program: Program) -> tuple[str, Expr]:
    """The loss of one step, and the coefficient of their sum."""
    if not program.total:
        raise UnsupportedError("a building block has no loss of its own")
    c, e = b.split(program.equations[program.total])
    while isinstance(e, SumOver) and e.axes == "b":  # one sequence is written
        inner, e = b.split(e.arg)
        c *= inner
    if not isinstance(e, SumOver) or "t" not in e.axes or not isinstance(e.arg, Timed) or e.arg.offset != 0:
        raise UnsupportedError("the loss is no sum over steps")
    return e.arg.name, c


def _lagged(program: Program) -> set[tuple[str, int | None]]:
    """The computed names that are read at another step, with the distance."""
    return {(m, d) for e in program.equations.values() for m, d in dependencies(e) if d != 0 and m in program.equations}


def _state(program: Program) -> str:
    """The one name that is read one step later, by the recurrence alone."""
    lagged = _lagged(program)
    if len(lagged) > 1:
        raise UnsupportedError("there is more than one state: path by path works for one, the recursion for all")
    ((name, distance),) = lagged
    if distance != -1:
        raise UnsupportedError("the state is not read one step later")
    if program[name].shape[1] != 1:
        raise UnsupportedError("the state is a matrix")
    recurrent = [g.names for g in groups(program) if g.direction]
    outside = [e for n, e in program.equations.items() if not any(n in names for names in recurrent)]
    if len(recurrent) != 1 or any(d != 0 for e in outside for m, d in dependencies(e) if m in program.equations):
        raise UnsupportedError("an earlier state is read outside the recurrence")
    return name


def _on(program: Program, name: str, other: str) -> bool:
    return reaches(program, program.ref(name), program.ref(other))


def _without(program: Program, name: str) -> Program:
    """The program in which a name is given."""
    return replace(program, equations={n: e for n, e in program.equations.items() if n != name})


def _trunk(program: Program, loss: str, end: MatrixExpr) -> tuple[str, ...]:
    """The values that every way from the loss to `end` passes, both ends included (a parameter not).

    Raises:
        UnsupportedError: there is no way.
    """
    if not reaches(program, program.ref(loss), end):
        raise UnsupportedError(f"the loss of a step does not depend on {end.name} at that step")
    names = [
        n for n in reversed(list(program.equations)) if n not in (loss, end.name) and _between(program, loss, n, end)
    ]
    passed = [n for n in names if not reaches(_without(program, n), program.ref(loss), end)]
    passed.sort(key=lambda n: sum(_on(program, n, other) for other in passed if other != n), reverse=True)
    last = (end.name,) if isinstance(end, Timed) and end.name != loss else ()
    return (loss, *passed, *last)


def _between(program: Program, loss: str, name: str, end: MatrixExpr) -> bool:
    v = program[name]
    return v.timed and _on(program, loss, name) and reaches(program, program.ref(name), end)
