"""Statements of C: loop nests over elements, and calls of the helpers that multiply matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from derive.kernels.lowering.trees import Tree
from derive.kernels.targets.c.elements import Element

Loops: TypeAlias = tuple[tuple[str, str], ...]  # (variable, how many), outermost first


@dataclass(frozen=True)
class Store:
    """target op value."""

    target: Element
    op: str  # "=" or "+="
    value: Tree


@dataclass(frozen=True)
class CStatement:
    """`comment` holds the equations it implements, one per line."""

    comment: tuple[str, ...]

    @property
    def kind(self) -> str:
        return type(self).__name__


@dataclass(frozen=True)
class Nest(CStatement):
    """Stores inside loops; `classes` are (variable, element): class indices that the stores use."""

    loops: Loops
    stores: tuple[Store, ...]
    classes: tuple[tuple[str, Element], ...] = ()


@dataclass(frozen=True)
class Reduce(CStatement):
    """target = Σ value over the inner loops."""

    loops: Loops
    inner: Loops
    target: Element
    value: Tree
    variable: str


@dataclass(frozen=True)
class Multiply(CStatement):
    """A matrix product by a helper.

    "rows" is out[r, c] = Σ_k a[r, k] w[c, k], "rows_transposed" out[r, c] = Σ_k a[r, k] w[k, c], and
    "sums" out[r, c] = Σ_k a[k, r] w[k, c]; `counts` are those of r, c and k, `strides` the distances
    between rows of a, w and out.
    """

    function: str
    counts: tuple[str, str, str]
    operands: tuple[Element, Element, Element]
    strides: tuple[str, str, str]


@dataclass(frozen=True)
class EachRow(CStatement):
    """A helper on the components of every step and sequence."""

    loops: Loops
    function: str
    counts: tuple[str, ...]
    operands: tuple[Element, ...]
    target: Element


@dataclass(frozen=True)
class Clear(CStatement):
    """`count` numbers from `target` on are zero."""

    target: Element
    count: str


@dataclass(frozen=True)
class If(CStatement):
    """The body where T `relation` steps."""

    relation: str
    steps: int
    body: tuple[CStatement, ...]


@dataclass(frozen=True)
class TimeLoop(CStatement):
    direction: int
    body: tuple[CStatement, ...]

    @property
    def kind(self) -> str:
        return "Forward" if self.direction > 0 else "Backward"
