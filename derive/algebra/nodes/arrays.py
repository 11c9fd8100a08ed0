"""Stacking, slicing, diagonals and blocks."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sympy import Basic, Expr, KroneckerDelta, MatrixExpr, S, Tuple
from sympy.core.symbol import Str

from derive.algebra.nodes.core import Node, Unary, label, number
from derive.algebra.shapes import conform, shape_text
from derive.errors import ShapeError


class Concat(Node):
    """Operands stacked along the first axis."""

    def __new__(cls, *parts: MatrixExpr) -> Concat:
        if not parts:
            raise ShapeError("concat of nothing")
        conform("concat", *((S.One, p.shape[1]) for p in parts))
        return Basic.__new__(cls, *parts)

    @property
    def shape(self) -> tuple[Expr, Expr]:
        return _stacked(self)

    def bounds(self) -> list[tuple[Expr, Expr]]:
        """The half-open row range of each part."""
        low, ranges = S.Zero, []
        for part in self.args:
            ranges.append((low, (low + part.shape[0]).expand()))
            low = ranges[-1][1]
        return ranges

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        for part, (low, high) in zip(self.args, self.bounds(), strict=True):
            if low <= i < high:
                return part[i - low, j]
        raise IndexError(i)

    def _sympystr(self, printer: Any) -> str:
        return f"concat({', '.join(printer._print(a) for a in self.args)})"


# Kept: a shape that asks its parts twice, and these theirs, would take 2^depth steps.


@lru_cache(4096)
def _stacked(e: Concat) -> tuple[Expr, Expr]:
    shapes = [p.shape for p in e.args]
    return sum((rows for rows, _ in shapes), S.Zero).expand(), shapes[0][1]


@lru_cache(4096)
def _of_blocks(e: Blocks) -> tuple[Expr, Expr]:
    rows = sum((e.block(i, 0).shape[0] for i in range(e.block_rows)), S.Zero)
    cols = sum((e.block(0, j).shape[1] for j in range(e.block_cols)), S.Zero)
    return rows.expand(), cols.expand()


class Slice(Node):
    """Rows lo … hi−1."""

    def __new__(cls, a: MatrixExpr, low: Any, high: Any) -> Slice:
        low, high = number(low), number(high)
        if (low.is_negative) or (high - low).is_nonpositive or (a.shape[0] - high).is_negative:
            raise ShapeError(f"slice {low}:{high} is empty or leaves {shape_text(a.shape)}")
        return Basic.__new__(cls, a, low, high)

    arg = property(lambda self: self.args[0])
    low = property(lambda self: self.args[1])
    high = property(lambda self: self.args[2])
    shape = property(lambda self: ((self.args[2] - self.args[1]).expand(), self.args[0].shape[1]))

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return self.arg[i + self.low, j]

    def _sympystr(self, printer: Any) -> str:
        return f"slice({printer._print(self.arg)}, {self.low}, {self.high})"


class Pad(Node):
    """Its operand as rows lo … of an otherwise zero array with `rows` rows: the adjoint of a slice."""

    def __new__(cls, a: MatrixExpr, low: Any, rows: Any) -> Pad:
        low, rows = number(low), number(rows)
        if low.is_negative:
            raise ShapeError(f"there is no row {low}: rows are counted from 0")
        return Basic.__new__(cls, a, low, rows)

    arg = property(lambda self: self.args[0])
    low = property(lambda self: self.args[1])
    shape = property(lambda self: (self.args[2], self.args[0].shape[1]))

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        inside = self.low <= i < self.low + self.arg.shape[0]
        return self.arg[i - self.low, j] if inside else S.Zero

    def _sympystr(self, printer: Any) -> str:
        return f"pad({printer._print(self.arg)}, {self.low})"


class Entry(Node):
    """One entry, as a 1×1 matrix; the indices count from 0, and may be those of a sum."""

    def __new__(cls, a: MatrixExpr, row: Any, col: Any = S.Zero) -> Entry:
        return Basic.__new__(cls, a, number(row), number(col))

    arg = property(lambda self: self.args[0])
    row = property(lambda self: self.args[1])
    col = property(lambda self: self.args[2])
    shape = property(lambda self: (S.One, S.One))

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return self.arg[self.row, self.col]

    def _sympystr(self, printer: Any) -> str:
        return f"{printer._print(self.arg)}[{self.row}, {self.col}]"


class Norm(Node):
    """A norm: "2", the largest singular value (a vector's length), "F", the length of all entries in a row, or "inf",
    the largest sum of a row's absolute values (a vector's largest entry).
    """

    def __new__(cls, a: MatrixExpr, kind: str | Str = "2") -> Norm:
        kind = label(kind)
        if kind.name not in {"2", "F", "inf"}:
            raise ValueError(f"a norm is 2, F or inf, not {kind.name!r}")
        return Basic.__new__(cls, a, kind)

    arg = property(lambda self: self.args[0])
    kind = property(lambda self: self.args[1].name)
    shape = property(lambda self: (S.One, S.One))

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        raise NotImplementedError("a norm is no polynomial of entries")

    def _sympystr(self, printer: Any) -> str:
        return f"norm({printer._print(self.arg)})"


class Reshape(Node):
    """Its entries, row by row, in another shape."""

    def __new__(cls, a: MatrixExpr, rows: Any, cols: Any) -> Reshape:
        rows, cols = number(rows), number(cols)
        if (rows * cols - a.shape[0] * a.shape[1]).expand() != 0:
            raise ShapeError(f"{shape_text(a.shape)} has not as many entries as {shape_text((rows, cols))}")
        return Basic.__new__(cls, a, rows, cols)

    arg = property(lambda self: self.args[0])
    shape = property(lambda self: self.args[1:])

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        place, width = i * self.args[2] + j, self.arg.shape[1]
        return self.arg[place // width, place % width]

    def _sympystr(self, printer: Any) -> str:
        return f"reshape({printer._print(self.arg)}, {self.args[1]}, {self.args[2]})"


class Diag(Unary):
    """A column vector as a diagonal matrix."""

    def __new__(cls, a: MatrixExpr) -> Diag:
        if a.shape[1] != 1:
            raise ShapeError(f"diag takes a column vector, not {shape_text(a.shape)}")
        return Basic.__new__(cls, a)

    shape = property(lambda self: (self.args[0].shape[0], self.args[0].shape[0]))

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return self.arg[i, 0] * KroneckerDelta(i, j)  # SymPy's products ask with symbolic indices


class DiagPart(Unary):
    """The diagonal of a square matrix as a column: the adjoint of `Diag`."""

    shape = property(lambda self: (self.args[0].shape[0], S.One))

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return self.arg[i, i]


class Blocks(Node):
    """A block matrix: `entries` row by row; a zero block is a ZeroMatrix."""

    def __new__(cls, rows: Any, cols: Any, *entries: MatrixExpr) -> Blocks:
        entries_ = Tuple(*(entries[0] if len(entries) == 1 and isinstance(entries[0], Tuple) else entries))
        rows, cols = number(rows), number(cols)
        if not (rows.is_Integer and cols.is_Integer):
            raise ShapeError(f"{rows} × {cols} blocks: how many there are is a number")
        return Basic.__new__(cls, rows, cols, entries_)

    block_rows = property(lambda self: int(self.args[0]))
    block_cols = property(lambda self: int(self.args[1]))

    def block(self, i: int, j: int) -> MatrixExpr:
        return self.args[2][i * self.block_cols + j]

    @property
    def shape(self) -> tuple[Expr, Expr]:
        return _of_blocks(self)

    @property
    def matrices(self) -> tuple[MatrixExpr, ...]:
        return tuple(self.args[2])

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        for row in range(self.block_rows):
            height = self.block(row, 0).shape[0]
            if i < height:
                break
            i -= height
        for col in range(self.block_cols):
            width = self.block(0, col).shape[1]
            if j < width:
                break
            j -= width
        return self.block(row, col)[i, j]

    def _sympystr(self, printer: Any) -> str:
        rows = (
            ", ".join(printer._print(self.block(i, j)) for j in range(self.block_cols)) for i in range(self.block_rows)
        )
        return f"[{'; '.join(rows)}]"
