"""The texts of a C kernel that runs segment by segment: a kernel of one segment, and what runs it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from sympy import Add, Expr, Integer, Mul, Symbol

from derive.algebra.nodes import B, T
from derive.kernels.options import Options
from derive.kernels.segments import SegmentPlan, State
from derive.kernels.targets.c import workspace
from derive.kernels.targets.c.elements import times
from derive.kernels.targets.c.function import Function
from derive.kernels.targets.c.interface import Field
from derive.kernels.targets.c.module import Module
from derive.kernels.targets.c.printer import Printer, Within
from derive.kernels.targets.c.rows import RowsPrinter
from derive.kernels.targets.c.words import identifiers, member
from derive.render import render

SEGMENTS = Symbol("segments", integer=True, positive=True)
SUMMED = ("params_grad", "inputs_grad")


@dataclass(frozen=True)
class Part:
    """A member of a struct: how many elements it has, and how many of them a step has."""

    name: str
    key: str
    timed: bool
    count: str
    step: str
    struct: str
    code: str = ""  # of the array that holds one segment's


@dataclass(frozen=True)
class Passed:
    """A state that is passed on: its arrays, the members it fills, and the elements of one value and of all."""

    state: State
    states: str
    bars: str
    first: str
    part: str
    member: str
    width: str
    count: str
    differentiated: bool
    wanted: bool


class SegmentedPrinter(Printer):
    """The texts of a kernel that runs segment by segment."""

    @property
    def functions(self) -> tuple[Function, ...]:
        """Those of one segment."""
        return self.parts.functions

    @cached_property
    def parts(self) -> Printer:
        """What prints the kernel of one segment."""
        return RowsPrinter(self.part) if self.part.options.threads > 1 else Printer(self.part)

    def files(self) -> dict[str, str]:
        return {**super().files(), **self.parts.files()}

    @cached_property
    def plan(self) -> SegmentPlan:
        return SegmentPlan(self.module.options)

    @cached_property
    def part(self) -> Module:
        """The kernel of one segment."""
        plan, options = self.plan, self.module.options
        fixed = {k: n for k, n in options.fixed.items() if k != "T"}
        if plan.total_steps and "T" in options.fixed:
            fixed[plan.total_steps] = max(options.fixed["T"], 1)
        made = Options(plan.program, options.origin, options.dtype, plan.wrt, fixed, threads=options.threads)
        return Module(made, plan.entries)

    # sizes

    @cached_property
    def passed(self) -> list[Passed]:
        """The states that are passed on."""
        plan, found = self.plan, []
        taken = {a.key: a for a in self.part.arguments if a.group == "initial"}
        for s in plan.states:
            width = times(*taken[s.name].shape)
            count = times(*([str(s.lags)] * (s.lags > 1)), *taken[s.name].shape)
            wanted = s in plan.initial
            states, bars, first = (self.module.names.fresh(f"{kind}_{s.name}") for kind in ("states", "bars", "first"))
            members = member(s.name), member(s.of)
            found.append(Passed(s, states, bars, first, *members, width, count, plan.carried or wanted, wanted))
        return found

    @cached_property
    def summed(self) -> list[Part]:
        """The gradients that are sums over the segments."""
        found = [f for name in SUMMED for f in self.members(name) if not f.timed]
        return [replace(f, code=self.module.names.fresh(f"part_{f.key}")) for f in found]

    def members(self, struct: str) -> list[Part]:
        """The members of a struct of the kernel."""
        found = next((s.fields for s in self.module.structs if s.name == struct), ())
        return [_part(f, struct) for f in found if (struct, f.key) != ("outputs_cotangent", "loss")]

    def own(self) -> Expr:
        """The elements of the workspace beside that of a segment."""
        model, program = self.plan.model, self.plan.program
        kept = SEGMENTS + 1 if self.plan.carried else Integer(2)
        states = Add(*(s.lags * B * Mul(*program[s.name].shape) for s in self.plan.states))
        names = [f.key for s in self.module.structs if s.name in SUMMED for f in s.fields]
        grads = [Mul(*model[n].shape) * (B if "b" in model[n].axes else 1) for n in names if not model[n].timed]
        return Add((kept + 2) * states, *grads).expand()

    def checks(self) -> str:
        """The checks; an array of the caller's has no more elements than its shape says."""
        own = self.own()
        kept = [(sign, n, [*sizes, "segments"]) for sign, n, sizes in self.terms(own.coeff(SEGMENTS, 1))]
        counts = [[*kept, *self.terms(own.coeff(SEGMENTS, 0))]]
        sizes = "sizes, " if self.module.free else ""
        lines = [
            f"length = {self.module.cell}_length({'' if self.plan.length else 'T'})",
            *["segments = T == 0 ? 1 : (T - 1) / length + 1"] * self.plan.carried,
            f"inner = {self.module.cell}_inner({sizes}length)",
        ]
        return self.checked(self.terms(workspace.given(self.plan.model)), counts, Within("T", lines))

    def bytes(self, known: Mapping[Expr, Expr]) -> tuple[list[str], str]:
        where, inner = self.parts.bytes({T: Symbol("K"), **known})
        own = self.module.bytes([self.own().subs({SEGMENTS: Symbol("n"), **self.module.known}).subs(known)])
        length = self.plan.length or "ceil(sqrt(T))"
        return [f"n = max(1, ceil(T / K)) segments of K = {length} steps", *where], f"{inner} + {own}"

    # texts

    def source(self) -> str:
        """The text of what runs the segments."""
        options, plan = self.module.options, self.plan
        functions = ["forward", *(["value_and_grad"] if options.normal.total else []), "vjp"]
        lists = {e.name: self.parts.parameter_list(e.name) for e in plan.entries}
        given = {s: self.members(s) for s in ("params", "inputs", "outputs", "inputs_grad", "outputs_cotangent")}
        kept = {s.name: {f.key for f in s.fields} for s in self.part.structs}
        given = {s: [f for f in found if f.key in kept.get(s, ())] for s, found in given.items()}
        text = render(
            "c/segments.c.j2",
            **self.common,
            plan=plan,
            states=self.passed,
            summed=self.summed,
            given=given,
            members=[member(s.key) for s in self.part.free],
            part_structs={s.name for s in self.part.structs},
            parts={name: [f"&part_{n}" for _, n in found] for name, found in lists.items()},
            sizes=[{"code": s.code, "member": member(s.key), "fixed": s.fixed} for s in self.module.sizes],
            used=self.used(given),
            checks=self.checks(),
            checked=", ".join([*self.given(), "workspace", "workspace_bytes"]),
            arguments="sizes, " if self.module.free else "",
            parameters={name: self.parameters(name) if name in functions else "" for name in _ALL},
            passed=["NULL" if "cotangent" in name else name for _, name in self.parameter_list("vjp")],
        )
        return re.sub(r"\n{3,}", "\n\n", text)

    def used(self, given: Mapping[str, list[Part]]) -> dict[str, set[str]]:
        """The sizes that each function speaks of."""
        steps = [f.step for name in ("inputs", "outputs") for f in given[name] if f.timed]
        forward = ["T", *(s.count for s in self.passed), *(s.width for s in self.passed), *steps]
        more = [f.step for name in ("inputs_grad", "outputs_cotangent") for f in given[name] if f.timed]
        backward = [*forward, *more, *(g.count for g in self.summed)]
        return {"forward": identifiers(" ".join(forward)), "vjp": identifiers(" ".join(backward))}


_ALL = ("forward", "value_and_grad", "vjp")


def _part(f: Field, struct: str) -> Part:
    timed = f.shape[:1] == ("T",)
    return Part(f.name, f.key, timed, times(*f.shape), times(*f.shape[timed:]), struct)
