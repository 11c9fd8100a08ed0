"""Elementwise functions: a table of one entry each, and the node that applies one."""

from derive.algebra.functions.node import FUNCTIONS, Apply, Function, apply
from derive.algebra.functions.slopes import HIGHEST_POWER, power
from derive.algebra.functions.table import ENTRIES

FUNCTIONS.update({entry.name: entry for entry in ENTRIES})

__all__ = ["FUNCTIONS", "HIGHEST_POWER", "Apply", "Function", "apply", "power"]
