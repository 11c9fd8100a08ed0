"""The way of one term through a network: its indices in the order in which time passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from derive.algebra.nodes import T, t
from derive.proof.automaton.bounds import Anchor, Bounds, Constraint, inside
from derive.proof.automaton.loops import Loop, has_step
from derive.proof.automaton.net import End, Letter, Move, Net, Step
from derive.proof.words.items import Entry, Item, Matrix, NotInClass, Range, Run, Term, Time
from derive.proof.words.layout import AT_T, REVERSED, layout, mirrored
from derive.proof.words.reading import Reader
from derive.proof.words.terms import all_times


@dataclass(frozen=True)
class Place:
    """Where reading stands: a node, and the anchor and bias of the reference: reference = anchor + bias.

    `last` is the time of the letter before, from the anchor; 0 where there is none.
    """

    node: int
    anchor: Anchor
    bias: int
    last: int = 0


@dataclass(frozen=True)
class Pause:
    """Wait for an index that no letter tells: the ways to choose it are counted."""

    index: Anchor


def _times(i: Item) -> Iterator[Time]:
    if isinstance(i, Run):
        yield from (i.low, i.high)
    elif i.time is not None:
        yield i.time


class Path:
    """The way of one term through the network.

    Args:
        reverse: read it backward in time.
        least: the least T that counts, 0 or 1.
        free: is t a free index, so that a word also says which t it belongs to?
        beside: letters without a time stand at the time of the letter before, not at that of their index.

    Raises:
        NotInClass: the term cannot be read along the time line, in this direction.
    """

    def __init__(self, reader: Reader, x: Term, reverse: bool, least: int, free: bool, beside: bool = False):
        self.x = mirrored(x) if reverse else x
        self.reader, self.reverse, self.least, self.free, self.beside = reader, reverse, least, free, beside
        x = self.x
        self.chain, self.last = layout(x, reader.last_name(x), reader.letters.left_size)
        if free:
            self.chain = (Matrix(AT_T, False, Time(t, 0)), *self.chain)
        self.net = Net()  # a scratch one, until the way is known
        self.visited: list[tuple[Anchor, int, int | None]] = [(None, 0, 0)]
        self.way = self._find_way()
        later = reader.program.live([self.last.name]) if self.last is not None else ()
        if any(reader.recurrent.get(n, 0) == (-1 if reverse else 1) for n in later):
            raise NotInClass("a path that runs both ways in time")

    def compile(self, net: Net, cotangent: Callable[[str], int]) -> None:
        """Add the term to a network; `cotangent` gives the node at which reading goes on."""
        if self.way is not None:
            self._walk(self.way, net, cotangent)

    def _find_way(self) -> Sequence[Item | Pause] | None:
        """The chain as it can be walked; None if the term is zero."""
        self.bounds = self._bounds(trusting=False)
        if self.bounds.empty:
            return None
        self._check()
        self.bounds = self._bounds()
        if self.bounds.empty or not self.x.coefficient:  # what vanished only demands
            return None
        refusal: NotInClass | None = None
        for chain in self._with_pauses():
            try:
                self._walk(chain, Net(), lambda name: Net.END)
                self._check_local()
            except NotInClass as reason:
                refusal = refusal or reason
            else:
                return chain
        raise refusal or NotInClass("nothing to read")

    def _walk(self, chain: Sequence[Item | Pause], net: Net, cotangent: Callable[[str], int]) -> None:
        self.net, self.visited = net, [(None, 0, 0)]
        first: list[Move] = [Letter(REVERSED, None)] if self.reverse else []
        p = Place(net.arc(Net.START, first, self.x.coefficient), None, 0)
        for item in chain:
            p = self._run(p, item) if isinstance(item, Run) else self._read(p, item)
        self._end(p, cotangent)

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

    def _bounds(self, more: Iterable[Constraint] = (), trusting: bool = True) -> Bounds:
        """What is known of the times in the term.

        Args:
            trusting: count that a letter is zero outside the sequence even where it stands for a value that must be
                inside (exp(h[k]) for e[k]): only once it is known to be inside.
        """
        least = self.least
        constraints: list[Constraint] = [(Time(None, least), Time(T, 0))]
        indices = [i for i, _, _ in self.x.binders]
        anchors = [*indices, *self._anchors(), *([t] if self.free else [])]
        for a in anchors:
            if a == t:
                constraints += inside(Range(Time(t, 0), 0, 0, False))
            elif a not in (None, T, *indices):
                raise NotInClass(f"the index {a}")
        for i, low, high in self.x.binders:
            constraints += [(low, Time(i, 0)), (Time(i, 0), high)]
        for a, b in self.x.equal:
            constraints += [(a, b), (b, a)]
        demanded = set() if trusting else {r.time for r in self.x.ranges if r.strict}
        doubtful = [i for i in self.chain if self._may_be_recognised(i, demanded)]
        kept = [i for i in self.chain if i not in doubtful]
        ranges = [*self.x.ranges, *self.reader.letter_ranges(kept, self.reverse)]
        ranges += self._of_last()
        for r in ranges:
            if not r.strict and r.time.anchor in (None, T, *anchors):
                constraints += inside(r)
        return Bounds(anchors, [*constraints, *more])

    def _of_last(self) -> Iterator[Range]:
        """The ranges of the cotangent at which the word goes on."""
        if self.last is not None and self.last.time is not None:
            found = self.reader.cotangent_ranges(self.last.name, self.last.time)
            yield from (r.mirrored() if self.reverse else r for r in found)

    def _may_be_recognised(self, i: Item, demanded: set[Time]) -> bool:
        """Is it the output of a function, at a time at which one was read as the output that the model gives it?"""
        outputs = self.reader.letters.outputs
        return isinstance(i, Entry) and i.time in demanded and i.name.rstrip("'") in outputs

    def _check(self) -> None:
        """Values that must be inside the sequence are; those of a product for every value of its index."""
        runs = [i for i in self.chain if isinstance(i, Run)]
        inner = [r for run in runs for f in run.body for r in self.reader.letter_ranges(f.chain, self.reverse)]
        letters = self.reader.letter_ranges(self.chain, self.reverse)
        ranges = [r for r in (*self.x.ranges, *letters, *self._of_last()) if r.strict]
        for r in (*ranges, *inner):
            own = [run for run in runs if run.index == r.time.anchor]
            for run in own:
                self._check_run(run, r)
            if not own and not all(map(self.bounds.implies, inside(r))):
                raise NotInClass("a value that may lie outside the sequence")

    def _check_run(self, run: Run, r: Range) -> None:
        filled = self._bounds([(run.low, run.high)], trusting=False)
        first, last = run.low.shifted(r.time.offset), run.high.shifted(r.time.offset)
        ends = [*inside(r._replace(time=first, high=None)), *inside(r._replace(time=last, low=None))]
        if not filled.empty and not all(map(filled.implies, ends)):
            raise NotInClass("an ordered product that may leave the sequence")

    def _go(self, p: Place, anchor: Anchor) -> Place:
        """Wait until the reference is the anchor's, the bias staying the same."""
        if anchor == p.anchor:
            return p
        least, most = self.bounds.least(anchor, p.anchor), self.bounds.most(anchor, p.anchor)
        if least is None:
            raise NotInClass("times that do not ascend along the word")
        self._visit(anchor, least, most)
        back = max(0, -least)  # an anchor that may lie a few steps back: the reference stays, and runs ahead of it
        least, most = least + back, None if most is None else most + back
        return Place(self.net.wait(p.node, least, most), anchor, p.bias + back)

    def _visit(self, anchor: Anchor, least: int, most: int | None) -> None:
        self.visited.append((anchor, least, most))

    def _read(self, p: Place, item: Item | Pause) -> Place:
        if isinstance(item, Pause):
            return self._go(p, item.index)
        if isinstance(item, Run):
            raise NotInClass("an ordered product inside another")
        if item.time is None:
            step = (p.last if self.beside else 0) - p.bias if has_step(item) else None
            return replace(p, node=self.net.arc(p.node, [Letter(item, step)]))
        p, last = self._go(p, item.time.anchor), item.time.offset
        return replace(p, node=self.net.arc(p.node, [Letter(item, last - p.bias)]), last=last)

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
        start = self.net.arc(p.node, [Step(step)] if step else [])
        end = Loop(self.net, run, bias).between(start, least + length, None if most is None else most + length)
        return Place(end, run.high.anchor, run.high.offset + bias, run.high.offset)

    def _end(self, p: Place, cotangent: Callable[[str], int]) -> None:
        if self.last is None:
            p = self._go(p, T)
            self.net.arc(p.node, [End(-p.bias)], target=Net.END)
            return
        if self.last.time is None:
            raise NotInClass(f"the cotangent {self.last.name} has no time")
        p = self._go(p, self.last.time.anchor)
        step = self.last.time.offset - p.bias
        if step < 0:
            raise NotInClass("times that do not ascend along the word")
        self._visit(T, self.last.time.offset + 1, None)
        self.net.arc(p.node, [Step(step)] if step else [], target=cotangent(self.last.name))

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
