"""From an entry point to a schedule: buffers and statements, ready for any target.

lower → inline → hoist → stack → buffers → statements → fuse → reuse → panels → tiles.  Every stage up to the stack is
a program that the interpreter runs, so tests compare each with the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from html import escape

from sympy import MatrixExpr

from derive.algebra.text import text
from derive.graph import groups
from derive.kernels.entry import EntryPoint
from derive.kernels.lowering.codenames import CodeNames
from derive.kernels.lowering.emit import Emitter
from derive.kernels.lowering.fuse import fuse
from derive.kernels.lowering.lower import lower
from derive.kernels.lowering.pack import Packer
from derive.kernels.lowering.panels import panels
from derive.kernels.lowering.passes import Origins, densify, hoist, inline
from derive.kernels.lowering.reuse import reuse
from derive.kernels.lowering.stack import Stacker
from derive.kernels.lowering.statements import Loop, Statement, Tile, inner
from derive.kernels.lowering.storage import Storage
from derive.kernels.lowering.tiles import tiles
from derive.kernels.lowering.trees import Buffer
from derive.program import Program


@dataclass(frozen=True)
class Schedule:
    """One function of a kernel.

    Attributes:
        entry: what it computes, with the names of arguments and results.
        program: the lowered program that the statements implement.
        buffers: every array, arguments first, parents before their views.
        statements: in order, loops included.
    """

    entry: EntryPoint
    program: Program
    names: CodeNames
    buffers: tuple[Buffer, ...]
    statements: tuple[Statement | Loop | Tile, ...]

    def buffer(self, name: str) -> Buffer:
        return next(b for b in self.buffers if b.name == name)

    def walk(self) -> Iterable[Statement]:
        """Every statement, those in loops included."""
        for s in self.statements:
            yield from inner(s)

    def __repr__(self) -> str:
        return f"<Schedule {self.entry.name}: {sum(1 for _ in self.walk())} statements>"

    def _repr_html_(self) -> str:
        """What is done in which order, for notebooks."""
        return f"<pre>{escape(str(self))}</pre>"

    def __str__(self) -> str:
        return "\n".join([self.entry.name, *(line for s in self.statements for line in _summary(s, "  "))])


def _summary(s: Statement | Loop | Tile, margin: str) -> Iterator[str]:
    if isinstance(s, (Loop, Tile)):
        way = "t = 0 … T-1" if s.direction > 0 else "t = T-1 … 0"
        yield f"{margin}for {way}" if isinstance(s, Loop) else f"{margin}some steps at a time, {way}"
        for x in s.body:
            yield from _summary(x, margin + "  ")
        return
    leaves = ", ".join(dict.fromkeys(leaf.code for leaf in s.leaves()))
    yield f"{margin}{s.kind} {s.target.code} <- {leaves}"


def passes(
    entry: EntryPoint, loops: bool = False, functions_only: bool = False
) -> Iterable[tuple[str, Program, Origins]]:
    """The program after each pass, by the pass's name, with the equations that each name implements.

    With `loops` for a target that writes loops over elements, where arithmetic is cheap and memory is not:
    only functions are hoisted, and maps over consecutive slices stay apart.  Else for one that calls a library
    for each whole array; `functions_only` keeps arithmetic in its loop there too, and sums over steps apart.
    """
    wanted = entry.results()
    program = lower(entry.program, wanted)
    origins: Origins = {n: (n,) for n in entry.program.equations if n in program.equations}
    yield "lower", program, origins
    program = inline(program, wanted, origins)
    yield "inline", program, origins
    program = hoist(program, arithmetic=not (loops or functions_only))
    yield "hoist", program, origins
    if loops:
        stacker = Stacker(program, wanted, origins)
        stacker.run()
    else:
        stacker = Packer(program, wanted, origins)
        stacker.run(sums=not functions_only)
    program = stacker.program().restrict(wanted)
    yield "stack", program, origins
    program = densify(program)
    yield "densify", program, origins


def schedule(
    entry: EntryPoint,
    normal: Program,
    reserved: Iterable[str],
    equation: Callable[[str, MatrixExpr], str] | None = None,
    naming: type[CodeNames] = CodeNames,
    loops: bool = False,
) -> Schedule:
    """Lower an entry point.

    Args:
        entry: what to compute.
        normal: the model, whose names come before those of the entry's own.
        reserved: identifiers that the target keeps for itself.
        equation: how a comment prints an equation; the cell language's syntax by default.
        naming: how the target writes sizes.
        loops: whether the target writes loops over elements (see `passes`): maps are fused and weights packed then.
    """
    *_, (_, program, origins) = passes(entry, loops)
    order = groups(program)
    names = naming(normal, reserved)
    for name in program.variables:
        names.add(name)
    storage = Storage(program, order, frozenset(entry.results()), names)
    emitter = Emitter(program, storage, _comments(entry, program, origins, equation or equation_text))
    statements: list[Statement | Loop] = []
    for group in order:
        if group.direction:
            body = tuple(s for n in group.names for s in emitter.statements(n, inside=True))
            statements.append(Loop(group.direction, body))
        else:
            statements.extend(emitter.statements(group.names[0], inside=False))
    buffers = tuple(sorted(storage.buffers.values(), key=lambda b: not b.given))
    done = tuple(statements)
    if not loops:
        return Schedule(entry, program, names, buffers, done)
    done, buffers = panels(*reuse(*fuse(done, buffers, storage.results), storage.results), storage.results, names)
    tiled = tiles(done, {b.code: b for b in buffers})
    return Schedule(entry, program, names, tuple(sorted(buffers, key=_unaligned)), tiled)


def _unaligned(b: Buffer) -> tuple[bool, int]:
    """Matrices, sequences, single numbers, views: behind a short array the rows of long ones begin anywhere."""
    return not b.given, 3 if b.view else 2 if b.dims == ("1",) else int(b.steps or b.batch)


def _comments(
    entry: EntryPoint, program: Program, origins: Origins, equation: Callable[[str, MatrixExpr], str]
) -> dict[str, tuple[str, ...]]:
    """The equations that each lowered name implements, as text."""
    comments = {}
    for name, e in program.equations.items():
        sources = origins.get(name, ())
        known = [(n, entry.program.equations[n]) for n in sources if n in entry.program.equations]
        comments[name] = tuple(equation(_left(entry.program, n), x) for n, x in known or [])
        if not known:
            comments[name] = (equation(_left(program, name), e),)
    return comments


def _left(program: Program, name: str) -> str:
    return f"{name}[t]" if program[name].timed else name


def equation_text(left: str, e: MatrixExpr) -> str:
    return f"{left} = {text(e)}"
