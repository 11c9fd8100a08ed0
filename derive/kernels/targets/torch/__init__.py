"""The PyTorch target: a module on the C kernels."""

from derive.kernels.targets.torch.loaded import build
from derive.kernels.targets.torch.target import files, notes

__all__ = ["build", "files", "notes"]
