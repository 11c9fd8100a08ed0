"""The public face: a model, its gradients and its kernels."""

from derive.model.derivation import Derivation
from derive.model.model import Model, load, parse

__all__ = ["Derivation", "Model", "load", "parse"]
