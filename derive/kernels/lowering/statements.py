"""The kernel IR: what a target prints.  Frozen data, no target's syntax."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sympy import Expr

from derive.kernels.lowering.trees import Leaf, Tree, tree_leaves


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

    def targets(self) -> tuple[Leaf, ...]:
        """The leaves it writes."""
        return (self.target,)


@dataclass(frozen=True)
class Map(Statement):
    """target = an elementwise tree."""

    value: Tree


@dataclass(frozen=True)
class Fused(Statement):
    """Maps over the same elements, done together.

    `inside` are the codes of targets that nothing else reads, `first` leaves that are read before a target is
    written, whose place it takes.
    """

    parts: tuple[Map, ...]
    inside: frozenset[str] = frozenset()
    first: tuple[Leaf, ...] = ()

    def leaves(self) -> Iterator[Leaf]:
        """The leaves that its maps read."""
        for p in self.parts:
            yield from p.leaves()

    def targets(self) -> tuple[Leaf, ...]:
        """The targets of its maps."""
        return tuple(p.target for p in self.parts)


@dataclass(frozen=True)
class AddAtClass(Statement):
    """target[…, classes] += coefficient: adds a multiple of a one-hot array."""

    classes: Leaf
    coefficient: Expr


@dataclass(frozen=True)
class Gemm(Statement):
    """target = W b (Wᵀ b with `transposed`) for each step and sequence; W has no axes, b is a column."""

    weight: Leaf
    operand: Leaf
    transposed: bool


@dataclass(frozen=True)
class Pack(Statement):
    """target = the operands one above the other, or the transpose of that if `turned`, in panels.

    `lows` are the first rows of the operands.
    """

    operands: tuple[Leaf, ...]
    lows: tuple[str, ...]
    turned: bool


@dataclass(frozen=True)
class Product(Statement):
    """target = Pᵀ b for each step and sequence, P in panels."""

    weight: Leaf
    operand: Leaf


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
class SoftmaxLoss(RowWise):
    """A softmax and its cross-entropy: what they share is computed once."""

    softmax: Leaf

    def targets(self) -> tuple[Leaf, ...]:
        """The softmax and the loss."""
        return self.softmax, self.target


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
    """target[row] = operand if T ≥ least, zero at all other steps; a least of None is never reached."""

    operand: Leaf
    row: str
    least: int | None


@dataclass(frozen=True)
class When(Statement):
    """target = operand if T = steps, else zero; None is no T."""

    operand: Leaf
    steps: int | None


@dataclass(frozen=True)
class Loop:
    """A loop over time; direction 1 is t = 0 … T−1, −1 is t = T−1 … 0."""

    direction: int
    body: tuple[Statement, ...]
    comment: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return "Forward" if self.direction > 0 else "Backward"


@dataclass(frozen=True)
class Tile:
    """Some steps at a time: statements over these steps and a time loop, in order."""

    direction: int
    body: tuple[Statement | Loop, ...]

    @property
    def kind(self) -> str:
        return "TilesUp" if self.direction > 0 else "TilesDown"


def inner(s: Statement | Loop | Tile) -> tuple[Statement, ...]:
    """The statements of a loop or a tile, or the one itself."""
    if isinstance(s, Tile):
        return tuple(x for part in s.body for x in inner(part))
    return s.body if isinstance(s, Loop) else (s,)
