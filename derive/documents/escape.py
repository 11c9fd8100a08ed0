"""Free text in a TeX document: nothing in it may act on TeX, and nothing may stop pdflatex."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

_SPECIAL: Mapping[str, str] = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "–": "--",
    "—": "---",
    "‘": "'",
    "’": "'",
    "“": r"\textquotedblleft{}",
    "”": r"\textquotedblright{}",
    "…": "...",
    "×": r"\ensuremath{\times}",
    "−": r"\ensuremath{-}",
}
_GREEK = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi"
_CAPITALS = "Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
_LETTERS: Mapping[str, str] = {
    unicodedata.lookup(
        f"GREEK {'CAPITAL' if w[0].isupper() else 'SMALL'} LETTER {w.upper().replace('LAMBDA', 'LAMDA')}"
    ): rf"\ensuremath{{\{w}}}"
    for w in f"{_GREEK} omega {_CAPITALS}".split()
}
_LAST_LATIN = 0x17F  # what the T1 encoding and LaTeX's UTF-8 reader have glyphs for


def escape_tex(text: str) -> str:
    """The text, printed as it stands.

    What TeX acts on is spelled out; a letter without a glyph loses its accents or becomes "?".
    """
    return "".join(_escape(c) for c in unicodedata.normalize("NFC", text))


def _escape(c: str) -> str:
    known = _SPECIAL.get(c) or _LETTERS.get(c)
    if known:
        return known
    if c.isascii():
        return c if c.isprintable() else " "
    if c.isalpha() and 0xC0 <= ord(c) <= _LAST_LATIN:
        return c
    if unicodedata.combining(c) or unicodedata.category(c) in ("Cf", "Mn"):
        return ""
    base = unicodedata.normalize("NFKD", c)[0]
    return (_SPECIAL.get(base) or base) if base.isascii() and base.isprintable() else "?"
