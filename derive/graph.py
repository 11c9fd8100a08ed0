"""What hangs on what, at which time distance, and so what is inside which time loop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sympy import MatrixExpr

from derive.algebra.nodes import Timed
from derive.errors import DeriveError
from derive.program import Program, references


@dataclass(frozen=True)
class Group:
    """Equations that are evaluated together: a recurrence, or one equation outside any.

    `direction` is 1 for a loop over t = 0 … T−1, −1 for one over T−1 … 0, 0 outside.
    """

    names: tuple[str, ...]
    direction: int


def dependencies(e: MatrixExpr) -> list[tuple[str, int | None]]:
    """(name, distance): 0 at the same time, d for x[t+d], None for an absolute time."""
    return [(r.name, r.offset if isinstance(r, Timed) else 0) for r in references(e)]


def groups(program: Program) -> list[Group]:
    """The strongly connected components of the dependence graph, in an order of evaluation.

    Raises:
        DeriveError: a recurrence that no order of time can evaluate.
    """
    edges = {n: dependencies(e) for n, e in program.equations.items()}
    for name, v in program.variables.items():
        if name in edges:
            edges[name] = edges[name] + [(i, None) for i in v.initial if i in edges]
    found = []
    for component in _components({n: [m for m, _ in d if m in edges] for n, d in edges.items()}):
        members = set(component)
        inner = [(n, m, d) for n in component for m, d in edges[n] if m in members]
        if not inner:
            found.append(Group(tuple(component), 0))
            continue
        order = _within_step(
            [n for n in program.equations if n in members],
            {n: [m for m, d in edges[n] if m in members and d == 0] for n in component},
        )
        found.append(Group(tuple(order), _direction(component, [d for _, _, d in inner])))
    return found


def _direction(component: Iterable[str], distances: Iterable[int | None]) -> int:
    apart = [d for d in distances if d != 0]
    if apart and all(d is not None and d < 0 for d in apart):
        return 1
    if apart and all(d is not None and d > 0 for d in apart):
        return -1
    raise DeriveError(f"no order of time evaluates {', '.join(sorted(component))}: they need past and future")


def _within_step(names: list[str], needs: Mapping[str, list[str]]) -> list[str]:
    """Program order, but for what must come first."""
    order: list[str] = []
    placed: set[str] = set()
    open_: set[str] = set()
    for start in names:
        stack = [(start, False)]
        while stack:
            name, done = stack.pop()
            if done:
                open_.discard(name)
                placed.add(name)
                order.append(name)
            elif name not in placed:
                if name in open_:
                    raise DeriveError(f"{name} needs itself within one step")
                open_.add(name)
                stack.append((name, True))
                stack.extend((m, False) for m in reversed(needs[name]) if m not in placed)
    return order


def _components(graph: Mapping[str, list[str]]) -> list[list[str]]:
    """Tarjan's strongly connected components, dependencies first, without recursion."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    result: list[list[str]] = []
    for root in graph:
        if root in index:
            continue
        work = [(root, iter(graph[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, successors = work[-1]
            for m in successors:
                if m not in index:
                    index[m] = low[m] = len(index)
                    stack.append(m)
                    on_stack.add(m)
                    work.append((m, iter(graph[m])))
                    break
                if m in on_stack:
                    low[node] = min(low[node], index[m])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    component: list[str] = []
                    while not component or component[-1] != node:
                        component.append(stack.pop())
                        on_stack.discard(component[-1])
                    result.append(component)
    return result
