"""Values that are linear in their sums over the steps or over the sequences, taken apart into their terms.

Who runs a part of the steps or of the sequences knows no other part's sums, and can only add up what is linear in them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sympy import Expr, MatAdd, MatrixExpr, S

from derive.algebra import build as b
from derive.algebra.nodes import SumOver, is_reference
from derive.errors import UnsupportedError
from derive.program import Program, operands


def terms(program: Program, name: str, axis: str) -> Iterator[MatrixExpr]:
    """The terms of a value that has not this axis, "t" or "b".

    Sums over it are taken apart, and for a name that holds one stands what it is equal to.
    """

    def take(c: Expr, e: MatrixExpr, axes: str) -> Iterator[MatrixExpr]:
        """c times the sum of e over some axes."""
        k, e = b.split(e)
        if isinstance(e, MatAdd):
            for a in e.args:
                yield from take(c * k, a, axes)
        elif isinstance(e, SumOver) and not set(e.axes) & set(axes):
            yield from take(c * k, e.arg, axes + e.axes)
        elif is_reference(e) and _holds(program, e.name, axis):
            yield from take(c * k, program.equations[e.name], axes)
        else:
            yield b.scale(c * k, SumOver(e, "".join(sorted(axes, reverse=True))) if axes else e)

    yield from take(S.One, program.equations[name], "")


def is_sum(e: MatrixExpr, axis: str) -> bool:
    """Is it a multiple of a sum over an axis?"""
    e = b.split(e)[1]
    return isinstance(e, SumOver) and axis in e.axes


def check_linear(program: Program, linear: Collection[str], axis: str, message: str) -> None:
    """Are the values of these names linear in the sums over an axis, and the others without any?

    Raises:
        UnsupportedError: they are not; it says the message.
    """
    for name, e in program.equations.items():
        inner = [a for x in terms(program, name, axis) for a in operands(b.split(x)[1])] if name in linear else [e]
        if any(_sums(a, axis) for a in inner):
            raise UnsupportedError(message)


def _holds(program: Program, name: str, axis: str) -> bool:
    """Does a value that has not this axis hold a sum over it?"""
    live = [n for n in program.live([name]) if n in program.equations and axis not in program[n].axes]
    return axis not in program[name].axes and any(_sums(program.equations[n], axis) for n in live)


def _sums(e: MatrixExpr, axis: str) -> bool:
    return (isinstance(e, SumOver) and axis in e.axes) or any(_sums(a, axis) for a in operands(e))
