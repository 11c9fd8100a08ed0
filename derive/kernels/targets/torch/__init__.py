"""The PyTorch target: a module on the C kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derive.kernels.options import Options
from derive.kernels.targets.torch.target import files, notes

if TYPE_CHECKING:
    from derive.kernels.runtime import Kernel

__all__ = ["build", "files", "notes"]


def build(options: Options) -> Kernel:
    """The PyTorch module of a model, ready to be called with NumPy arrays."""
    from derive.kernels.targets.torch import loaded  # what is written needs no NumPy, what is called does

    return loaded.build(options)
