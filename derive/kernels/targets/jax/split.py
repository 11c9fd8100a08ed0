"""The two halves of a vector-Jacobian product: what the results need, and what hangs on their cotangents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from sympy import HadamardProduct, MatAdd, MatMul, MatrixExpr, ZeroMatrix

from derive.algebra.build import add
from derive.algebra.nodes import Delta, Slice, T, Timed, is_reference, t
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
    read = _read(program, second)
    parts = {n: e.arg.name for n in read if n in first and (e := _part(program, n))}
    whole = {n for n, count in Counter(parts.values()).items() if count > 1 or n in read}
    again = {n for n, arg in parts.items() if arg in whole}  # cut once more, out of what is saved
    second = [n for n in program.equations if n in again or n in second]
    read = _read(program, second) | {n for n in gradients if n in first}
    return Halves(
        replace(program, equations={n: e for n, e in program.equations.items() if n in first}),
        replace(program, equations={n: program.equations[n] for n in second}),
        tuple(n for n in program.variables if n in read and n not in second and program[n].role != "cotangent"),
    )


def _read(program: Program, names: Iterable[str]) -> set[str]:
    read = {r.name for n in names for r in references(program.equations[n])}
    return read | {i for n in read for i in program[n].initial if i}


def _part(program: Program, name: str) -> Slice | None:
    """A name's equation where it is a part of an array at the same step."""
    e = program.equations.get(name)
    return e if isinstance(e, Slice) and isinstance(e.arg, Timed) and e.arg.offset == 0 else None


def without(program: Program, zero: Iterable[str], wanted: Iterable[str]) -> Program:
    """What is wanted of a program that is linear in some names, where these are zero."""
    gone, equations, kept = set(zero), dict(program.equations), set(wanted)
    count = -1
    while count != len(gone):  # a name may be read before it is written, a step later
        count = len(gone)
        equations = {n: _cleared(e, gone) for n, e in equations.items()}
        gone |= {n for n, e in equations.items() if isinstance(e, ZeroMatrix)}
    rest = replace(program, equations={n: e for n, e in equations.items() if n not in gone or n in kept})
    live = rest.live(kept)
    return replace(rest, equations={n: e for n, e in rest.equations.items() if n in live})


def _cleared(e: MatrixExpr, zero: Collection[str]) -> MatrixExpr:
    if is_reference(e):
        return ZeroMatrix(*e.shape) if e.name in zero else e
    old = operands(e)
    parts = [_cleared(a, zero) for a in old]
    nothing = [isinstance(a, ZeroMatrix) for a in parts]
    if all(a is b for a, b in zip(old, parts, strict=True)):
        return e
    if isinstance(e, MatAdd):
        rest = [a for a, gone in zip(parts, nothing, strict=True) if not gone]
        return add(*rest) if rest else ZeroMatrix(*e.shape)
    product = isinstance(e, (MatMul, HadamardProduct))
    return ZeroMatrix(*e.shape) if all(nothing) or (product and any(nothing)) else rebuild(e, parts)


def _flat(groups: Iterable[tuple[str, ...]]) -> list[str]:
    return [n for group in groups for n in group]


def lowered(entry: EntryPoint) -> Program:
    """As for NumPy: what does not hang on a recurrence outside of it, gates that multiply the same operand stacked.

    But for the gradients of weights: XLA compiles the cuts of a stacked one longer than it computes the parts.
    """
    *_, (_, program, _) = passes(replace(entry, program=at_steps(entry.program)), functions_only=True)
    given = {n: v for n, v in entry.program.variables.items() if v.given}  # those that nothing wanted hangs on too
    return replace(program, variables={**given, **program.variables})


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
