"""The source texts of the peers: a function of the loss in PyTorch or JAX, written from a program."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from sympy import MatrixExpr

from derive.algebra.nodes import Timed
from derive.kernels.lowering.codenames import CodeNames, Coefficients, docstring
from derive.kernels.written import sums  # noqa: F401 - the texts that it registers
from derive.kernels.written.codes import Numbers
from derive.kernels.written.dialects import RESERVED, Dialect
from derive.kernels.written.expressions import Writer
from derive.kernels.written.plan import Reach, edges, reaches
from derive.program import Program, Variable

GIVEN = ("param", "input", "target", "const", "initial")


@dataclass(frozen=True)
class Module:
    """A peer's text, and the names of its arguments: arrays, those of parameters first, then T, B and the sizes."""

    text: str
    parameters: tuple[str, ...]
    others: tuple[str, ...]
    sizes: tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """What the texts of both have in common."""

    program: Program
    origin: str
    dialect: Dialect
    reserved: frozenset[str] = RESERVED
    numbers: type[Coefficients] = Numbers

    @cached_property
    def names(self) -> CodeNames:
        names = CodeNames(self.program, self.reserved)
        names.taken |= {"carry", "now"}
        return names

    @cached_property
    def reaches(self) -> dict[str, Reach]:
        return reaches(self.program)

    @property
    def parameters(self) -> tuple[Variable, ...]:
        return self.program.roles("param")

    @property
    def others(self) -> tuple[Variable, ...]:
        return self.program.roles(*GIVEN[1:])

    @property
    def like(self) -> str:
        """An array whose dtype is that of all."""
        return self.names[next(v.name for v in (*self.parameters, *self.others) if not v.onehot)]

    @property
    def sizes(self) -> tuple[str, ...]:
        return ("T", "B", *(s.name for s in self.program.sizes))

    def size_codes(self) -> list[str]:
        return [n if n in ("T", "B") else self.names[n] for n in self.sizes]

    def array_codes(self) -> list[str]:
        return [self.names[v.name] for v in (*self.parameters, *self.others)]

    def title(self) -> str:
        return docstring(self.program.title or self.program.name)

    def module(self, text: str) -> Module:
        plain = tuple(v.name for v in self.parameters), tuple(v.name for v in self.others)
        return Module(text, *plain, self.sizes)

    def zeros(self, name: str) -> str:
        """A boundary value that is zero: [B, …]."""
        e = self.program.ref(name)
        writer = Writer(self.program, self.names, self.dialect, self.like, str, numbers=self.numbers)
        return writer.phrase("zeros", shape=f"B, {writer.shape(e)}")

    def edges(self, name: str) -> tuple[list[str], list[str]]:
        """The texts of the boundary values on both sides, in the order of time."""
        sides = edges(self.program, name, self.reaches[name])
        first, last = ([self.zeros(name) if x is None else self.names[x] for x in side] for side in sides)
        return first, last

    def absolute(self, r: MatrixExpr, before: int = 0) -> str:
        """The index of an absolute time."""
        return self.names.size((r.index + before).expand())


def is_absolute(r: MatrixExpr) -> bool:
    return isinstance(r, Timed) and r.offset is None
