"""Arrays as the interface has them, and as the interpreter wants them.

Interface, C order: sequences [T, B, …], once inputs and boundary values [B, …], parameters and
constants […], where … is nothing for a scalar, [n] for a vector, [r, c] for a matrix.  A state with
two lags or more has [lags, B, …], nearest first.  One-hot names are integer arrays of classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Expr, Integer

from derive.program import Program, Variable

Array = np.ndarray[Any, Any]


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
    return parts[0] if len(parts) == 1 else np.stack(parts)
