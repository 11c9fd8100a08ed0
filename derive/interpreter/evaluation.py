"""Evaluates any Program on NumPy arrays, equation by equation: plain, slow, obviously right.

It needs no schedule: a value is computed when it is asked for, from the values that its equation
names.  Arrays may have any dtype, complex included, and any leading axes, which broadcast, so a
whole set of complex-step directions is one evaluation.  Everything fast is held to this twin.

Canonical layout: [..., T, B, r, c], without T or B where a name lacks the axis; a vector is [n, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import sympy
from sympy import Expr, MatrixExpr, S

from derive.algebra.nodes import NONEMPTY, B, SumOver, T, Timed, is_reference, t
from derive.errors import DeriveError
from derive.interpreter.rules import evaluate
from derive.program import Program, operands

Array = np.ndarray[Any, Any]
Key = tuple[str, int | None]


class Evaluation:
    """The values of one program on one set of arrays.

    Args:
        program: any program, in normal form or as read.
        sizes: size name → value.
        steps, batch: T and B.
        arrays: the given names in canonical layout.
    """

    def __init__(self, program: Program, sizes: Mapping[str, int], steps: int, batch: int, arrays: Mapping[str, Array]):
        self.program, self.steps, self.batch, self.arrays = program, steps, batch, arrays
        numbers = {s: sympy.Integer(sizes[s.name]) for s in program.sizes}
        self._numbers: dict[Expr, Any] = {**numbers, T: sympy.Integer(steps), B: sympy.Integer(batch)}
        self._numbers[NONEMPTY] = sympy.Integer(int(steps > 0))
        self._numbers |= program.numbers
        self._known: dict[Expr, Expr] = {}
        self._memo: dict[Key, Array] = {}

    def value(self, name: str) -> Array:
        """All of `name`, in canonical layout."""
        v = self.program[name]
        if not v.timed:
            return self._trim(self._get((name, None)), name)
        steps = [self._trim(self._get((name, k)), name) for k in range(self.steps)]
        if not steps:
            shape = [self.batch] * ("b" in v.axes) + [self.integer(n) for n in v.shape]
            return np.zeros([0, *shape])
        inner = 3 if "b" in v.axes else 2
        return np.stack(np.broadcast_arrays(*steps), axis=-inner - 1)

    def expression(self, e: MatrixExpr) -> Array:
        """An expression whose times are all absolute: [..., B or 1, r, c]."""
        return self.at_step(e, None)

    def at_step(self, e: MatrixExpr, now: int | None) -> Array:
        """An expression at one step: [..., B or 1, r, c]."""
        for key in self._keys(e, now):
            self._get(key)
        return evaluate(e, self, now)

    def _trim(self, a: Array, name: str) -> Array:
        """From [..., B or 1, r, c] to the axes that the name has."""
        v = self.program[name]
        rows, cols = (self.integer(n) for n in v.shape)
        batch = self.batch if "b" in v.axes else 1
        a = np.broadcast_to(a, (*a.shape[:-3], batch, rows, cols))
        return a if "b" in v.axes else a[..., 0, :, :]

    def number(self, e: Expr) -> float:
        """A coefficient; 1/T counts as 0 when T = 0."""
        if self.steps == 0 and e.has(T):
            e = e.replace(lambda p: p.is_Pow and p.base == T and p.exp.is_negative, lambda p: S.Zero)
        return float(self._fixed(e))

    def integer(self, e: Expr) -> int:
        return int(self._fixed(e))

    def _fixed(self, e: Expr) -> Expr:
        if e not in self._known:
            self._known[e] = e.subs(self._numbers)
        return self._known[e]

    def time(self, index: Expr, now: int | None) -> int:
        of_t, of_T, constant = _linear(index)
        return of_t * (now or 0) + of_T * self.steps + constant

    def _get(self, key: Key) -> Array:
        """Evaluate `key` and what it needs, with a stack of our own: time can be long."""
        todo = [key]
        waiting: set[Key] = set()
        while todo:
            top = todo[-1]
            if top in self._memo:
                todo.pop()
                continue
            missing = [k for k in self._needs(top) if k not in self._memo]
            if missing and top in waiting:
                raise DeriveError(f"{top[0]} at step {top[1]} needs itself: no order of time evaluates the program")
            if missing:
                waiting.add(top)
                todo.extend(missing)
            else:
                self._memo[top] = self._compute(top)
                todo.pop()
        return self._memo[key]

    def _boundary(self, key: Key) -> tuple[bool, str | None]:
        """(is the time outside 0 … T−1, the boundary value there)."""
        name, now = key
        if now is None or 0 <= now < self.steps:
            return False, None
        v = self.program[name]
        k = now - self.steps + 1 if v.backward else -now
        return True, v.initial[k - 1] if 1 <= k <= len(v.initial) else None

    def _needs(self, key: Key) -> list[Key]:
        outside, initial = self._boundary(key)
        if outside:
            return [(initial, None)] if initial else []
        e = self.program.equations.get(key[0])
        return [] if e is None else list(self._keys(e, key[1]))

    def _keys(self, e: MatrixExpr, now: int | None) -> list[Key]:
        if is_reference(e):
            return [self.key(e, now)]
        times = range(self.steps) if isinstance(e, SumOver) and "t" in e.axes else [now]
        return [k for a in operands(e) for time in times for k in self._keys(a, time)]

    def key(self, r: MatrixExpr, now: int | None) -> Key:
        return (r.name, self.time(r.index, now)) if isinstance(r, Timed) else (r.name, None)

    def _compute(self, key: Key) -> Array:
        name, now = key
        v = self.program[name]
        outside, initial = self._boundary(key)
        if outside:
            return self._memo[initial, None] if initial else np.zeros([1, *(self.integer(n) for n in v.shape)])
        if name in self.program.equations:
            return evaluate(self.program.equations[name], self, now)
        a = self.arrays[name]
        if v.timed:
            a = np.take(a, now, axis=-4 if "b" in v.axes else -3)  # type: ignore[arg-type]
        return a if "b" in v.axes else a[..., None, :, :]

    def lookup(self, r: MatrixExpr, now: int | None) -> Array:
        return self._memo[self.key(r, now)]


@cache
def _linear(index: Expr) -> tuple[int, int, int]:
    """A time as its coefficients of t and T and the rest."""
    return int(index.coeff(t)), int(index.coeff(T)), int(index.subs({t: 0, T: 0}))
