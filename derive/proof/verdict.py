"""What was found out about a claim, and on what grounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from derive.proof.field.points import ANY, Points
from derive.render import fragment


class Status(StrEnum):
    """How much is known; the grounds that each needs are in docs/proof.md."""

    PROVED = "proved"
    CHECKED = "checked"
    REFUTED = "refuted"
    ILL_FORMED = "ill-formed"
    OPEN = "open"


TEMPLATE = "notebook/verdict.html.j2"


def shown(
    status: str, reason: str, counterexample: Counterexample | None = None, lines: Iterable[str] = ()
) -> dict[str, Any]:
    """A verdict as the data of its template."""
    tables = [counterexample.rows()] if counterexample is not None else []
    return {"status": str(status), "reason": reason, "tables": tables, "lines": list(lines)}


SHOWN = 14  # characters of a number


@dataclass(frozen=True)
class Counterexample:
    """Values that tell the two sides apart: 50 digits, with the true functions.

    Attributes:
        T, sizes, seed: with these and the claim the numbers come out again.
        t: the step, where the claim is about any step.
        entry: (row, column) of the entry that differs most.
        left, right: its two values.
        drawn: where the given arrays were drawn.
        first: the number that the first step has for readers.
    """

    T: int
    sizes: Mapping[str, int]
    seed: int
    t: int | None
    entry: tuple[int, int]
    left: str
    right: str
    drawn: Points = ANY
    first: int = 0

    @property
    def step(self) -> int | None:
        """The step t as readers count."""
        return None if self.t is None else self.t + self.first

    @property
    def sides(self) -> tuple[str, str]:
        """Both values, with the digits that a reader wants, more where they agree for long."""
        length = SHOWN
        while self.left[:length] == self.right[:length] and length < max(len(self.left), len(self.right)):
            length += 1
        return _cut(self.left, length), _cut(self.right, length)

    def __str__(self) -> str:
        step = "" if self.t is None else f", t = {self.step}"
        sizes = "".join(f", {name} = {n}" for name, n in self.sizes.items())
        i, j = self.entry
        left, right = self.sides
        where = f", where {self.drawn}" if str(self.drawn) else ""
        return f"T = {self.T}{step}{sizes}{where}: entry ({i}, {j}) is {left} ≠ {right}"

    def rows(self) -> list[tuple[str, str]]:
        """What differs and where, as a table."""
        t = [] if self.t is None else [("t", str(self.step))]
        drawn = [("where", str(self.drawn))] if str(self.drawn) else []
        sizes = [(name, str(n)) for name, n in self.sizes.items()]
        entry = f"entry ({self.entry[0]}, {self.entry[1]})"
        sides = [(f"{entry}, {side} side", value) for side, value in zip(("left", "right"), self.sides, strict=True)]
        return [("T", str(self.T)), *t, *sizes, *drawn, *sides]

    def _repr_html_(self) -> str:
        return fragment(TEMPLATE, **shown("refuted", "the sides differ", self), repairs=())

    def as_json(self) -> dict[str, object]:
        return {
            "T": self.T,
            "sizes": dict(self.sizes),
            "seed": self.seed,
            "t": self.t,
            "entry": list(self.entry),
            "lhs": self.left,
            "rhs": self.right,
            "drawn": self.drawn.as_json(),
        }


def _cut(value: str, length: int) -> str:
    """The first characters of a number, and its exponent."""
    digits, e, exponent = value.partition("e")
    return digits[:length] + e + exponent


@dataclass(frozen=True)
class Instance:
    """T and sizes at which both sides agree exactly; a false claim would pass with probability below 2^−bits."""

    T: int
    sizes: Mapping[str, int]
    bits: int

    def __str__(self) -> str:
        return ", ".join([f"T = {self.T}", *(f"{name} = {n}" for name, n in self.sizes.items())])

    def as_json(self) -> dict[str, object]:
        return {"T": self.T, "sizes": dict(self.sizes), "error_bits": self.bits}


@dataclass(frozen=True)
class Verdict:
    """The verdict on left = right.

    Attributes:
        status: see `Status`.
        reason: in one sentence.
        least: the least T that the statement is about.
        instances: where the two sides agree exactly.
        every_size: all sizes were covered up to this T, by words; 0 if not.
        counterexample: with `refuted`.
        word: the shortest product that the two sides weigh differently, in words.
        certificate: JSON, with `proved`.
        assumptions: what of the model was relied on.
        tried: methods that did not decide, and why.
    """

    status: Status
    reason: str
    least: int = 0
    instances: tuple[Instance, ...] = ()
    every_size: int = 0
    counterexample: Counterexample | None = None
    word: str = ""
    certificate: str | None = None
    assumptions: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()

    @property
    def conventions(self) -> tuple[str, ...]:
        """How the claim was read where books differ."""
        return (
            "an empty sum is 0 and an empty product the identity",
            "time is t = 0 … T-1; a value before the first step is the initial one where the model has it, else 0",
            "a derivative by a value outside the sequence is 0",
            f"T ≥ {self.least}",
        )

    def __str__(self) -> str:
        lines = [f"{self.status}: {self.reason}"]
        lines += [f"  {self.counterexample}"] if self.counterexample else []
        lines += [f"  {self.word}"] if self.word else []
        lines += [f"  assumed: {a}" for a in self.assumptions]
        lines += [f"  tried: {a}" for a in self.tried]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Verdict {self.status}: {self.reason}>"

    def _repr_html_(self) -> str:
        """What was found out, for notebooks."""
        lines = [self.word] if self.word else []
        lines += [f"assumed: {a}" for a in self.assumptions]
        lines += [f"tried: {a}" for a in self.tried]
        return fragment(TEMPLATE, **shown(self.status, self.reason, self.counterexample, lines), repairs=())

    def as_json(self) -> dict[str, object]:
        return {
            "status": str(self.status),
            "reason": self.reason,
            "conventions": list(self.conventions),
            "assumptions": list(self.assumptions),
            "checked": [i.as_json() for i in self.instances],
            "all_sizes_up_to_T": self.every_size,
            "counterexample": self.counterexample.as_json() if self.counterexample else None,
            "word": self.word,
            "tried": list(self.tried),
            "certificate": self.certificate,
        }
