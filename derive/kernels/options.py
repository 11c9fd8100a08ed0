"""What a kernel is generated from, and the targets there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Integral
from typing import TypeGuard

from derive.errors import InputError
from derive.kernels.entry import check_wrt
from derive.program import Program

DTYPES = ("float64", "float32")
LARGEST = 2**62  # larger sizes fit no machine's address space
MOST_THREADS = 256


@dataclass(frozen=True)
class Options:
    """A model in normal form and how its kernel is wanted.

    Attributes:
        origin: what the generated header names as the source; a file's name, never its folder.
        wrt: the gradients wanted; None for all.
        fixed: sizes (T and B too) that are fixed at generation time.
        checkpoint: keep the states at the start of every segment of so many steps only (True: √T) and compute the
            others again; False keeps all that the gradients need.
        truncate: the gradient with the states between segments of so many steps held fixed; 0 is the gradient.
        threads: how many parts the sequences are split into, each run by a thread of its own.
    """

    normal: Program
    origin: str
    dtype: str = "float64"
    wrt: Iterable[str] | None = None
    fixed: Mapping[str, int] = field(default_factory=dict)
    checkpoint: bool | int = False
    truncate: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.dtype, str) or self.dtype not in DTYPES:
            raise InputError("dtype", " or ".join(DTYPES), repr(self.dtype))
        if self.wrt is not None:
            object.__setattr__(self, "wrt", check_wrt(self.normal, self.wrt))
        object.__setattr__(self, "fixed", check_sizes(self.normal, self.fixed))
        if not isinstance(self.checkpoint, bool):
            _check_steps("checkpoint", self.checkpoint, "True, False, or a number of steps")
        if self.truncate is False or self.truncate != 0:
            _check_steps("truncate", self.truncate, "a number of steps")
        if not _whole(self.threads) or not 1 <= self.threads <= MOST_THREADS:
            raise InputError("threads", f"a whole number from 1 to {MOST_THREADS}", repr(self.threads))
        object.__setattr__(self, "threads", int(self.threads))
        if self.checkpoint and self.truncate:
            help = "a truncated gradient keeps no more than one segment's states anyway"
            raise InputError(
                "checkpoint", "no checkpoints where the gradient is truncated", repr(self.checkpoint), help
            )

    @property
    def segmented(self) -> bool:
        """Are the steps taken segment by segment?"""
        return bool(self.checkpoint or self.truncate)

    @property
    def how(self) -> str:
        """What the header of a generated file says of the gradients; "" where there is nothing to say."""
        if self.truncate:
            return f"truncated: the states between segments of {self.truncate} steps count as constants"
        length = "about sqrt(T)" if self.checkpoint is True else self.checkpoint
        return f"exact, from the states at the start of every segment of {length} steps" if self.checkpoint else ""


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
        if not _whole(value) or not least <= value <= LARGEST:
            raise InputError(name, f"a whole number from {least} to 2**62", repr(value))
    return {name: int(value) for name, value in sizes.items()}


def _whole(value: object) -> TypeGuard[int]:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _check_steps(name: str, value: object, expected: str) -> None:
    if not _whole(value) or not 1 <= value <= LARGEST:
        raise InputError(name, f"{expected} from 1 on", repr(value))
