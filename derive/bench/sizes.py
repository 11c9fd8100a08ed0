"""Sets of sizes: presets by name, `T=64,B=32,H=128`, or a preset with some sizes changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from derive.errors import InputError
from derive.kernels.arrays import slices_fit
from derive.kernels.options import check_sizes
from derive.program import Program

# (T, B, I, H, O): from what fits a microcontroller to what fills a processor's caches.
LETTERS = ("T", "B", "I", "H", "O")
PRESETS: Mapping[str, tuple[int, ...]] = {
    "nano": (50, 1, 4, 8, 2),
    "tiny": (1000, 1, 8, 16, 4),
    "char": (25, 1, 64, 100, 64),
    "med": (64, 32, 64, 128, 64),
    "medl": (128, 64, 128, 256, 128),
    "large": (256, 16, 256, 512, 256),
}
BASE = "med"  # what a set of sizes leaves out
DEFAULT = "nano;char;med"
LETTER_OF_ROLE = {"state": "H", "initial": "H", "target": "O", "input": "I"}


@dataclass(frozen=True)
class SizeSet:
    """T, B and every size of a cell, under a label: a preset's name, or what was asked."""

    label: str
    steps: int
    batch: int
    sizes: Mapping[str, int]

    @property
    def all(self) -> dict[str, int]:
        """T and B among the others."""
        return {"T": self.steps, "B": self.batch, **self.sizes}

    def __str__(self) -> str:
        return ", ".join(f"{name} = {n}" for name, n in self.all.items())

    def changed(self, program: Program, label: str, **changes: int) -> SizeSet:
        """The same but for some sizes."""
        return _size_set(program, label, {**self.all, **changes})


def size_sets(program: Program, texts: Iterable[str], unused: Collection[str] = ()) -> list[SizeSet]:
    """The sets that the texts name, each a list separated by ';'; the default sets if there are none.

    `unused` are sizes that the cell declares and its program does not need.

    Raises:
        InputError: a text is no set of sizes, or names a size that the cell does not have.
    """
    items = [item.strip() for text in (tuple(texts) or (DEFAULT,)) for item in text.split(";")]
    found = [_parse(program, item, unused) for item in items if item]
    if not found:
        raise InputError("--sizes", f"presets ({', '.join(PRESETS)}) or T=64,B=32,H=128", "none")
    return list({s.label: s for s in found}.values())


def _parse(program: Program, text: str, unused: Collection[str]) -> SizeSet:
    base, named = BASE, dict[str, int]()
    for n, item in enumerate(part.strip() for part in text.split(",")):
        name, equals, value = (part.strip() for part in item.partition("="))
        if n == 0 and not equals and name in PRESETS:
            base = name
            continue
        if not (value.isdecimal() and value.isascii()):
            raise InputError("--sizes", f"a preset ({', '.join(PRESETS)}) or NAME=NUMBER", repr(item))
        if name in named:
            raise InputError("--sizes", "each size once", f"{name} twice")
        named[name] = int(value[:40])
    named = {n: x for n, x in named.items() if n not in unused}
    check_sizes(program, named)
    return _size_set(program, text, {**preset(program, base), **named})


def preset(program: Program, name: str) -> dict[str, int]:
    """A preset on this cell: the cell's own letters, and by its use a size that has another letter."""
    numbers = dict(zip(LETTERS, PRESETS[name], strict=True))
    return {
        s: numbers[s if s in numbers else _letter(program, s)] for s in ("T", "B", *(x.name for x in program.sizes))
    }


def _letter(program: Program, size: str) -> str:
    """H for a size of a state, O of a target, I of an input, else H."""
    for role, letter in LETTER_OF_ROLE.items():
        if any(n.is_Symbol and n.name == size for v in program.roles(role) for n in v.shape):
            return letter
    return "H"


def _size_set(program: Program, label: str, numbers: Mapping[str, int]) -> SizeSet:
    numbers = check_sizes(program, numbers)
    for axis, least in (("T", max(1, program.least_steps)), ("B", 1)):
        if numbers[axis] < least:
            raise InputError("--sizes", f"{axis} of at least {least} for {program.name}", str(numbers[axis]))
    sizes = {s.name: numbers[s.name] for s in program.sizes}
    unfit = slices_fit(program, sizes)
    if unfit:
        raise InputError("--sizes", f"sizes that fit the slices of {program.name}", unfit)
    return SizeSet(label, numbers["T"], numbers["B"], sizes)
