"""Statements of C: loop nests over elements, and calls of the helpers that multiply matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from derive.kernels.lowering.trees import Tree
from derive.kernels.targets.c.elements import Element

Loops: TypeAlias = tuple[tuple[str, str], ...]  # (variable, how many), outermost first


@dataclass(frozen=True)
class Store:
    """target op value."""

    kind: ClassVar[str] = "store"
    target: Element
    op: str  # "=" or "+="
    value: Tree


@dataclass(frozen=True)
class Let:
    """A local variable of a loop's body."""

    kind: ClassVar[str] = "let"
    code: str
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
    stores: tuple[Store | Let, ...]
    classes: tuple[tuple[str, Element], ...] = ()

    @property
    def apart(self) -> bool:
        """No element is written twice, so that several may be at once."""
        return all(isinstance(s, Let) or s.op == "=" for s in self.stores)


@dataclass(frozen=True)
class Reduce(CStatement):
    """target = Σ value over the inner loops."""

    loops: Loops
    inner: Loops
    target: Element
    value: Tree
    variable: str
    more: str  # the condition that it is added to what is there, "" for never


@dataclass(frozen=True)
class Multiply(CStatement):
    """A matrix product by a helper.

    "product" is out[r, c] = Σ_k a[r, k] w[k, c] with w in panels, and "sums" out[r, c] = Σ_k a[k, r] w[k, c];
    `counts` are those of r, c and k, `strides` the distances between rows of a, w and out ("" for panels).
    """

    function: str
    counts: tuple[str, str, str]
    operands: tuple[Element, Element, Element]
    strides: tuple[str, str, str]
    more: str = ""  # the condition that sums are added to what is there


@dataclass(frozen=True)
class EachRow(CStatement):
    """A helper on the components of steps and sequences, on as many at once as `counts` says first."""

    loops: Loops
    function: str
    counts: tuple[str, ...]
    operands: tuple[Element, ...]
    targets: tuple[Element, ...]


@dataclass(frozen=True)
class PackPart(CStatement):
    """A matrix with `counts` rows and columns becomes a part of one in panels, `whole` its rows and columns.

    `first` tells where it begins there; "pack" takes it as it is, "pack_turned" its transpose.
    """

    function: str
    counts: tuple[str, ...]
    operand: Element
    whole: tuple[str, ...]
    first: tuple[str, str]
    target: Element


@dataclass(frozen=True)
class Clear(CStatement):
    """`count` numbers from `target` on are zero."""

    target: Element
    count: str


@dataclass(frozen=True)
class If(CStatement):
    """The body where a condition on T and B holds."""

    condition: str
    body: tuple[CStatement, ...]


@dataclass(frozen=True)
class TimeLoop(CStatement):
    """The steps from `low` to before `high`, up or down."""

    direction: int
    low: str
    high: str
    body: tuple[CStatement, ...]

    @property
    def kind(self) -> str:
        return "Forward" if self.direction > 0 else "Backward"


@dataclass(frozen=True)
class Tiles(CStatement):
    """All steps, `count` of them at a time from `first` on, up or down."""

    direction: int
    first: str
    count: str
    body: tuple[CStatement, ...]
