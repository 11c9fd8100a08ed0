"""Identifiers of generated code, and texts of size expressions and coefficients in them."""

from __future__ import annotations

from collections.abc import Iterable

import sympy
from sympy import Expr, Symbol

from derive.algebra.nodes import NONEMPTY, B, T, t
from derive.program import Program


class CodeNames:
    """Program name or size → identifier: the same word unless the target keeps it for itself."""

    def __init__(self, program: Program, reserved: Iterable[str]):
        self.taken = set(reserved) | {"T", "B", "t"}
        self.names: dict[str, str] = {}
        self.sizes = frozenset(program.sizes)
        sizes = [s.name for s in program.sizes]
        constants = list(program.constants)
        # What the user named comes first, so that helpers give way and not the user's words.
        for name in [*sizes, *constants, *program.variables]:
            self.add(name)

    def add(self, name: str) -> str:
        """The identifier of a name, made now if it has none."""
        if name not in self.names:
            self.names[name] = self.fresh(name)
        return self.names[name]

    def fresh(self, name: str) -> str:
        """An unused identifier like `name`."""
        code = name
        while code in self.taken:
            code += "_"
        self.taken.add(code)
        return code

    def __getitem__(self, name: str) -> str:
        return self.names[name]

    def size(self, e: Expr) -> str:
        """A size expression: sums and products of sizes and integers, in any language's syntax."""
        return Sizes(self).text(e)

    def coefficient(self, e: Expr) -> str:
        """A factor as a floating-point text of Python; T in a denominator counts as at least 1."""
        return Coefficients(self).text(e)


class Sizes:
    """Size expressions as texts; subclasses say how their numbers and symbols look."""

    def __init__(self, names: CodeNames):
        self.names = names

    def text(self, e: Expr) -> str:
        """The text of a sum, a product, a power, a symbol or a number."""
        e = sympy.sympify(e, strict=True)
        if isinstance(e, Symbol):
            return self.symbol(e)
        if e.is_number:
            return self.number(e)
        if isinstance(e, sympy.Add):
            ordered = sorted(e.args, key=lambda a: (a.is_number, a.could_extract_minus_sign(), str(a)))
            text = self.text(ordered[0])
            for a in ordered[1:]:
                negative = a.could_extract_minus_sign()
                text += (" - " if negative else " + ") + self.factor(-a if negative else a)
            return text
        return self.product(e) if isinstance(e, sympy.Mul) else self.factor(e)

    def number(self, e: Expr) -> str:
        return str(int(e))

    def symbol(self, s: Symbol) -> str:
        return s.name if s in (T, B, t) else self.names[s.name]

    def product(self, e: Expr) -> str:
        return self.factors(e)

    def factors(self, e: Expr) -> str:
        minus = e.could_extract_minus_sign()
        return "-" * minus + " * ".join(self.factor(a) for a in sympy.Mul.make_args(-e if minus else e))

    def factor(self, a: Expr) -> str:
        if isinstance(a, sympy.Pow) and not a.is_number:
            return self.power(a.base, int(a.exp))
        text = self.text(a)
        return f"({text})" if isinstance(a, sympy.Add) or text.startswith("-") else text

    def power(self, base: Expr, exponent: int) -> str:
        return " * ".join([self.factor(base)] * exponent)


class Coefficients(Sizes):
    """Factors: floating-point numbers, quotients, and T in a denominator as at least 1."""

    def number(self, e: Expr) -> str:
        return repr(float(e))

    def symbol(self, s: Symbol) -> str:
        return "(T > 0)" if s == NONEMPTY else super().symbol(s)

    def at_least_one(self) -> str:
        """T, or 1 where T is 0."""
        return "max(T, 1)"

    def product(self, e: Expr) -> str:
        above, below = e.as_numer_denom()
        if _holds_T(below) and not above.has(NONEMPTY):
            above *= NONEMPTY  # 1/T counts as 0 when T is 0
        text = self.factors(above)
        for a in sympy.Mul.make_args(below):
            if a != 1:
                text += f" / {self.denominator(a)}"
        return text

    def denominator(self, a: Expr) -> str:
        if a == T:
            return self.at_least_one()
        if isinstance(a, sympy.Pow) and a.base == T:
            return f"({' * '.join([self.at_least_one()] * int(a.exp))})"
        text = self.factor(a)
        return text if a.is_Symbol or a.is_number else f"({text})"  # a / b * b is not a / (b * b)

    def power(self, base: Expr, exponent: int) -> str:
        if exponent < 0:
            text = self.product(base**exponent)
            return text if exponent == -1 else f"({text})"
        return super().power(base, exponent)


def _holds_T(below: Expr) -> bool:
    """Is T, or a power of it, a factor?"""
    return any(a == T or (a.is_Pow and a.base == T) for a in sympy.Mul.make_args(below))


def docstring(text: str) -> str:
    """Free text that can stand in a docstring."""
    return text.replace("\\", "/").replace('"', "'")
