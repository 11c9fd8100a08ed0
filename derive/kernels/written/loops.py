"""A loop over steps in PyTorch, as a user of autograd writes it: what is read later is kept in lists."""

from __future__ import annotations

from dataclasses import dataclass, field

from sympy import MatrixExpr

from derive.algebra.nodes import Timed
from derive.kernels.written.dialects import TORCH
from derive.kernels.written.expressions import Writer
from derive.kernels.written.layout import Layout, Module, is_absolute
from derive.kernels.written.plan import Block, blocks
from derive.program import Program, references
from derive.render import render


@dataclass
class Lines:
    """A block as the template prints it."""

    direction: int
    before: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)


def torch_text(program: Program, origin: str) -> Module:
    """The module of `loss_of` for a program of `prepare.loss_program`.

    Raises:
        UnsupportedError: an equation has a node without a text in PyTorch.
    """
    layout = Layout(program, origin, TORCH)
    text = render(
        "written/loops.py.j2",
        title=layout.title(),
        origin=origin,
        arguments=[f"{a}: Tensor" for a in layout.array_codes()] + [f"{n}: int" for n in layout.size_codes()],
        blocks=_Torch(layout).blocks(),
        total=layout.names[program.total],
    )
    return layout.module(text)


class _Torch:
    """The layout in lists: name[t+d] is entry t + d + (how many entries stand before step 0)."""

    def __init__(self, layout: Layout):
        self.layout, self.program = layout, layout.program
        self.plan = blocks(self.program)
        self.place = {n: k for k, b in enumerate(self.plan) for n in b.names}
        self.kept = {n: layout.names.fresh(f"{layout.names[n]}_steps") for n in self._kept()}

    def _kept(self) -> list[str]:
        """The names that are read at other times, in other blocks, or as a whole."""
        read = {n for n, r in self.layout.reaches.items() if r.before or r.after or r.whole}
        for name, e in self.program.equations.items():
            here = self.place[name]
            read |= {r.name for r in references(e) if isinstance(r, Timed) and self.place.get(r.name, here) != here}
        return [n for n in self.layout.reaches if n in read]

    def blocks(self) -> list[Lines]:
        given = Lines(0)
        for name in self.kept:
            if name not in self.program.equations:
                first, last = self.layout.edges(name)
                around = [f"[{', '.join(side)}]" if side else "" for side in (first, last)]
                whole = f"list({self.layout.names[name]}.unbind(0))"
                given.lines.append(f"{self.kept[name]} = {' + '.join(x for x in (around[0], whole, around[1]) if x)}")
        return [given, *(self._block(n, b) for n, b in enumerate(self.plan))]

    def _block(self, n: int, block: Block) -> Lines:
        made, now = Lines(block.direction), dict[str, str]()

        def reference(r: MatrixExpr) -> str:
            text = self._reference(r, n, block.direction)
            if not block.direction or not text.endswith("]") or self.place.get(r.name) == n:
                return text
            if text not in now:  # one look-up per step, however often it is read
                now[text] = self.layout.names.fresh(f"{self.layout.names[r.name]}_t")
            return now[text]

        writer = Writer(self.program, self.layout.names, TORCH, self.layout.like, reference)
        appended = []
        for name in block.names:
            made.lines.append(f"{self.layout.names[name]} = {writer.value(name)}")
            if name in self.kept:
                steps = self.kept[name]
                first, last = self.layout.edges(name)
                start, end = (first, last) if block.direction > 0 else (last[::-1], first[::-1])
                kind = "" if start else ": List[Tensor]"
                made.before.append(f"{steps}{kind} = [{', '.join(start)}]")
                appended.append(f"{steps}.append({self.layout.names[name]})")
                made.after += [f"{steps}.append({x})" for x in end]
                if block.direction < 0:
                    made.after.append(f"{steps}.reverse()")
        made.lines = [*(f"{local} = {text}" for text, local in now.items()), *made.lines, *appended]
        return made

    def _reference(self, r: MatrixExpr, here: int, direction: int) -> str:
        code = self.layout.names[r.name]
        if not isinstance(r, Timed):
            return code
        before, after = self.layout.reaches[r.name].before, self.layout.reaches[r.name].after
        steps = self.kept.get(r.name, code)
        if is_absolute(r):
            return f"{steps}[{self.layout.absolute(r, before)}]"
        if not direction:  # a sum over steps
            whole = f"{steps}[{before}:T + {before}]" if before or after else steps
            return f"torch.stack({whole})" if r.name in self.kept else code
        if self.place.get(r.name) == here:
            return code if not r.offset else f"{steps}[{-abs(r.offset)}]"
        at = before + (r.offset or 0) if r.name in self.kept else 0
        return f"{steps}[t + {at}]" if at else f"{steps}[t]"
