"""The program of some of the sequences of a batch, for threads that share them out.

Sequences do not know of each other, so a part of them runs the model itself.  Only what has no sequences needs a
word: a sum over the sequences is the sum of what the parts make of it, but a penalty on a parameter counts once.  A
value that mixes both comes in two outputs, so that whoever runs the parts asks but one of them for the second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sympy import MatrixExpr

from derive.algebra import build as b
from derive.kernels.sums import check_linear, is_sum, terms
from derive.program import SHARED, Builder, Program, Variable


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
    mixed = bool(normal.total) and not all(is_sum(e, "b") for e in terms(normal, normal.total, "b"))
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
    program = program.restrict([*program.outputs, *wanted], given=True)
    message = "threads need a loss that is linear in its sums over the sequences: leave `threads` out"
    check_linear(program, {*made, program.total}, "b", message)
    return Rows(program, total, pieces)


def _pieces(out: Builder, normal: Program, name: str) -> Pieces:
    """The outputs that hold a value's parts: itself, if it is all of one kind."""
    found = list(terms(normal, name, "b"))
    summed = [e for e in found if is_sum(e, "b")]
    once = [e for e in found if not is_sum(e, "b")]
    whole = name in normal.outputs
    if whole and not once:
        return Pieces(name, "")
    if whole and not summed:
        return Pieces("", name)
    return Pieces(_output(out, normal, name, "rows", summed), _output(out, normal, name, "once", once))


def _output(out: Builder, normal: Program, name: str, kind: str, found: list[MatrixExpr]) -> str:
    if not found:
        return ""
    made = out.declare(Variable(out.fresh(f"{name}_{kind}"), "result", normal[name].shape, SHARED)).name
    out.define(made, b.add(*found))
    return made
