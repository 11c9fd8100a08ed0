"""One function of a C kernel: its declarations, its statements, and what is copied out at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from itertools import takewhile

from sympy import Expr

from derive.kernels.lowering.schedule import Schedule
from derive.kernels.lowering.statements import Pack, Stack, inner
from derive.kernels.lowering.trees import Buffer
from derive.kernels.targets.c import workspace
from derive.kernels.targets.c.elements import Layout, times
from derive.kernels.targets.c.interface import GIVES, TAKES
from derive.kernels.targets.c.loops import CStatement, If, Multiply, Tiles, TimeLoop
from derive.kernels.targets.c.prepare import Preparer
from derive.kernels.targets.c.words import identifiers, member
from derive.kernels.targets.signature import Argument, cotangents, results


@dataclass(frozen=True)
class Size:
    """A size: its identifier, the user's name for it, and its value where that is fixed."""

    code: str
    key: str
    fixed: str = ""


@dataclass(frozen=True)
class Declaration:
    """`code` is what it declares."""

    code: str

    @property
    def kind(self) -> str:
        return type(self).__name__

    @property
    def words(self) -> set[str]:
        """The identifiers that it needs."""
        texts = (getattr(self, f.name) for f in fields(self) if f.name != "code")
        return {w for text in texts if isinstance(text, str) for w in identifiers(text)}


@dataclass(frozen=True)
class SizeOf(Declaration):
    """A size, from the struct or fixed."""

    member: str
    fixed: str


@dataclass(frozen=True)
class ConstantOf(Declaration):
    """A named constant of the model."""

    value: Expr


@dataclass(frozen=True)
class Given(Declaration):
    """An array of the caller's."""

    struct: str
    member: str
    offset: str
    shape: str
    integer: bool


@dataclass(frozen=True)
class Optional(Declaration):
    """A cotangent, `default` where the caller gives none."""

    struct: str
    member: str
    offset: str
    shape: str
    default: str


@dataclass(frozen=True)
class Owned(Declaration):
    """An array in the workspace, or the caller's own where it asks for this result."""

    count: str
    shape: str
    struct: str = ""
    member: str = ""


@dataclass(frozen=True)
class View(Declaration):
    """A part of another array."""

    of: str
    offset: str
    shape: str
    given: bool


@dataclass(frozen=True)
class Copy:
    """struct->member[offset …] = code[start …], `count` elements of rows that are `stride` apart."""

    struct: str
    member: str
    offset: str
    code: str
    start: str
    counts: tuple[str, str]
    stride: str


