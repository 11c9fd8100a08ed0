"""Write the recurrence once; get the derivation, the proof and the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from derive.errors import CellError, DeriveError, InputError, ToolError, UnsupportedError

if TYPE_CHECKING:
    from derive.model import Derivation, Model, load, parse

__version__ = "0.1.0"

__all__ = [
    "CellError",
    "Derivation",
    "DeriveError",
    "InputError",
    "Model",
    "ToolError",
    "UnsupportedError",
    "load",
    "parse",
]


def __getattr__(name: str) -> Any:
    """The model's names on first use: `derive --help` should not wait for SymPy."""
    if name in {"Derivation", "Model", "load", "parse"}:
        import derive.model

        return getattr(derive.model, name)
    raise AttributeError(f"module 'derive' has no attribute {name!r}")
