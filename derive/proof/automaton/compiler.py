"""Terms and recursions as a network: sums become waits, products loops, cotangents nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from derive.algebra.nodes import T, t
from derive.proof.automaton.bounds import Anchor, Bounds, Constraint, inside
from derive.proof.automaton.net import End, Letter, Move, Net, Step
from derive.proof.words.items import Chain, Entry, Item, Matrix, NotInClass, Range, Run, Term, Time, items
from derive.proof.words.layout import AT_T, BORDER, REVERSED, layout, mirrored
from derive.proof.words.reading import Reader, all_times

ONE = Fraction(1)


@dataclass(frozen=True)
class Place:
    """Where reading stands: a node, and the anchor and bias of the reference: reference = anchor + bias."""

    node: int
    anchor: Anchor
    bias: int


class Compiler:
    """Compiles terms into one network.

    Args:
        least: the least T that counts, 0 or 1.
        free: is t a free index, so that a word also says which t it belongs to?
    """

    def __init__(self, reader: Reader, least: int, free: bool):
        self.reader, self.least, self.free = reader, least, free
        self.net = Net()
        self._open: list[tuple[str, bool]] = []
        self._finish: int | None = None

    def add(self, x: Term, reverse: bool) -> None:
        """One more term; `reverse` reads it backward in time."""
        _Path(self, mirrored(x) if reverse else x, reverse).compile()
        while self._open:
            self._expand(*self._open.pop())

    def check(self, x: Term, reverse: bool) -> None:
        """Can the term be read in this direction?

        Raises:
            NotInClass: it cannot; the message says why.
        """
        _Path(self, mirrored(x) if reverse else x, reverse).compile()
        for name in {name for name, _ in self._open}:
            for n in self.reader.program.live([name]):
                if self.reader.recurrent.get(n, 0) == (-1 if reverse else 1):
                    raise NotInClass("a path that runs both ways in time")

    def cotangent(self, name: str, reverse: bool) -> int:
        """The node at which reading goes on with a cotangent, the reference being its step."""
        known = ("cotangent", name, reverse) in self.net.names
        node = self.net.node(("cotangent", name, reverse))
        if not known:
            self._open.append((name, reverse))
        return node

    def finish(self) -> int:
        """The node of what ends at its step, whatever comes later: T is larger than the reference."""
        if self._finish is None:
            self._finish = self.net.node()
            later = self.net.wait(self._finish, 1, None)
            self.net.arc(later, [End(0)], target=Net.END)
        return self._finish

    def _expand(self, name: str, reverse: bool) -> None:
        """The arcs of a cotangent's equation."""
        source = self.net.names["cotangent", name, reverse]
        for x in self.reader.definition(name):
            self._equation(source, mirrored(x) if reverse else x, reverse)

    def _equation(self, source: int, x: Term, reverse: bool) -> None:
        if x.binders or any(time.anchor not in (None, T, t) for time in all_times(x)):
            raise NotInClass("a sum over steps inside a step of the recursion")
        last = self.reader.last_name(x)
        chain, found = layout(x, last)
        moves = [Letter(i, 0 if _has_step(i) else _relative(i)) for i in chain]
        self._check_ranges(x, chain)
        if found is not None:
            step = _relative(found)
            if step is None or step < 0 or x.equal:
                raise NotInClass("a path that runs both ways in time")
            target = self.cotangent(found.name, reverse)
            self.net.arc(source, [*moves, *([Step(step)] if step else [])], x.coefficient, target)
            return
        if not x.equal:
            self.net.arc(source, moves, x.coefficient, self.finish())
            return
        self.net.arc(source, [*moves, End(_distance(x.equal))], x.coefficient, Net.END)

    def _check_ranges(self, x: Term, chain: Iterable[Item]) -> None:
        bounds = Bounds([t], [(Time(None, 0), Time(t, 0)), (Time(t, 0), Time(T, -1))])
        for r in (*x.ranges, *self.letter_ranges(chain)):
            if not all(map(bounds.implies, inside(r))):
                raise NotInClass("a value outside the sequence inside the recursion")

    def letter_ranges(self, chain: Iterable[Item]) -> Iterator[Range]:
        for i in chain:
            if isinstance(i, (Entry, Matrix)) and i.time is not None:
                r = self.reader.range(i.name, i.time)
                if r is not None:
                    yield r


