"""The NumPy target."""

from derive.kernels.targets.numpy.loaded import Module
from derive.kernels.targets.numpy.target import build, files, notes

__all__ = ["Module", "build", "files", "notes"]
