r"""Check the TeX names that a user gives: a small grammar, so that nothing else ever reaches TeX.

name   := part+              part := core scripts
core   := letter | digit | symbol | accent argument | '{' name '}'
scripts: at most one '_' argument, and either primes or one '^' argument
"""

from __future__ import annotations

import re

LONGEST_TEX = 64
SYMBOLS = frozenset(
    """alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi varpi rho
    varrho sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi
    Omega ell hbar infty star ast circ bullet dagger prime top bot""".split()
)
ACCENTS = frozenset("tilde hat bar dot ddot vec check breve acute grave widetilde widehat overline underline".split())
FONTS = frozenset("mathbf mathrm mathcal mathit mathsf mathtt mathbb mathfrak boldsymbol".split())
_TOKEN = re.compile(r"\\[A-Za-z]+|[A-Za-z0-9_^{}']")


def tex_fault(text: str) -> str:
    """What is wrong with a TeX name; "" if it may be typeset."""
    if not text:
        return "it is empty"
    if len(text) > LONGEST_TEX:
        return f"it has more than {LONGEST_TEX} characters"
    tokens, at = [], 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found:
            return f"{text[at : at + 1]!r} is not among letters, digits, _ ^ {{ }} ' and the listed commands"
        tokens.append(found.group())
        at = found.end()
    for token in tokens:
        if token.startswith("\\") and token[1:] not in SYMBOLS | ACCENTS | FONTS:
            return f"{token} is not a listed command"
    try:
        rest = _name(tokens)
    except ValueError as fault:
        return str(fault)
    return "a '}' has no '{'" if rest else ""


def _takes(command: str) -> bool:
    return command[1:] in ACCENTS | FONTS


def _name(tokens: list[str]) -> list[str]:
    """Read parts up to a closing brace or the end; the rest is returned."""
    rest = _part(tokens)
    while rest and rest[0] != "}":
        rest = _part(rest)
    return rest


def _part(tokens: list[str]) -> list[str]:
    rest = _core(tokens, "a symbol")
    seen = ""
    while rest and rest[0] in "_^'":
        mark = "^" if rest[0] == "'" else rest[0]
        if mark in seen and not (rest[0] == "'" and seen.endswith("'")):
            return _fault(f"two {'superscripts' if mark == '^' else 'subscripts'} on one symbol; use braces")
        seen += mark + ("'" if rest[0] == "'" else "")
        rest = rest[1:] if rest[0] == "'" else _core(rest[1:], f"something after '{mark}'")
    return rest


def _core(tokens: list[str], wanted: str) -> list[str]:
    """Read one letter, digit, symbol, accented argument or group."""
    if not tokens or tokens[0] in "_^}'":
        return _fault(f"{wanted} is missing")
    head, rest = tokens[0], tokens[1:]
    if head == "{":
        rest = _name(rest)
        if not rest:
            return _fault("a '{' is not closed")
        return rest[1:]
    return _core(rest, f"the argument of {head}") if _takes(head) else rest


def _fault(text: str) -> list[str]:
    raise ValueError(text)