def _has_step(i: Item) -> bool:
    """Is it a letter without a time, which is spelled at the step in which it stands?"""
    return isinstance(i, (Entry, Matrix)) and i.time is None and i != BORDER


def _relative(i: Item) -> int | None:
    """The time of an item of an equation, from t."""
    if isinstance(i, Run):
        raise NotInClass("an ordered product inside the recursion")
    if i.time is None:
        return None
    if i.time.anchor != t:
        raise NotInClass("an absolute time inside the recursion")
    return i.time.offset


def _distance(equal: Sequence[tuple[Time, Time]]) -> int:
    """T − t where a term lives at one step only."""
    if len(equal) != 1:
        raise NotInClass("a value at two steps at once")
    (a, b) = equal[0]
    if b.anchor == t:
        a, b = b, a
    if a.anchor != t or b.anchor != T:
        raise NotInClass("a value at one early step inside the recursion")
    return a.offset - b.offset


@dataclass(frozen=True)
class Pause:
    """Wait for an index that no letter tells: the ways to choose it are counted."""

    index: Anchor


def _times(i: Item) -> Iterator[Time]:
    if isinstance(i, Run):
        yield from (i.low, i.high)
    elif i.time is not None:
        yield i.time


class _Path:
    """The way of one term through the network."""

    def __init__(self, compiler: Compiler, x: Term, reverse: bool):
        self.compiler, self.net, self.x, self.reverse = compiler, compiler.net, x, reverse
        self.chain, self.last = layout(x, compiler.reader.last_name(x))
        if compiler.free:
            self.chain = (Matrix(AT_T, False, Time(t, 0)), *self.chain)
        self.visited: list[tuple[Anchor, int, int | None]] = [(None, 0, 0)]

    def compile(self) -> None:
        self.bounds = self._bounds()
        if self.bounds.empty:
            return
        self._check()
        refusal: NotInClass | None = None
        for chain in self._with_pauses():
            self.visited = [(None, 0, 0)]
            try:
                self._check_way(chain)
            except NotInClass as reason:
                refusal = refusal or reason
                continue
            self._walk(chain, self.net)
            return
        if refusal is not None:
            raise refusal

    def _check_way(self, chain: Sequence[Item | Pause]) -> None:
        """Can the chain be walked?  Tried on a network that is thrown away."""
        self._walk(chain, Net())
        self._check_local()

    def _walk(self, chain: Sequence[Item | Pause], net: Net) -> None:
        self.walked, self.visited = net, [(None, 0, 0)]
        first: list[Move] = [Letter(REVERSED, None)] if self.reverse else []
        p = Place(net.arc(Net.START, first, self.x.coefficient), None, 0)
        for item in chain:
            p = self._run(p, item) if isinstance(item, Run) else self._read(p, item)
        self._end(p)

    def _with_pauses(self) -> Iterator[Sequence[Item | Pause]]:
        """The chain, with a pause for each index that no letter tells, wherever it may stand."""
        told = {time.anchor for i in self.chain for time in _times(i)}
        told |= {self.last.time.anchor} if self.last is not None and self.last.time is not None else set()
        silent = [i for i, _, _ in self.x.binders if i not in told and not self._pinned(i, {None, T, *told})]
        if len(silent) > 1:
            raise NotInClass("two indices that do not occur in what is summed")
        if not silent:
            yield self.chain
            return
        for n in range(len(self.chain) + 1):
            yield [*self.chain[:n], Pause(silent[0]), *self.chain[n:]]

    def _pinned(self, index: Anchor, told: Iterable[Anchor]) -> bool:
        """Is the index a fixed distance from one that occurs?"""
        known = (a for a in told if a in self.bounds.anchors)
        return any(
            self.bounds.least(index, a) is not None and self.bounds.least(index, a) == self.bounds.most(index, a)
            for a in known
        )

    def _anchors(self) -> list[Anchor]:
        runs = {i.index for i in self.chain if isinstance(i, Run)}
        return [a for a in dict.fromkeys(time.anchor for time in all_times(self.x)) if a not in runs]

    def _bounds(self, more: Iterable[Constraint] = ()) -> Bounds:
        least = self.compiler.least
        constraints: list[Constraint] = [(Time(None, least), Time(T, 0))]
        indices = [i for i, _, _ in self.x.binders]
        anchors = [*indices, *self._anchors(), *([t] if self.compiler.free else [])]
        for a in anchors:
            if a == t:
                constraints += inside(Range(Time(t, 0), 0, 0, False))
            elif a not in (None, T, *indices):
                raise NotInClass(f"the index {a}")
        for i, low, high in self.x.binders:
            constraints += [(low, Time(i, 0)), (Time(i, 0), high)]
        for a, b in self.x.equal:
            constraints += [(a, b), (b, a)]
        ranges = [*self.x.ranges, *self.compiler.letter_ranges(self.chain)]
        if self.last is not None and self.last.time is not None:
            ranges.append(Range(self.last.time, 0, 0, False))
        for r in ranges:
            if not r.strict and r.time.anchor in anchors or r.time.anchor in (None, T):
                constraints += inside(r) if not r.strict else ()
        return Bounds(anchors, [*constraints, *more])

    def _check(self) -> None:
        """Values that must be inside the sequence are; those of a product for every value of its index."""
        runs = {i.index: i for i in self.chain if isinstance(i, Run)}
        inner = [r for run in runs.values() for f in run.body for r in self.compiler.letter_ranges(f.chain)]
        ranges = [r for r in (*self.x.ranges, *self.compiler.letter_ranges(self.chain)) if r.strict]
        for r in (*ranges, *inner):
            run = runs.get(r.time.anchor)
            if run is None:
                if not all(map(self.bounds.implies, inside(r))):
                    raise NotInClass("a value that may lie outside the sequence")
                continue
            filled = self._bounds([(run.low, run.high)])
            low, high = inside(r)
            ends = (
                (low[0], run.low.shifted(r.time.offset)),
                (run.high.shifted(r.time.offset), high[1]),
            )
            if not filled.empty and not all(map(filled.implies, ends)):
                raise NotInClass("an ordered product that may leave the sequence")

    def _go(self, p: Place, anchor: Anchor) -> Place:
        """Wait until the reference is the anchor's, the bias staying the same."""
        if anchor == p.anchor:
            return p
        least, most = self.bounds.least(anchor, p.anchor), self.bounds.most(anchor, p.anchor)
        if least is None or least < 0:
            raise NotInClass("times that do not ascend along the word")
        self._visit(anchor, least, most)
        return Place(self.walked.wait(p.node, least, most), anchor, p.bias)

    def _visit(self, anchor: Anchor, least: int, most: int | None) -> None:
        self.visited.append((anchor, least, most))

    def _read(self, p: Place, item: Item) -> Place:
        if isinstance(item, Pause):
            return self._go(p, item.index)
        if isinstance(item, Run):
            raise NotInClass("an ordered product inside another")
        if item.time is None:
            step = -p.bias if _has_step(item) else None
            return replace(p, node=self.walked.arc(p.node, [Letter(item, step)]))
        p = self._go(p, item.time.anchor)
        return replace(p, node=self.walked.arc(p.node, [Letter(item, item.time.offset - p.bias)]))

    def _run(self, p: Place, run: Run) -> Place:
        """A loop over the index, which is the reference minus `bias` once it has been advanced."""
        if not run.ascending:
            raise NotInClass("an ordered product that runs against the time line")
        p = self._go(p, run.low.anchor)
        length = run.high.offset - run.low.offset + 1
        least = self.bounds.least(run.high.anchor, run.low.anchor)
        most = self.bounds.most(run.high.anchor, run.low.anchor)
        if least is None or least + length < 0:
            raise NotInClass("an ordered product that may have a negative length")
        if run.high.anchor != run.low.anchor:
            self._visit(run.high.anchor, least, most)
        bias = -run.high.offset  # so that the reference is back at its anchor after the loop
        step = run.low.offset - 1 + bias - p.bias
        if step < 0:
            bias, step = p.bias + 1 - run.low.offset, 0
        start = self.walked.arc(p.node, [Step(step)] if step else [])
        end = _Loop(self.walked, run, bias).between(start, least + length, None if most is None else most + length)
        return Place(end, run.high.anchor, run.high.offset + bias)

    def _end(self, p: Place) -> None:
        if self.last is None:
            p = self._go(p, T)
            self.walked.arc(p.node, [End(-p.bias)], target=Net.END)
            return
        if self.last.time is None:
            raise NotInClass(f"the cotangent {self.last.name} has no time")
        p = self._go(p, self.last.time.anchor)
        step = self.last.time.offset - p.bias
        if step < 0:
            raise NotInClass("times that do not ascend along the word")
        self._visit(T, self.last.time.offset + 1, None)
        target = self.compiler.cotangent(self.last.name, self.reverse) if self.walked is self.net else Net.END
        self.walked.arc(p.node, [Step(step)] if step else [], target=target)

    def _check_local(self) -> None:
        """Every bound must follow from those between anchors that are neighbours on the way."""
        path = [a for a, _, _ in self.visited]
        for x in range(len(path)):
            for y in range(x + 1, len(path)):
                least = sum(low for _, low, _ in self.visited[x + 1 : y + 1])
                ups = [high for _, _, high in self.visited[x + 1 : y + 1]]
                most = None if None in ups else sum(ups)  # type: ignore[arg-type]
                known_least, known_most = self.bounds.least(path[y], path[x]), self.bounds.most(path[y], path[x])
                if known_least is not None and known_least > least:
                    raise NotInClass("a bound between indices that are not neighbours in time")
                if known_most is not None and (most is None or known_most < most):
                    raise NotInClass("a bound between indices that are not neighbours in time")


