"""Buffers and elementwise trees: what the statements of the kernel IR are made of.

Arrays are row-major: a sequence is [T, B, …], padded with rows before and after for the values
outside 0 … T−1; a column vector's … is [n] (a scalar is a vector of one), any other shape [r, c].
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

from sympy import Expr


@dataclass(frozen=True)
class Buffer:
    """An array of the kernel.

    Attributes:
        name, code: its program name and its identifier in generated code.
        dims: the sizes of its components, as texts; `extents` are the same as expressions.
        steps, batch: does it have a T axis, a B axis.
        before, after: padding rows along T.
        boundary: (row, identifier or "") of each padding row; "" is zero.
        view: (identifier, low, high): these components of another buffer, along the first of them.
        given: an argument.
    """

    name: str
    code: str
    dims: tuple[str, ...]
    extents: tuple[Expr, ...]
    steps: bool
    batch: bool
    before: int = 0
    after: int = 0
    boundary: tuple[tuple[str, str], ...] = ()
    view: tuple[str, str, str] | None = None
    given: bool = False
    onehot: bool = False

    @property
    def shape(self) -> tuple[str, ...]:
        """The full shape, as texts."""
        pad = self.before + self.after
        lead = (f"T + {pad}" if pad else "T",) * self.steps + ("B",) * self.batch
        return lead + (() if self.onehot else self.dims)

    @property
    def rank(self) -> int:
        return len(self.dims)


@dataclass(frozen=True)
class Leaf:
    """A buffer at a time.

    `index` is "" for all of it, one row ("t + 1"), or rows ("1", "T + 1").  `lift` tells how it meets
    operands of more axes: "" as it is, "scalar" as [.., 1, 1], "swap" transposed, "row" as
    [.., 1, n], "column" from [.., 1, n] to [.., n].
    """

    kind: ClassVar[str] = "leaf"
    buffer: Buffer
    index: str | tuple[str, str] = ""
    lift: str = ""

    @property
    def code(self) -> str:
        return self.buffer.code

    @property
    def where(self) -> str:
        """The name of the index's form: whole, row or rows."""
        return "whole" if self.index == "" else "row" if isinstance(self.index, str) else "rows"


@dataclass(frozen=True)
class Constant:
    """A number made of numbers, named constants, sizes and T (1/T counts as 0 when T = 0)."""

    kind: ClassVar[str] = "constant"
    value: Expr


@dataclass(frozen=True)
class Sum:
    """Signed terms; `terms[0]` is positive wherever there is a positive term."""

    kind: ClassVar[str] = "sum"
    terms: tuple[tuple[str, Tree], ...]


@dataclass(frozen=True)
class Factors:
    """A product; a factor that needs parentheses is a Group."""

    kind: ClassVar[str] = "factors"
    factors: tuple[Tree, ...]


@dataclass(frozen=True)
class Group:
    kind: ClassVar[str] = "group"
    inner: Tree


@dataclass(frozen=True)
class Call:
    """A function of the registry."""

    kind: ClassVar[str] = "call"
    function: str
    args: tuple[Tree, ...]


class Place(Protocol):
    """A target's own leaf: where an element lies in its syntax."""

    kind: ClassVar[str]

    @property
    def code(self) -> str: ...


Tree = Leaf | Place | Constant | Sum | Factors | Group | Call


def tree_leaves(value: object) -> Iterator[Leaf]:
    if isinstance(value, Leaf):
        yield value
    elif isinstance(value, Sum):
        for _, term in value.terms:
            yield from tree_leaves(term)
    elif isinstance(value, Factors):
        for factor in value.factors:
            yield from tree_leaves(factor)
    elif isinstance(value, Group):
        yield from tree_leaves(value.inner)
    elif isinstance(value, Call):
        for arg in value.args:
            yield from tree_leaves(arg)
    elif isinstance(value, tuple):
        for item in value:
            yield from tree_leaves(item)
