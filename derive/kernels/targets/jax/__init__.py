"""The JAX target: the forward pass and the derived adjoint as scans."""

from derive.kernels.targets.jax.loaded import build
from derive.kernels.targets.jax.target import files, notes

__all__ = ["build", "files", "notes"]