class _Loop:
    """The factors of an ordered product, one value of the index after the other."""

    def __init__(self, net: Net, run: Run, bias: int):
        self.net, self.run, self.bias = net, run, bias
        self.rows = 1 + max((max(f.row, f.column) for f in run.body), default=0)

    def between(self, start: int, least: int, most: int | None) -> int:
        """From the run's block row to its block column in `least` to `most` factors."""
        layer: dict[int, int] = {self.run.row: start}
        for _ in range(least):
            layer = self._factors(layer, {})
        if most is None:
            star = {row: self.net.node() for row in range(max(self.rows, self.run.column + 1))}
            for row, node in layer.items():
                self.net.arc(node, [], target=star[row])
            self._factors(star, star)
            return star[self.run.column]
        end = self.net.node()
        for n in range(least, most + 1):
            if self.run.column in layer:
                self.net.arc(layer[self.run.column], [], target=end)
            if n < most:
                layer = self._factors(layer, {})
        return end

    def _factors(self, layer: dict[int, int], following: dict[int, int]) -> dict[int, int]:
        for f in self.run.body:
            if f.row not in layer:
                continue
            if f.column not in following:
                following[f.column] = self.net.node()
            moves: list[Move] = [Step(1), *(self._letter(i) for i in f.chain)]
            self.net.arc(layer[f.row], moves, f.coefficient, following[f.column])
        return following

    def _letter(self, i: Item) -> Letter:
        if isinstance(i, Run):
            raise NotInClass("an ordered product inside another")
        if i.time is None:
            return Letter(i, -self.bias if _has_step(i) else None)
        if i.time.anchor != self.run.index:
            raise NotInClass("another index inside an ordered product")
        return Letter(i, i.time.offset - self.bias)


_ = (pairwise, items, Chain, ONE)
