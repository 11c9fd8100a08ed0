"""The two halves of a vector-Jacobian product: what the results need, and what hangs on their cotangents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sympy import MatAdd, MatrixExpr, ZeroMatrix

from derive.algebra.build import add
from derive.algebra.nodes import Delta, T, t
from derive.kernels.entry import EntryPoint
from derive.kernels.lowering.schedule import passes
from derive.program import Builder, Program, operands, rebuild, references


@dataclass(frozen=True)
class Halves:
    """`saved` are the names of the first half, and given ones, that the second one reads."""

    forward: Program
    backward: Program
    saved: tuple[str, ...]


def halves(entry: EntryPoint) -> Halves:
    """The halves of a `vjp`, over the same variables."""
    program = lowered(entry)
    results = [entry.loss] * bool(entry.loss) + [*entry.outputs.values(), *_flat(entry.final.values())]
    gradients = [*entry.grads.values(), *entry.inputs.values(), *_flat(entry.initial.values())]
    first = program.live(results)
    second = [n for n in program.equations if n in program.live(gradients) and n not in first]
    read = {r.name for n in second for r in references(program.equations[n])} | {n for n in gradients if n in first}
    read |= {i for n in read for i in program[n].initial if i}
    return Halves(
        replace(program, equations={n: e for n, e in program.equations.items() if n in first}),
        replace(program, equations={n: program.equations[n] for n in second}),
        tuple(n for n in program.variables if n in read and n not in second and program[n].role != "cotangent"),
    )


def _flat(groups: Iterable[tuple[str, ...]]) -> list[str]:
    return [n for group in groups for n in group]


def lowered(entry: EntryPoint) -> Program:
    """As for NumPy: what does not hang on a recurrence outside of it, gates that multiply the same operand stacked."""
    *_, (_, program, _) = passes(replace(entry, program=at_steps(entry.program)))
    return program


def at_steps(program: Program) -> Program:
    """The program with a name for whatever is there at one step only: it is made for all steps at once."""
    out = Builder(replace(program, equations={}))

    def named(e: MatrixExpr) -> MatrixExpr:
        parts = [named(a) for a in operands(e)]
        if isinstance(e, MatAdd):
            return add(*(a for a in parts if not isinstance(a, ZeroMatrix))) if parts else e
        e = rebuild(e, parts) if parts else e
        if not isinstance(e, Delta):
            return e
        if e.at.has(t):
            return out.name(e, "at_step")
        apart = (e.time - e.at - T).expand()  # at no T are they equal
        return ZeroMatrix(*e.shape) if apart.is_Integer and apart > 0 else e

    for name, e in program.equations.items():
        out.equations[name] = named(e)
    return out.program()
