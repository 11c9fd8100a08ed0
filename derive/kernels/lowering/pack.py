"""Maps of one shape over consecutive slices become one map over the whole."""

from __future__ import annotations

from collections.abc import Iterable

from sympy import Expr, HadamardProduct, MatAdd, MatrixExpr, OneMatrix

from derive.algebra.functions import Apply
from derive.algebra.nodes import Scale, Slice, is_reference
from derive.kernels.lowering.passes import is_map_root
from derive.kernels.lowering.stack import Stacker
from derive.program import at_own_time, operands, rebuild


class Packer(Stacker):
    """f(a₁, …), f(a₂, …) over consecutive slices → slices of f(a, …)."""

    def run(self, sums: bool = True) -> None:
        """Stack products and, if wanted, sums over steps, then pack maps until there is nothing left to pack."""
        super().run()
        if sums:
            self.sums_over_steps()
        while self._pack():
            pass

    def _pack(self) -> bool:
        """Pack one run of maps of the same shape; False when there is none left."""
        self.place = self._places()
        found: dict[object, list[str]] = {}
        for name, e in self.equations.items():
            if is_map_root(e) and self.variables[name].shape[1] == 1 and name not in self.keep:
                key = self._pack_key(e)
                if key is not None:
                    found.setdefault((self.place[name], key), []).append(name)
        for names in found.values():
            run = self._consecutive(names)
            if len(run) > 1:
                self._pack_run(run)
                return True
        return False

    def _pack_key(self, e: MatrixExpr) -> object | None:
        """The shape of a map whose leaves are slices or weights; None if it has other leaves."""
        leaves = [self._parent(r) for r in map_leaves(e)]
        if None in leaves or not any(isinstance(p, tuple) for p in leaves):
            return None
        return _skeleton(e), tuple(p[0] if isinstance(p, tuple) else p for p in leaves)

    def _parent(self, r: MatrixExpr) -> object | None:
        """(parent, low, high) of a slice; "weight" for a given column without axes."""
        if not is_reference(r):
            return None
        e = self.equations.get(r.name)
        if isinstance(e, Slice) and at_own_time(r) and e.shape[1] == 1:
            return e.arg, e.low, e.high
        v = self.variables[r.name]
        return "weight" if v.given and not v.axes and r.shape[1] == 1 and r.shape[0] != 1 else None

    def _slices(self, name: str) -> list[tuple[MatrixExpr, Expr, Expr]]:
        leaves = (self._parent(r) for r in map_leaves(self.equations[name]))
        return [p for p in leaves if isinstance(p, tuple)]

    def _consecutive(self, names: list[str]) -> list[str]:
        """The longest run in which every slice begins where the one before it ends."""
        follows = {}
        for first in names:
            for second in names:
                pairs = zip(self._slices(first), self._slices(second), strict=True)
                if first != second and all(p[2] == q[1] for p, q in pairs):
                    follows[first] = second
        best: list[str] = []
        for name in names:
            run = [name]
            while run[-1] in follows and follows[run[-1]] not in run:
                run.append(follows[run[-1]])
            best = run if len(run) > len(best) else best
        return best

    def _pack_run(self, names: list[str]) -> None:
        leaves = [list(map_leaves(self.equations[n])) for n in names]
        new = []
        for column in zip(*leaves, strict=True):
            parents = [self._parent(r) for r in column]
            if parents[0] == "weight":
                new.append(self.stack(tuple(column), -1))
                continue
            slices = [p for p in parents if isinstance(p, tuple)]
            parent, low, high = slices[0][0], slices[0][1], slices[-1][2]
            whole = low == 0 and high == parent.shape[0]
            new.append(parent if whole else self.name(Slice(parent, low, high), f"{parent.name}_part"))
        replacement = iter(new)
        rows = sum((self.variables[n].shape[0] for n in names[1:]), self.variables[names[0]].shape[0]).expand()
        self._split(names, _replace_leaves(self.equations[names[0]], replacement, rows), self.place[names[0]])


def map_leaves(e: MatrixExpr) -> Iterable[MatrixExpr]:
    """What a map is made of, left to right; constants are part of its shape."""
    if isinstance(e, (MatAdd, HadamardProduct, Scale, Apply)):
        for a in operands(e):
            yield from map_leaves(a)
    elif not isinstance(e, OneMatrix):
        yield e


def _skeleton(e: MatrixExpr) -> object:
    if isinstance(e, (MatAdd, HadamardProduct, Scale, Apply)):
        fixed = tuple(a for a in e.args if not isinstance(a, MatrixExpr))
        return type(e).__name__, fixed, tuple(_skeleton(a) for a in operands(e))
    return "one" if isinstance(e, OneMatrix) else "leaf"


def _replace_leaves(e: MatrixExpr, new: Iterable[MatrixExpr], rows: Expr) -> MatrixExpr:
    if isinstance(e, OneMatrix):
        return OneMatrix(rows, e.shape[1])
    if isinstance(e, (MatAdd, HadamardProduct, Scale, Apply)):
        return rebuild(e, [_replace_leaves(a, new, rows) for a in operands(e)])
    return next(iter(new))
