"""One recurrent component of an adjoint program, as a linear system over time."""

from __future__ import annotations

from collections.abc import Iterable

from sympy import Expr, Identity, MatAdd, MatrixExpr, ZeroMatrix

from derive.algebra import build as b
from derive.algebra.nodes import Blocks, Timed, is_reference
from derive.calculus.adjoint import Adjoint
from derive.calculus.linear import linear
from derive.errors import UnsupportedError
from derive.program import references


class Component:
    """One recurrent component of the adjoint program, as a linear system over time."""

    def __init__(self, adjoint: Adjoint, names: Iterable[str], recurrent: frozenset[str]):
        self.adjoint, self.program = adjoint, adjoint.program
        self.names, self.recurrent = list(names), recurrent
        self.carry_of = {c: key for key, c in adjoint.carries.items() if c in set(names)}
        self.backward = all(offset > 0 for _, offset in self.carry_of.values())
        self.depth = max(abs(offset) for _, offset in self.carry_of.values())
        inside = set(self.names)
        self.sources: dict[str, MatrixExpr] = {}
        self.inner: dict[str, MatrixExpr] = {}
        for name in self.names:
            self._split(name, inside)
        carried = {adjoint.cotangents[state] for state, _ in self.carry_of.values()}
        self.basis = [n for n in self.names if n in self.sources or n in carried]
        if any(self.program[n].shape[1] != 1 for n in self.basis):
            raise UnsupportedError("the states are matrices: one-step Jacobians would need Kronecker products")
        self._matrices: dict[tuple[str, str], MatrixExpr | None] = {}

    def _split(self, name: str, inside: set[str]) -> None:
        """An equation's terms: from outside, and from this step inside; carries are neither."""
        e = self.program.equations[name]
        outside, same_step = [], []
        for term in e.args if isinstance(e, MatAdd) else (e,):
            refs = [r for r in references(term) if r.name in inside]
            if not refs:
                outside.append(term)
            elif not (is_reference(term) and term.name in self.carry_of):
                same_step.append(term)
        shape = self.program[name].shape
        if outside and not all(b.is_zero(x) for x in outside):
            self.sources[name] = b.add(*outside)
        self.inner[name] = b.add(*same_step) if same_step else b.zeros(shape)

    def matrix(self, name: str, base: str) -> MatrixExpr | None:
        """The matrix that takes y[base] at a step to the cotangent `name` at the same step."""
        key = (name, base)
        if key not in self._matrices:
            inner = self.inner.get(name, self.program.equations[name])
            rows = self.program[base].shape[0]
            found = linear(inner, lambda r: self._of(r, base), rows)
            if name == base:
                own = Identity(rows)
                found = own if found is None else b.add(own, found)
            self._matrices[key] = found
        return self._matrices[key]

    def _of(self, r: MatrixExpr, base: str) -> MatrixExpr | None:
        if r.name not in self.program.equations or not self._depends(r.name):
            return None
        if isinstance(r, Timed) and r.offset != 0:
            raise UnsupportedError(f"{r} is read at another step")
        return self.matrix(r.name, base)

    def _depends(self, name: str) -> bool:
        if name in self.inner:
            return True
        v = self.program[name]
        return v.role in ("adjoint", "temporary", "carry") and bool(self.program.live([name]) & set(self.names))

    @property
    def lengths(self) -> list[Expr]:
        return [self.program[n].shape[0] for n in self.basis]

    def row(self, name: str) -> MatrixExpr:
        """The matrix from the stacked y to `name`."""
        rows = self.program[name].shape[0]
        blocks = [self.matrix(name, base) for base in self.basis]
        filled = [b.zeros((rows, n)) if x is None else x for x, n in zip(blocks, self.lengths, strict=True)]
        filled += [b.zeros((rows, n)) for _ in range(self.depth - 1) for n in self.lengths]
        return _blocks(1, len(filled), filled)

    def source(self) -> MatrixExpr:
        """e: what arrives from outside, stacked."""
        parts = [self.sources.get(n, b.zeros(self.program[n].shape)) for n in self.basis]
        parts += [b.zeros((n, 1)) for _ in range(self.depth - 1) for n in self.lengths]  # type: ignore[arg-type]
        return _blocks(len(parts), 1, parts)

    def step(self) -> MatrixExpr:
        """K: the transposed Jacobian of one step; in companion form where there are lags."""
        n, d = len(self.basis), self.depth
        blocks: dict[tuple[int, int], MatrixExpr] = {}
        for carry, (state, offset) in self.carry_of.items():
            i = self.basis.index(self.adjoint.cotangents[state])
            for j, base in enumerate(self.basis):
                block = self.matrix(carry, base)
                if block is not None:
                    blocks[(abs(offset) - 1) * n + i, j] = block
        for lag in range(1, d):
            for i, size in enumerate(self.lengths):
                blocks[(lag - 1) * n + i, lag * n + i] = Identity(size)
        sizes = self.lengths * d
        every = [blocks.get((i, j), ZeroMatrix(sizes[i], sizes[j])) for i in range(n * d) for j in range(n * d)]
        return _blocks(n * d, n * d, every)


def _blocks(rows: int, cols: int, entries: list[MatrixExpr]) -> MatrixExpr:
    return entries[0] if len(entries) == 1 else Blocks(rows, cols, *entries)
