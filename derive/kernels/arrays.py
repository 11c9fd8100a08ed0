"""Arrays as the interface has them, and as the interpreter wants them.

Interface, C order: sequences [T, B, …], once inputs and boundary values [B, …], parameters and
constants […], where … is nothing for a scalar, [n] for a vector, [r, c] for a matrix.  A state with
two lags or more has [lags, B, …], nearest first.  One-hot names are integer arrays of classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from sympy import Expr, Integer, MatrixExpr

from derive.algebra.nodes import Slice
from derive.errors import InputError
from derive.program import Program, Variable, operands

if TYPE_CHECKING:  # shapes are asked for where there is no NumPy: code is written in browsers too
    import numpy as np

Array: TypeAlias = "np.ndarray[Any, Any]"


def size_value(e: Expr, sizes: Mapping[str, int]) -> int:
    """A size expression at given sizes."""
    return int(e.subs({s: Integer(sizes[s.name]) for s in e.free_symbols}))


def component_shape(v: Variable, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The … of the interface: () for a scalar, (n,), (r, c)."""
    rows, cols = (size_value(n, sizes) for n in v.shape)
    if v.shape[1] != 1:
        return rows, cols
    return () if v.shape[0] == 1 else (rows,)


def interface_shape(v: Variable, sizes: Mapping[str, int], steps: int, batch: int) -> tuple[int, ...]:
    lead = (steps,) * ("t" in v.axes) + (batch,) * ("b" in v.axes)
    return lead if v.onehot else lead + component_shape(v, sizes)


def to_canonical(v: Variable, a: Array, sizes: Mapping[str, int]) -> Array:
    """[…, r, c] with a vector as one column and classes as one-hot columns."""
    if v.onehot:
        import numpy as np

        a = np.eye(size_value(v.shape[0], sizes))[a]
    rows, cols = (size_value(n, sizes) for n in v.shape)
    lead = a.shape[: len(v.axes)]
    return a.reshape(*lead, rows, cols)


def from_canonical(v: Variable, a: Array, sizes: Mapping[str, int]) -> Array:
    """The inverse of `to_canonical`, except for one-hot names."""
    return a.reshape(a.shape[:-2] + component_shape(v, sizes))


def initial_groups(program: Program) -> dict[str, tuple[str, ...]]:
    """State → its boundary values, for the states whose boundary is a kernel input."""
    groups = {}
    for v in program.states:
        names = tuple(i for i in v.initial if i)
        if names:
            groups[v.name] = names
    return groups


def stack_lags(parts: list[Array]) -> Array:
    """One boundary value as it is, several as [lags, B, …]."""
    import numpy as np

    return parts[0] if len(parts) == 1 else np.stack(parts)


def infer_sizes(program: Program, shapes: Mapping[str, tuple[int, ...]], fixed: Mapping[str, int]) -> dict[str, int]:
    """T, B and every size, from the interface shapes of the given arrays.

    Raises:
        InputError: a rank is wrong, an array disagrees with another, or nothing tells a size.
    """
    known = dict(fixed)
    todo: list[tuple[str, Expr, int]] = []
    for name, shape in shapes.items():
        v = program[name]
        lead = ["T"] * ("t" in v.axes) + ["B"] * ("b" in v.axes)
        dims = [] if v.onehot or v.shape == (1, 1) else list(v.shape if v.shape[1] != 1 else v.shape[:1])
        if len(shape) != len(lead) + len(dims):
            raise InputError(name, f"{len(lead) + len(dims)} axes, {shape_words(v)}", f"shape {shape}")
        for axis, n in zip(lead, shape, strict=False):
            known.setdefault(axis, n)
        todo += [(name, e, n) for e, n in zip(dims, shape[len(lead) :], strict=True)]
    todo.sort(key=lambda item: not item[1].is_Symbol)
    while todo:
        rest = [item for item in todo if not _learn(known, *item)]
        if len(rest) == len(todo):
            break
        todo = rest
    for s in ("T", "B", *(s.name for s in program.sizes)):
        if s not in known:
            help = f"no array of {program.name} tells {s}: call with sizes={{'{s}': …}}, or fix it when compiling"
            raise InputError(s, "a size", "nothing", help)
    return known


def _learn(known: dict[str, int], name: str, e: Expr, n: int) -> bool:
    """Solve a dimension for its one unknown size; True if the item is used up."""
    unknown = [s for s in e.free_symbols if s.name not in known]
    if not unknown:
        return True
    s = unknown[0]
    slope = e.diff(s)
    if len(unknown) > 1 or not slope.is_Integer:
        return False
    rest = size_value((e - slope * s).expand(), known)
    value, left = divmod(n - rest, int(slope))
    if left or value < 1:
        raise InputError(name, f"a dimension {e} for a whole number {s} of at least 1", str(n))
    known[s.name] = value
    return True


def shape_words(v: Variable, lags: int = 1) -> str:
    """[T, B, H] as the user is told; [2, B, H] for two stacked boundary values."""
    lead = [str(lags)] * (lags > 1) + ["T"] * ("t" in v.axes) + ["B"] * ("b" in v.axes)
    dims = [] if v.onehot or v.shape == (1, 1) else list(v.shape if v.shape[1] != 1 else v.shape[:1])
    return f"[{', '.join([*lead, *map(str, dims)])}]"


def slices_fit(program: Program, sizes: Mapping[str, int]) -> str:
    """ "" if every slice lies inside its operand at these sizes, else what does not."""
    for name, e in program.equations.items():
        for node in _slices(e):
            low, high, rows = (size_value(x, sizes) for x in (node.low, node.high, node.arg.shape[0]))
            if not 0 <= low < high <= rows:
                return f"{name} slices {low}:{high} out of {rows} rows"
    return ""


def _slices(e: MatrixExpr) -> Iterator[Slice]:
    if isinstance(e, Slice):
        yield e
    for a in operands(e):
        yield from _slices(a)
