"""Reverse mode over a whole program: backpropagation through time, as a program again.

For y[t] = f(…) the cotangent of y goes to each reference in f.  At the same time it is a term of
dx[t].  At lag d it is a term of the carry c_d[t], an equation of its own at y's time and zero
outside 0 … T−1, and dx[t] gains c_d[t−d]: only carries are ever read at another time.  Where the
reference has fewer axes the contribution is summed over the missing ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sympy import Expr, Integer, MatrixExpr, OneMatrix, S

from derive.algebra import build as b
from derive.algebra.nodes import Delta, Detach, FusedLoss, SumOver, T, Timed, is_reference, t
from derive.calculus.normal import NormalBuilder, check_normal
from derive.calculus.pullback import pullback, rule_name
from derive.program import Program, Variable, operands, references

SUMS = ("sum", "constant factor")


@dataclass(frozen=True)
class Contribution:
    """One term of a cotangent: what the equation of `source` passes to one of its operands."""

    source: str
    operand: MatrixExpr
    value: MatrixExpr
    rule: str


@dataclass(frozen=True)
class Step:
    """`left` = `right`, by a rule and for a reason; `parts` are the terms of the right side."""

    left: MatrixExpr
    right: MatrixExpr
    rule: str
    reason: str
    parts: tuple[Contribution, ...] = ()


@dataclass(frozen=True)
class Adjoint:
    """The adjoint program (the original equations first) and what its names mean.

    `cotangents` maps names of the model to those of their cotangents; `carries` maps
    (name, lag) to the carry; `seeds` maps a seeded name to the given cotangent.
    """

    program: Program
    cotangents: Mapping[str, str]
    carries: Mapping[tuple[str, int], str]
    seeds: Mapping[str, str]
    steps: tuple[Step, ...]


def adjoint(program: Program, wrt: Iterable[str] | None = None, seeds: Mapping[str, str] | None = None) -> Adjoint:
    """The gradients of the total loss, or the vector-Jacobian product of the seeded names.

    Args:
        program: a program in normal form.
        wrt: names to differentiate by; all differentiable ones by default.
        seeds: name → given variable (role cotangent) that holds its cotangent; default: 1 for
            the total.
    """
    check_normal(program)
    wanted = [v.name for v in program.variables.values() if v.differentiable] if wrt is None else list(wrt)
    return _Reverse(program, wanted, {program.total: ""} if seeds is None else dict(seeds)).run()


def of_outputs(program: Program, wrt: Iterable[str] | None = None) -> Adjoint:
    """The gradients of the total loss; without one, of anything that depends on the outputs: their cotangents are
    given.
    """
    if program.total:
        return adjoint(program, wrt)
    out, seeds = NormalBuilder(program), {}
    for name in program.outputs:
        v = program[name]
        bar = out.declare(Variable(out.fresh(f"{name}_bar"), "cotangent", v.shape, v.axes, of=name))
        seeds[name] = bar.name
    return adjoint(out.program(), wrt, seeds)


def differentiable_references(e: MatrixExpr) -> Iterator[MatrixExpr]:
    """The references through which a gradient passes."""
    if isinstance(e, Detach):
        return
    if is_reference(e):
        yield e
    for a in (e.target, e.logits) if isinstance(e, FusedLoss) else operands(e):
        yield from differentiable_references(a)


def active_names(program: Program, moving: Iterable[str]) -> set[str]:
    """The names whose value moves with any of `moving`; a fixed point, since time loops back."""
    active = set(moving)
    active |= {v.name for v in program.variables.values() if any(i in active for i in v.initial)}
    grown = True
    while grown:
        grown = False
        for name, e in program.equations.items():
            if name not in active and any(r.name in active for r in differentiable_references(e)):
                active.add(name)
                grown = True
    return active


def _shifted(r: MatrixExpr) -> bool:
    return isinstance(r, Timed) and r.offset != 0


class _Reverse:
    """One reverse sweep; `terms` collects the contributions by name."""

    def __init__(self, program: Program, wanted: list[str], seeds: dict[str, str]):
        self.program, self.wanted, self.seeds = program, wanted, seeds
        self.out = NormalBuilder(program)
        self.steps: list[Step] = []
        self.terms: dict[str, list[Contribution]] = {}
        self.carry_terms: dict[tuple[str, int], list[Contribution]] = {}
        self.absolute: list[tuple[str, MatrixExpr, Expr]] = []
        self.lagged = {r.name for e in program.equations.values() for r in references(e) if _shifted(r)}
        self.cotangents = self._declare(self._needed())
        self.owners = self._owners()

    def _needed(self) -> set[str]:
        """The names between the wanted ones and the seeds."""
        active = active_names(self.program, self.wanted)
        needed: set[str] = set()
        todo = list(self.seeds)
        while todo:
            name = todo.pop()
            if name in needed or name not in active:
                continue
            needed.add(name)
            todo.extend(i for i in self.program[name].initial if i)
            if name in self.program.equations:
                todo.extend(r.name for r in differentiable_references(self.program.equations[name]))
        return needed | set(self.wanted)

    def _declare(self, needed: set[str]) -> dict[str, str]:
        cotangents: dict[str, str] = {}
        for name, v in self.program.variables.items():
            if name in needed:
                new = self.out.fresh(f"d{name}")
                cotangents[name] = self.out.declare(Variable(new, "adjoint", v.shape, v.axes, of=name)).name
                self.terms[name] = []
        return cotangents

    def run(self) -> Adjoint:
        for name, given in self.seeds.items():
            if name in self.terms:
                value = self.out.ref(given) if given else b.ones(S.One)
                self.terms[name].append(Contribution(name, self.program.ref(name), value, "seed"))
        order = [n for n in reversed(list(self.program.equations)) if n in self.cotangents]
        for name in order:
            self._pull(name)
        carries = self._declare_carries()
        for name in order + [n for n in self.cotangents if n not in self.program.equations]:
            if name not in self.owners:
                self._accumulate(name, carries)
        self._define_carries(carries)
        for name in self.owners:
            self._initials(name, carries)
        return Adjoint(self.out.program(), self.cotangents, carries, self.seeds, tuple(self.steps))

    def _pull(self, name: str) -> None:
        e, v = self.program.equations[name], self.program[name]
        self._walk(e, self._cotangent(name), name, v.axes, rule_name(e))

    def _cotangent(self, name: str) -> MatrixExpr:
        """The reference to name's cotangent, or its value where that is a constant.

        The declared axes travel beside g, so a constant is still counted once per step and sequence.
        """
        terms = [c.value for c in self.terms[name]]
        if name not in self.lagged and len(terms) == 1 and isinstance(b.split(terms[0])[1], OneMatrix):
            return terms[0]
        return self.out.ref(self.cotangents[name])

    def _walk(self, e: MatrixExpr, g: MatrixExpr, source: str, axes: frozenset[str], rule: str) -> None:
        """Pass g, which lives on `axes`, down to the references of e."""
        if is_reference(e):
            self._arrive(e, g, source, axes, rule)
        elif isinstance(e, SumOver):
            self._walk(e.arg, g, source, axes | set(e.axes), "sum over steps" if e.axes == "t" else "sum")
        elif isinstance(e, Delta) and e.at.has(t) and "t" not in self.program.axes(e.arg):
            # g at one step: a sum with one term
            self._walk(e.arg, SumOver(Delta(g, e.at, e.time), "t"), source, axes - {"t"}, rule)
        elif isinstance(e, Delta):
            self._walk(e.arg, Delta(g, e.at, e.time), source, axes, rule)
        else:
            for a, h in pullback(e, self.program.ref(source), g, self.program):
                inner = rule in SUMS and not is_reference(a)  # of a term, its own rule says more
                self._walk(a, h, source, axes, rule_name(a) if inner else rule)

    def _arrive(self, r: MatrixExpr, g: MatrixExpr, source: str, axes: frozenset[str], rule: str) -> None:
        if r.name not in self.cotangents:
            return
        missing = "".join(a for a in "tb" if a in axes - self.program.axes(r))
        value = SumOver(g, missing) if missing else g
        offset = r.offset if isinstance(r, Timed) else 0
        if offset is None:
            self.absolute.append((r.name, value, r.index))
            value = Delta(value, t, r.index)
        if offset:
            self.carry_terms.setdefault((r.name, offset), []).append(Contribution(source, r, value, rule))
        else:
            self.terms[r.name].append(Contribution(source, r, value, rule))

    def _declare_carries(self) -> dict[tuple[str, int], str]:
        carries = {}
        for name, offset in self.carry_terms:
            v = self.program[name]
            suffix = "" if abs(offset) == 1 else str(abs(offset))
            new = self.out.fresh(f"{self.cotangents[name]}_carry{suffix}")
            carries[name, offset] = self.out.declare(Variable(new, "carry", v.shape, v.axes, of=name)).name
        return carries

    def _accumulate(self, name: str, carries: Mapping[tuple[str, int], str]) -> None:
        terms = [c.value for c in self.terms[name]]
        terms += [self.out.ref(c, -offset) for (n, offset), c in carries.items() if n == name]
        self._record(name, self.cotangents[name], terms, tuple(self.terms[name]))

    def _define_carries(self, carries: Mapping[tuple[str, int], str]) -> None:
        for key, parts in self.carry_terms.items():
            terms = [c.value for c in parts]
            self.out.define(carries[key], b.add(*terms))
            reason = f"what {key[0]}[t] receives from step t{-key[1]:+d}, written at that step's own time"
            self.steps.append(Step(self.out.ref(carries[key]), b.add(*terms), "carry", reason, tuple(parts)))

    def _owners(self) -> dict[str, list[tuple[str, int]]]:
        """Boundary value → the (name, k) that it is boundary value k of; several names may share one."""
        owners: dict[str, list[tuple[str, int]]] = {}
        for name in self.cotangents:
            for k, boundary in enumerate(self.program[name].initial, 1):
                if boundary in self.cotangents:
                    owners.setdefault(boundary, []).append((name, k))
        return owners

    def _initials(self, name: str, carries: Mapping[tuple[str, int], str]) -> None:
        """Boundary value k of x is read by lag d at step |d| − k, or by an absolute time beyond the edge."""
        terms: list[MatrixExpr] = []
        for owner, k in self.owners[name]:
            v = self.program[owner]
            outside = T - 1 + k if v.backward else Integer(-k)
            read_at = {d: T - 1 + k - d if v.backward else Integer(-d - k) for n, d in carries if n == owner}
            terms += [self.out.view().at(carries[owner, d], i) for d, i in read_at.items() if abs(d) >= k]
            terms += [Delta(g, outside, i) for n, g, i in self.absolute if n == owner]
        self._record(name, self.cotangents[name], terms + [c.value for c in self.terms[name]], ())

    def _record(self, name: str, new: str, terms: list[MatrixExpr], parts: tuple[Contribution, ...]) -> None:
        right = b.add(*terms) if terms else b.zeros(self.program[name].shape)
        self.out.define(new, right)
        used = sorted({c.source for c in parts if c.source != name})
        reason = f"{name} is used by {', '.join(used)}" if used else "the seed" if parts else "boundary value"
        rule = parts[0].rule if len(parts) == 1 else "sum over all uses"
        self.steps.append(Step(self.out.ref(new), right, rule, reason, parts))
