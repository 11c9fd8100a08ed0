"""Texts of what goes over steps: sums over them, and values that are there at one of them."""

from __future__ import annotations

from sympy import MatMul, Transpose

from derive.algebra import build
from derive.algebra.nodes import Delta, Pad, SumOver, t
from derive.kernels.written.codes import ATOM, PRODUCT, Code
from derive.kernels.written.expressions import Writer, write


@write.register(SumOver)
def _(e: SumOver, to: Writer) -> Code:
    has = to.program.axes(e.arg)
    if "outer" in to.dialect.phrases and to.steps and (outer := _outer_sum(e, to)):
        return Code(outer)
    summed = [n for n, axis in enumerate(a for a in "tb" if a in has) if axis in e.axes]
    text, level = to.full(e.arg).at(ATOM), ATOM
    if summed:
        text = to.phrase("sum over", text, axis=f"({', '.join(map(str, summed))},)")
    for axis, count in (("t", "T"), ("b", "B")):
        if axis in e.axes and axis not in has:
            text, level = f"{count} * {text}", PRODUCT
    return Code(text, level)


def _outer_sum(e: SumOver, to: Writer) -> str:
    """Σ x yᵀ as one product, without the outer products of every step and sequence; "" if it is none."""
    if not isinstance(e.arg, MatMul) or len(e.arg.args) < 2 or e.shape[1] == 1:
        return ""
    *left, right = e.arg.args
    if not isinstance(right, Transpose) or right.arg.shape[1] != 1:
        return ""
    x = build.matmul(*left)
    axes = to.program.axes(x)
    if axes != to.program.axes(right.arg) or not set(e.axes) <= axes or x.shape[1] != 1:
        return ""
    lead = "".join(a for a in "tb" if a in axes)
    kept = "".join(a for a in lead if a not in e.axes)
    return to.phrase("outer", to.full(x).text, to.full(right.arg).text, lead=lead, kept=kept)


@write.register(Pad)
def _(e: Pad, to: Writer) -> Code:
    after = to.size((e.shape[0] - e.low - e.arg.shape[0]).expand())
    return Code(to.phrase("pad" if e.shape[1] == 1 else "pad rows", to.full(e.arg).text, to.size(e.low), after))


@write.register(Delta)
def _(e: Delta, to: Writer) -> Code:
    """A value at one step, for all steps at once; or a value where T is a number."""
    inner, at, time = to.full(e.arg).text, to.size(e.at), to.size(e.time)
    if not e.at.has(t):
        lead = [code for axis, code in (("t", "T"), ("b", "B")) if axis in to.program.axes(e)]
        zeros = to.phrase("zeros", shape=", ".join([*lead, to.shape(e)]))
        return Code(f"({inner} if {at} == {time} else {zeros})")
    axes = ("b" in to.program.axes(e)) + (1 if e.shape[1] == 1 else 2)
    return Code(to.phrase("at step", inner, to.size(e.time), index="[:" + ", None" * axes + "]"))
