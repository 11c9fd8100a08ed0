"""What the two files of a C kernel are printed from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from sympy import Expr

from derive.algebra.nodes import B, T
from derive.kernels.entry import EntryPoint, entry_points
from derive.kernels.lowering.schedule import schedule
from derive.kernels.options import Options
from derive.kernels.targets.c import workspace
from derive.kernels.targets.c.function import Function, Size
from derive.kernels.targets.c.helpers import every
from derive.kernels.targets.c.interface import Struct, structs
from derive.kernels.targets.c.numbers import TYPES, CNames
from derive.kernels.targets.c.words import ROWS_LOCALS, SEGMENT_LOCALS, reserved
from derive.kernels.targets.signature import Argument, arguments


@dataclass(frozen=True)
class Module:
    """Everything that the two files of one kernel are printed from."""

    options: Options
    entries: tuple[EntryPoint, ...] = ()  # those of every kernel by default

    @cached_property
    def names(self) -> CNames:
        return CNames(self.options.normal, self.reserved)

    @property
    def cell(self) -> str:
        return self.options.normal.name

    @property
    def real(self) -> str:
        return TYPES[self.options.dtype]

    @cached_property
    def reserved(self) -> frozenset[str]:
        found = reserved(self.cell, every())
        found |= SEGMENT_LOCALS if self.options.segmented else frozenset()
        return found | (ROWS_LOCALS if self.options.threads > 1 else frozenset())

    @cached_property
    def arguments(self) -> tuple[Argument, ...]:
        return arguments(self.options.normal, self.names)

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        """T, B and the cell's own sizes."""
        fixed = self.options.fixed
        keys = ["T", "B", *(s.name for s in self.options.normal.sizes)]
        codes = {"T": "T", "B": "B"}
        return tuple(Size(codes.get(k) or self.names[k], k, str(fixed.get(k, ""))) for k in keys)

    @property
    def free(self) -> tuple[Size, ...]:
        """The sizes that are told at the call."""
        return tuple(s for s in self.sizes if not s.fixed)

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        options = self.options
        plans = (
            schedule(e, options.normal, self.reserved, naming=CNames, loops=True)
            for e in self.entries or entry_points(options.normal, options.wrt)
        )
        whole = not (self.entries or options.segmented or options.threads > 1)
        return tuple(Function(p, self.arguments, self.sizes, whole and p.entry.name == "forward") for p in plans)

    @cached_property
    def structs(self) -> tuple[Struct, ...]:
        vjp = self.functions[-1]
        return tuple(structs(self.arguments, vjp.cotangents, vjp.results, bool(self.options.normal.total)))

    @cached_property
    def counts(self) -> list[Expr]:
        """The elements that a workspace has: the largest of these."""
        fixed = self.known
        return workspace.largest(
            [n.subs(fixed).expand() for n in workspace.alternatives(f.plan for f in self.functions)]
        )

    @property
    def known(self) -> dict[Expr, int]:
        """The sizes that are fixed, as symbols."""
        symbols = {**{s.name: s for s in self.options.normal.sizes}, "T": T, "B": B}
        return {symbols[k]: n for k, n in self.options.fixed.items()}

    @property
    def formula(self) -> str:
        """The bytes of a workspace, in the sizes."""
        return self.bytes(self.counts)

    def bytes(self, counts: Iterable[Expr]) -> str:
        """The bytes of the largest of these numbers of elements."""
        return workspace.formula(list(counts), 8 if self.options.dtype == "float64" else 4)
