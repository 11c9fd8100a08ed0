"""How gradients flow through time: ∂s_j/∂s_k measured beside its bound."""

from derive.flow.flow import Curve, Flow, flow

__all__ = ["Curve", "Flow", "flow"]
