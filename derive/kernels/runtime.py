"""What a user calls: checked arrays in, fresh arrays out, the same for every target."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from derive.algebra.nodes import T, Timed
from derive.errors import InputError
from derive.kernels.arrays import Array
from derive.kernels.checks import Arrays, Checker, Sizes
from derive.kernels.lowering.schedule import Schedule
from derive.program import Program, references
from derive.render import fragment

MOST_LINES = 200  # of a file that a notebook shows


@dataclass(frozen=True)
class Result:
    """What a call returns; a field that the call does not compute is empty.

    Attributes:
        loss: the total loss, summed over steps and sequences; None for a model without one.
        outputs: name → [T, B, …].
        final: state → [B, …], or [lags, B, …].
        grads: parameter → its gradient, in the parameter's shape.
        inputs: input → its gradient.
        initial: state → the gradient of its boundary values.
    """

    loss: Any = None
    outputs: dict[str, Array] = field(default_factory=dict)
    final: dict[str, Array] = field(default_factory=dict)
    grads: dict[str, Array] = field(default_factory=dict)
    inputs: dict[str, Array] = field(default_factory=dict)
    initial: dict[str, Array] = field(default_factory=dict)

    def groups(self) -> dict[str, dict[str, Array]]:
        return {k: v for k, v in vars(self).items() if k != "loss"}

    def __repr__(self) -> str:
        said = [] if self.loss is None else [f"loss {float(self.loss):.6g}"]
        said += [f"{group} {', '.join(arrays)}" for group, arrays in self.groups().items() if arrays]
        return f"<Result: {'; '.join(said)}>"

    def _repr_html_(self) -> str:
        """The loss, and the shape of every array, for notebooks."""
        return fragment(
            "notebook/table.html.j2",
            title="Result",
            words="" if self.loss is None else f": loss {float(self.loss):.6g}",
            head=("group", "name", "shape"),
            rows=[(k, name, str(np.shape(a))) for k, group in self.groups().items() for name, a in group.items()],
            folded=(),
        )


class Backend(Protocol):
    """One target's loaded code; sizes and arrays are checked already."""

    def call(self, function: str, sizes: Mapping[str, int], *groups: Arrays) -> Mapping[str, Any]:
        """Run forward, value_and_grad or vjp.

        Raises:
            InputError: a class is out of range.
        """

    def bind(
        self, function: str, sizes: Mapping[str, int], *groups: Arrays, again: bool = False
    ) -> tuple[Mapping[str, Any], Callable[[], None]]:
        """The results' arrays, and what fills them from the arguments' current contents.

        With `again` the parameters stay as they are, so that what the first call makes of them may be kept.
        """


