"""The kernel IR: what a target prints.  Frozen data, no target's syntax.

Arrays are row-major: a sequence is [T, B, …], padded with rows before and after for the values
outside 0 … T−1; a column vector's … is [n] (a scalar is a vector of one), any other shape [r, c].
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Buffer:
    """An array of the kernel.

    Attributes:
        name, code: its program name and its identifier in generated code.
        dims: the sizes of its components, as texts.
        steps, batch: does it have a T axis, a B axis.
        before, after: padding rows along T.
        boundary: (row, identifier or "") of each padding row; "" is zero.
        view: (identifier, low, high): these components of another buffer, along the first of them.
        given: an argument.
    """

    name: str
    code: str
    dims: tuple[str, ...]
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


# Elementwise trees


@dataclass(frozen=True)
class Leaf:
    """A buffer at a time.

    `index` is "" for all of it, one row ("t + 1"), or rows ("1", "T + 1").  `lift` tells how it
    meets operands of more axes: "" as it is, "scalar" as [.., 1, 1], "swap" transposed, "row" as [.., 1, n], "column" from [.., 1, n] to [.., n].
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
    kind: ClassVar[str] = "constant"
    text: str


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


Tree = Leaf | Constant | Sum | Factors | Group | Call


# Statements


@dataclass(frozen=True)
class Statement:
    """`comment` holds the equations it implements, one per line."""

    target: Leaf
    comment: tuple[str, ...]

    @property
    def kind(self) -> str:
        return type(self).__name__

    def leaves(self) -> Iterator[Leaf]:
        """The leaves it reads."""
        for value in vars(self).values():
            if value is not self.target:
                yield from tree_leaves(value)


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


@dataclass(frozen=True)
class Map(Statement):
    """target = an elementwise tree."""

    value: Tree


@dataclass(frozen=True)
class AddAtClass(Statement):
    """target[…, classes] += coefficient: adds a multiple of a one-hot array."""

    classes: Leaf
    coefficient: str


@dataclass(frozen=True)
class Gemm(Statement):
    """target = W b (Wᵀ b with `transposed`) for each step and sequence; W has no axes, b is a column."""

    weight: Leaf
    operand: Leaf
    transposed: bool


@dataclass(frozen=True)
class Gather(Statement):
    """target = the column (row with `transposed`) of W at each class."""

    weight: Leaf
    classes: Leaf
    transposed: bool


@dataclass(frozen=True)
class Accumulate(Statement):
    """target = Σ over steps and sequences of left rightᵀ, for columns."""

    left: Leaf
    right: Leaf


@dataclass(frozen=True)
class ScatterAdd(Statement):
    """target[:, class] += left, summed over steps and sequences."""

    left: Leaf
    classes: Leaf


@dataclass(frozen=True)
class Dot(Statement):
    """target = leftᵀ right for columns: a scalar per step and sequence."""

    left: Leaf
    right: Leaf


@dataclass(frozen=True)
class ComponentSum(Statement):
    """target = 1ᵀ a: a scalar per step and sequence."""

    operand: Leaf


@dataclass(frozen=True)
class Contract(Statement):
    """Any other product: target[out] = Σ left[…] right[…], by index letters.

    `missing` marks the axes of the target that `out` lacks ("." present, "n" missing).
    """

    operands: tuple[Leaf, ...]
    subscripts: tuple[str, ...]
    out: str
    missing: str


@dataclass(frozen=True)
class Total(Statement):
    """target = the sum of an array over the leading axes at these positions."""

    operand: Leaf
    positions: tuple[int, ...]


@dataclass(frozen=True)
class RowWise(Statement):
    """Softmax, log-softmax or a fused loss, along the components."""

    function: str
    operands: tuple[Leaf, ...]


@dataclass(frozen=True)
class Stack(Statement):
    """target = the operands one above the other; `bounds` are the row ranges, as texts."""

    operands: tuple[Leaf, ...]
    bounds: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Part(Statement):
    """target = rows low … high of the operand."""

    operand: Leaf
    low: str
    high: str


@dataclass(frozen=True)
class ZeroPad(Statement):
    """target = the operand as rows low … high, zero elsewhere."""

    operand: Leaf
    low: str
    high: str


@dataclass(frozen=True)
class Diagonal(Statement):
    """target = diag(operand)."""

    operand: Leaf


@dataclass(frozen=True)
class DiagonalOf(Statement):
    """target = the diagonal of the operand, as a column."""

    operand: Leaf


@dataclass(frozen=True)
class Impulse(Statement):
    """target[row] = operand where 0 ≤ time < T, zero at all other steps."""

    operand: Leaf
    row: str
    time: str


@dataclass(frozen=True)
class When(Statement):
    """target = operand if the two times are equal, else zero."""

    operand: Leaf
    left: str
    right: str


@dataclass(frozen=True)
class Loop:
    """A loop over time; direction 1 is t = 0 … T−1, −1 is t = T−1 … 0."""

    direction: int
    body: tuple[Statement, ...]
    comment: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return "Forward" if self.direction > 0 else "Backward"
