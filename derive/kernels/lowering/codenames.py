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
        """A size expression: sums and products of sizes and integers."""
        return self._text(sympy.sympify(e, strict=True), 0)

    def coefficient(self, e: Expr) -> str:
        """A factor as a floating-point text; T in a denominator counts as at least 1."""
        return self._text(e, 1)

    def _text(self, e: Expr, level: int) -> str:
        """Text of e; level 0 prints integers as they are, others make them floating point."""
        if isinstance(e, Symbol):
            return self._symbol(e)
        if e.is_number:
            return str(int(e)) if e.is_Integer and not level else repr(float(e))
        if isinstance(e, sympy.Add):
            ordered = sorted(e.args, key=lambda a: (a.is_number, a.could_extract_minus_sign(), str(a)))
            text = self._text(ordered[0], level)
            for a in ordered[1:]:
                negative = a.could_extract_minus_sign()
                text += (" - " if negative else " + ") + self._factor(-a if negative else a, level)
            return text
        if isinstance(e, sympy.Mul):
            return self._product(e, level)
        return self._factor(e, level)

    def _product(self, e: Expr, level: int) -> str:
        above, below = e.as_numer_denom() if level else (e, sympy.S.One)
        text = " * ".join(self._factor(a, level) for a in sympy.Mul.make_args(above))
        if text.startswith(("-1 * ", "-1.0 * ")):
            text = "-" + text.split(" * ", 1)[1]
        for a in sympy.Mul.make_args(below):
            if a != 1:
                text += f" / {self._denominator(a)}"
        return text

    def _denominator(self, a: Expr) -> str:
        text = self._factor(a, 1)
        if a == T:
            return f"max({text}, 1)"
        return text if a.is_Symbol or a.is_number else f"({text})"  # a / b * b is not a / (b * b)

    def _factor(self, a: Expr, level: int) -> str:
        if isinstance(a, sympy.Pow) and not a.is_number:
            exponent = int(a.exp)
            if exponent < 0:
                return f"1.0 / {self._denominator(a.base)}" if exponent == -1 else f"({self._product(a, level)})"
            return " * ".join([self._factor(a.base, level)] * exponent)
        text = self._text(a, level)
        return f"({text})" if isinstance(a, sympy.Add) or text.startswith("-") else text

    def _symbol(self, s: Symbol) -> str:
        if s in (T, B, t):
            return s.name
        return "(T > 0)" if s == NONEMPTY else self.names[s.name]
