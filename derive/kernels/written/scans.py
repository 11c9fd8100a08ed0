"""A scan per recurrence in JAX; all else is done for all steps at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sympy import MatrixExpr

from derive.algebra.nodes import Concat, Slice, Timed
from derive.graph import Group, groups
from derive.kernels.written.dialects import JAX
from derive.kernels.written.expressions import Writer
from derive.kernels.written.layout import Layout, Module, is_absolute
from derive.program import Program, references
from derive.render import render


@dataclass
class Scan:
    """A block as the template prints it: a scan, or lines outside of any (`direction` 0)."""

    direction: int
    lines: list[str] = field(default_factory=list)
    step: str = ""
    carry: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    next: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    start: list[str] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)


def jax_text(program: Program, origin: str) -> Module:
    """The module of `loss_of` for a program of `prepare.loss_program`.

    Raises:
        UnsupportedError: an equation has a node without a text in JAX.
    """
    layout = Layout(program, origin, JAX)
    text = render(
        "written/scans.py.j2",
        title=layout.title(),
        origin=origin,
        arguments=[*layout.array_codes(), *layout.size_codes()],
        blocks=scans(layout),
        total=layout.names[program.total],
    )
    return layout.module(text)


def scans(layout: Layout, wanted: Iterable[str] = ()) -> list[Scan]:
    """The equations of a program as blocks of the templates; what is wanted is read after them."""
    return _Jax(layout, frozenset(wanted)).blocks()


class _Jax:
    def __init__(self, layout: Layout, wanted: frozenset[str]):
        self.layout, self.program, self.wanted = layout, layout.program, wanted
        self.groups = groups(self.program)
        self.loops = {n for g in self.groups if g.direction for n in g.names}

    def blocks(self) -> list[Scan]:
        whole = self._read_whole()
        needed = (g for g in self.groups if g.names[0] in whole or not self._part(self.program.ref(g.names[0])))
        return [self._scan(g) if g.direction else self._straight(g.names[0]) for g in needed]

    def _read_whole(self) -> set[str]:
        """The names that are read otherwise than as parts that a scan cuts for itself."""
        equations = self.program.equations.items()
        read = {r.name for n, e in equations for r in references(e) if n not in self.loops or not self._part(r)}
        return {*self.wanted, *read, *(i for v in self.program.variables.values() for i in v.initial)}

    def _part(self, r: MatrixExpr) -> Slice | None:
        """What a reference stands for if that is a part of an array at the same step, cut outside of scans."""
        e = self.program.equations.get(r.name)
        if isinstance(e, Slice) and isinstance(r, Timed) and r.name not in self.loops and r.offset == 0:
            return e if isinstance(e.arg, Timed) and e.arg.offset == 0 else None
        return None

    def _writer(self, reference: object, steps: bool) -> Writer:
        layout = self.layout
        return Writer(self.program, layout.names, JAX, layout.like, reference, steps, layout.numbers)  # type: ignore[arg-type]

    def _straight(self, name: str) -> Scan:
        """For all steps at once."""
        writer = self._writer(self._whole, True)
        return Scan(0, [f"{self.layout.names[name]} = {writer.value(name)}"])

    def _whole(self, r: MatrixExpr) -> str:
        """name[t+d] for all t: [T, B, …]."""
        code = self.layout.names[r.name]
        if not isinstance(r, Timed):
            return code
        if is_absolute(r):
            boundary = [self.layout.names[x] if x else self.layout.zeros(r.name) for x in self.program[r.name].initial]
            end = "True" if self.program[r.name].backward else "False"
            return f"_at({code}, {self.layout.absolute(r)}, [{', '.join(boundary)}], {end})"
        if not r.offset:
            return code
        first, last = self.layout.edges(r.name)
        if r.offset < 0:
            edge = first[len(first) + r.offset :]
            return f"jnp.concatenate([{', '.join(f'{a}[None]' for a in edge)}, {code}])[:T]"
        return f"jnp.concatenate([{code}, {', '.join(f'{a}[None]' for a in last[: r.offset])}])[{r.offset}:]"

    def _scan(self, group: Group) -> Scan:
        names, members = self.layout.names, set(group.names)
        read = [r for n in group.names for r in references(self.program.equations[n]) if isinstance(r, Timed)]
        local = {r: names.fresh(f"{names[r.name]}_{'next' if r.offset > 0 else 'last'}{abs(r.offset)}")
                 for r in dict.fromkeys(read) if r.name not in members and r.offset}  # fmt: skip
        made = Scan(group.direction, step=names.fresh(f"step_{names[group.names[-1]]}"))
        lags = {n: max((abs(r.offset or 0) for r in read if r.name == n), default=0) for n in group.names}
        carried = {n: [names.fresh(f"{names[n]}_{k}") for k in range(1, lag + 1)] for n, lag in lags.items()}
        for n, codes in carried.items():
            first, last = self.layout.edges(n)
            edge = first[::-1] if group.direction > 0 else last  # nearest first
            made.carry += codes
            made.start += edge[: len(codes)]
            made.next += [names[n], *codes][: len(codes)]
        outside = [r for r in dict.fromkeys(read) if r.name not in members]
        parts = {r.name: e for r in outside if (e := self._part(r))}
        for r in dict.fromkeys(parts[r.name].arg if r.name in parts else r for r in outside):
            made.inputs.append(local.get(r, names[r.name]))
            made.given.append(self._whole(r))

        def reference(r: MatrixExpr) -> str:
            if isinstance(r, Timed) and r.name in members and r.offset:
                return carried[r.name][abs(r.offset) - 1]
            return local.get(r, names[r.name])

        writer = self._writer(reference, False)
        made.lines = [f"{names[n]} = {writer.value(n)}" for n in (*parts, *group.names)]
        kept, later = self._kept(group.names)
        made.outputs = [names[n] for n in kept]
        whole = self._writer(self._whole, True)
        made.after = [f"{names[n]} = {whole(e)}" for n, e in later]
        return made

    def _kept(self, group: Sequence[str]) -> tuple[list[str], list[tuple[str, MatrixExpr]]]:
        """What a scan returns of what is read elsewhere, and what is made of that afterwards.

        Of a stack made of parts that are read themselves, the parts; of parts cut out of one array, the array.
        """
        wanted = [n for n in group if self._read_elsewhere(n, set(group))]
        later: dict[str, MatrixExpr] = {}
        for n in wanted:
            e = self.program.equations[n]
            if isinstance(e, Concat) and all(self._is_own(a, group) and a.name in wanted for a in e.args):
                later[n] = e
        cut = {n: e for n in wanted if isinstance(e := self.program.equations[n], Slice) and self._is_own(e.arg, group)}
        shared = Counter(e.arg.name for e in cut.values())
        for n, e in cut.items():
            if e.arg.name not in (*cut, *later) and (shared[e.arg.name] > 1 or e.arg.name in wanted):
                later[n] = e
        returned = {n for n in wanted if n not in later} | {later[n].arg.name for n in cut if n in later}
        return [n for n in group if n in returned], [(n, later[n]) for n in wanted if n in later]

    @staticmethod
    def _is_own(e: MatrixExpr, group: Sequence[str]) -> bool:
        """Is it a name of the scan, at its own step?"""
        return isinstance(e, Timed) and e.offset == 0 and e.name in group

    def _read_elsewhere(self, name: str, members: set[str]) -> bool:
        others = (e for n, e in self.program.equations.items() if n not in members)
        return name in self.wanted or any(r.name == name for e in others for r in references(e))
