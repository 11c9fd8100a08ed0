"""What a kernel is generated from, and the targets there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from derive.errors import InputError
from derive.kernels.entry import check_wrt
from derive.program import Program

DTYPES = ("float64", "float32")


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
    wrt: tuple[str, ...] | None = None
    fixed: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise InputError("dtype", " or ".join(DTYPES), repr(self.dtype))
        check_wrt(self.normal, self.wrt)
        known = ["T", "B", *(s.name for s in self.normal.sizes)]
        for name, value in self.fixed.items():
            least = 0 if name in "TB" else 1
            if name not in known:
                raise InputError("sizes", f"sizes out of {', '.join(known)}", repr(name))
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise InputError(name, f"a whole number of at least {least}", repr(value))
