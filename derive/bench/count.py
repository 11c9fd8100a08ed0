"""What the work costs at least: floating-point operations of products, and bytes that must move."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod

from derive.bench.sizes import SizeSet
from derive.kernels.arrays import size_value
from derive.kernels.lowering import statements as ir
from derive.kernels.lowering.schedule import Schedule
from derive.kernels.lowering.statements import Loop, Statement, Tile, inner
from derive.kernels.lowering.trees import Buffer, Leaf

CLASS_BYTES = 4


@dataclass(frozen=True)
class Work:
    """Of one call of value_and_grad.

    Attributes:
        flops: 2 m n k per product, for every step and sequence that it is done for; elementwise work is not counted.
        bytes: every argument read once, every result written once, every sequence between written and read once.
    """

    flops: int
    bytes: int


def work(schedule: Schedule, sizes: SizeSet, itemsize: int) -> Work:
    """Count the work of a schedule."""
    flops = sum(_flops(s, sizes, inside) for s, inside in _statements(schedule.statements))
    results = set(schedule.entry.results())
    moved = 0
    for b in schedule.buffers:
        if b.view is None and (b.given or b.name in results or b.steps):
            once = b.given or b.name in results
            moved += _elements(b, sizes) * (CLASS_BYTES if b.onehot else itemsize) * (1 if once else 2)
    return Work(flops, moved)


def _statements(found: Iterable[Statement | Loop | Tile]) -> Iterator[tuple[Statement, bool]]:
    """Every statement, and whether it is in a loop over the steps."""
    for s in found:
        if isinstance(s, Tile):
            yield from _statements(s.body)
        else:
            yield from ((x, isinstance(s, Loop)) for x in inner(s))


def _flops(s: Statement, sizes: SizeSet, inside: bool) -> int:
    """2 m n k of a product, all its steps included."""
    steps = sizes.steps if inside else 1
    if isinstance(s, (ir.Gemm, ir.Product)):
        rows = _own(s.target.buffer, sizes)
        return 2 * rows * _own(s.operand.buffer, sizes) * steps * _lead((s.target, s.operand), sizes)
    if isinstance(s, ir.Accumulate):
        return 2 * _own(s.left.buffer, sizes) * _own(s.right.buffer, sizes) * steps * _lead((s.left, s.right), sizes)
    if isinstance(s, ir.Dot):
        return 2 * _own(s.left.buffer, sizes) * steps * _lead((s.left, s.right), sizes)
    if isinstance(s, ir.Contract):
        return 2 * steps * prod(_letters(s, sizes).values())
    return 0


def _own(b: Buffer, sizes: SizeSet) -> int:
    return prod(size_value(e, sizes.sizes) for e in b.extents)


def _lead(leaves: tuple[Leaf, ...], sizes: SizeSet) -> int:
    """Over how many steps and sequences one statement goes."""
    steps = any(leaf.buffer.steps and leaf.where != "row" for leaf in leaves)
    batch = any(leaf.buffer.batch for leaf in leaves)
    return (sizes.steps if steps else 1) * (sizes.batch if batch else 1)


def _letters(s: ir.Contract, sizes: SizeSet) -> Mapping[str, int]:
    """The length of each index of a contraction."""
    lengths: dict[str, int] = {}
    for leaf, subscripts in zip(s.operands, s.subscripts, strict=True):
        b = leaf.buffer
        lead = [sizes.steps] * (b.steps and leaf.where != "row") + [sizes.batch] * b.batch
        own = [size_value(e, sizes.sizes) for e in b.extents]
        for letter, n in zip(reversed(subscripts), reversed(lead + own), strict=False):
            lengths[letter] = max(n, lengths.get(letter, 1))
    return lengths


def _elements(b: Buffer, sizes: SizeSet) -> int:
    lead = (sizes.steps if b.steps else 1) * (sizes.batch if b.batch else 1)
    return lead * (1 if b.onehot else _own(b, sizes))
