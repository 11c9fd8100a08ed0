"""The unrolled network and the ways back from a loss to a parameter, drawn from the equations."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence

from sympy import HadamardProduct, MatMul, MatrixExpr

from derive.algebra.names import Notation
from derive.algebra.nodes import Timed
from derive.calculus.hidden import Hidden, Vertex
from derive.documents.figures import Edge, Graph, Node
from derive.program import Program, operands, references

APART, ABOVE = 2.0, 1.6  # between steps and between rows
FIRST = 3  # steps that are drawn before the dots
Name = str


def network(program: Program, notation: Notation) -> Graph:
    """The first steps, dots, and the last step: inputs, states, results and losses, and what leads where."""
    rows = _rows(program)
    columns: list[tuple[float, str | int]] = [(APART * i, i) for i in range(FIRST)]
    columns.append((APART * (FIRST + 1), "T-1"))
    nodes, places = list[Node](), dict[tuple[Name, int], int]()
    for column, (x, index) in enumerate(columns):
        for name, row in rows.items():
            places[name, column] = len(nodes)
            kind = "given" if program[name].given else "value"
            nodes.append(Node(notation.tex(name, str(index)), x, ABOVE * row, kind))
    edges = list[Edge]()
    for name in rows:
        for source, offset in _sources(program, name, rows):
            if offset == 0:
                bend = 0.0 if rows[name] - rows[source] == 1 else 1.1
                label = _label(program, name, source, 0, rows, notation)
                edges += [
                    Edge(places[source, c], places[name, c], label if c == 0 else "", bend=bend)
                    for c in range(len(columns))
                ]
            elif abs(offset) == 1:
                edges += _between_steps(program, notation, (name, source, offset), rows, nodes, places, len(columns))
    return Graph(tuple(nodes), tuple(edges), f"the network {program.name} unrolled in time")


def _between_steps(
    program: Program,
    notation: Notation,
    edge: tuple[Name, Name, int],
    rows: Mapping[Name, int],
    nodes: list[Node],
    places: dict[tuple[Name, int], int],
    columns: int,
) -> Iterator[Edge]:
    """The arrows from a value to one of the next step (or the one before), through dots in the gap."""
    name, source, offset = edge
    label = _label(program, name, source, offset, rows, notation)
    for c in range(columns):
        other = c + offset
        if not 0 <= other < columns:
            continue
        first, last = places[source, other], places[name, c]
        if {c, other} == {columns - 2, columns - 1}:
            if (source, -1) not in places:
                places[source, -1] = len(nodes)
                nodes.append(Node(r"\dots", APART * FIRST, ABOVE * rows[source], "dots"))
            yield Edge(first, places[source, -1])
            yield Edge(places[source, -1], last)
        else:
            yield Edge(first, last, label if min(c, other) == 0 else "")


def _rows(program: Program) -> dict[Name, int]:
    """The height of each value that is drawn: inputs below, then what is computed from them, the loss on top."""
    given = [v.name for v in program.roles("input") if v.timed]
    drawn = [
        n
        for n in program.equations
        if program[n].timed and (program[n].role == "state" or n in program.outputs or n == "loss")
    ]
    levels = dict.fromkeys(given, 0)
    for name in drawn:
        below = [levels.get(s, 0) for s, offset in _sources(program, name, {*given, *drawn}) if offset == 0]
        levels[name] = 1 + max(below, default=0)
    ordered = sorted(levels, key=lambda n: levels[n])
    return {name: i for i, name in enumerate(ordered)}


def _sources(program: Program, name: Name, drawn: Container[Name]) -> list[tuple[Name, int]]:
    """The drawn values that a value is computed from, with their distance in time."""
    found: dict[tuple[Name, int], None] = {}
    for e in _on_the_way(program, name, drawn):
        for r in references(e):
            offset = r.offset if isinstance(r, Timed) else None
            if r.name in drawn and offset is not None and (r.name, offset) != (name, 0):
                found[r.name, offset] = None
    return list(found)


def _on_the_way(program: Program, name: Name, drawn: Container[Name]) -> Iterator[MatrixExpr]:
    """The equation of a value, and those of the values of the same step in it that are not drawn: gates, say."""
    todo, seen = [name], {name}
    while todo:
        equation = program.equations.get(todo.pop(), program.ref(name))
        yield equation
        for r in references(equation):
            here = isinstance(r, Timed) and r.offset == 0 and r.name not in drawn
            if here and r.name in program.equations and r.name not in seen:
                seen.add(r.name)
                todo.append(r.name)


def _label(program: Program, name: Name, source: Name, offset: int, drawn: Container[Name], notation: Notation) -> str:
    """The parameters that a value is multiplied by on its way, the first and the last where they are many."""
    found: dict[Name, None] = {}
    for equation in _on_the_way(program, name, drawn):
        for product in _products(equation, program.ref(source, offset)):
            found |= dict.fromkeys(_parameters(program, product))
    shown = [notation.tex(p) for p in program.variables if p in found]
    return ", ".join(shown) if len(shown) < 3 else rf"{shown[0]}\dots {shown[-1]}"


def _products(e: MatrixExpr, r: MatrixExpr) -> Iterator[MatrixExpr]:
    if isinstance(e, (MatMul, HadamardProduct)) and r in set(references(e)):
        yield e
    for a in operands(e):
        yield from _products(a, r)


def _parameters(program: Program, e: MatrixExpr) -> Iterator[str]:
    return (r.name for a in operands(e) for r in references(a) if program[r.name].role == "param")


def ways(hidden: Hidden, step: int | str, notation: Notation) -> Graph:
    """The ways back from the loss of a step to a parameter; a step that is a letter stands for any."""
    steps: list[tuple[float, str]]
    if isinstance(step, int):
        steps = [(APART * 0.8 * i, str(i)) for i in range(step + 1)]
    else:
        steps = [(0.0, "0"), (APART * 0.8, "1"), (APART * 2.4, f"{step}-1"), (APART * 3.2, step)]
    trunk = [n for n in hidden.trunk if n != hidden.state]
    nodes, places = list[Node](), dict[Vertex, int]()

    def put(vertex: Vertex, tex: str, x: float, y: float, kind: str = "value") -> None:
        places[vertex] = len(nodes)
        nodes.append(Node(tex, x, y, kind))

    last = len(steps) - 1
    for c, (x, index) in enumerate(steps) if hidden.state else [(last, steps[last])]:
        if hidden.state:
            put((hidden.state, c), notation.tex(hidden.state, index), x, ABOVE)
        if c == last:
            above = 2 if hidden.state else 1
            for i, n in enumerate(reversed(trunk)):
                put((n, c), notation.tex(n, index), x, ABOVE * (above + i))
    put((hidden.name, None), notation.tex(hidden.name), _middle(steps, bool(hidden.state)), 0.0, "parameter")
    edges = _way_edges(hidden, places, last)
    if isinstance(step, str) and hidden.state:
        nodes.append(Node(r"\dots", APART * 1.6, ABOVE, "dots"))
        gap = next(
            i for i, e in enumerate(edges) if e.start == places[hidden.state, 2] and e.end == places[hidden.state, 1]
        )
        far = edges.pop(gap)
        edges += [Edge(far.start, len(nodes) - 1, way=True), Edge(len(nodes) - 1, far.end, way=True)]
    return Graph(tuple(nodes), tuple(edges), f"the ways back from the loss of step {step} to {hidden.name}")


def _middle(steps: Sequence[tuple[float, str]], recurrent: bool) -> float:
    return (steps[0][0] + steps[-1][0]) / 2 if recurrent else steps[-1][0]


def _way_edges(hidden: Hidden, places: Mapping[Vertex, int], last: int) -> list[Edge]:
    """The edges of all ways back, each once."""
    found: dict[tuple[int, int], Edge] = {}
    todo: list[Vertex] = [(hidden.loss, last)]
    while todo:
        vertex = todo.pop()
        for after in hidden.successors(vertex):
            key = places[vertex], places[after]
            if key not in found:
                found[key] = Edge(*key, way=True)
                todo.append(after)
    return list(found.values())
