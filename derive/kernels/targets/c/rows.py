"""The texts of a C kernel whose threads share out the sequences: a kernel of some of them, and what runs it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from sympy import Add, Expr, Mul, Symbol

from derive.algebra.nodes import B
from derive.kernels.entry import advance, forward, value_and_grad, vjp
from derive.kernels.options import Options
from derive.kernels.rows import Pieces, Rows, rows
from derive.kernels.targets.c import workspace
from derive.kernels.targets.c.elements import times
from derive.kernels.targets.c.function import Function
from derive.kernels.targets.c.interface import Field, Struct
from derive.kernels.targets.c.module import Module
from derive.kernels.targets.c.printer import LINE, Printer, Within
from derive.kernels.targets.c.words import identifiers, member
from derive.render import render

STATES = ("initial", "initial_grad", "final", "final_cotangent")


@dataclass(frozen=True)
class Member:
    """What the parts make of a member of a struct.

    Attributes:
        part: its name in the struct of a part.
        way: "shared": it is given to all of them; "once": to the first alone, or filled by it alone; "slice": a part's
            rows lie together; "copied": they do not, and are copied; "added": it is the sum of what the parts fill in.
        once: of what is added the member that only the first part fills in, "" where there is none.
        type, steps, width: of its elements; how often its B rows come, and the elements of one.
    """

    struct: str
    name: str
    part: str
    way: str
    given: bool
    type: str
    once: str = ""
    steps: str = "1"
    width: str = "1"

    @property
    def optional(self) -> bool:
        """May the struct be missing?"""
        return not self.given or "cotangent" in self.struct

    @property
    def rows(self) -> str:
        """The elements of a part's rows in one step."""
        return times("rows", self.width)

    @property
    def count(self) -> str:
        """Those in all steps."""
        return times(self.steps, "rows", self.width)

    @property
    def start(self) -> str:
        """Those before a part's in the first step."""
        return times("first", self.width)

    @property
    def stride(self) -> str:
        """Those of all sequences in one step."""
        return times("B", self.width)


