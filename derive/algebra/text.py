"""One-line text of expressions: for comments in code, and for terminals.

>>> from sympy import MatrixSymbol
>>> from derive.algebra.nodes import Timed, t
>>> text(MatrixSymbol("W", 2, 2) * Timed("h", t - 1, 2))
'W @ h[t-1]'
>>> unicode_text(Timed("yhat", t, 2))
'ŷ[t]'
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Protocol

from sympy import Integer, MatrixExpr

from derive.algebra.bound import MatrixSum, OrderedProduct
from derive.algebra.level import Level, Written, parenthesised
from derive.algebra.names import ACCENTS, VariableLike, index_tex
from derive.algebra.nodes import Delta, Scale, SumOver, T
from derive.algebra.symbols import GREEK
from derive.algebra.writer import Writer


class Names(Protocol):
    """What is needed of a program: which variable a name stands for."""

    @property
    def variables(self) -> Mapping[str, Any]: ...


def text(e: MatrixExpr) -> str:
    """One line in the cell language's syntax."""
    return Writer().root(e)


def unicode_text(e: MatrixExpr, program: Names | None = None) -> str:
    """One line for a terminal: Greek letters, ŷ, ᵀ, ⊙, Σ, ∏, and dL/dW for the adjoint of W."""
    return UnicodeWriter(program.variables if program else {}).root(e)


def lines(left: str, e: MatrixExpr, program: Names | None = None, width: int = 100) -> list[str]:
    """left = e for a terminal, a long right side broken before its outermost operators."""
    right = unicode_text(e, program)
    rows = [f"{left} = {right}"]
    for depth in range(4):
        if all(len(row) <= width for row in rows):
            break
        rows = _fill(left, _chunks(right, depth), width)
    return rows


_OPERATOR = re.compile(r" (?:[-+*@/⊙] |(?=[(∏Σ]))")


def _chunks(right: str, depth: int) -> list[str]:
    """The text cut before every operator at most `depth` parentheses deep."""
    cuts, level = [0], 0
    for i, character in enumerate(right):
        level += (character in "([{") - (character in ")]}")
        if level <= depth and _OPERATOR.match(right, i):
            cuts.append(i)
    return [right[a:b] for a, b in zip(cuts, [*cuts[1:], len(right)], strict=True)]


def _fill(left: str, chunks: list[str], width: int) -> list[str]:
    rows = [f"{left} = {chunks[0]}"]
    for chunk in chunks[1:]:
        if len(rows[-1]) + len(chunk) <= width:
            rows[-1] += chunk
        else:
            rows.append(" " * (len(left) + 2) + chunk)
    return rows


def unicode_name(name: str) -> str:
    """An identifier with its Greek letters and accents: Γ_f, ŷ; what has no letter stays as it is."""
    first, *rest = name.split("_")
    return "_".join([_letter(first), *(_letter(p) for p in rest)])


def _letter(word: str) -> str:
    digits = word[len(word.rstrip("0123456789")) :]
    if digits and digits != word:
        return _letter(word.removesuffix(digits)) + digits
    if word in GREEK:
        kind = "CAPITAL" if word[0].isupper() else "SMALL"
        named = f"GREEK {kind} LETTER {word.upper().replace('LAMBDA', 'LAMDA')}"
        return unicodedata.lookup(named) if word.lower() in _PLAIN_GREEK else word
    for accent in ACCENTS:
        base = word.removesuffix(accent)
        if base != word and (len(base) == 1 or base in GREEK):
            return unicodedata.normalize("NFC", _letter(base) + _COMBINING[accent])
    return word


_COMBINING: Mapping[str, str] = dict(zip(ACCENTS, "\u0302\u0303\u0304\u0307\u20d7", strict=True))
_PLAIN_GREEK = frozenset(w.lower() for w in GREEK if not w.startswith("var") and w != "ell")


class UnicodeWriter(Writer):
    """The writer of the cell language with a reader's signs."""

    TIMES, ENTRYWISE, TRANSPOSED = " ", " ⊙ ", "ᵀ"

    def __init__(self, variables: Mapping[str, VariableLike] | None = None):
        self.variables = variables or {}

    def name(self, name: str, index: Any) -> Written:
        v = self.variables.get(name)
        if v is not None and v.of:
            if v.role == "initial":
                return self._boundary(v)
            if v.role == "adjoint":
                return f"dL/d{self.name(v.of, index)[0]}", Level.POWER
        return super().name("L" if v is not None and v.role == "total" else unicode_name(name), index)

    def _boundary(self, v: VariableLike) -> Written:
        """h[-1], or h[T] of a state that runs backward."""
        owner = self.variables[v.of]
        k = owner.initial.index(v.name) + 1
        return self.name(v.of, T - 1 + k if owner.backward else Integer(-k))

    def write(self, e: Any) -> Written:
        """The text of an array, sums and products over an index with their signs."""
        if isinstance(e, SumOver):
            return self.write(e.arg) if e.axes == "b" else self._big("Σ_t", e.arg)
        if isinstance(e, MatrixSum):
            return self._big(f"Σ{{{e.index}={index_tex(e.low)}…{index_tex(e.high)}}}", e.body)
        if isinstance(e, OrderedProduct):  # the arrow runs as the factors do, from left to right
            ends = (e.low, e.high) if e.direction == "ascending" else (e.high, e.low)
            return self._big(f"∏{{{e.index}={'→'.join(index_tex(i) for i in ends)}}}", e.body)
        if isinstance(e, Delta):
            shown = parenthesised(self.write(e.arg), Level.PRODUCT)
            return f"[{index_tex(e.at)} = {index_tex(e.time)}] {shown}", Level.PRODUCT
        return super().write(e)

    def _big(self, sign: str, body: MatrixExpr) -> Written:
        shown = parenthesised(self.write(body), Level.ENTRYWISE)
        if isinstance(body, Scale) and not body.coefficient.is_integer and not shown.startswith("("):
            shown = f"({shown})"  # ∏ W / 3 divides the product
        return f"{sign} {shown}", Level.ENTRYWISE
