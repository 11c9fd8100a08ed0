"""Exact values of programs and of their derivatives: the truth that no symbolic rule touches."""

from derive.proof.field import arrays, rules

__all__ = ["arrays", "rules"]
