"""Loop tiling over time: what is done for all steps at once goes with a time loop, some steps at a time.

A product over all steps, the loop that reads it and the sums over what the loop leaves behind each go through arrays
of T rows, which a long sequence drives out of the cache.  A tile does all of it for as many steps as fit.

Two statements P before Q that touch the same memory, one of them writing, at rows t + p and t + q: P at step u and Q
at step v meet where u − v = q − p.  In tiles that go up P is still first if u ≤ v, that is q ≤ p; in tiles that go
down if q ≥ p.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from derive.kernels.lowering import statements as ir
from derive.kernels.lowering.statements import Loop, Statement, Tile, inner
from derive.kernels.lowering.trees import Buffer, Leaf

EACH_STEP = (
    ir.Map, ir.Fused, ir.AddAtClass, ir.Product, ir.Gather, ir.Dot, ir.ComponentSum, ir.Contract, ir.Total, ir.RowWise,
    ir.SoftmaxLoss, ir.Stack, ir.Part, ir.ZeroPad,
)  # fmt: skip
OVER_STEPS = (ir.Accumulate, ir.ScatterAdd, ir.Total, ir.Contract)
MOVING = re.compile(r"t(?: \+ (\d+))?")

Access = tuple[str, int | None, bool]  # an array, the row from t on (None: any row, or it has none), is it written


def tiles(statements: Sequence[Statement | Loop], buffers: Mapping[str, Buffer]) -> tuple[Statement | Loop | Tile, ...]:
    """The same work, with every time loop in a tile of all that may go with it."""
    done: list[Statement | Loop | Tile] = list(statements)
    for loop in [s for s in statements if isinstance(s, Loop)]:
        done = _Tiling(loop, buffers).around(done)
    return tuple(done)


class _Tiling:
    """The tile of one time loop."""

    def __init__(self, loop: Loop, buffers: Mapping[str, Buffer]):
        self.loop, self.buffers = loop, buffers
        self.known: dict[int, tuple[Access, ...]] = {}

    def around(self, statements: Sequence[Statement | Loop | Tile]) -> list[Statement | Loop | Tile]:
        """The statements with the loop and its neighbours in a tile; as they are, if it has none."""
        at = next(n for n, s in enumerate(statements) if s is self.loop)
        before, skipped_before = self.joining(list(reversed(statements[:at])), before=True, group=[self.loop])
        after, skipped_after = self.joining(statements[at + 1 :], before=False, group=[*before, self.loop])
        if not before and not after:
            return list(statements)
        tile = Tile(self.loop.direction, (*reversed(before), self.loop, *after))
        return [*reversed(skipped_before), tile, *skipped_after]

    def joining(
        self, candidates: Sequence[Statement | Loop | Tile], before: bool, group: Sequence[Statement | Loop]
    ) -> tuple[list[Statement], list[Statement | Loop | Tile]]:
        """Those that go with the group, from the nearest on, and the others."""
        joined: list[Statement] = []
        skipped: list[Statement | Loop | Tile] = []
        for s in candidates:
            if (
                self.fits(s)
                and not any(self.meet(s, x) for x in skipped)
                and self.in_order(s, before, [*group, *joined])
            ):
                joined.append(s)  # type: ignore[arg-type]
            else:
                skipped.append(s)
        return joined, skipped

    def fits(self, s: Statement | Loop | Tile) -> bool:
        """Can it be done for some steps at a time?"""
        if not isinstance(s, Statement) or not isinstance(s, (*EACH_STEP, *OVER_STEPS)):
            return False
        leaves = [*s.leaves(), *s.targets()]
        stepped = [x for x in leaves if x.buffer.steps]
        if not stepped or any(self.row(x) is None or x.where == "row" for x in stepped):
            return False
        each = all(x.buffer.steps for x in s.targets())
        return isinstance(s, EACH_STEP) if each else isinstance(s, OVER_STEPS) and len(s.targets()) == 1

    def in_order(self, s: Statement | Loop | Tile, before: bool, group: Sequence[Statement | Loop]) -> bool:
        """Does everything that touches the same memory stay in its order?"""
        for x in group:
            for first, p, p_writes in self.accesses(s if before else x):
                for second, q, q_writes in self.accesses(x if before else s):
                    if first == second and (p_writes or q_writes):
                        if p is None or q is None:
                            return False
                        if (q > p) if self.loop.direction > 0 else (q < p):
                            return False
        return True

    def meet(self, a: Statement | Loop | Tile, b: Statement | Loop | Tile) -> bool:
        """Do both touch the same memory, one of them writing?"""
        other = {(code, writes) for code, _, writes in self.accesses(b)}
        return any((code, True) in other or (writes and (code, False) in other) for code, _, writes in self.accesses(a))

    def accesses(self, s: Statement | Loop | Tile) -> tuple[Access, ...]:
        if id(s) not in self.known:
            self.known[id(s)] = tuple(dict.fromkeys(self._accesses(s)))
        return self.known[id(s)]

    def _accesses(self, s: Statement | Loop | Tile) -> Iterator[Access]:
        for x in inner(s):
            for leaf in x.leaves():
                yield self.root(leaf.buffer), self.row(leaf), False
            for leaf in x.targets():
                yield self.root(leaf.buffer), self.row(leaf), True
                for _, source in leaf.buffer.boundary:
                    if source:
                        yield source, None, False

    def row(self, x: Leaf) -> int | None:
        """Which row it is at step t, in an array that has rows; None for a row that does not go with the step."""
        b = x.buffer
        if not b.steps or (x.index == "" and (b.before or b.after)):
            return None
        if x.index == "":
            return 0
        low = x.index if isinstance(x.index, str) else f"t + {x.index[0]}"
        found = MOVING.fullmatch(low)
        return int(found[1] or 0) if found else None

    def root(self, b: Buffer) -> str:
        while b.view:
            b = self.buffers[b.view[0]]
        return b.code
