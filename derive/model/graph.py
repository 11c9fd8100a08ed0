"""The unrolled network, or the ways back from a loss to a parameter, as a graph."""

from __future__ import annotations

from derive.algebra.names import Notation
from derive.calculus.hidden import Hidden
from derive.documents.figures import Graph
from derive.documents.unrolled import network, ways
from derive.errors import InputError
from derive.kernels.entry import check_wrt
from derive.model.model import Model

MOST = 8  # a step beyond is drawn with dots, as a letter


def graph(model: Model, wrt: str = "", step: str = "j") -> Graph:
    """The network, or for a parameter the ways back to it from the loss of a step: a small number, or a letter for any.

    Raises:
        InputError: there is no such parameter, or the step is neither.
        UnsupportedError: the ways are not those of one hidden state.
    """
    notation = Notation(model.adjoint.program.variables)
    if not wrt:
        return network(model.program, notation)
    check_wrt(model.normal, [wrt])
    if model.normal[wrt].role != "param":
        raise InputError("wrt", "a parameter", repr(wrt))
    if step.isdecimal() and int(step) <= MOST:
        return ways(Hidden.of(model.program, wrt), int(step), notation)
    if not (len(step) == 1 and step.isascii() and step.isalpha()):
        raise InputError("step", f"a number up to {MOST} or a letter", repr(step))
    return ways(Hidden.of(model.program, wrt), step, notation)
