"""The registry of targets: a module each, behind one small interface."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from derive.errors import InputError
from derive.kernels.options import Options
from derive.kernels.targets import arduino, c, header, jax, numpy, torch

if TYPE_CHECKING:
    from derive.kernels.runtime import Kernel


class Target(Protocol):
    """A target prepares statements for the templates in its folder."""

    def files(self, options: Options) -> dict[str, str]:
        """The generated files, by name."""

    def build(self, options: Options) -> Kernel:
        """The kernel, loaded and ready to be called."""

    def notes(self, options: Options) -> Iterable[str]:
        """What whoever takes the files should know of them."""


TARGETS: Mapping[str, Target] = {
    "numpy": numpy,
    "c": c,
    "header": header,
    "arduino": arduino,
    "torch": torch,
    "jax": jax,
}
PLAIN = ("numpy", "c")  # that need nothing but what is installed with this project, and a C compiler


def target(name: str) -> Target:
    if not isinstance(name, str) or name not in TARGETS:
        raise InputError("target", " or ".join(TARGETS), repr(name))
    return TARGETS[name]