class Function:
    """What the templates print of one function."""

    def __init__(self, plan: Schedule, taken: Iterable[Argument], sizes: Iterable[Size], again: bool = False):
        """`again`: is there a second call that finds the packed weights in its workspace?"""
        self.plan, self.taken, self.sizes, self.again = plan, tuple(taken), tuple(sizes), again
        self.name = plan.entry.name
        if plan.entry.loss_cotangent:  # an argument even where no gradient depends on it
            plan.names.add(plan.entry.loss_cotangent)
        self.layout = Layout(plan.buffers)
        self.cotangents, self.results = cotangents(plan), results(plan)
        preparer = Preparer(self.layout, plan.names)
        boundary = [s for b in plan.buffers for s in preparer.boundary(b)]
        self.direct = self._direct()
        self.prepared = self._prepared() if again else frozenset[int]()
        first = [x for s in plan.statements if id(s) in self.prepared for x in preparer.statements(s)]
        others = [x for s in plan.statements if id(s) not in self.prepared for x in preparer.statements(s)]
        self.statements = (*((If((), "!again", tuple(first)),) if first else ()), *boundary, *others)
        self.statements = tuple(self._optional(self.statements))
        self.copies = tuple(self._copies())
        self.zeros = [plan.names.size(n) for n in workspace.cotangent_counts(plan)]

    def declarations(self, body: str) -> list[Declaration]:
        """What a body needs, in an order that works."""
        copied = [x for c in self.copies for x in (c.code, c.offset, c.start, c.stride, *c.counts)]
        wanted = identifiers(" ".join([body, *copied, *self.zeros]))
        kept: list[Declaration] = []
        for d in reversed([*self._sizes(), *self._constants(), *self._arrays()]):
            if d.code in wanted or isinstance(d, Owned):
                wanted |= d.words
                kept.insert(0, d)
        return kept

    def _sizes(self) -> Iterator[Declaration]:
        for s in self.sizes:
            yield SizeOf(s.code, member(s.key), s.fixed)

    def _constants(self) -> Iterator[Declaration]:
        for name, value in self.plan.program.constants.items():
            yield ConstantOf(self.plan.names[name], value)

    def _arrays(self) -> Iterator[Declaration]:
        arguments = {a.code: a for a in (*self.taken, *self.cotangents)}
        for b in self.plan.buffers:
            shape = ", ".join(b.shape) or "1"
            if b.view:
                given = self.layout.root(b).given
                yield View(b.code, b.view[0], self.layout.view_offset(b), shape, given)
            elif b.name == self.plan.entry.loss_cotangent:
                yield Optional(b.code, "outputs_cotangent", "loss", "", "1", "&one")
            elif b.given:
                yield self._given(b, arguments[b.code], shape)
            else:
                yield Owned(b.code, times(*b.shape), shape, *self.direct.get(b.code, ()))

    def _given(self, b: Buffer, a: Argument, shape: str) -> Declaration:
        offset = times(str(a.lag - 1), *a.inner) if a.lag > 1 else ""
        if a.group in ("cotangents", "final_cotangents"):
            return Optional(b.code, GIVES[a.group], member(a.key), offset, shape, "zeros")
        return Given(b.code, GIVES[a.group], member(a.key), offset, shape, b.onehot)

    def _prepared(self) -> frozenset[int]:
        """The statements that pack parameters and nothing else, into arrays that lie where T and B do not move them."""
        first = takewhile(lambda b: not (b.steps or b.batch), workspace.owned(self.plan))
        still = {b.code for b in first if b.code not in self.direct}
        written = Counter(self.layout.root(r.buffer).code for s in self.plan.walk() for r in s.targets())
        known = {b.code for b in self.plan.buffers if b.given and self.plan.program[b.name].role == "param"}
        found = set[int]()
        for s in self.plan.statements:
            if isinstance(s, (Pack, Stack)) and {self.layout.root(r.buffer).code for r in s.leaves()} <= known:
                code = s.target.code
                if code in still and written[code] == 1:
                    known.add(code)
                    found.add(id(s))
        return frozenset(found)

    # results

    def _direct(self) -> dict[str, tuple[str, str]]:
        """Arrays that can lie in the caller's memory: results as they are, each once."""
        codes = [code for r in self.results for code in r.codes]
        direct: dict[str, tuple[str, str]] = {}
        for r in self.results:
            b = self._buffer(r.codes[0])
            plain = len(r.codes) == 1 and not (b.view or b.given or b.before or b.after)
            if plain and r.group and codes.count(b.code) == 1:
                direct[b.code] = (TAKES[r.group], member(r.key))
        return direct

    def _optional(self, statements: Iterable[CStatement]) -> Iterator[CStatement]:
        """A product that nothing but a result needs is not made where the caller skips that result: dL/dx."""
        read = {r.code for s in self.plan.statements for x in inner(s) for r in x.leaves()}
        roots = {self.layout.root(self._buffer(code)).code for code in read if code in self.layout.by_code}

        def guarded(s: CStatement) -> CStatement:
            if isinstance(s, (If, TimeLoop, Tiles)):
                return replace(s, body=tuple(map(guarded, s.body)))
            code = s.operands[-1].code if isinstance(s, Multiply) else ""
            if code not in self.direct or code in roots:
                return s
            struct, name = self.direct[code]
            return If((), f"{struct} != NULL && {struct}->{name} != NULL", (s,))

        yield from map(guarded, statements)

    def _buffer(self, code: str) -> Buffer:
        return self.layout.by_code[code.partition("[")[0]]

    def _copies(self) -> Iterator[Copy]:
        for r in self.results:
            for lag, code in enumerate(r.codes):
                b = self._buffer(code)
                if b.code in self.direct:
                    continue
                lead = times(*("T",) * b.steps, *("B",) * b.batch)
                width = times(*b.dims)
                offset = times(str(lag), lead, width) if lag else ""
                stride = self.layout.row_size(b)
                start = times(str(b.before), *("B",) * b.batch, stride) if b.before else ""
                counts = (lead, width) if stride != width else ("1", times(lead, width))
                yield Copy(TAKES.get(r.group, ""), member(r.key), offset, b.code, start, counts, stride)