class RowsPrinter(Printer):
    """The texts of a kernel whose threads share out the sequences."""

    @property
    def functions(self) -> tuple[Function, ...]:
        """Those of a part of the sequences."""
        return self.part.functions

    def files(self) -> dict[str, str]:
        return {**super().files(), **self.parts.files()}

    @cached_property
    def plan(self) -> Rows:
        return rows(self.module.options.normal)

    @cached_property
    def parts(self) -> Printer:
        """What prints the kernel of a part."""
        return Printer(self.part)

    @cached_property
    def part(self) -> Module:
        """The kernel of a part of the sequences."""
        options, program = self.module.options, self.plan.program
        fixed = {k: n for k, n in options.fixed.items() if k != "B"}
        made = Options(program, options.origin, options.dtype, options.wrt, fixed)
        makers = {
            "forward": lambda: forward(program),
            "advance": lambda: advance(program),
            "value_and_grad": lambda: value_and_grad(program, made.wrt),
            "vjp": lambda: vjp(program, made.wrt),
        }
        names = [f.name for f in self.module.functions if f.name != "value_and_grad" or program.total]
        return Module(made, tuple(makers[n]() for n in names))

    # what the parts make of the caller's arrays

    @cached_property
    def members(self) -> dict[str, list[Member]]:
        """The members of the structs, by struct."""
        return {s.name: [m for f in s.fields for m in self._members(s, f)] for s in self.module.structs}

    def _members(self, s: Struct, f: Field) -> Iterator[Member]:
        there = next((p for p in self.part.structs if p.name == s.name), None)
        pieces = self.plan.outputs.get(f.key) if s.name in ("outputs", "outputs_cotangent") else None
        kind = "int32_t" if f.classes else self.module.real
        if (s.name, f.key) == ("outputs_cotangent", "loss"):
            if not self.plan.total:
                yield Member(s.name, f.name, f.name, "shared", True, kind)
        elif pieces:
            yield from _piecewise(s, f, pieces, kind)
        elif there is None or f.key not in {p.key for p in there.fields}:
            return
        elif "B" not in f.shape:
            yield Member(s.name, f.name, f.name, "shared" if s.given else "added", s.given, kind, width=times(*f.shape))
        else:
            at = f.shape.index("B")
            steps, width = times(*f.shape[:at]), times(*f.shape[at + 1 :])
            yield Member(s.name, f.name, f.name, "copied" if at else "slice", s.given, kind, "", steps, width)

    def own(self) -> Expr:
        """The elements that a part needs beside its kernel's workspace."""
        normal = self.module.options.normal
        counts = []
        for s in self.module.structs:
            keys = {f.name: f.key for f in s.fields}
            for m in self.members[s.name]:
                v = normal.variables.get(keys[m.name])
                if v is None or m.way not in ("copied", "added"):
                    continue
                if s.name in STATES:
                    counts.append(int(m.steps) * B * Mul(*v.shape))
                else:
                    counts.append(workspace.elements(v, () if v.onehot else v.shape))
        return Add(*counts).expand()

    def checks(self) -> str:
        """The checks; an array of the caller's has no more elements than its shape says."""
        counts = [(sign, n, ["rows" if x == "B" else x for x in sizes]) for sign, n, sizes in self.terms(self.own())]
        cell = self.module.cell
        lines = [
            f"parts = {cell}_parts(B)",
            "rows = B / parts + (B % parts != 0)",
            f"inner = {cell}_inner({'sizes, ' if self.module.free else ''}rows)",
        ]
        bound = self.terms(workspace.given(self.module.options.normal))
        return self.checked(bound, [counts], Within("B", lines, parts=True))

    def bytes(self, known: Mapping[Expr, Expr]) -> tuple[list[str], str]:
        known = {B: Symbol("R"), **known}
        where, inner = self.parts.bytes(known)
        own = self.module.bytes([self.own().subs(known).subs(self.module.known)])
        parts = f"P = min({self.module.options.threads}, max(1, B)) parts of R = ceil(B / P) sequences"
        return [parts, *where], f"P * {LINE} * (ceil({inner} / {LINE}) + ceil({own} / {LINE}))"

    # texts

    def source(self) -> str:
        """The text of what runs the parts."""
        names = [f.name for f in self.module.functions]
        text = render(
            "c/rows.c.j2",
            **self.common,
            threads=self.module.options.threads,
            functions=[self.text(name) for name in names],
            ways={m.way + "_given" * m.given for found in self.members.values() for m in found},
            sizes=[member(s.key) for s in self.part.free if s.key != "B"],
            checks=self.checks(),
            free=bool(self.module.free),
        )
        return re.sub(r"\n{3,}", "\n\n", text)

    def text(self, name: str) -> str:
        """The text of one function."""
        total = self.plan.total
        taken = [n for kind, n in self.parameter_list(name)]
        members = [m for n in taken for m in self.members.get(n, ())]
        counted = [m for m in members if m.way in ("slice", "copied", "added")]
        used = {"B"} | {x for m in counted for x in identifiers(f"{m.steps} {m.width}")}
        made = next((f for f in self.part.functions if f.name == name), None)
        arguments = self.parts.parameter_list(name) if made else []
        return render(
            "c/rows_function.c.j2",
            **self.common,
            name=name,
            threads=self.module.options.threads,
            parameters=self.parameters(name),
            checked=", ".join([*self.given(), "workspace", "workspace_bytes"]),
            delegated=["NULL" if "cotangent" in n else n for _, n in self.parameter_list("vjp")] if not made else None,
            arguments=["part_loss" if kind == "real" else f"&part_{n}" for kind, n in arguments],
            structs=[n for kind, n in arguments if kind != "real" and n != "sizes"],
            members=members,
            free=bool(self.module.free),
            sizes=[(s.code, s.fixed or f"sizes->{member(s.key)}") for s in self.module.sizes if s.code in used],
            part_sizes=[member(s.key) for s in self.part.free if s.key != "B"],
            loss=bool(self.module.options.normal.total) and name != "advance",
            total=total,
            seeded=bool(total) and name == "vjp",
        )


def _piecewise(s: Struct, f: Field, pieces: Pieces, kind: str) -> Iterator[Member]:
    """An output without sequences, or its cotangent."""
    width = times(*f.shape)
    summed, once = member(pieces.summed), member(pieces.once)
    if s.given:
        found = [(p, way) for p, way in ((summed, "shared"), (once, "once")) if p]
        yield from (Member(s.name, f.name, p, way, True, kind, width=width) for p, way in found)
    elif summed:
        yield Member(s.name, f.name, summed, "added", False, kind, once, width=width)
    else:
        yield Member(s.name, f.name, once, "once", False, kind, width=width)
