"""The program of one segment of the steps, for checkpointed and truncated backpropagation through time.

A segment begins in the states that the one before it ended in, whatever the model declares: every name that is read
at an earlier step is a state of the segment with boundary values.  Its loss comes in two outputs, what is summed over
the steps and what counts once, at the end, so that whoever runs the segments gives each its cotangent:

    checkpointed: the cotangents of a segment's last states are those of the next one's first (Griewank & Walther,
    Evaluating Derivatives, 2nd ed., section 12.2: the gradient itself, with O(√T) states kept);
    truncated: they are zero (Williams & Peng 1990: the gradient with the states between segments held fixed).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sympy import MatrixExpr, S, Symbol

from derive.algebra import build as b
from derive.algebra.nodes import Scale, T, Timed, is_reference
from derive.errors import UnsupportedError
from derive.kernels.arrays import initial_groups
from derive.kernels.entry import advance, check_wrt, forward, vjp
from derive.kernels.options import Options
from derive.kernels.sums import check_linear, is_sum, terms
from derive.program import ONCE, SHARED, Builder, Program, Variable, operands, rebuild, references

HELP = "leave `checkpoint` and `truncate` out"


@dataclass(frozen=True)
class State:
    """What a segment passes to the next one.

    Attributes:
        name: its state in the segment's program.
        of: the model's state, "" for another name that is read at an earlier step.
        lags: how many of its values are passed on, the newest first.
        given: for each of them which of the model's boundary values it is at the start, None for zero.
        final: how many final values the model returns.
    """

    name: str
    of: str
    lags: int
    given: tuple[int | None, ...]
    final: int

    @property
    def slots(self) -> list[int]:
        """Where the model's boundary values are among those passed on."""
        return sorted((n for n, k in enumerate(self.given) if k is not None), key=lambda n: self.given[n] or 0)

    @property
    def stacked(self) -> bool:
        """Has the model several boundary values of it?"""
        return len(self.slots) > 1


@dataclass(frozen=True)
class Segment:
    """The program of a segment, and what its names stand for.

    Attributes:
        program: in normal form, without a total loss.
        steps, once: the outputs that hold the parts of the loss, "" where there is none.
        states: what is passed on.
        total_steps: the size that stands for the T of the whole sequence, "" if nothing asks for it.
    """

    program: Program
    steps: str
    once: str
    states: tuple[State, ...]
    total_steps: str

    def wrt(self, model: Program, wanted: Iterable[str] | None, carried: bool) -> tuple[str, ...]:
        """What a segment differentiates by, for these gradients of the model; by every state if that is carried on."""
        chosen = check_wrt(model, wanted)
        plain = [n for n in chosen if model[n].role in ("param", "input")]
        return (*plain, *(s.name for s in self.states if carried or s.of in chosen))


def segment(normal: Program) -> Segment:
    """The program of one segment of a model in normal form.

    Raises:
        UnsupportedError: the model's steps can not be taken one segment after the other.
    """
    out = Builder(replace(normal, equations={}, total="", outputs=()))
    total_steps = Symbol(out.fresh("T_total"), integer=True, positive=True)
    out.base = replace(out.base, sizes=(*normal.sizes, total_steps))
    states = {name: _state(out, normal, name, depth) for name, depth in _lags(normal).items()}
    for name, state in states.items():
        if name != state.name:
            out.define(state.name, normal.ref(name))
    for name, e in normal.equations.items():
        if name != normal.total:
            out.define(name, _moved(e, states, total_steps))
    found = list(terms(normal, normal.total, "t")) if normal.total else []
    parts = []
    for base, over_steps in (("steps_loss", True), ("once_loss", False)):
        part = [e for e in found if is_sum(e, "t") == over_steps]
        parts.append(out.fresh(base) if part else "")
        if part:
            out.declare(Variable(parts[-1], "result", (S.One, S.One), SHARED))
            out.define(parts[-1], _moved(b.add(*part), states, total_steps))
    program = out.program(outputs=(*normal.outputs, *filter(None, parts)))
    program = program.restrict([*program.outputs, *(s.name for s in states.values())], given=True)
    check_linear(program, parts[:1], "t", f"segments of steps need a loss that is linear in its sums over them: {HELP}")
    used = any(e.has(total_steps) for e in program.equations.values())
    name = f"{normal.name}_segment"
    program = replace(program, name=name, sizes=(*normal.sizes, *[total_steps] * used))
    return Segment(program, parts[0], parts[1], tuple(states.values()), total_steps.name if used else "")


