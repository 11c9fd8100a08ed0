"""The functions that a kernel offers, as programs with named results.

`forward` gives outputs, total loss and final states; `value_and_grad` adds the gradients of the
total loss; `vjp` takes cotangents of outputs, final states and loss instead; `advance`, of a segment
of the steps, gives final states alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sympy import Integer

from derive.algebra.nodes import T
from derive.calculus.adjoint import adjoint
from derive.calculus.normal import NormalBuilder
from derive.errors import InputError
from derive.kernels.arrays import initial_groups
from derive.program import ONCE, Program, Variable

Names = Mapping[str, str]
Groups = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class EntryPoint:
    """One function: its program, and which program name each argument and result has.

    Groups map a state to its boundary values, nearest first.
    """

    name: str
    program: Program
    loss: str = ""
    outputs: Names = field(default_factory=dict)
    final: Groups = field(default_factory=dict)
    grads: Names = field(default_factory=dict)
    inputs: Names = field(default_factory=dict)
    initial: Groups = field(default_factory=dict)
    loss_cotangent: str = ""
    cotangents: Names = field(default_factory=dict)
    final_cotangents: Groups = field(default_factory=dict)

    def results(self) -> tuple[str, ...]:
        """Every program name that the function returns."""
        groups = [n for group in (*self.final.values(), *self.initial.values()) for n in group]
        plain = [*self.outputs.values(), *self.grads.values(), *self.inputs.values()]
        return tuple(dict.fromkeys(([self.loss] if self.loss else []) + plain + groups))


def with_finals(normal: Program) -> tuple[Program, Groups]:
    """The program with its final states named: the last values, or the first of a backward state."""
    out = NormalBuilder(normal)
    finals: dict[str, tuple[str, ...]] = {}
    for v in normal.states:
        names = []
        for k in range(1, len(v.initial) + 1):
            name = out.fresh(f"{v.name}_final{k}")
            last = Integer(k - 1) if v.backward else T - k
            out.add(Variable(name, "result", v.shape, ONCE, of=v.name), normal.at(v.name, last))
            names.append(name)
        if names:
            finals[v.name] = tuple(names)
    return out.program(), finals


def gradient_names(normal: Program) -> tuple[str, ...]:
    """What `wrt` may name: parameters, inputs and states with boundary values."""
    plain = [v.name for v in normal.variables.values() if v.differentiable and v.role != "initial"]
    return (*plain, *initial_groups(normal))


def check_wrt(normal: Program, wrt: Iterable[str] | None) -> tuple[str, ...]:
    """The names to differentiate by, all by default.

    Raises:
        InputError: a name that has no gradient.
    """
    known = gradient_names(normal)
    if wrt is None:
        return known
    if isinstance(wrt, str) or not isinstance(wrt, Iterable):
        raise InputError("wrt", "a list of names, such as ['W', 'h']", repr(wrt))
    chosen = tuple(wrt)
    for name in chosen:
        if not isinstance(name, str) or name not in known:
            raise InputError("wrt", f"names out of {', '.join(known)}", repr(name))
    return tuple(dict.fromkeys(chosen))


def forward(normal: Program) -> EntryPoint:
    program, finals = with_finals(normal)
    return EntryPoint("forward", program, normal.total, {n: n for n in normal.outputs}, finals)


def advance(normal: Program) -> EntryPoint:
    """The final states alone."""
    program, finals = with_finals(normal)
    return EntryPoint("advance", program, final=finals)


def value_and_grad(normal: Program, wrt: Iterable[str] | None = None) -> EntryPoint:
    """The gradients of the total loss; the model must have one."""
    chosen = check_wrt(normal, wrt)
    program, finals = with_finals(normal)
    groups = {n: g for n, g in initial_groups(normal).items() if n in chosen}
    flat = [n for n in chosen if n not in groups] + [i for g in groups.values() for i in g]
    result = adjoint(program, flat)
    return _gradients("value_and_grad", normal, result.program, finals, result.cotangents, groups, chosen)


def vjp(normal: Program, wrt: Iterable[str] | None = None) -> EntryPoint:
    """The vector-Jacobian product with cotangents of the outputs, final states and total loss."""
    chosen = check_wrt(normal, wrt)
    program, finals = with_finals(normal)
    out = NormalBuilder(program)

    def given(name: str) -> str:
        v = program[name]
        bar = out.fresh(f"{name}_bar")
        return out.declare(Variable(bar, "cotangent", v.shape, v.axes, of=name)).name

    loss = given(normal.total) if normal.total else ""
    cotangents = {n: given(n) for n in normal.outputs}
    final_cotangents = {n: tuple(given(f) for f in names) for n, names in finals.items()}
    seeds = dict(cotangents) | ({normal.total: loss} if loss else {})
    for state, names in finals.items():
        seeds |= dict(zip(names, final_cotangents[state], strict=True))
    groups = {n: g for n, g in initial_groups(normal).items() if n in chosen}
    flat = [n for n in chosen if n not in groups] + [i for g in groups.values() for i in g]
    result = adjoint(out.program(), flat, seeds)
    entry = _gradients("vjp", normal, result.program, finals, result.cotangents, groups, chosen)
    return EntryPoint(
        **{**vars(entry), "loss_cotangent": loss, "cotangents": cotangents, "final_cotangents": final_cotangents}
    )


def _gradients(
    name: str,
    normal: Program,
    program: Program,
    finals: Groups,
    cotangents: Names,
    groups: Groups,
    chosen: tuple[str, ...],
) -> EntryPoint:
    return EntryPoint(
        name,
        program,
        normal.total,
        {n: n for n in normal.outputs},
        finals,
        grads={n: cotangents[n] for n in chosen if n not in groups and normal[n].role == "param"},
        inputs={n: cotangents[n] for n in chosen if n not in groups and normal[n].role == "input"},
        initial={n: tuple(cotangents[i] for i in g) for n, g in groups.items()},
    )


def entry_points(normal: Program, wrt: Iterable[str] | None = None) -> tuple[EntryPoint, ...]:
    """What a kernel of this model offers."""
    entries = [forward(normal), vjp(normal, wrt)]
    if normal.total:
        entries.insert(1, value_and_grad(normal, wrt))
    return tuple(entries)
