"""Terms and recursions as a network: sums become waits, products loops, cotangents nodes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from derive.algebra.nodes import T, t
from derive.proof.automaton.bounds import Bounds, inside
from derive.proof.automaton.loops import has_step
from derive.proof.automaton.net import End, Letter, Net, Step
from derive.proof.automaton.paths import Path
from derive.proof.words.items import Item, NotInClass, Run, Term, Time
from derive.proof.words.layout import layout, mirrored
from derive.proof.words.reading import Reader
from derive.proof.words.terms import all_times


class Compiler:
    """Compiles terms into one network."""

    def __init__(self, reader: Reader):
        self.reader, self.net = reader, Net()
        self._open: list[tuple[str, bool]] = []
        self._finish: int | None = None

    def add(self, path: Path) -> None:
        """One more term, along its way."""
        if path.x.coefficient:  # one that vanished only demanded that times be inside the sequence
            path.compile(self.net, lambda name: self.cotangent(name, path.reverse))
        while self._open:
            self._expand(*self._open.pop())

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
        rows, cols = self.reader.program[name].shape
        if rows == 1 and cols != 1:
            raise NotInClass(f"the cotangent {name} is a row")
        source = self.net.names["cotangent", name, reverse]
        for x in self.reader.definition(name):
            self._equation(source, mirrored(x) if reverse else x, reverse)

    def _equation(self, source: int, x: Term, reverse: bool) -> None:
        if x.binders or any(time.anchor not in (None, T, t) for time in all_times(x)):
            raise NotInClass("a sum over steps inside a step of the recursion")
        last = self.reader.last_name(x)
        chain, found = layout(x, last, self.reader.letters.left_size)
        self._check_ranges(x, chain, reverse)
        if not x.coefficient:
            return
        moves = [Letter(i, 0 if has_step(i) else _relative(i)) for i in chain]
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

    def _check_ranges(self, x: Term, chain: Iterable[Item], reverse: bool) -> None:
        bounds = Bounds([t], [(Time(None, 0), Time(t, 0)), (Time(t, 0), Time(T, -1))])
        for r in (*x.ranges, *self.reader.letter_ranges(chain, reverse)):
            if not all(map(bounds.implies, inside(r))):
                raise NotInClass("a value outside the sequence inside the recursion")


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
