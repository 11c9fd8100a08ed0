"""The NumPy target: prepares statements for `templates/numpy`, which hold its syntax."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from derive.algebra.functions import FUNCTIONS
from derive.errors import InputError
from derive.kernels.entry import EntryPoint, entry_points
from derive.kernels.lowering.codenames import CodeNames, docstring
from derive.kernels.lowering.schedule import Schedule, schedule
from derive.kernels.lowering.statements import Loop, Statement
from derive.kernels.options import Options
from derive.kernels.segments import SegmentPlan
from derive.kernels.targets.helpers import by_macro, needed
from derive.kernels.targets.numpy.prepare import prepare
from derive.kernels.targets.signature import Argument, Result, Size, argument, arguments, cotangents, results, sizes
from derive.program import Program
from derive.render import render

if TYPE_CHECKING:
    from derive.kernels.runtime import Kernel

# What the templates and Python itself use; a user's name that is one of these gets an underscore.
RESERVED = frozenset(
    "np DTYPE params inputs initial cotangents final_cotangents sizes workspace out range max min abs sum print float "
    "int len dict list tuple set type str bool object slice zip map filter any all iter next id input open vars "
    "forward value_and_grad vjp True False None and as assert async await break class continue def del elif else "
    "except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield "
    "match case".split()
)


@dataclass(frozen=True)
class Function:
    """One function of the module."""

    schedule: Schedule
    cotangents: tuple[Argument, ...]
    results: tuple[Result, ...]
    statements: tuple[Statement | Loop, ...]

    @property
    def name(self) -> str:
        return self.schedule.entry.name

    @property
    def entry(self) -> EntryPoint:
        return self.schedule.entry


def functions(normal: Program, entries: Iterable[EntryPoint]) -> tuple[Function, ...]:
    """The scheduled functions of a model."""
    made = []
    for entry in entries:
        plan = schedule(entry, normal, RESERVED)
        if entry.loss_cotangent:  # an argument even where no gradient depends on it
            plan.names.add(entry.loss_cotangent)
        statements, turned = prepare(plan.statements, plan.names)
        plan = replace(plan, buffers=(*plan.buffers, *turned))
        made.append(Function(plan, cotangents(plan), results(plan), statements))
    return tuple(made)


def build(options: Options) -> Kernel:
    """The NumPy kernel of a model."""
    from derive.kernels.runtime import Kernel  # what is written needs no NumPy, what is called does
    from derive.kernels.targets.numpy.loaded import Module

    text, made = source(options)
    name = options.normal.name
    schedules = {f.name: f.schedule for f in made}
    asked = tuple(s.key for s in _signature(options.normal, options.fixed)[2] if not s.value)
    backend = Module(name, text, asked, not options.segmented)
    return Kernel(options.normal, "numpy", options.dtype, {f"{name}.py": text}, schedules, backend, options.fixed)


def files(options: Options) -> dict[str, str]:
    """The generated files, by name."""
    return {f"{options.normal.name}.py": source(options)[0]}


def notes(options: Options) -> Iterable[str]:
    """Nothing that the file does not say itself."""
    return ()


def source(options: Options) -> tuple[str, tuple[Function, ...]]:
    """The text of the NumPy kernel of a model, and its functions; those of one segment where it runs by segments."""
    normal = options.normal
    if options.threads > 1:
        help = "NumPy's BLAS has threads of its own: set OPENBLAS_NUM_THREADS (or MKL_NUM_THREADS)"
        raise InputError("threads", "1 for the target numpy", repr(options.threads), help)
    _, taken, told = _signature(normal, options.fixed)
    if options.segmented:
        plan = SegmentPlan(options)
        made = functions(plan.program, plan.entries)
        body = _body(plan.program, made, without(options.fixed, "T"), "segment_") + _segments(options, plan)
    else:
        made = functions(normal, entry_points(normal, options.wrt))
        body = _body(normal, made, options.fixed)
    text = render(
        "numpy/module.py.j2",
        program=normal,
        arguments=taken,
        asked=[s for s in told if not s.value],
        origin=docstring(options.origin),
        title=docstring(normal.title or normal.name),
        assumptions=[docstring(a.text) for a in normal.assumptions],
        dtype=options.dtype,
        body=body,
        helpers=needed(body, "_", by_macro("numpy/helpers.py.j2", "_")),
        fixed=options.fixed,
        how=options.how,
    )
    return text, made


def _body(normal: Program, made: tuple[Function, ...], fixed: Mapping[str, int], prefix: str = "") -> str:
    """The functions of a model in normal form, and what checks their arguments."""
    names, taken, told = _signature(normal, fixed)
    return render(
        "numpy/functions.py.j2",
        functions=made,
        prefix=prefix,
        arguments=taken,
        sizes=told,
        asked=[s for s in told if not s.value],
        titles=TITLES,
        quoted=json.dumps,
        number=names.coefficient,
        real=lambda value: repr(float(value)),
        callable=lambda name: FUNCTIONS[name].code["numpy"],
    )


def _segments(options: Options, plan: SegmentPlan) -> str:
    """What runs the functions of a segment."""
    names, taken, told = _signature(options.normal, options.fixed)
    _, parts, told_parts = _signature(plan.program, without(options.fixed, "T"))
    return render(
        "numpy/segments.py.j2",
        plan=plan,
        titles=TITLES,
        arguments=taken,
        sizes=told,
        asked=[s for s in told if not s.value],
        told=[s.key for s in told_parts if not s.value],
        shapes={a.key: a.shape for a in parts if a.group == "initial"},
        bars=[argument(options.normal[n], "cotangents", n, 0, names) for n in options.normal.outputs],
        inputs=[a.key for a in taken if a.group == "inputs"],
        quoted=json.dumps,
        names=lambda found: repr(tuple(found)),
    )


def without(fixed: Mapping[str, int], name: str) -> dict[str, int]:
    """The fixed sizes but one."""
    return {key: n for key, n in fixed.items() if key != name}


def _signature(normal: Program, fixed: Mapping[str, int]) -> tuple[CodeNames, tuple[Argument, ...], tuple[Size, ...]]:
    names = CodeNames(normal, RESERVED)
    taken = arguments(normal, names)
    return names, taken, sizes(normal, taken, fixed, names)


TITLES = {
    "forward": "Loss, outputs and final states.",
    "value_and_grad": "Loss, outputs, final states, and the gradients of the loss by backpropagation through time.",
    "vjp": "Loss, outputs, final states, and the vector-Jacobian product with the given cotangents.",
    "advance": "Final states.",
}
