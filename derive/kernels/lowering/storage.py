"""Where each name lives: which buffers there are, their padding, and what is a view of what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from sympy import Expr, MatrixExpr, Transpose

from derive.algebra.nodes import Concat, Slice, T, Timed, is_reference
from derive.graph import Group
from derive.kernels.lowering.codenames import CodeNames
from derive.kernels.lowering.trees import Buffer
from derive.program import Program, Variable, references


@dataclass
class Storage:
    """The buffers of a lowered program, by name; parents come before their views."""

    program: Program
    groups: Sequence[Group]
    results: frozenset[str]
    names: CodeNames
    buffers: dict[str, Buffer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.place = {n: i if g.direction else -1 for i, g in enumerate(self.groups) for n in g.names}
        self.before: Counter[str] = Counter()
        self.after: Counter[str] = Counter()
        self.readers: dict[str, list[tuple[str, MatrixExpr]]] = {}
        for user, e in self.program.equations.items():
            for r in references(e):
                self.readers.setdefault(r.name, []).append((user, r))
                self._pad(r)
        self.views = self._slices()
        self.views |= self._born_in_place()
        self.local = self._locals()
        for name in self.program.variables:
            self._allocate(name)

    def _pad(self, r: MatrixExpr) -> None:
        """Rows outside 0 … T−1 that a reference may touch, for any T ≥ 0."""
        if not isinstance(r, Timed):
            return
        if r.offset is not None:
            first, last = -r.offset, r.offset
        elif r.index.has(T):
            distance = int(r.index - T)
            first, last = -distance, distance + 1
        else:
            first, last = 0, int(r.index) + 1
        self.before[r.name] = max(self.before[r.name], first)
        self.after[r.name] = max(self.after[r.name], last)

    def padded(self, name: str) -> bool:
        return bool(self.before[name] or self.after[name])

    def _slices(self) -> dict[str, tuple[str, Expr, Expr]]:
        """Names that are slices of an unpadded buffer at their own time."""
        views = {}
        for name, e in self.program.equations.items():
            if not (isinstance(e, Slice) and is_reference(e.arg)) or self.padded(name) or self.padded(e.arg.name):
                continue
            parent = self.program[e.arg.name]
            same = parent.axes == self.program[name].axes and not parent.onehot
            result = name in self.results and (parent.axes or parent.given)  # results never alias arguments
            if same and (e.shape[1] == 1 or not parent.axes) and not result:
                views[name] = (e.arg.name, e.low, e.high)
        return views

    def _born_in_place(self) -> dict[str, tuple[str, Expr, Expr]]:
        """Operands of a concat that are computed straight into it."""
        concats = {n: e for n, e in self.program.equations.items() if isinstance(e, Concat) and e.shape[1] == 1}
        uses = Counter(a.name for e in concats.values() for a in e.args if is_reference(a))
        views = {}
        for name, e in concats.items():
            if self.padded(name) or not all(self._may_move(a, name, uses) for a in e.args):
                continue
            for a, (low, high) in zip(e.args, e.bounds(), strict=True):
                views[a.name] = (name, low, high)
        return views

    def _may_move(self, a: MatrixExpr, into: str, uses: Counter[str]) -> bool:
        if isinstance(a, Transpose) or (isinstance(a, Timed) and a.offset != 0):
            return False
        free = a.name in self.program.equations and a.name not in self.views and a.name not in self.results
        same = self.program[a.name].axes == self.program[into].axes and bool(self.program[into].axes)
        return free and same and uses[a.name] == 1 and not self.padded(a.name)

    def root(self, name: str) -> str:
        while name in self.views:
            name = self.views[name][0]
        return name

    def _locals(self) -> set[str]:
        """Names that no other loop and no other step sees: they need no T axis."""
        trees: dict[str, list[str]] = {}
        for name in self.program.variables:
            trees.setdefault(self.root(name), []).append(name)
        local: set[str] = set()
        for members in trees.values():
            if all(self._stays(n, members[0]) for n in members):
                local.update(members)
        return local

    def _stays(self, name: str, first: str) -> bool:
        v = self.program[name]
        if v.given or not v.timed or name in self.results or self.padded(name):
            return False
        place = self.place[name]
        if place == -1 or place != self.place.get(first, -1):
            return False
        return all(self.place[user] == place for user, _ in self.readers.get(name, []))

    def _allocate(self, name: str) -> None:
        if name in self.buffers or name not in self._needed():
            return
        v = self.program[name]
        view = self.views.get(name)
        if view:
            self._allocate(view[0])
        self.buffers[name] = Buffer(
            name,
            self.names[name],
            tuple(self.names.size(n) for n in _components(v)),
            _components(v),
            v.timed and name not in self.local,
            "b" in v.axes,
            self.before[name] if v.timed else 0,
            self.after[name] if v.timed else 0,
            self._boundary(v),
            (self.names[view[0]], self.names.size(view[1]), self.names.size(view[2])) if view else None,
            v.given,
            v.onehot,
        )

    def _needed(self) -> set[str]:
        if not hasattr(self, "_live"):
            self._live = self.program.live(self.results)
        return self._live

    def _boundary(self, v: Variable) -> tuple[tuple[str, str], ...]:
        """(row, source) of every padding row: the boundary values on the name's own side, zeros elsewhere."""
        if not v.timed:
            return ()
        before, after = self.before[v.name], self.after[v.name]
        initial = [self.names[i] if i else "" for i in v.initial]

        def source(k: int, own_side: bool) -> str:
            return initial[k - 1] if own_side and k <= len(initial) else ""

        rows = [(str(before - k), source(k, not v.backward)) for k in range(1, before + 1)]
        return tuple(rows) + tuple((_plus_T(before - 1 + k), source(k, v.backward)) for k in range(1, after + 1))


def _components(v: Variable) -> tuple[Expr, ...]:
    return v.shape[:1] if v.shape[1] == 1 else v.shape


def _plus_T(n: int) -> str:
    return f"T + {n}" if n else "T"
