"""From the kernel IR to statements of C: one rule per statement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import singledispatchmethod

from sympy import S

from derive.errors import UnsupportedError
from derive.kernels.lowering import statements as ir
from derive.kernels.lowering import trees
from derive.kernels.lowering.trees import Buffer, Leaf
from derive.kernels.targets.c import loops as c
from derive.kernels.targets.c.elements import Element, Local, axes, plus, times
from derive.kernels.targets.c.places import Places

ZERO = trees.Constant(S.Zero)


class Preparer(Places):
    """The statements of one function as C prints them."""

    def statements(self, s: ir.Statement | ir.Loop | ir.Tile) -> Iterator[c.CStatement]:
        """What computes a statement's target."""
        if isinstance(s, ir.Loop):
            step = self.of_step()
            body = tuple(x for inner in s.body for x in step.statements(inner))
            yield c.TimeLoop(s.comment, s.direction, self.first, plus(self.first, self.count), body)
        elif isinstance(s, ir.Tile):
            for x in s.body:
                if isinstance(x, ir.Statement) and not x.target.buffer.steps:  # a sum over all tiles
                    zero = self.zero(replace(x, comment=()))
                    yield zero if isinstance(x, ir.ScatterAdd) else c.If((), "T == 0 || B == 0", (zero,))
            part = self.of_tile(s.direction)
            yield c.Tiles((), s.direction, part.first, part.count, tuple(x for y in s.body for x in part.statements(y)))
        else:
            yield from self.prepare(s)

    def boundary(self, buffer: Buffer) -> Iterator[c.CStatement]:
        """The values of an array outside 0 … T−1, in its padding rows."""
        for row, source in buffer.boundary:
            target = Leaf(buffer, row)
            value = self.element(Leaf(self.layout.by_code[source])) if source else ZERO
            yield c.Nest((), self.over(target), (c.Store(self.element(target), "=", value),))

    def copy(self, s: ir.Statement, value: trees.Tree, over: Leaf, i: str = "", comment: bool = True) -> c.Nest:
        """target[i] = value, over the components of `over`."""
        store = c.Store(self.element(s.target, i or self.at.i, self.at.j), "=", value)
        return c.Nest(s.comment if comment else (), self.over(s.target, False) + self.components(over), (store,))

    def zero(self, s: ir.Statement) -> c.CStatement:
        """target = 0: one block of memory, unless it is a part of another array."""
        buffer = s.target.buffer
        if not buffer.view:
            count = times(*(self.extent(x) for x in axes(s.target)), *buffer.dims)
            return c.Clear(s.comment, self.start(s.target), count)
        return c.Nest(s.comment, self.over(s.target), (c.Store(self.element(s.target), "=", ZERO),))

    # one rule per statement

    @singledispatchmethod
    def prepare(self, s: ir.Statement) -> Iterator[c.CStatement]:
        raise UnsupportedError(f"no C for {s.kind}: register one in derive.kernels.targets.c.prepare")

    @prepare.register
    def _(self, s: ir.Map) -> Iterator[c.CStatement]:
        if s.value == ZERO:
            yield self.zero(s)
        else:
            loops, place = self.elements(s.target, (s.target, *trees.tree_leaves(s.value)))
            yield c.Nest(s.comment, loops, (c.Store(place(s.target), "=", self.tree(s.value, place)),))

    @prepare.register
    def _(self, s: ir.Fused) -> Iterator[c.CStatement]:
        known: dict[Leaf, Local] = {}
        body: list[c.Store | c.Let] = []
        outside = [x for x in (*s.leaves(), *s.targets()) if x.code not in s.inside]
        loops, element = self.elements(s.target, outside)

        def place(x: Leaf) -> trees.Tree:
            return known.get(x) or element(x)

        for x in s.first:
            local = Local(self.names.fresh(f"{x.code}_here"))
            body.append(c.Let(local.code, element(x)))
            known[x] = local
        for n, p in enumerate(s.parts):
            value = self.tree(p.value, place)
            again = any(x == p.target for later in s.parts[n + 1 :] for x in later.leaves())
            if again:
                code = p.target.code
                known[p.target] = Local(code if code in s.inside else self.names.fresh(f"{code}_here"))
                body.append(c.Let(known[p.target].code, value))
                value = known[p.target]
            if p.target.code not in s.inside:
                body.append(c.Store(element(p.target), "=", value))
        comment = tuple(line for p in s.parts for line in p.comment)
        yield c.Nest(comment, loops, tuple(body))

    @prepare.register
    def _(self, s: ir.AddAtClass) -> Iterator[c.CStatement]:
        store = c.Store(self.element(s.target, self.label), "+=", trees.Constant(s.coefficient))
        yield c.Nest(s.comment, self.over(s.target, False), (store,), self._class(s.classes))

    def _class(self, classes: Leaf) -> tuple[tuple[str, Element], ...]:
        return ((self.label, self.element(classes)),)

    @prepare.register
    def _(self, s: ir.Gather) -> Iterator[c.CStatement]:
        row, column = (self.label, self.at.i) if s.transposed else (self.at.i, self.label)
        store = c.Store(self.element(s.target), "=", self.element(s.weight, row, column))
        yield c.Nest(s.comment, self.over(s.target), (store,), self._class(s.classes))

    @prepare.register
    def _(self, s: ir.ScatterAdd) -> Iterator[c.CStatement]:
        if not self.more:
            yield self.zero(s)
        store = c.Store(self.element(s.target, self.at.i, self.label), "+=", self.element(s.left))
        yield c.Nest(s.comment if self.more else (), self.over(s.left), (store,), self._class(s.classes))

    @prepare.register
    def _(self, s: ir.Pack) -> Iterator[c.CStatement]:
        for n, (a, low) in enumerate(zip(s.operands, s.lows, strict=True)):
            function = "pack_turned" if s.turned != (a.lift == "swap") else "pack"
            first = ("0", low) if s.turned else (low, "0")
            counts, whole = (x.buffer.dims[:2] for x in (a, s.target))
            yield c.PackPart(s.comment * (n == 0), function, counts, self.start(a), whole, first, self.start(s.target))

    @prepare.register
    def _(self, s: ir.Product) -> Iterator[c.CStatement]:
        assert axes(s.target) == axes(s.operand), "lowering gives a narrower product a name of its own"
        counts = (self.rows(s.operand), s.target.buffer.dims[0], s.operand.buffer.dims[0])
        operands = (self.start(s.operand), self.start(s.weight), self.start(s.target))
        yield c.Multiply(s.comment, "product", counts, operands, (self.stride(s.operand), "", self.stride(s.target)))

    @prepare.register
    def _(self, s: ir.Accumulate) -> Iterator[c.CStatement]:
        counts = (s.left.buffer.dims[0], s.right.buffer.dims[0], self.rows(s.left))
        operands = (self.start(s.left), self.start(s.right), self.start(s.target))
        strides = (self.stride(s.left), self.stride(s.right), s.right.buffer.dims[0])
        yield c.Multiply(s.comment, "sums", counts, operands, strides, self.more or "0")

    def reduce(self, s: ir.Statement, inner: c.Loops, value: trees.Tree) -> c.CStatement:
        more = "" if s.target.buffer.steps else self.more
        return c.Reduce(s.comment, self.over(s.target), inner, self.element(s.target), value, self.total, more)

    @prepare.register
    def _(self, s: ir.Dot) -> Iterator[c.CStatement]:
        value = trees.Factors((self.element(s.left), self.element(s.right)))
        yield self.reduce(s, self.components(s.left), value)

    @prepare.register
    def _(self, s: ir.ComponentSum) -> Iterator[c.CStatement]:
        yield self.reduce(s, self.components(s.operand), self.element(s.operand))

    @prepare.register
    def _(self, s: ir.Total) -> Iterator[c.CStatement]:
        summed = [x for n, x in enumerate(axes(s.operand)) if n in s.positions]
        yield self.reduce(s, tuple((self.variable[x], self.extent(x)) for x in summed), self.element(s.operand))

    @prepare.register
    def _(self, s: ir.Contract) -> Iterator[c.CStatement]:
        counts: dict[str, str] = {}
        factors = []
        for leaf, letters in zip(s.operands, s.subscripts, strict=True):
            own = letters[len(letters) - leaf.buffer.rank :]
            counts |= dict(zip(own, leaf.buffer.dims, strict=True))
            names = [self.variable[x] for x in own]
            factors.append(self.element(leaf, *names))
        kept = axes(s.target) + "ij"[: s.target.buffer.rank]
        used = [x for letters in s.subscripts for x in letters]
        summed = [x for x in dict.fromkeys(used) if x not in kept]
        inner = tuple((self.variable[x], self.extent(x) or counts[x]) for x in summed if counts.get(x) != "1")
        value = factors[0] if len(factors) == 1 else trees.Factors(tuple(factors))
        if inner:
            yield self.reduce(s, inner, value)
        else:
            yield c.Nest(s.comment, self.over(s.target), (c.Store(self.element(s.target), "=", value),))

    @prepare.register
    def _(self, s: ir.RowWise) -> Iterator[c.CStatement]:
        columns = s.function.endswith("_columns")
        counted = s.operands[-1].buffer.dims
        everything = (*s.operands, *s.targets())
        if not columns and all(axes(a) == axes(s.target) and self.is_dense(a) for a in everything):
            operands, targets = (tuple(map(self.start, x)) for x in (s.operands, s.targets()))
            yield c.EachRow(s.comment, (), s.function, (self.rows(s.target) or "1", times(*counted)), operands, targets)
            return
        counts = counted if columns else ("1", times(*counted))
        operands = tuple(self.element(a, "0", "0") for a in s.operands)
        targets = tuple(self.element(a, "0", "0") for a in s.targets())
        yield c.EachRow(s.comment, self.over(s.target, False), s.function, counts, operands, targets)

    @prepare.register
    def _(self, s: ir.Stack) -> Iterator[c.CStatement]:
        for n, (a, (low, _)) in enumerate(zip(s.operands, s.bounds, strict=True)):
            yield self.copy(s, self.element(a), a, plus(low, self._first(a)) or "0", comment=n == 0)

    def _first(self, a: Leaf) -> str:
        """The index along the first axis of a stacked operand."""
        shape = a.buffer.dims[::-1] if a.lift == "swap" else a.buffer.dims
        one_row = shape[0] == "1" and a.lift != "column"
        return "" if one_row or a.lift == "row" else self.at.i

    @prepare.register
    def _(self, s: ir.Part) -> Iterator[c.CStatement]:
        source = self.element(s.operand, plus(s.low, self.at.i), self.at.j)
        if s.target.buffer.dims[0] == "1":
            source = self.element(s.operand, s.low, self.at.j)
        yield c.Nest(s.comment, self.over(s.target), (c.Store(self.element(s.target), "=", source),))

    @prepare.register
    def _(self, s: ir.ZeroPad) -> Iterator[c.CStatement]:
        yield self.zero(s)
        yield self.copy(
            s, self.element(s.operand), s.operand, plus(s.low, self._first(s.operand)) or "0", comment=False
        )

    @prepare.register
    def _(self, s: ir.Diagonal) -> Iterator[c.CStatement]:
        yield self.zero(s)
        store = c.Store(self.element(s.target, self.at.i, self.at.i), "=", self.element(s.operand))
        yield c.Nest((), self.over(s.target, False) + self.components(s.operand), (store,))

    @prepare.register
    def _(self, s: ir.DiagonalOf) -> Iterator[c.CStatement]:
        source = self.element(s.operand, self.at.i, self.at.i)
        yield c.Nest(s.comment, self.over(s.target), (c.Store(self.element(s.target), "=", source),))

    @prepare.register
    def _(self, s: ir.Impulse) -> Iterator[c.CStatement]:
        yield self.zero(s)
        if s.least is not None:
            target = Leaf(s.target.buffer, s.row)
            store = c.Store(self.element(target), "=", self.element(s.operand))
            yield c.If((), f"T >= {s.least}", (c.Nest((), self.over(target), (store,)),))

    @prepare.register
    def _(self, s: ir.When) -> Iterator[c.CStatement]:
        yield self.zero(s)
        if s.steps is not None:
            store = c.Store(self.element(s.target), "=", self.element(s.operand))
            yield c.If((), f"T == {s.steps}", (c.Nest((), self.over(s.target), (store,)),))
