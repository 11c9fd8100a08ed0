"""Weighted finite automata over ℚ: the sum of the weights of all paths that read a string.

Two of them are equal if a space of vectors that contains their common start and is closed under all
moves is orthogonal to the common end.  (Schützenberger 1961; Tzeng 1992.)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

from derive.proof.words.items import NotInClass

Number: TypeAlias = "int | Fraction"  # integers where they will do: they are faster
Vector: TypeAlias = "dict[int, Number]"
Moves: TypeAlias = "dict[str, dict[int, Vector]]"


@dataclass
class Builder:
    """Arcs that read one symbol, or none."""

    symbols: list[dict[str, list[tuple[int, Number]]]] = field(default_factory=list)
    silent: list[list[tuple[int, Number]]] = field(default_factory=list)

    def state(self) -> int:
        self.symbols.append({})
        self.silent.append([])
        return len(self.symbols) - 1

    def path(self, source: int, word: tuple[str, ...], weight: Number, target: int) -> None:
        """A path that reads the symbols of a word."""
        if not word:
            self.silent[source].append((target, weight))
            return
        for i, symbol in enumerate(word):
            end = target if i == len(word) - 1 else self.state()
            self.symbols[source].setdefault(symbol, []).append((end, weight if i == 0 else 1))
            source = end

    def automaton(self, start: int, end: int) -> Automaton:
        """Without silent arcs and useless states."""
        closure = self._closure()
        moves: Moves = {}
        for source, arcs in enumerate(self.symbols):
            for symbol, targets in arcs.items():
                row: Vector = {}
                for target, weight in targets:
                    for state, w in closure[target].items():
                        _add(row, state, weight * w)
                if row:
                    moves.setdefault(symbol, {})[source] = row
        return _trimmed(closure[start], moves, {end: 1})

    def _closure(self) -> list[Vector]:
        """For each state, what its silent arcs lead to."""
        known: dict[int, Vector] = {}
        for root in range(len(self.silent)):
            stack = [root]
            on_stack = {root}
            while stack:
                state = stack[-1]
                missing = [s for s, _ in self.silent[state] if s not in known]
                if missing:
                    if missing[0] in on_stack:
                        raise NotInClass("a loop that reads nothing")
                    stack.append(missing[0])
                    on_stack.add(missing[0])
                    continue
                reached: Vector = {state: 1}
                for target, weight in self.silent[state]:
                    for s, w in known[target].items():
                        _add(reached, s, weight * w)
                known[state] = reached
                stack.pop()
                on_stack.discard(state)
        return [known[s] for s in range(len(self.silent))]


def whole(w: Number) -> Number:
    """The same number, as an integer where it is one."""
    return int(w) if w.denominator == 1 else w


def _add(v: Vector, key: int, amount: Number) -> None:
    total = v.get(key, 0) + amount
    if total:
        v[key] = total
    else:
        v.pop(key, None)


@dataclass(frozen=True)
class Automaton:
    """The weight of a string is start · moves[a] · moves[b] · … · end."""

    states: int
    start: Vector
    moves: Mapping[str, Mapping[int, Vector]]
    end: Vector

    def weight(self, word: tuple[str, ...]) -> Number:
        v = self.start
        for symbol in word:
            v = step(v, self.moves.get(symbol, {}))
        return dot(v, self.end)


def step(v: Vector, rows: Mapping[int, Vector]) -> Vector:
    """v · M."""
    out: Vector = {}
    for state, weight in v.items():
        for target, w in rows.get(state, {}).items():
            _add(out, target, weight * w)
    return out


def dot(u: Vector, v: Vector) -> Number:
    return sum(x * v[k] for k, x in u.items() if k in v)


def _trimmed(start: Vector, moves: Moves, end: Vector) -> Automaton:
    """Only states on a way from the start to the end, renumbered."""
    forward: dict[int, set[int]] = {}
    backward: dict[int, set[int]] = {}
    for rows in moves.values():
        for source, row in rows.items():
            forward.setdefault(source, set()).update(row)
            for target in row:
                backward.setdefault(target, set()).add(source)
    useful = sorted(_reached(start, forward) & _reached(end, backward))
    number = {state: i for i, state in enumerate(useful)}

    def kept(v: Vector) -> Vector:
        return {number[s]: w for s, w in v.items() if s in number}

    new: Moves = {}
    for symbol, rows in sorted(moves.items()):
        inner = {number[s]: kept(row) for s, row in rows.items() if s in number}
        inner = {s: row for s, row in inner.items() if row}
        if inner:
            new[symbol] = inner
    return Automaton(len(useful), kept(start), new, kept(end))


def _reached(roots: Vector, edges: Mapping[int, set[int]]) -> set[int]:
    seen, todo = set(roots), list(roots)
    while todo:
        for s in edges.get(todo.pop(), ()):
            if s not in seen:
                seen.add(s)
                todo.append(s)
    return seen


@dataclass(frozen=True)
class Equal:
    """Why two automata are equal: rows of a basis, the start in it, and each row's moves in it.

    States of the right automaton are numbered after those of the left, and weigh negative.
    """

    basis: tuple[Vector, ...]
    start: Vector
    moves: Mapping[str, tuple[Vector, ...]]


@dataclass(frozen=True)
class Different:
    """A shortest string that the two weigh differently."""

    word: tuple[str, ...]
    left: Number
    right: Number


def compare(
    left: Automaton, right: Automaton, spend: Callable[[], None] = lambda: None, most: int = 2000
) -> Equal | Different:
    """Equal on all strings, or a shortest string on which they differ.

    Raises:
        NotInClass: the proof would need more than `most` vectors.
    """
    return _Comparison(left, right, spend, most).run()


def joint(left: Automaton, right: Automaton) -> tuple[Vector, Moves, Vector]:
    """The automaton that weighs a string by left − right."""
    n = left.states

    def shifted(v: Vector, sign: int = 1) -> Vector:
        return {n + s: sign * w for s, w in v.items()}

    moves: Moves = {a: dict(rows) for a, rows in left.moves.items()}
    for a, rows in right.moves.items():
        moves.setdefault(a, {}).update({n + s: shifted(row) for s, row in rows.items()})
    return left.start | shifted(right.start, -1), moves, left.end | shifted(right.end)


class _Comparison:
    def __init__(self, left: Automaton, right: Automaton, spend: Callable[[], None], most: int):
        self.left, self.right, self.spend, self.most = left, right, spend, most
        self.basis: list[Vector] = []
        self.pivots: dict[int, int] = {}  # state → the row whose first entry it is

    def run(self) -> Equal | Different:
        start, moves, end = joint(self.left, self.right)
        words: list[tuple[str, ...]] = []
        first, new = self._coordinates(start)
        if new:
            words.append(())
        rows: dict[str, list[Vector]] = {a: [] for a in sorted(moves)}
        todo = deque(range(len(self.basis)))
        while todo:
            i = todo.popleft()
            if dot(self.basis[i], end):
                return Different(words[i], self.left.weight(words[i]), self.right.weight(words[i]))
            for a, images in rows.items():
                self.spend()
                found, new = self._coordinates(step(self.basis[i], moves[a]))
                images.append(found)
                if new:
                    words.append((*words[i], a))
                    todo.append(len(self.basis) - 1)
                    if len(self.basis) > self.most:
                        raise NotInClass(f"a proof of more than {self.most} vectors")
        return Equal(tuple(self.basis), first, {a: tuple(r) for a, r in rows.items()})

    def _coordinates(self, v: Vector) -> tuple[Vector, bool]:
        """v in the basis, which grows by one row where it must; each row has a 1 at its pivot."""
        rest, found = dict(v), dict[int, Number]()
        todo = True
        while todo:
            todo = False
            for state in sorted(rest):
                row = self.pivots.get(state)
                if row is not None:
                    c = rest[state]
                    found[row] = found.get(row, 0) + c
                    for k, w in self.basis[row].items():
                        _add(rest, k, -c * w)
                    todo = True
                    break
        if not rest:
            return {k: c for k, c in found.items() if c}, False
        pivot = min(rest)
        c = rest[pivot]
        self.pivots[pivot] = len(self.basis)
        self.basis.append(
            {k: whole(Fraction(w) / c) for k, w in rest.items()}
            if c not in (1, -1)
            else {k: w * c for k, w in rest.items()}
        )
        found[len(self.basis) - 1] = c
        return {k: c for k, c in found.items() if c}, True
