"""Where an element of an array lies: offsets into row-major arrays, as texts.

A sequence is [T + padding, B, …]; a view has the rows of the array that it is a part of.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from derive.kernels.lowering.trees import Buffer, Leaf


@dataclass(frozen=True)
class Element:
    """code[offset]."""

    kind: ClassVar[str] = "element"
    code: str
    offset: str


@dataclass(frozen=True)
class Local:
    """A local variable."""

    kind: ClassVar[str] = "local"
    code: str


@dataclass(frozen=True)
class Index:
    """The loop variables of the axes and components."""

    t: str = "0"
    b: str = "0"
    i: str = "0"
    j: str = "0"

    def at(self, i: str, j: str = "0") -> Index:
        """The same step and sequence, other components."""
        return replace(self, i=i, j=j)


class Layout:
    """The arrays of one function."""

    def __init__(self, buffers: Iterable[Buffer]):
        self.by_code = {b.code: b for b in buffers}

    def root(self, buffer: Buffer) -> Buffer:
        """The array that a view is a part of."""
        while buffer.view:
            buffer = self.by_code[buffer.view[0]]
        return buffer

    def row_size(self, buffer: Buffer) -> str:
        """How far the components of one sequence are from those of the next."""
        root = self.root(buffer)
        return "1" if root.onehot else times(*root.dims)

    def element(self, leaf: Leaf, at: Index) -> Element:
        """The element of a leaf at an index."""
        buffer = leaf.buffer
        lead = _row(leaf, at.t) if buffer.steps else ""
        if buffer.batch:
            lead = _inside(lead, "B", at.b)
        if buffer.onehot:
            return Element(buffer.code, lead or "0")
        return Element(buffer.code, _inside(lead, self.row_size(buffer), _component(leaf, at)) or "0")

    def view_offset(self, buffer: Buffer) -> str:
        """Where a view begins in the array it is a view of."""
        assert buffer.view is not None
        return times(buffer.view[1], *buffer.dims[1:])


def _row(leaf: Leaf, t: str) -> str:
    if isinstance(leaf.index, tuple):
        return plus(t, leaf.index[0])
    return leaf.index or t


def _component(leaf: Leaf, at: Index) -> str:
    """A size of 1 is broadcast: its index is 0 wherever the others are."""
    dims = leaf.buffer.dims
    if len(dims) == 1:
        return "" if dims[0] == "1" else at.j if leaf.lift == "row" else at.i
    row, column = (at.j, at.i) if leaf.lift == "swap" else (at.i, at.j)
    if leaf.lift == "column":
        row, column = "0", at.i
    return _inside("" if dims[0] == "1" else row, dims[1], "" if dims[1] == "1" else column)


def _inside(outer: str, size: str, inner: str) -> str:
    """outer · size + inner, without what is zero or one."""
    outer = "" if outer == "0" else outer
    inner = "" if inner == "0" else inner
    return plus(times(outer, size) if outer else "", inner)


def plus(*terms: str) -> str:
    """A sum without zeros; "" for nothing."""
    kept = [x for x in terms if x not in ("", "0")]
    return " + ".join(kept)


def times(*factors: str) -> str:
    """A product without ones."""
    kept = [x for x in factors if x != "1"]
    return " * ".join(map(grouped, kept)) if len(kept) > 1 else kept[0] if kept else "1"


def grouped(text: str) -> str:
    """In parentheses unless it is one word."""
    return f"({text})" if " " in text else text


def axes(leaf: Leaf) -> str:
    """The axes that a leaf has in a statement: a row of a sequence has no steps."""
    return "t" * (leaf.buffer.steps and leaf.where != "row") + "b" * leaf.buffer.batch
