"""What equations are made of; here, the names that formulas are written with by hand.

A formula is a SymPy matrix expression: `W.T * v`, `a + b` and `-a` mean what they say, and T and t are
the number of steps and the step.

>>> from sympy import Symbol, symbols
>>> from derive.algebra import OrderedProduct, Timed, diag
>>> H = Symbol("H", integer=True, positive=True)
>>> j, k, m = symbols("j k m", integer=True)
>>> OrderedProduct(diag(Timed("f", m, H)), m, k + 1, j, "ascending")
OrderedProduct(diag(f[m]), m=k + 1..j, ascending)
"""

from derive.algebra.bound import MatrixSum, OrderedProduct
from derive.algebra.build import diag, hadamard, matmul, ones, outer, transpose
from derive.algebra.functions import apply, power
from derive.algebra.nodes import Jacobian, Kronecker, T, Timed, t

__all__ = [
    "Jacobian",
    "Kronecker",
    "MatrixSum",
    "OrderedProduct",
    "T",
    "Timed",
    "apply",
    "diag",
    "hadamard",
    "matmul",
    "ones",
    "outer",
    "power",
    "t",
    "transpose",
]