@dataclass(frozen=True)
class Kernel:
    """A compiled model.

    Attributes:
        source: the generated text; `files` has it by file name.
        schedules: function name → what it does in which order (`print(kernel.schedule)`).
    """

    normal: Program
    target: str
    dtype: str
    files: Mapping[str, str]
    schedules: Mapping[str, Schedule]
    backend: Backend
    fixed: Mapping[str, int] = field(default_factory=dict)

    def _repr_html_(self) -> str:
        """What it takes, what is done where, and the code behind it, for notebooks."""
        return fragment(
            "notebook/table.html.j2",
            title=self.normal.name,
            words=f", {self.target}, {self.dtype}",
            head=("argument", "array", "shape"),
            rows=list(self._checker.rows()),
            folded=[("schedule", str(self.schedule)), *((name, _cut(name, text)) for name, text in self.files.items())],
        )

    def __repr__(self) -> str:
        return f"<Kernel {self.normal.name}: {self.target}, {self.dtype}>"

    @property
    def source(self) -> str:
        return "\n".join(self.files.values())

    @property
    def schedule(self) -> Schedule:
        """That of `value_and_grad`, or of `vjp` for a model without a loss."""
        return self.schedules.get("value_and_grad") or self.schedules["vjp"]

    def value_and_grad(
        self, params: Arrays, inputs: Arrays, initial: Arrays | None = None, sizes: Sizes | None = None
    ) -> Result:
        """Total loss, outputs, final states and all gradients.

        Args:
            sizes: sizes that no array tells, as {"T": 20} for a model without inputs.

        Raises:
            InputError: an array is missing, unknown, or of the wrong shape or dtype; no loss.
        """
        self._needs_loss()
        groups, known = self._checker.groups(params, inputs, initial, sizes)
        return Result(**self.backend.call("value_and_grad", known, *groups))

    def forward(
        self, params: Arrays, inputs: Arrays, initial: Arrays | None = None, sizes: Sizes | None = None
    ) -> Result:
        """Outputs, total loss and final states; without any target no loss."""
        inputs, blank = self._checker.targeted(params, inputs, initial, sizes)
        groups, known = self._checker.groups(params, inputs, initial, sizes)
        result = Result(**self.backend.call("forward", known, *groups))
        return replace(result, loss=None) if blank else result

    def vjp(
        self,
        params: Arrays,
        inputs: Arrays,
        initial: Arrays | None = None,
        cotangents: Arrays | None = None,
        final_cotangents: Arrays | None = None,
        sizes: Sizes | None = None,
    ) -> Result:
        """Gradients of ⟨cotangents, outputs⟩ + ⟨final_cotangents, final⟩ + cotangents["loss"]·loss.

        What is left out counts as 0, but for the loss, which counts as 1.
        """
        groups, known = self._checker.groups(params, inputs, initial, sizes)
        bars = self._checker.cotangents(cotangents, known)
        finals = self._checker.final_cotangents(final_cotangents, known)
        return Result(**self.backend.call("vjp", known, *groups, bars, finals))

    def bind(
        self, params: Arrays, inputs: Arrays, initial: Arrays | None = None, sizes: Sizes | None = None
    ) -> Callable[[], Result]:
        """Check and allocate once; the function returned runs on the arrays' current contents.

        It is `value_and_grad` (`forward` for a model without a loss) and returns the same Result
        object each time.  Arrays must be C-contiguous, of the kernel's dtype, and int32 for classes.
        """
        groups, known = self._checker.groups(params, inputs, initial, sizes)
        self._lasting(params, inputs, initial or {})
        function = "value_and_grad" if self.normal.total else "forward"
        fields, run = self.backend.bind(function, known, *groups)
        result = Result(**fields)
        run()

        def bound() -> Result:
            run()
            return result

        return bound

    def stream(
        self, params: Arrays, inputs: Arrays, initial: Arrays | None = None, sizes: Sizes | None = None
    ) -> Callable[[], Result]:
        """For a sequence that comes piece by piece, a step or a few at a time.

        Checks and allocates once, as `bind` does; the function returned is `forward` on the inputs' current contents,
        from where the call before ended, the first one from `initial`.  Parameters are copied now (C packs their
        weights once, which takes longer than a step).  It returns the same Result object each time; targets may be
        left out, as in `forward`.

        Raises:
            InputError: a state runs backward, or begins at zero and not at a value that can be given; a step reads T.
        """
        self._goes_on()
        inputs, blank = self._checker.targeted(params, inputs, initial, sizes)
        (weights, arrays, start), known = self._checker.groups(params, inputs, initial, sizes)
        self._lasting(inputs)
        weights, start = ({n: np.array(a, order="C") for n, a in g.items()} for g in (weights, start))
        fields, run = self.backend.bind("forward", known, weights, arrays, start, again=True)
        result = Result(**{**fields, "loss": None} if blank else fields)
        started = False

        def step() -> Result:
            nonlocal started
            for name, a in start.items() if started else ():
                a[...] = result.final[name]
            run()
            started = True
            return result

        return step

    def _goes_on(self) -> None:
        """Is all that a step reads of other steps a state of the steps before, whose first value is given?"""
        for v in self.normal.states:
            if v.backward:
                raise InputError("stream", "states that run forward", f"{v.name}, which runs backward")
            if not all(v.initial):
                raise InputError("stream", "states whose first value is given", f"{v.name}, which begins at zero")
        for r in (r for e in self.normal.equations.values() for r in references(e)):
            if isinstance(r, Timed) and r.offset and self.normal[r.name].role != "state":
                raise InputError(
                    "stream", "states alone to have a past", f"{r.name}, which is read {r.offset:+} steps on"
                )
        for name in self._computed():
            if T in self.normal.equations[name].free_symbols:
                raise InputError("stream", "equations of a step without T, how many there are", f"{name}, which has it")

    def _computed(self) -> Iterator[str]:
        """What the outputs and the states of a step hang on, with them; the loss is that of each piece."""
        todo, seen = [*self.normal.outputs, *(v.name for v in self.normal.states)], set[str]()
        while todo:
            name = todo.pop()
            if name in self.normal.equations and name not in seen and self.normal[name].timed:
                seen.add(name)
                yield name
                todo += [r.name for r in references(self.normal.equations[name])]

    @staticmethod
    def _lasting(*groups: Arrays) -> None:
        """Arrays whose contents a function can read each time that it is called.

        Raises:
            InputError: one of them would have to be copied.
        """
        for name, a in ((n, a) for g in groups for n, a in g.items()):
            if not isinstance(a, np.ndarray):  # a copy would never see new contents
                raise InputError(name, "an array of NumPy", type(a).__name__)
            if not a.flags.c_contiguous:
                raise InputError(name, "a C-contiguous array", f"strides {a.strides}")
            if not a.flags.aligned:
                raise InputError(name, "an array aligned to its elements", "one that is not")
            if a.dtype.kind in "iu" and a.dtype != np.int32:
                raise InputError(name, "int32 classes", str(a.dtype))

    @cached_property
    def _checker(self) -> Checker:
        return Checker(self.normal, self.dtype, self.fixed)

    def _needs_loss(self) -> None:
        if not self.normal.total:
            raise InputError("loss", "a model with a loss", f"{self.normal.name}, which has none", "use vjp")


def _cut(name: str, text: str) -> str:
    """The first lines: what a notebook shows is saved in it."""
    lines = text.splitlines(keepends=True)
    more = f"… {len(lines) - MOST_LINES} more lines: kernel.files[{name!r}]\n" if len(lines) > MOST_LINES else ""
    return "".join(lines[:MOST_LINES]) + more
