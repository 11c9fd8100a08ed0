"""A TeX name as its symbols with their scripts, and together again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

_SMALL = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi"
_LARGE = "Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
GREEK: Mapping[str, str] = {
    **{w: f"\\{w}" for w in f"{_SMALL} omega {_LARGE} varepsilon vartheta varphi varrho varsigma ell".split()},
    "omicron": "o",
    **dict(
        zip("Alpha Beta Epsilon Zeta Eta Iota Kappa Mu Nu Omicron Rho Tau Chi".split(), "ABEZHIKMNOPTX", strict=True)
    ),
}


@dataclass(frozen=True)
class Symbol:
    """One TeX symbol with its scripts; the text of a script has no braces around it."""

    core: str
    sub: str = ""
    sup: str = ""
    primes: str = ""
    sup_first: bool = False

    def __str__(self) -> str:
        sub = f"_{{{self.sub}}}" if self.sub else ""
        sup = self.primes or (f"^{_braced(self.sup)}" if self.sup else "")
        return self.core + (sup + sub if self.sup_first or self.primes else sub + sup)


def _braced(text: str) -> str:
    return text if len(text) == 1 else f"{{{text}}}"


def symbols(tex: str) -> list[Symbol]:
    """The symbols of a TeX name, with every argument in braces."""
    found: list[Symbol] = []
    at = 0
    while at < len(tex):
        if tex[at] == " ":
            at += 1
        elif tex[at] == "'" and found:
            found[-1] = replace(found[-1], primes=found[-1].primes + "'")
            at += 1
        elif tex[at] in "_^" and found:
            text, end = _argument(tex, at + 1)
            last = found[-1]
            script = {"sub": text} if tex[at] == "_" else {"sup": text, "sup_first": not last.sub}
            found[-1] = replace(last, **script)  # type: ignore[arg-type]
            at = end
        else:
            core, at = _symbol(tex, at)
            found.append(Symbol(core))
    return found


def join(found: list[Symbol]) -> str:
    """The symbols one after another; a command and a letter that follows it stay apart."""
    text = ""
    for symbol in found:
        glued = re.search(r"\\[A-Za-z]+$", text) and symbol.core[:1].isalpha()
        text += (" " if glued else "") + str(symbol)
    return text


def _symbol(tex: str, at: int) -> tuple[str, int]:
    """The symbol that starts here, its argument in braces, and where it ends."""
    if tex[at] == "{":
        text, end = _argument(tex, at)
        return f"{{{text}}}", end
    command = re.match(r"\\[A-Za-z]+", tex[at:])
    if not command:
        return tex[at], at + 1
    end = at + command.end()
    if command.group()[1:] in GREEK or (end < len(tex) and tex[end] in "_^'"):
        return command.group(), end
    if command.group()[1:] in _TAKES and end < len(tex):
        text, end = _argument(tex, end)
        return f"{command.group()}{{{text}}}", end
    return command.group(), end


_TAKES = frozenset(
    """tilde hat bar dot ddot vec check breve acute grave widetilde widehat overline underline mathbf mathrm mathcal
    mathit mathsf mathtt mathbb mathfrak boldsymbol overleftarrow overrightarrow""".split()
)


def _argument(tex: str, at: int) -> tuple[str, int]:
    """The argument that starts here, without its braces, normalised, and where it ends."""
    while at < len(tex) and tex[at] == " ":
        at += 1
    if at >= len(tex):
        return "", at
    if tex[at] != "{":
        return _symbol(tex, at)
    depth, end = 1, at + 1
    while end < len(tex) and depth:
        depth += {"{": 1, "}": -1}.get(tex[end], 0)
        end += 1
    return join(symbols(tex[at + 1 : end - 1 if not depth else end])), end


def tex_at(tex: str, index: str) -> str:
    """A TeX name with a time in its subscript, after the one it may have."""
    found = symbols(tex)
    if not found:
        return f"{{}}_{{{index}}}"
    last = found[-1]
    found[-1] = replace(last, sub=f"{last.sub},{index}" if last.sub else index)
    return join(found)


def has_superscript(tex: str) -> bool:
    """Would another superscript be a second one?"""
    found = symbols(tex)
    return bool(found) and bool(found[-1].sup or found[-1].primes)
