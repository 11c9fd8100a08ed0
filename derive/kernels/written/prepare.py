"""The part of a model that a peer is made from: what the loss needs, in a form that is easy to write out."""

from __future__ import annotations

from sympy import MatrixExpr

from derive.algebra.nodes import FusedLoss, SumOver, Timed
from derive.errors import InputError
from derive.program import Builder, Program, operands, rebuild


def loss_program(normal: Program) -> Program:
    """The normal form without what the total loss does not need.

    A fused loss loses its companion, which no value needs, and what is summed over steps has a name.

    Raises:
        InputError: the model has no loss.
    """
    if not normal.total:
        raise InputError("CELL", "a model with a loss", f"{normal.name}, which has none")
    out = Builder(Program(**{**vars(normal), "equations": {}}))
    for name, e in normal.equations.items():
        out.equations[name] = _plain(e, out)
    return out.program().restrict([normal.total])


def _plain(e: MatrixExpr, out: Builder) -> MatrixExpr:
    parts = operands(e)
    if isinstance(e, FusedLoss):
        return rebuild(e, (e.target, e.logits, e.logits))
    if isinstance(e, SumOver) and "t" in e.axes and "t" in out.view().axes(e.arg) and not isinstance(e.arg, Timed):
        return SumOver(out.name(_plain(e.arg, out), "term"), e.axes)
    return rebuild(e, (_plain(a, out) for a in parts)) if parts else e
