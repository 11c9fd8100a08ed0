"""Texts with how tightly they bind, and numbers in them."""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr

from derive.kernels.lowering.codenames import Coefficients

SUM, PRODUCT, ATOM = 1, 2, 3  # how tightly a text binds


@dataclass(frozen=True)
class Code:
    """A text, how tightly it binds, and whether it has its full shape or must still be broadcast to it."""

    text: str
    level: int = ATOM
    full: bool = True

    def at(self, level: int) -> str:
        """The text where something binds this tightly."""
        return self.text if self.level >= level else f"({self.text})"


class Numbers(Coefficients):
    """Coefficients where T is at least 1, so that a quotient by it is a plain one."""

    def symbol(self, s: Expr) -> str:
        text = super().symbol(s)
        return "1" if text == "(T > 0)" else text

    def at_least_one(self) -> str:
        return "T"
