"""Weights in panels: each is packed once, so that products read it along cache lines.

A panel holds the columns of one vector of the machine, row by row.  Which vectors there are is the target's affair;
a matrix in panels has as many elements as before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from derive.kernels.lowering.codenames import CodeNames
from derive.kernels.lowering.statements import Gemm, Loop, Pack, Product, Stack, Statement, inner
from derive.kernels.lowering.trees import Buffer, Leaf


@dataclass
class Panels:
    """The packed weights of one function, by weight and direction."""

    stacks: dict[str, Stack]
    names: CodeNames
    packed: dict[tuple[str, bool], Pack] = field(default_factory=dict)

    def replace(self, s: Statement | Loop) -> Statement | Loop:
        if isinstance(s, Loop):
            return Loop(s.direction, tuple(self.replace(x) for x in s.body), s.comment)  # type: ignore[misc]
        if not isinstance(s, Gemm):
            return s
        key = s.weight.code, not s.transposed
        if key not in self.packed:
            self.packed[key] = self.pack(s.weight, turned=not s.transposed)
        return Product(s.target, s.comment, self.packed[key].target, s.operand)

    def pack(self, weight: Leaf, turned: bool) -> Pack:
        """A weight, or the parts that it is a stack of, packed; W b needs the transpose of W."""
        b = weight.buffer
        order = slice(None, None, -1 if turned else 1)
        code = self.names.fresh(f"{b.code}_panels{'_t' if turned else ''}")
        buffer = Buffer(code, code, b.dims[order], b.extents[order], steps=False, batch=False)
        stack = self.stacks.get(b.code)
        parts = stack.operands if stack else (weight,)
        lows = tuple(low for low, _ in stack.bounds) if stack else ("0",)
        comment = (f"{code} = {b.code}{'.T' if turned else ''}, packed",)
        return Pack(Leaf(buffer), comment, parts, lows, turned)


def panels(
    statements: Sequence[Statement | Loop], buffers: Sequence[Buffer], results: Collection[str], names: CodeNames
) -> tuple[tuple[Statement | Loop, ...], tuple[Buffer, ...]]:
    """Products with packed weights, and the buffers that these take."""
    stacks = {s.target.code: s for s in statements if isinstance(s, Stack) and all(map(_is_matrix, s.operands))}
    made = Panels(stacks, names)
    done = [made.replace(s) for s in statements]
    read = {x.code for s in done for x in _reads(s)} | {b.view[0] for b in buffers if b.view}
    idle = {c for c, s in stacks.items() if c not in read and s.target.buffer.name not in results}
    found: list[Statement | Loop] = []
    waiting = dict(made.packed)

    roots = {b.code: b.view[0] for b in buffers if b.view}

    def root(code: str) -> str:
        while code in roots:
            code = roots[code]
        return code

    def place(available: set[str]) -> Iterator[Pack]:
        """What can be packed once these arrays are there: a part of an array is, when the array is."""
        for key in [k for k in waiting if root(k[0]) in available]:
            yield waiting.pop(key)

    written = {root(x.code) for s in done for x in _writes(s)}
    found.extend(place({root(code) for code, _ in waiting} - written))
    for s in done:
        if not (isinstance(s, Stack) and s.target.code in idle):
            found.append(s)
        found.extend(place({root(x.code) for x in _writes(s)}))
    assert not waiting, "every weight is given or written"
    kept = [b for b in buffers if b.code not in idle]
    return tuple(found), (*kept, *(p.target.buffer for p in made.packed.values()))


def _is_matrix(a: Leaf) -> bool:
    b = a.buffer
    return b.rank == 2 and a.lift in ("", "swap") and not (b.steps or b.batch or b.onehot)


def _reads(s: Statement | Loop) -> Iterator[Leaf]:
    for x in inner(s):
        yield from x.leaves() if not isinstance(x, Pack) else ()


def _writes(s: Statement | Loop) -> Iterator[Leaf]:
    for x in inner(s):
        yield from x.targets()
