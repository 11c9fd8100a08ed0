"""The NumPy target."""

from derive.kernels.targets.numpy.target import Module, build, files, notes

__all__ = ["Module", "build", "files", "notes"]
