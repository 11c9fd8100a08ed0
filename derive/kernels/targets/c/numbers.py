"""Numbers in C: literals of the kernel's type, factors, and the terms of size polynomials."""

from __future__ import annotations

from math import copysign, inf, isfinite
from struct import pack, unpack

from sympy import Add, Expr, Mul, Pow, S, Symbol

from derive.algebra.nodes import NONEMPTY, B, T
from derive.kernels.lowering.codenames import CodeNames, Coefficients, Sizes

TYPES = {"float64": "double", "float32": "float"}


def literal(value: float, dtype: str) -> str:
    """A floating-point constant: 0.5, 0.5f; what a float can not hold is its infinity or zero."""
    rounded = _rounded(float(value)) if dtype == "float32" else float(value)
    if not isfinite(rounded):
        return "INFINITY" if rounded > 0 else "-INFINITY"
    return repr(rounded) + ("f" if dtype == "float32" else "")


def _rounded(value: float) -> float:
    """The nearest float32."""
    try:
        return float(unpack("<f", pack("<f", value))[0])
    except OverflowError:
        return copysign(inf, value)


class CNames(CodeNames):
    """Names of C, and sizes in which no literal is an int that products could overflow."""

    def size(self, e: Expr) -> str:
        return CSizes(self).text(e)


class CSizes(Sizes):
    def number(self, e: Expr) -> str:
        return str(int(e)) if abs(e) < 128 else f"(size_t){int(e)}"


class CCoefficients(Coefficients):
    """Factors of C: sizes are converted to the kernel's type."""

    def __init__(self, names: CodeNames, dtype: str):
        super().__init__(names)
        self.dtype, self.real = dtype, TYPES[dtype]

    def number(self, e: Expr) -> str:
        return literal(float(e), self.dtype)

    def symbol(self, s: Symbol) -> str:
        if s == NONEMPTY:
            return f"(T > 0 ? {self.number(S.One)} : {self.number(S.Zero)})"
        size = s in (T, B) or s in self.names.sizes
        return f"({self.real})" * size + (s.name if s in (T, B) else self.names[s.name])

    def at_least_one(self) -> str:
        return f"({self.real})(T > 0 ? T : 1)"


def monomials(e: Expr, names: CodeNames) -> list[tuple[str, str, list[str]]]:
    """The terms of a size polynomial: ("add" or "subtract", the number, the sizes); what is added comes first."""
    found = []
    for term in Add.make_args(e.expand()):
        c, rest = term.as_coeff_Mul()
        sizes = [f for a in Mul.make_args(rest) if a != 1 for f in _repeated(a)]
        order = sorted(sizes, key=lambda s: (s != T, s != B, s.name))
        codes = [s.name if s in (T, B) else names[s.name] for s in order]
        found.append(("add" if c > 0 else "subtract", str(abs(int(c))), codes))
    return sorted((x for x in found if x[1] != "0"), key=lambda x: (x[0], -len(x[2])))


def _repeated(a: Expr) -> list[Symbol]:
    return [a.base] * int(a.exp) if isinstance(a, Pow) else [a]
