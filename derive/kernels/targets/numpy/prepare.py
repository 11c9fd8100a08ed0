"""From the kernel IR to statements of NumPy: in place, flat, and on weights that are turned before a loop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from derive.kernels.lowering import statements as ir
from derive.kernels.lowering.codenames import CodeNames
from derive.kernels.lowering.fuse import losses
from derive.kernels.lowering.statements import Loop, Statement, Tile
from derive.kernels.lowering.trees import Buffer, Leaf
from derive.kernels.targets.numpy.inplace import Operation, operations


@dataclass(frozen=True)
class InPlace(Statement):
    """A map as operations on its target, without temporaries where that is possible."""

    operations: tuple[Operation, ...]


@dataclass(frozen=True)
class InPlaceOnce(InPlace):
    """A single operation: the target needs no name of its own."""


@dataclass(frozen=True)
class FlatGemm(ir.Gemm):
    """A product over all steps and sequences at once: one call on [T·B, n] arrays."""


@dataclass(frozen=True)
class StepGemm(ir.Gemm):
    """The product of one step, on a weight whose rows are those of the operand: half the cost of a call of `matmul`."""


@dataclass(frozen=True)
class Turn(Statement):
    """target = the transpose of a weight, in memory: small products with it take half the time."""

    weight: Leaf


@dataclass
class Preparer:
    """The statements of one function; `turned` are the transposes that loops read, by the weight."""

    names: CodeNames
    turned: dict[str, Buffer] = field(default_factory=dict)

    def statements(self, found: Iterable[Statement | Loop | Tile]) -> Iterator[Statement | Loop]:
        whole = [s for s in found if not isinstance(s, Tile)]  # this target has no tiles
        for s in losses(whole):
            if isinstance(s, Loop):
                written = {x.code for part in s.body for x in part.targets()}
                for part in s.body:
                    yield from self.turn(part, written)
                yield Loop(s.direction, tuple(self.prepare(x) for x in losses(s.body)), s.comment)  # type: ignore[arg-type]
            else:
                yield self.prepare(s)

    def turn(self, s: Statement, written: set[str]) -> Iterator[Turn]:
        """The transpose of a weight that a loop reads, if it is not there yet."""
        if not isinstance(s, ir.Gemm) or s.transposed or s.weight.code in {*self.turned, *written}:
            return
        b = s.weight.buffer
        code = self.names.fresh(f"{b.code}_turned")
        self.turned[b.code] = Buffer(code, code, b.dims[::-1], b.extents[::-1], steps=False, batch=False)
        yield Turn(Leaf(self.turned[b.code]), (f"{code} = {b.code}.T",), s.weight)

    def prepare(self, s: Statement) -> Statement:
        """The statement as the templates print it."""
        if isinstance(s, ir.Map):
            done = tuple(operations(s.value))
            return (InPlaceOnce if len(done) == 1 else InPlace)(s.target, s.comment, done)
        if not isinstance(s, ir.Gemm):
            return s
        whole = s.operand.buffer.steps and s.operand.where != "row"
        dense = s.target.buffer.view is None  # a view can be neither flattened in place nor the target of `dot`
        if whole:
            return FlatGemm(s.target, s.comment, s.weight, s.operand, s.transposed) if dense else s
        turned = None if s.transposed else self.turned.get(s.weight.code)
        if dense and (s.transposed or turned) and s.target.buffer.rank == s.operand.buffer.rank == 1:
            return StepGemm(s.target, s.comment, Leaf(turned) if turned else s.weight, s.operand, s.transposed)
        return s


def prepare(
    found: Iterable[Statement | Loop | Tile], names: CodeNames
) -> tuple[tuple[Statement | Loop, ...], tuple[Buffer, ...]]:
    """The statements as the templates print them, and the arrays that they need besides."""
    preparer = Preparer(names)
    return tuple(preparer.statements(found)), tuple(preparer.turned.values())
