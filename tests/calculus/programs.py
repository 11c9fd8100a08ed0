"""Programs by hand, for what the cell language cannot write: it is narrower than the calculus."""

from __future__ import annotations

from collections.abc import Mapping

from sympy import Expr, Integer, MatrixExpr, MatrixSymbol, S

from derive.algebra.nodes import Timed, t
from derive.calculus.normal import normalise
from derive.program import ONCE, SEQUENCE, SHARED, Program, Variable
from tests.algebra.samples import H, I

Shape = tuple[Expr, Expr]
COLUMN: Shape = (H, S.One)
SCALAR: Shape = (S.One, S.One)
SIZES = {"H": 3, "I": 2}


class Hand:
    """Declares names and hands out references to them."""

    def __init__(self) -> None:
        self.variables: dict[str, Variable] = {}

    def sequence(self, name: str, shape: Shape = COLUMN, role: str = "result", **more: object) -> None:
        self._declare(name, role, shape, SEQUENCE, **more)

    def once(self, name: str, shape: Shape = COLUMN, role: str = "initial", **more: object) -> None:
        self._declare(name, role, shape, ONCE, **more)

    def shared(self, name: str, shape: Shape = COLUMN, role: str = "param", **more: object) -> None:
        self._declare(name, role, shape, SHARED, **more)

    def _declare(self, name: str, role: str, shape: Shape, axes: frozenset[str], **more: object) -> None:
        self.variables[name] = Variable(name, role, shape, axes, **more)  # type: ignore[arg-type]

    def state(self, name: str, shape: Shape = COLUMN, lags: int = 1, backward: bool = False) -> None:
        """A state with `lags` boundary values of its own."""
        initial = tuple(f"{name}_{k}" for k in range(1, lags + 1))
        self.sequence(name, shape, "state", initial=initial, backward=backward)
        for boundary in initial:
            self.once(boundary, shape, of=name)

    def __call__(self, name: str, at: Expr | int = 0) -> MatrixExpr:
        """name[t + at], or the plain name where it has no time."""
        v = self.variables[name]
        return Timed(name, t + at, *v.shape) if v.timed else MatrixSymbol(name, *v.shape)

    def absolute(self, name: str, index: Expr | int) -> MatrixExpr:
        return Timed(name, Integer(index) if isinstance(index, int) else index, *self.variables[name].shape)

    def program(self, equations: Mapping[str, MatrixExpr], total: str = "L") -> Program:
        return normalise(Program("hand", (H, I), self.variables, dict(equations), total=total))
