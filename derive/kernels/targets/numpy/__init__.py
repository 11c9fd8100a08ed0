"""The NumPy target."""

from derive.kernels.targets.numpy.target import build, files, notes

__all__ = ["build", "files", "notes"]
