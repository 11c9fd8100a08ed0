"""Less memory: what only the next step reads needs one row, and an array may take the place of one that is done with.

Both look at one time loop at a time.  Loops go over all rows once, so that a row that is written where another
array's row was read disturbs nothing as long as nobody reads that row later.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from derive.kernels.lowering.statements import Fused, Loop, Map, Statement, inner
from derive.kernels.lowering.trees import Buffer, Leaf

Statements = tuple[Statement | Loop, ...]


def reuse(
    statements: Statements, buffers: Sequence[Buffer], results: Collection[str]
) -> tuple[Statements, tuple[Buffer, ...]]:
    """The same statements on fewer and smaller arrays."""
    work = _Work(statements, {b.code: b for b in buffers}, frozenset(b.code for b in buffers if b.name in results))
    for b in buffers:
        work.roll(b)
    for loop in [s for s in work.statements if isinstance(s, Loop)]:
        for n, s in enumerate(loop.body):
            if isinstance(s, (Map, Fused)):
                work.overlay(loop, n)
    return work.finished()


class _Work:
    """One function.

    `taken` are arrays whose place another one has, `changed` those that are smaller or lie elsewhere, `first` what a
    statement reads before it writes, by the statement.
    """

    def __init__(self, statements: Statements, buffers: dict[str, Buffer], results: frozenset[str]):
        self.statements, self.buffers, self.results = statements, buffers, results
        self.taken: set[str] = set()
        self.changed: dict[str, Buffer] = {}
        self.first: dict[int, tuple[Leaf, ...]] = {}

    def now(self, b: Buffer) -> Buffer:
        return self.changed.get(b.code, b)

    def root(self, b: Buffer) -> Buffer:
        while b.view:
            b = self.now(self.buffers[b.view[0]])
        return b

    def family(self, root: Buffer) -> list[Buffer]:
        """An array and its parts."""
        return [self.now(b) for b in self.buffers.values() if self.root(self.now(b)).code == root.code]

    def free(self, root: Buffer) -> bool:
        """May its memory be used otherwise?"""
        no_result = not any(b.code in self.results for b in self.family(root))
        return no_result and not (root.given or root.before or root.after or root.onehot)

    # one row instead of T

    def roll(self, b: Buffer) -> None:
        """A carry: written at one row, read at the row of the step before, by nothing outside the loop."""
        alone = not b.view and len(self.family(b)) == 1 and b.code not in self.results and not b.given
        if not (alone and b.steps and b.before + b.after == 1 and not b.onehot):
            return
        old, new = ("t", "t + 1") if b.before else ("t + 1", "t")
        last = "T" if b.before else "0"  # the row that is written last, or the boundary's if T = 0
        writers = [(s, n, x) for s in self.statements for n, x in enumerate(inner(s)) if _writes(x, b)]
        if len(writers) != 1 or not isinstance(writers[0][0], Loop):
            return
        loop, at, writer = writers[0]
        assert isinstance(loop, Loop)
        if any(x.code == b.code and x.index != new for x in writer.targets()):
            return
        for s in self.statements:
            for n, x in enumerate(inner(s)):
                for r in x.leaves():
                    inside = s is loop and n <= at and r.index == old and r.lift == "" and _safe(x, b)
                    if (
                        r.code == b.code
                        and not inside
                        and not (s is not loop and r.index == last and self.later(s, loop))
                    ):
                        return
        if any(b.code == source for other in self.buffers.values() for _, source in other.boundary):
            return
        self.changed[b.code] = replace(b, steps=False, before=0, after=0, boundary=(("", b.boundary[0][1]),))

    def later(self, s: Statement | Loop, loop: Loop) -> bool:
        order = [id(x) for x in self.statements]
        return order.index(id(s)) > order.index(id(loop))

    # an array in the place of another

    def overlay(self, loop: Loop, n: int) -> None:
        """Let what a map writes take the place of what it reads for the last time."""
        s = loop.body[n]
        targets = [x for x in s.targets() if x.code in self.buffers]  # others are local variables
        first: list[Leaf] = []
        parts = s.parts if isinstance(s, Fused) else (s,)
        own = {p.target: list(p.leaves()) for p in parts}
        for root in {self.root(self.now(x.buffer)).code: None for x in targets}:
            first += self._moved(root, loop, n, targets, own)
        if first:
            self.first[id(s)] = tuple(dict.fromkeys(first))

    def _moved(self, code: str, loop: Loop, n: int, targets: list[Leaf], own: dict[Leaf, list[Leaf]]) -> list[Leaf]:
        """Move an array that a map writes all of; the leaves whose place it takes."""
        root = self.now(self.buffers[code])
        family = self.family(root)
        written = [x for x in targets if x.code in {b.code for b in family}]
        whole = len(family) == 1 or {x.code for x in written} == {b.code for b in family if b.view}
        if not (self.free(root) and root.steps and whole) or code in self.taken:
            return []
        if len(family) > 1 and not _divided(root, family[1:]):
            return []
        pairs: list[tuple[Leaf, Leaf]] = []
        for target in written:
            leaves = [r for r in (*own[target], *loop.body[n].leaves()) if r.code in self.buffers]
            read = [r for r in leaves if self._fits(target, r, pairs) and self._done(r, loop, n)]
            if not read:
                return []
            pairs.append((target, read[0]))
        old = pairs[0][1].buffer
        place = self.root(self.now(old))
        if root.view is None and len(family) == 1:
            low, high = ("0", root.dims[0]) if old.code == place.code else self.now(old).view[1:]  # type: ignore[index]
        elif place.dims == root.dims:
            low, high = "0", root.dims[0]
        else:
            return []
        self.taken |= {r.code for _, r in pairs} | ({place.code} if len(family) > 1 else set())
        self.changed[code] = replace(root, view=(place.code, low, high))
        return [r for _, r in pairs]

    def _fits(self, target: Leaf, r: Leaf, pairs: list[tuple[Leaf, Leaf]]) -> bool:
        """Does a leaf lie where the target could?  All targets of one array go to the same other array."""
        a, b = self.now(target.buffer), self.now(r.buffer)
        place = self.root(b)
        if pairs and self.root(self.now(pairs[0][1].buffer)).code != place.code:
            return False
        alike = b.steps and a.batch == b.batch and a.dims == b.dims and r.index == target.index and r.lift == ""
        same_part = not a.view or (b.view is not None and b.view[1:] == a.view[1:] and b.view[0] == place.code)
        return alike and same_part and self.free(place) and r.code not in self.taken and place.code not in self.taken

    def _done(self, r: Leaf, loop: Loop, n: int) -> bool:
        """Does nothing read its row after this map?"""
        place = self.root(self.now(r.buffer))
        part = self.now(r.buffer).view
        divided = _divided(place, [b for b in self.family(place) if b.view])

        def meets(x: Leaf) -> bool:
            other = self.now(x.buffer)
            return self.root(other).code == place.code and not (divided and part and other.view and part != other.view)

        for s in self.statements:
            for m, x in enumerate(inner(s)):
                if any(map(meets, x.targets())) and (m >= n if s is loop else self.later(s, loop)):
                    return False
                for other in filter(meets, x.leaves()):
                    elsewhere = other.index != r.index or other.lift or (m == n and other.code != r.code)
                    if s is loop and (m > n or elsewhere):
                        return False
                    if s is not loop and self.later(s, loop):
                        return False
        return True

    # the result

    def finished(self) -> tuple[Statements, tuple[Buffer, ...]]:
        rolled = {code for code, b in self.changed.items() if b.steps != self.buffers[code].steps}

        def leaf(x: Leaf) -> Leaf:
            b = self.changed.get(x.code)
            return x if b is None else Leaf(b, "" if x.code in rolled else x.index, x.lift)

        def statement(s: Statement) -> Statement:
            first = self.first.get(id(s), ())
            done: Statement = _mapped(s, leaf)
            if isinstance(done, Fused):
                done = replace(done, first=tuple(map(leaf, first)))
            return done

        done = tuple(
            Loop(s.direction, tuple(map(statement, s.body)), s.comment) if isinstance(s, Loop) else statement(s)  # type: ignore[arg-type]
            for s in self.statements
        )
        return done, tuple(self.now(b) for b in self.buffers.values())


def _writes(s: Statement, b: Buffer) -> bool:
    return any(x.code == b.code for x in s.targets())


def _safe(s: Statement, b: Buffer) -> bool:
    """Is the old row read, element by element, before the new one is written?  Statements that only read are."""
    if isinstance(s, Fused) and _writes(s, b):
        at = next(n for n, p in enumerate(s.parts) if p.target.code == b.code)
        return not any(x.code == b.code for p in s.parts[at + 1 :] for x in p.leaves())
    return isinstance(s, Map) or not _writes(s, b)


def _divided(root: Buffer, parts: list[Buffer]) -> bool:
    """Do the parts follow each other from the first row to the last?  Then two of them are the same or disjoint."""
    bounds = {b.view for b in parts if b.view}
    ends = {low: high for code, low, high in bounds if code == root.code}
    at = "0"
    for _ in bounds:
        at = ends.get(at, "")
    return at == root.dims[0] and len(ends) == len(bounds)


def _mapped(value: Any, leaf: Callable[[Leaf], Leaf]) -> Any:
    """A statement or tree with its leaves replaced."""
    if isinstance(value, Leaf):
        return leaf(value)
    if isinstance(value, tuple):
        return tuple(_mapped(x, leaf) for x in value)
    if is_dataclass(value) and not isinstance(value, (Buffer, type)):
        found = {f.name: _mapped(getattr(value, f.name), leaf) for f in fields(value)}
        return replace(value, **found)
    return value
