"""Ordered products as loops."""

from __future__ import annotations

from derive.proof.automaton.net import Letter, Move, Net, Step
from derive.proof.words.items import Entry, Item, Matrix, NotInClass, Run
from derive.proof.words.layout import is_mark


def has_step(i: Item) -> bool:
    """Is it a letter without a time, which is spelled at the step in which it stands?"""
    return isinstance(i, (Entry, Matrix)) and i.time is None and not is_mark(i)


class Loop:
    """The factors of an ordered product, one value of the index after the other."""

    def __init__(self, net: Net, run: Run, bias: int):
        self.net, self.run, self.bias = net, run, bias
        self.rows = 1 + max(run.row, run.column, *(max(f.row, f.column) for f in run.body))

    def between(self, start: int, least: int, most: int | None) -> int:
        """From the run's block row to its block column in `least` to `most` factors."""
        layer: dict[int, int] = {self.run.row: start}
        for _ in range(least):
            layer = self._factors(layer, {})
        if most is None:
            star = {row: self.net.node() for row in range(self.rows)}
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
            return Letter(i, -self.bias if has_step(i) else None)
        if i.time.anchor != self.run.index:
            raise NotInClass("another index inside an ordered product")
        return Letter(i, i.time.offset - self.bias)