def _state(out: Builder, normal: Program, name: str, depth: int) -> State:
    """What is passed on of a name whose last `depth` values the next segment reads; a given one is copied."""
    v, groups = normal[name], initial_groups(normal).get(name, ())
    state = out.fresh(f"{name}_passed") if v.given else name
    known = [*v.initial, *[None] * (depth - len(v.initial))]
    initial = [i or _boundary(out, state, v, k) for k, i in enumerate(known, 1)]
    for i in initial:
        out.variables[i] = replace(out.variables[i], of=state)
    out.variables[state] = replace(v, name=state, role="state", initial=tuple(initial), onehot=False)
    given = tuple(groups.index(i) if i else None for i in known)
    return State(state, name if v.initial else "", depth, given, len(v.initial))


def _boundary(out: Builder, state: str, v: Variable, k: int) -> str:
    return out.declare(Variable(out.fresh(f"{state}_init{k}"), "initial", v.shape, ONCE, of=state)).name


def _lags(normal: Program) -> dict[str, int]:
    """How far back each name is read, states with boundary values and the last steps of the loss included."""
    depths = {v.name: len(v.initial) for v in normal.states if v.initial}
    for name, e in normal.equations.items():
        for r in references(e):
            back = _back(normal, name, r) if isinstance(r, Timed) else 0
            if back:
                depths[r.name] = max(depths.get(r.name, 0), back)
    return depths


def _back(normal: Program, name: str, r: Timed) -> int:
    """How many values from before its first step a segment must know of what is read here.

    Raises:
        UnsupportedError: what is read does not come before, or is a step counted from the start.
    """
    if normal[r.name].backward or (r.offset or 0) > 0:
        raise UnsupportedError(
            f"segments of steps need every recurrence to run forward, and {r.name} runs backward: {HELP}"
        )
    if r.offset is not None:
        return -r.offset
    if not r.index.has(T):
        raise UnsupportedError(f"{name} reads {r.name}[{r.index}]: only the first segment of steps has it: {HELP}")
    return int(T - r.index) - 1  # the last step is in the last segment


def _moved(e: MatrixExpr, states: Mapping[str, State], total_steps: Symbol) -> MatrixExpr:
    """An equation of the model in the segment: T in its factors is that of the whole sequence."""
    if is_reference(e):
        earlier = isinstance(e, Timed) and e.offset != 0 and e.name in states
        return Timed(states[e.name].name, e.index, *e.shape) if earlier else e
    if isinstance(e, Scale):
        return Scale(e.coefficient.xreplace({T: total_steps}), _moved(e.arg, states, total_steps))
    return rebuild(e, (_moved(a, states, total_steps) for a in operands(e))) if operands(e) else e


class SegmentPlan:
    """What the templates of a target print of a kernel that runs segment by segment.

    Attributes:
        model: the model in normal form; `program` is that of a segment.
        carried: whether cotangents are passed from a segment to the one before it.
        length: the steps of a segment, 0 for the square root of all.
        wanted, wrt: what the model is to be differentiated by, and what a segment is.
    """

    def __init__(self, options: Options):
        self.model, self.segment = options.normal, segment(options.normal)
        self.program = self.segment.program
        self.states, self.total_steps = self.segment.states, self.segment.total_steps
        self.steps, self.once = self.segment.steps, self.segment.once
        self.carried = not options.truncate
        self.length = options.truncate or (0 if options.checkpoint is True else int(options.checkpoint))
        self.wanted = check_wrt(self.model, options.wrt)
        self.wrt = self.segment.wrt(self.model, options.wrt, self.carried)
        between = [advance(self.program)] if self.carried else []
        self.entries = (forward(self.program), *between, vjp(self.program, self.wrt))

    def timed(self, *names: str) -> tuple[str, ...]:
        """Those of the model's names that have a value per step."""
        return tuple(n for n in names if self.model[n].timed)

    def untimed(self, *names: str) -> tuple[str, ...]:
        """The others."""
        return tuple(n for n in names if not self.model[n].timed)

    @property
    def initial(self) -> list[State]:
        """The states whose boundary values have a gradient that is wanted."""
        return [s for s in self.states if s.of in self.wanted]

    @property
    def final(self) -> list[State]:
        """The states whose last values are returned."""
        return [s for s in self.states if s.final]
