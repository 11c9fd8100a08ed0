"""Mathematics in Unicode: letters by name, the alphabets of TeX's \\mathbf, \\mathcal …, and its signs."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from string import ascii_letters, digits

_NAMES = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi"
LETTERS: Mapping[str, str] = {
    **{
        w: unicodedata.lookup(f"GREEK SMALL LETTER {w.upper().replace('LAMBDA', 'LAMDA')}")
        for w in f"{_NAMES} omega omicron".split()
    },
    **{
        w: unicodedata.lookup(f"GREEK CAPITAL LETTER {w.upper().replace('LAMBDA', 'LAMDA')}")
        for w in "Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega".split()
    },
    "epsilon": "ϵ", "varepsilon": "ε", "phi": "ϕ", "varphi": "φ", "vartheta": "ϑ", "varrho": "ϱ", "varsigma": "ς",
    "ell": "ℓ", "varpi": "ϖ",
}  # fmt: skip


def _alphabet(kind: str, exceptions: Mapping[str, str] | None = None) -> dict[str, str]:
    """Letters of one of Unicode's mathematical alphabets; a few are older letters elsewhere."""
    found = dict(exceptions or {})
    for c in ascii_letters + digits:
        word = _WORDS[int(c)] if c.isdigit() else f"{'CAPITAL' if c.isupper() else 'SMALL'} {c.upper()}"
        name = f"MATHEMATICAL {kind} {'DIGIT ' if c.isdigit() else ''}{word}"
        try:
            found.setdefault(c, unicodedata.lookup(name))
        except KeyError:
            found.setdefault(c, c)
    return found


_WORDS = "ZERO ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE".split()
_SCRIPT = dict(zip("BEFHILMRego", "ℬℰℱℋℐℒℳℛℯℊℴ", strict=True))
_FRAKTUR = dict(zip("CHIRZ", "ℭℌℑℜℨ", strict=True))
_DOUBLE = dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True))
ALPHABETS: Mapping[str, Mapping[str, str]] = {
    r"\mathbf": _alphabet("BOLD"),
    r"\boldsymbol": _alphabet("BOLD ITALIC", {c: _alphabet("BOLD")[c] for c in digits}),
    r"\mathcal": _alphabet("SCRIPT", _SCRIPT),
    r"\mathfrak": _alphabet("FRAKTUR", _FRAKTUR),
    r"\mathbb": _alphabet("DOUBLE-STRUCK", _DOUBLE),
    r"\mathsf": _alphabet("SANS-SERIF"),
    r"\mathtt": _alphabet("MONOSPACE"),
}

# Commands of TeX, and what they are in Unicode or in lengths of MathML
ACCENTS: Mapping[str, str] = {
    r"\hat": "^", r"\widehat": "^", r"\tilde": "~", r"\widetilde": "~", r"\bar": "¯", r"\overline": "¯", r"\dot": "˙",
    r"\ddot": "¨", r"\vec": "→", r"\check": "ˇ", r"\breve": "˘", r"\acute": "´", r"\grave": "`",
    r"\overrightarrow": "→", r"\overleftarrow": "←",
}  # fmt: skip
OPERATORS: Mapping[str, str] = {
    r"\odot": "⊙", r"\oslash": "⊘", r"\otimes": "⊗", r"\cdot": "⋅", r"\times": "×", r"\le": "≤", r"\ge": "≥",
    r"\ne": "≠", r"\lVert": "‖", r"\rVert": "‖", r"\dots": "…", r"\mid": "∣", r"\in": "∈", r"\to": "→", "-": "−",
    r"\pm": "±", r"\circ": "∘", r"\ast": "∗", r"\star": "⋆", r"\lfloor": "⌊", r"\rfloor": "⌋", r"\approx": "≈",
    r"\langle": "⟨", r"\rangle": "⟩",
}  # fmt: skip
SYMBOLS: Mapping[str, str] = {
    r"\top": "⊤", r"\partial": "∂", r"\infty": "∞", r"\prime": "′", r"\dagger": "†", r"\bullet": "•", r"\nabla": "∇",
    r"\bot": "⊥", r"\hbar": "ℏ",
}  # fmt: skip
FUNCTIONS = frozenset("exp log ln sin cos tan tanh sinh cosh max min det arctan arcsin".split())
SPACES: Mapping[str, str] = {r"\,": "0.1667em", r"\;": "0.2778em", r"\quad": "1em", r"\qquad": "2em", r"\ ": "0.25em"}
BIG: Mapping[str, str] = {r"\sum": "∑", r"\prod": "∏"}
SIZES: Mapping[str, str] = {r"\Bigl": "1.8em", r"\Bigr": "1.8em", r"\bigl": "1.2em", r"\bigr": "1.2em"}
