"""Loop fusion: maps over the same elements become one statement, and arrays that only it sees become locals."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from derive.kernels.lowering.statements import Fused, Loop, Map, RowWise, SoftmaxLoss, Statement, inner
from derive.kernels.lowering.trees import Buffer, Constant, Leaf

MOVING = re.compile(r"t( \+ \d+)?")  # a row that goes with the step: two different ones never meet


@dataclass
class Group:
    """Maps over the same elements, in order."""

    key: object
    parts: list[Map] = field(default_factory=list)


@dataclass(frozen=True)
class Fuser:
    """The fusion of one function's statements.

    Names are written once (a map, and what is added to it at classes), so that two statements are in each
    other's way only where one writes what the other reads.
    """

    buffers: dict[str, Buffer]

    def fuse(self, statements: Sequence[Statement | Loop]) -> tuple[Statement | Loop, ...]:
        """The same work in fewer statements: each map joins the last one that it may join."""
        found: list[Statement | Loop | Group] = []
        for s in losses(statements):
            if isinstance(s, Loop):
                found.append(Loop(s.direction, self.fuse(s.body), s.comment))  # type: ignore[arg-type]
            elif not isinstance(s, Map) or isinstance(s.value, Constant) or s.target.buffer.onehot:
                found.append(s)
            elif (group := self.group(found, s)) is not None:
                group.parts.append(s)
            else:
                found.append(Group(_elements(s.target), [s]))
        return tuple(_made(g) if isinstance(g, Group) else g for g in found)

    def group(self, found: Sequence[Statement | Loop | Group], s: Map) -> Group | None:
        """The last group that a map may join: one that it must not pass ends the search."""
        for g in reversed(found):
            parts = g.parts if isinstance(g, Group) else [g]
            if isinstance(g, Group) and g.key == _elements(s.target) and all(self.joins(p, s) for p in g.parts):
                return g
            if any(self.conflict(p, s) for p in parts):
                return None
        return None

    def joins(self, p: Map, s: Map) -> bool:
        """May both be done element by element?  s reads of what p writes the same element, or none."""
        mine = all(r == p.target for r in s.leaves() if self.meet(r, p.target))
        return mine and p.target.buffer != s.target.buffer and not any(self.meet(r, s.target) for r in p.leaves())

    def conflict(self, p: Statement | Loop, s: Map) -> bool:
        if isinstance(p, Loop):
            return any(self.conflict(x, s) for x in p.body)
        written = any(self.meet(x, r) for r in s.leaves() for x in p.targets())
        same = any(x.buffer == s.target.buffer for x in p.targets())
        return written or same or any(self.meet(r, s.target) for r in p.leaves())

    def meet(self, a: Leaf, b: Leaf) -> bool:
        """May two leaves name the same element?"""
        if self.root(a.buffer) != self.root(b.buffer):
            return False
        rows = [x.index for x in (a, b) if isinstance(x.index, str) and MOVING.fullmatch(x.index)]
        return len(rows) < 2 or rows[0] == rows[1]

    def root(self, buffer: Buffer) -> str:
        while buffer.view:
            buffer = self.buffers[buffer.view[0]]
        return buffer.code


def losses(statements: Iterable[Statement | Loop]) -> Iterator[Statement | Loop]:
    """A softmax goes together with the cross-entropy of the same logits that comes next."""
    waiting: RowWise | None = None
    for s in statements:
        if waiting and isinstance(s, RowWise) and _is_loss_of(waiting, s):
            function = s.function.replace("cross_entropy", "with_loss")
            yield SoftmaxLoss(s.target, waiting.comment + s.comment, function, s.operands, waiting.target)
            waiting = None
            continue
        if waiting:
            yield waiting
        waiting = s if isinstance(s, RowWise) and s.function == "softmax" else None
        if not waiting:
            yield s
    if waiting:
        yield waiting


def _is_loss_of(softmax: RowWise, s: RowWise) -> bool:
    """Is it the cross-entropy of the same logits, over the same steps and sequences?"""
    same = s.operands[1:] == softmax.operands and _elements(s.target)[:2] == _elements(softmax.target)[:2]
    return same and s.function.startswith("softmax_cross_entropy")


def _elements(target: Leaf) -> tuple[bool, bool, tuple[str, ...]]:
    """What a map's loops are over."""
    b = target.buffer
    return b.steps and target.where != "row", b.batch, b.dims


def _made(g: Group) -> Statement:
    return g.parts[0] if len(g.parts) == 1 else Fused(g.parts[-1].target, (), tuple(g.parts))


def fuse(
    statements: Sequence[Statement | Loop], buffers: Sequence[Buffer], results: Collection[str]
) -> tuple[tuple[Statement | Loop, ...], tuple[Buffer, ...]]:
    """Fused statements, and the buffers that are left: others are locals of the statement that computes them."""
    fused = Fuser({b.code: b for b in buffers}).fuse(statements)
    inside = frozenset(_inside(fused, buffers, results))
    return tuple(_with_locals(s, inside) for s in fused), tuple(b for b in buffers if b.code not in inside)


def _inside(fused: Iterable[Statement | Loop], buffers: Sequence[Buffer], results: Collection[str]) -> Iterator[str]:
    """The arrays that one fused statement computes and reads, element by element, and nothing else touches."""
    uses: Counter[str] = Counter(b.view[0] for b in buffers if b.view)
    uses.update(source for b in buffers for _, source in b.boundary if source)
    own: Counter[str] = Counter()
    for s in chain.from_iterable(map(inner, fused)):
        for x in (*s.leaves(), *s.targets()):
            uses[x.code] += 1
        if isinstance(s, Fused):
            targets = {p.target.code: p.target for p in s.parts}
            for x in (*s.leaves(), *s.targets()):
                own[x.code] += x == targets.get(x.code)
    for b in buffers:
        if own[b.code] and own[b.code] == uses[b.code] and not (b.view or b.boundary or b.name in results):
            yield b.code


def _with_locals(s: Statement | Loop, inside: frozenset[str]) -> Statement | Loop:
    if isinstance(s, Loop):
        return Loop(s.direction, tuple(_with_locals(x, inside) for x in s.body), s.comment)  # type: ignore[misc]
    if isinstance(s, Fused):
        return Fused(s.target, s.comment, s.parts, inside & {p.target.code for p in s.parts})
    return s
