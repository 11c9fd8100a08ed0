"""The program of some of the sequences of a batch, for threads that share them out.

Sequences do not know of each other, so a part of them runs the model itself.  Only what has no sequences needs a
word: a sum over the sequences is the sum of what the parts make of it, but a penalty on a parameter counts once.  A
value that mixes both comes in two outputs, so that whoever runs the parts asks but one of them for the second.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from sympy import Expr, MatAdd, MatrixExpr, S

from derive.algebra import build as b
from derive.algebra.nodes import SumOver, is_reference
from derive.errors import UnsupportedError
from derive.kernels.segments import trimmed
from derive.program import SHARED, Builder, Program, Variable, operands


@dataclass(frozen=True)
class Pieces:
    """The outputs of a part that hold a value without sequences: what is summed over the parts, and what counts once.

    "" where there is none.
    """

    summed: str
    once: str


@dataclass(frozen=True)
class Rows:
    """The program of a part of the sequences.

    Attributes:
        program: in normal form; it has a total loss where that is a sum over the sequences and nothing else.
        total: the pieces of a total loss that it has not.
        outputs: the pieces of the outputs that have no sequences.
    """

    program: Program
    total: Pieces | None
    outputs: Mapping[str, Pieces]


def rows(normal: Program) -> Rows:
    """The program of a part of the sequences of a model in normal form.

    Raises:
        UnsupportedError: something is not linear in its sums over the sequences.
    """
    out = Builder(normal)
    mixed = bool(normal.total) and not all(_summed(e) for e in _terms(normal, normal.total))
    pieces = {n: _pieces(out, normal, n) for n in normal.outputs if "b" not in normal[n].axes}
    total = _pieces(out, normal, normal.total) if mixed else None
    kept = [n for n in normal.outputs if n not in pieces]
    made = [n for p in (*pieces.values(), *([total] if total else [])) for n in (p.summed, p.once) if n]
    program = replace(
        out.program(outputs=tuple(dict.fromkeys((*kept, *made)))),
        name=f"{normal.name}_rows",
        total="" if mixed else normal.total,
    )
    wanted = [v.name for v in program.states if v.initial] + [program.total] * bool(program.total)
    program = trimmed(program, wanted)
    _check_sums(program, {*made, program.total})
    return Rows(program, total, pieces)


def _pieces(out: Builder, normal: Program, name: str) -> Pieces:
    """The outputs that hold a value's parts: itself, if it is all of one kind."""
    terms = list(_terms(normal, name))
    summed = [e for e in terms if _summed(e)]
    once = [e for e in terms if not _summed(e)]
    whole = name in normal.outputs
    if whole and not once:
        return Pieces(name, "")
    if whole and not summed:
        return Pieces("", name)
    return Pieces(_output(out, normal, name, "rows", summed), _output(out, normal, name, "once", once))


def _output(out: Builder, normal: Program, name: str, kind: str, terms: list[MatrixExpr]) -> str:
    if not terms:
        return ""
    made = out.declare(Variable(out.fresh(f"{name}_{kind}"), "result", normal[name].shape, SHARED)).name
    out.define(made, b.add(*terms))
    return made


def _terms(normal: Program, name: str) -> Iterator[MatrixExpr]:
    """The terms of a value without sequences; a name that holds sums over them is put in."""

    def take(c: Expr, e: MatrixExpr) -> Iterator[MatrixExpr]:
        k, e = b.split(e)
        if isinstance(e, MatAdd):
            for a in e.args:
                yield from take(c * k, a)
        elif is_reference(e) and e.name in normal.equations and _holds_sum(normal.equations[e.name]):
            yield from take(c * k, normal.equations[e.name])
        else:
            yield b.scale(c * k, e)

    yield from take(S.One, normal.equations[name])


def _summed(e: MatrixExpr) -> bool:
    """Is it a sum over the sequences?"""
    e = b.split(e)[1]
    return isinstance(e, SumOver) and "b" in e.axes


def _check_sums(program: Program, linear: set[str]) -> None:
    """A part does not know the sums over the other sequences.

    Raises:
        UnsupportedError: something else asks for one.
    """
    for name, e in program.equations.items():
        inner = [a for term in _terms(program, name) for a in operands(b.split(term)[1])] if name in linear else [e]
        if any(map(_holds_sum, inner)):
            message = "threads need a loss that is linear in its sums over the sequences: leave `threads` out"
            raise UnsupportedError(message)


def _holds_sum(e: MatrixExpr) -> bool:
    return (isinstance(e, SumOver) and "b" in e.axes) or any(map(_holds_sum, operands(e)))
