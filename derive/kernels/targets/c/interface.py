"""The structs of a C kernel: which arrays go in and come out under which names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from derive.kernels.targets.c.words import member
from derive.kernels.targets.signature import Argument, Result

# Python's group of results → the struct that takes it
TAKES = {
    "outputs": "outputs",
    "final": "final",
    "grads": "params_grad",
    "inputs": "inputs_grad",
    "initial": "initial_grad",
}
GIVES = {
    "params": "params",
    "inputs": "inputs",
    "initial": "initial",
    "cotangents": "outputs_cotangent",
    "final_cotangents": "final_cotangent",
}
TITLES = {
    "params": "Parameters.",
    "inputs": "Inputs, targets and constants.",
    "initial": "The states before the first step; after the last one for a state that runs backward.",
    "outputs": "What is returned; a NULL pointer is skipped.",
    "final": "The states after the last step; NULL is skipped.",
    "params_grad": "Gradients of the parameters; NULL is skipped.",
    "inputs_grad": "Gradients of the inputs; NULL is skipped.",
    "initial_grad": "Gradients of the initial states; NULL is skipped.",
    "outputs_cotangent": "Cotangents of the outputs; NULL counts as 0, of the loss as 1.",
    "final_cotangent": "Cotangents of the final states; NULL counts as 0.",
}


@dataclass(frozen=True)
class Field:
    """A pointer in a struct: `key` is the user's name, `name` the member's."""

    key: str
    shape: tuple[str, ...]
    classes: str = ""  # how many there are; "" for real numbers

    @property
    def name(self) -> str:
        return member(self.key)


@dataclass(frozen=True)
class Struct:
    """A struct of pointers, `given` to the kernel or filled by it."""

    name: str
    given: bool
    fields: tuple[Field, ...]

    @property
    def title(self) -> str:
        return TITLES[self.name]


def structs(taken: Sequence[Argument], bars: Sequence[Argument], results: Iterable[Result], loss: bool) -> list[Struct]:
    """Every struct of a kernel that has a member."""
    fields: dict[str, dict[str, Field]] = {name: {} for name in TITLES}
    if loss:
        fields["outputs_cotangent"]["loss"] = Field("loss", ())
    for a in (*taken, *bars):
        lags = max(x.lag for x in (*taken, *bars) if (x.group, x.key) == (a.group, a.key))
        shape = (str(lags), *a.shape) if lags else a.shape
        fields[GIVES[a.group]][a.key] = Field(a.key, shape, a.classes)
    for r in results:
        if r.group:
            shape = (str(len(r.codes)), *r.shape) if len(r.codes) > 1 else r.shape
            fields[TAKES[r.group]][r.key] = Field(r.key, shape)
    given = set(GIVES.values())
    return [Struct(name, name in given, tuple(found.values())) for name, found in fields.items() if found]


def parameters(function: str, sizes: bool, made: Iterable[Struct], loss: bool) -> list[tuple[str, str]]:
    """(kind, name) of every parameter of a function; a kind is "const struct", "struct" or "real"."""
    there = {s.name: s for s in made}
    groups = ["params", "inputs", "initial"]
    if function == "vjp":
        groups += ["outputs_cotangent", "final_cotangent"]
    taken = [("const struct", "sizes")] if sizes else []
    taken += [("const struct", name) for name in groups if name in there]
    taken += [("real", "loss")] if loss else []
    results = ["final"] if function == "advance" else ["outputs", "final"]
    if function not in ("forward", "advance"):
        results += ["params_grad", "inputs_grad", "initial_grad"]
    return taken + [("struct", name) for name in results if name in there]
