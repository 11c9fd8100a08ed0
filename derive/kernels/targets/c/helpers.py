"""Which helper functions the generated code calls, and which they call themselves."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from derive.kernels.targets.helpers import by_macro, needed

# What vector.c.j2 defines and needs: its macros make several functions each, of names that they put together.
MATHEMATICS: Mapping[str, tuple[str, ...]] = {
    "exponential": (),
    "exp": ("exponential",),
    "exp_below": ("exponential",),
    "tanh": ("exponential",),
    "log1p": (),
}
PRODUCTS: Mapping[str, tuple[str, ...]] = {
    "lanes": (),
    "tiles": ("lanes",),
    "line": ("tiles",),
    "product": ("line",),
    "place": ("lanes",),
    "pack": ("place",),
    "pack_turned": ("place",),
    "sums": ("tiles",),
    "steps": (),
}


@cache
def every() -> Mapping[str, tuple[str, ...]]:
    """Each helper, before those that call it, with those that it calls itself."""
    return {**MATHEMATICS, **by_macro("c/helpers.c.j2", "{{ cell }}_"), **PRODUCTS}


def helpers(text: str, cell: str) -> tuple[str, ...]:
    """The helpers that a text calls, those they call included, in a fixed order."""
    return needed(text, f"{cell}_", every())
