"""Any program as it was read, evaluated with torch in float64: its gradients are autograd's, by none of our rules.

Layout as in the interpreter: [B or 1, rows, columns] at each step.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatchmethod

import numpy as np
import sympy
import torch
from sympy import Expr, HadamardProduct, Identity, MatAdd, MatMul, MatrixExpr, OneMatrix, Transpose, ZeroMatrix
from torch import Tensor

from derive.algebra.functions import Apply
from derive.algebra.losses import LOSSES
from derive.algebra.nodes import (
    Concat,
    Delta,
    Detach,
    Diag,
    LogSoftmax,
    Loss,
    Scale,
    Slice,
    Softmax,
    SumOver,
    T,
    Timed,
    is_reference,
    t,
)
from derive.program import Program, operands

FUNCTIONS = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": torch.nn.functional.softplus,
    "sin": torch.sin,
    "cos": torch.cos,
    "silu": torch.nn.functional.silu,
    "gelu": torch.nn.functional.gelu,
    "erf": torch.erf,
    "relu": torch.relu,
    "elu": torch.nn.functional.elu,
    "abs": torch.abs,
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "reciprocal": torch.reciprocal,
    "maximum": lambda a, b: torch.where(a == b, a.detach(), torch.maximum(a, b)),  # our slope at a kink is 0
    "minimum": lambda a, b: torch.where(a == b, a.detach(), torch.minimum(a, b)),
    "leaky_relu": lambda a, slope: torch.where(a == 0, a.detach(), torch.nn.functional.leaky_relu(a, slope)),
    "power": torch.pow,
}


class Autograd:
    """One program on one set of arrays, canonical as the interpreter's."""

    def __init__(
        self, program: Program, sizes: Mapping[str, int], steps: int, batch: int, arrays: Mapping[str, np.ndarray]
    ):
        self.program, self.sizes, self.steps, self.batch = program, sizes, steps, batch
        self.arrays = {n: torch.tensor(np.asarray(a), dtype=torch.float64) for n, a in arrays.items()}
        known = (s for s in program.sizes if s.name in sizes)  # what is declared and not used has none
        self._numbers = {s: sympy.Integer(sizes[s.name]) for s in known} | dict(program.numbers)
        self._memo: dict[tuple[str, int | None], Tensor] = {}

    def gradients(self, names: list[str]) -> dict[str, np.ndarray]:
        """Of the loss, or of the sum of all outputs and final states."""
        for name in names:
            self.arrays[name].requires_grad_(True)
        value = self._objective()
        found = torch.autograd.grad(value, [self.arrays[n] for n in names], allow_unused=True)
        return {
            n: np.zeros(self.arrays[n].shape) if g is None else g.numpy() for n, g in zip(names, found, strict=True)
        }

    def _objective(self) -> Tensor:
        if self.program.total:
            return self.value(self.program.total, None).sum()
        total = torch.zeros((), dtype=torch.float64)
        for name in self.program.outputs:
            times = range(self.steps) if self.program[name].timed else [None]
            for now in times:
                total = total + self._whole(name, now).sum()
        for v in self.program.states:
            for k in range(1, max(1, len(v.initial)) + 1):
                total = total + self._whole(v.name, k - 1 if v.backward else self.steps - k).sum()
        return total

    def _whole(self, name: str, now: int | None) -> Tensor:
        """A value for each sequence, where it has one for each."""
        a = self.value(name, now)
        return a.expand(self.batch, *a.shape[1:]) if "b" in self.program[name].axes else a

    def number(self, e: Expr) -> float:
        return float(e.subs({**self._numbers, T: self.steps}))

    def value(self, name: str, now: int | None) -> Tensor:
        key = (name, now)
        if key not in self._memo:
            self._memo[key] = self._compute(name, now)
        return self._memo[key]

    def _compute(self, name: str, now: int | None) -> Tensor:
        v = self.program[name]
        if now is not None and not 0 <= now < self.steps:
            k = now - self.steps + 1 if v.backward else -now
            initial = v.initial[k - 1] if 1 <= k <= len(v.initial) else None
            return self.value(initial, None) if initial else torch.zeros(1, *self._shape(v.shape), dtype=torch.float64)
        if name in self.program.equations:
            return self.at(self.program.equations[name], now)
        a = self.arrays[name]
        a = a[now] if v.timed else a
        return a if "b" in v.axes else a[None]

    def _shape(self, shape: tuple[Expr, Expr]) -> tuple[int, int]:
        return int(self.number(shape[0])), int(self.number(shape[1]))

    @singledispatchmethod
    def at(self, e: MatrixExpr, now: int | None) -> Tensor:
        """An expression at a step."""
        if not is_reference(e):
            raise TypeError(f"no rule for {type(e).__name__}")
        if not isinstance(e, Timed):
            return self.value(e.name, None)
        return self.value(e.name, int(e.index.subs({t: now or 0, T: self.steps})))

    def _all(self, e: MatrixExpr, now: int | None) -> list[Tensor]:
        return [self.at(a, now) for a in operands(e)]

    @at.register
    def _(self, e: OneMatrix, now: int | None) -> Tensor:
        return torch.ones(1, *self._shape(e.shape), dtype=torch.float64)

    @at.register
    def _(self, e: ZeroMatrix, now: int | None) -> Tensor:
        return torch.zeros(1, *self._shape(e.shape), dtype=torch.float64)

    @at.register
    def _(self, e: Identity, now: int | None) -> Tensor:
        return torch.eye(self._shape(e.shape)[0], dtype=torch.float64)[None]

    @at.register
    def _(self, e: MatAdd, now: int | None) -> Tensor:
        first, *rest = self._all(e, now)
        for a in rest:
            first = first + a
        return first

    @at.register
    def _(self, e: MatMul, now: int | None) -> Tensor:
        first, *rest = self._all(e, now)
        for a in rest:
            first = first @ a
        return first

    @at.register
    def _(self, e: HadamardProduct, now: int | None) -> Tensor:
        first, *rest = self._all(e, now)
        for a in rest:
            first = first * a
        return first

    @at.register
    def _(self, e: Scale, now: int | None) -> Tensor:
        return self.number(e.coefficient) * self.at(e.arg, now)

    @at.register
    def _(self, e: Transpose, now: int | None) -> Tensor:
        return self.at(e.arg, now).transpose(-1, -2)

    @at.register
    def _(self, e: Apply, now: int | None) -> Tensor:
        return FUNCTIONS[e.name](*self._all(e, now), *(self.number(n) for n in e.numbers))

    @at.register
    def _(self, e: Softmax, now: int | None) -> Tensor:
        return torch.softmax(self.at(e.arg, now), -2)

    @at.register
    def _(self, e: LogSoftmax, now: int | None) -> Tensor:
        return torch.log_softmax(self.at(e.arg, now), -2)

    @at.register
    def _(self, e: Loss, now: int | None) -> Tensor:
        y, z = self.at(e.target, now), self.at(e.prediction, now)
        if LOSSES[e.kind].logits:
            return -(y * torch.log_softmax(z, -2)).sum(-2, keepdim=True)
        if e.kind == "cross_entropy":
            return -(y * torch.log(z)).sum((-2, -1), keepdim=True)
        if e.kind == "binary_cross_entropy":
            return -(y * torch.log(z) + (1 - y) * torch.log(1 - z)).sum((-2, -1), keepdim=True)
        return 0.5 * ((z - y) ** 2).sum((-2, -1), keepdim=True)

    @at.register
    def _(self, e: SumOver, now: int | None) -> Tensor:
        parts = [self.at(e.arg, k) for k in (range(self.steps) if "t" in e.axes else [now])]
        if "b" in e.axes:
            parts = [a.expand(self.batch, *a.shape[1:]).sum(0, keepdim=True) for a in parts]
        return sum(parts, torch.zeros(1, *self._shape(e.shape), dtype=torch.float64))

    @at.register
    def _(self, e: Delta, now: int | None) -> Tensor:
        a, here = self.at(e.arg, now), {t: now or 0, T: self.steps}
        return a if e.at.subs(here) == e.time.subs(here) else torch.zeros_like(a)

    @at.register
    def _(self, e: Concat, now: int | None) -> Tensor:
        parts = self._all(e, now)
        batch = max(a.shape[0] for a in parts)
        return torch.cat([a.expand(batch, *a.shape[1:]) for a in parts], -2)

    @at.register
    def _(self, e: Slice, now: int | None) -> Tensor:
        return self.at(e.arg, now)[:, int(self.number(e.low)) : int(self.number(e.high))]

    @at.register
    def _(self, e: Diag, now: int | None) -> Tensor:
        return torch.diag_embed(self.at(e.arg, now)[..., 0])

    @at.register
    def _(self, e: Detach, now: int | None) -> Tensor:
        return self.at(e.arg, now).detach()
