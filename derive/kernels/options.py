"""What a kernel is generated from, and the targets there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from derive.errors import InputError
from derive.kernels.entry import check_wrt
from derive.program import Program

DTYPES = ("float64", "float32")
LARGEST = 2**62  # larger sizes fit no machine's address space


@dataclass(frozen=True)
class Options:
    """A model in normal form and how its kernel is wanted.

    Attributes:
        origin: what the generated header names as the source; a file's name, never its folder.
        wrt: the gradients wanted; None for all.
        fixed: sizes (T and B too) that are fixed at generation time.
    """

    normal: Program
    origin: str
    dtype: str = "float64"
    wrt: Iterable[str] | None = None
    fixed: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.dtype, str) or self.dtype not in DTYPES:
            raise InputError("dtype", " or ".join(DTYPES), repr(self.dtype))
        if self.wrt is not None:
            object.__setattr__(self, "wrt", check_wrt(self.normal, self.wrt))
        object.__setattr__(self, "fixed", check_sizes(self.normal, self.fixed))


def check_sizes(program: Program, sizes: Mapping[str, int]) -> dict[str, int]:
    """Sizes that a caller names, T and B among them.

    Raises:
        InputError: not a dictionary, an unknown name, or not a whole number in range.
    """
    if not isinstance(sizes, Mapping):
        raise InputError("sizes", "a dictionary such as {'T': 20}", repr(sizes))
    known = ["T", "B", *(s.name for s in program.sizes)]
    for name, value in sizes.items():
        if name not in known:
            raise InputError("sizes", f"sizes out of {', '.join(known)}", repr(name))
        least = 0 if name in ("T", "B") else 1
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or not least <= value <= LARGEST:
            raise InputError(name, f"a whole number from {least} to 2**62", repr(value))
    return {name: int(value) for name, value in sizes.items()}
