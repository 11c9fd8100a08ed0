"""The NumPy target."""

from derive.kernels.targets.numpy.target import Module, build, files

__all__ = ["Module", "build", "files"]
