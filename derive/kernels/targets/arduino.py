"""The Arduino target: a library of fixed sizes in float, with a sketch that trains on the device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING

from derive.errors import InputError
from derive.kernels.arrays import initial_groups, size_value
from derive.kernels.options import Options
from derive.kernels.targets import c
from derive.kernels.targets.c.interface import Field, Struct, parameters
from derive.kernels.targets.c.module import Module
from derive.kernels.targets.c.printer import comment
from derive.kernels.targets.c.words import member
from derive.render import render

if TYPE_CHECKING:
    from derive.kernels.runtime import Kernel

STEPS, UNITS, SIDES = 8, 8, 2  # sizes that nobody said: of time, of states, of inputs and outputs


@dataclass(frozen=True)
class Array:
    """An array of the sketch: its name in the struct, how many numbers it has, and what it is at first.

    Attributes:
        fan: what a weight is uniform by; 0 for one that begins at zero.
        width: how many numbers of a target belong together; 0 for what is none.
    """

    name: str
    count: int
    integer: bool
    fan: int = 0
    width: int = 0


def files(options: Options) -> dict[str, str]:
    """The library's folder.

    Raises:
        InputError: an option of the C kernel that a microcontroller has no use for, or a model without a loss.
    """
    options = sized(options)
    normal = options.normal
    if not normal.total:
        raise InputError("CELL", "a model with a loss, for the sketch that trains it", normal.name)
    name, kernel = normal.name, Module(options)
    texts = {f"{name}/src/{file}": text for file, text in c.files(options).items()}
    data = {"cell": name, "title": comment(normal.title or normal.name), "origin": comment(options.origin)}
    structs: dict[str, Struct] = {s.name: s for s in kernel.structs}
    sketch = render(
        "arduino/sketch.ino.j2",
        **data,
        sizes=options.fixed,
        params=[_weight(options, f) for f in _fields(structs, "params")],
        inputs=[_input(options, f) for f in _fields(structs, "inputs")],
        initial=[_start(options, f) for f in _fields(structs, "initial")],
        bits=_sequence(options, "input"),
        wanted=_sequence(options, "target"),
        passed=[name for _, name in parameters("value_and_grad", bool(kernel.free), kernel.structs, True)],
    )
    return {
        f"{name}/library.properties": render("arduino/library.properties.j2", **data),
        **texts,
        f"{name}/examples/train/train.ino": sketch,
    }


def sized(options: Options) -> Options:
    """With every size a number: one sequence of a few steps, a few units, as small inputs and outputs as there are."""
    if options.segmented or options.threads > 1 or options.wrt is not None:
        raise InputError("options", "--sizes alone for the target arduino", "others too", "use the target c")
    normal, found = options.normal, {"T": STEPS, "B": 1, **options.fixed}
    alone = {s.name: SIDES for v in normal.roles("input", "target") for s in v.shape[0].free_symbols}
    inner = {s.name for v in normal.states for n in v.shape for s in n.free_symbols}
    for s in normal.sizes:
        found.setdefault(s.name, UNITS if s.name in inner else alone.get(s.name, UNITS))
    return replace(options, fixed=found, dtype="float32")


def _fields(structs: Mapping[str, Struct], name: str) -> tuple[Field, ...]:
    return structs[name].fields if name in structs else ()


def _weight(options: Options, f: Field) -> Array:
    cols = size_value(options.normal[f.key].shape[1], options.fixed)
    return Array(f.name, _numbers(options, f.key), False, 0 if cols == 1 else cols)


def _input(options: Options, f: Field) -> Array:
    v = options.normal[f.key]
    width = prod(size_value(n, options.fixed) for n in v.shape) if v.role == "target" else 0
    return Array(f.name, _numbers(options, f.key), bool(f.classes), width=width)


def _start(options: Options, f: Field) -> Array:
    values = initial_groups(options.normal)[f.key]
    return Array(f.name, len(values) * _numbers(options, values[0]), False)


def _numbers(options: Options, name: str) -> int:
    """How many numbers an array has."""
    v = options.normal[name]
    lead = options.fixed["T"] ** ("t" in v.axes) * options.fixed["B"] ** ("b" in v.axes)
    return lead * (1 if v.onehot else prod(size_value(n, options.fixed) for n in v.shape))


def _sequence(options: Options, role: str) -> dict[str, object] | None:
    """The one sequence of inputs or targets, for the sketch to fill; None where there is another number of them."""
    found = [v for v in options.normal.roles(role) if v.timed]
    if len(found) != 1:
        return None
    (v,) = found
    width = 1 if v.onehot else prod(size_value(n, options.fixed) for n in v.shape)
    return {"name": member(v.name), "onehot": v.onehot, "width": width}


def build(options: Options) -> Kernel:
    """The C kernel of the library, compiled for this machine."""
    return c.build(sized(options))


def notes(options: Options) -> Iterable[str]:
    """What the caller should know of the folder."""
    name = options.normal.name
    found = sized(options).fixed
    sizes = ", ".join(f"{k}={n}" for k, n in found.items())
    return [f"{name}: put the folder {name} into Arduino's libraries; its sizes are {sizes}"]
