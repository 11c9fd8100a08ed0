"""Prose with marks, taken apart: text, mathematics, references to equations.

>>> pieces("the row `∂h[m]/∂h[m-1]` of @{product}")[1].text
'∂h[m]/∂h[m-1]'
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from derive.algebra.names import Notation


@dataclass(frozen=True)
class Piece:
    """Text, mathematics by names (`name`) or in TeX (`math`), or a reference to a label (`ref`)."""

    kind: str
    text: str


_MARK = re.compile(
    r"\$(?P<math>[^$]+)\$|`(?P<name>[^`]+)`|@\{(?P<ref>[^}]+)\}|@(?P<equation>[A-Za-z]\w*)|(?P<of>dL/d[A-Za-z]\w*)"
)


def pieces(prose: str) -> list[Piece]:
    """The prose in order; what is no mark is text."""
    found, at = list[Piece](), 0
    for mark in _MARK.finditer(prose):
        if mark.start() > at:
            found.append(Piece("text", prose[at : mark.start()]))
        kind = str(mark.lastgroup)
        text = mark[kind]
        found.append(Piece("ref", f"n:{text}") if kind == "equation" else Piece("name" if kind == "of" else kind, text))
        at = mark.end()
    if at < len(prose):
        found.append(Piece("text", prose[at:]))
    return found


_NAME = r"([A-Za-z][\w']*)(?:\[([^\]]+)\])?"
_FRACTION = re.compile(rf"(d|∂⁺|∂){_NAME}/[d∂](\\?){_NAME}")
_ONE = re.compile(_NAME)


def name_tex(text: str, notation: Notation) -> str:
    """The TeX of a marked name or derivative; ∂⁺h[k]/∂\\W is by the entries of W in a row."""
    fraction = _FRACTION.fullmatch(text)
    if fraction:
        d, of, i, arrow, by, k = fraction.groups()
        sign = {"d": "d", "∂": r"\partial ", "∂⁺": r"\partial^{+} "}[d]
        under = _tex(by, k, notation)
        under = rf"\vec{{{under}}}" if arrow else under
        return f"{sign}{_tex(of, i, notation)} / {sign.replace('^{+}', '')}{under}"
    one = _ONE.fullmatch(text)
    return _tex(one[1], one[2], notation) if one else text


def _tex(name: str, index: str | None, notation: Notation) -> str:
    return notation.tex(name, index)
