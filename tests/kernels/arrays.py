"""Arguments for kernels, in the interface's layout."""

from __future__ import annotations

from typing import Any, TypeAlias

from derive.kernels.gradcheck import _Case, size_sets
from derive.kernels.runtime import Kernel
from derive.model import Model

Arguments: TypeAlias = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]


def arrays(kernel: Kernel, steps: int = 4, batch: int = 2, seed: int = 0) -> Arguments:
    """Parameters, inputs and initial states."""
    case = _Case(kernel, size_sets(kernel.normal, 1)[0], steps, batch, seed, ())
    return case.params, case.inputs, case.initial


def arguments(m: Model, steps: int = 4, batch: int = 2, seed: int = 0) -> Arguments:
    """Those of a model."""
    return arrays(m.compile(), steps, batch, seed)
