r"""Identifier → TeX: one rule for names, one class that knows what a program's names stand for.

    name   := parts joined by "_"; the first is the letter, the others are its subscript
    letter := a Greek word, a letter with digits (h1 is h_{1}), an accent (yhat), else a word (\mathrm)

>>> tex_name("W_f"), tex_name("yhat"), tex_name("Gamma_f"), tex_name("h1")
('W_{f}', '\\hat{y}', '\\Gamma_{f}', 'h_{1}')
>>> tex_at("z_{i}", "t-1"), tex_at("h^1", "t")
('z_{i,t-1}', 'h^1_{t}')
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Protocol

from sympy import Integer

from derive.algebra.nodes import T
from derive.algebra.symbols import GREEK, join, symbols, tex_at

ACCENTS = ("hat", "tilde", "bar", "dot", "vec")
_LETTERS = re.compile(r"([A-Za-z]+)([0-9]*)")
_ACCENTED = re.compile(rf"([A-Za-z]+?)([0-9]*)({'|'.join(ACCENTS)})([0-9]*)")


def tex_name(name: str) -> str:
    """The TeX of an identifier, by rule."""
    first, *parts = name.split("_")
    accent = parts.pop(0) if parts and parts[0] in ACCENTS else ""
    core, digits = _core(first)
    subscripts = ([digits] if digits else []) + [_subscript(p) for p in parts if p]
    core = f"\\{accent}{{{core}}}" if accent else core
    return f"{core}_{{{','.join(subscripts)}}}" if subscripts else core


def _core(word: str) -> tuple[str, str]:
    """A letter, a Greek letter, an accented one or a word, and the digits behind it."""
    plain, accented = _LETTERS.fullmatch(word), _ACCENTED.fullmatch(word)
    if plain and (len(plain[1]) == 1 or plain[1] in GREEK):
        return GREEK.get(plain[1], plain[1]), plain[2]
    if accented and (len(accented[1]) == 1 or accented[1] in GREEK):
        base = GREEK.get(accented[1], accented[1])
        return f"\\{accented[3]}{{{base}}}", accented[2] + accented[4]
    return (f"\\mathrm{{{plain[1]}}}", plain[2]) if plain else (f"\\mathrm{{{word}}}", "")


def _subscript(word: str) -> str:
    """Letters and digits as they are up to two letters (W_{xh}, b_{i1}), upright from three on."""
    plain = _LETTERS.fullmatch(word)
    if word.isdigit() or (plain and len(plain[1]) <= 2 and plain[1] not in GREEK):
        return word
    core, digits = _core(word)
    return core + (f"_{{{digits}}}" if digits else "")


@lru_cache(10_000)  # SymPy's printer is slow, and times are few
def index_tex(index: Any) -> str:
    """A time as TeX: t-1, T-1, k+1."""
    return str(index).replace(" ", "").replace("*", "")


class VariableLike(Protocol):
    """What is needed of a program's variable."""

    @property
    def name(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def tex(self) -> str: ...
    @property
    def of(self) -> str: ...
    @property
    def initial(self) -> tuple[str | None, ...]: ...
    @property
    def backward(self) -> bool: ...
    @property
    def timed(self) -> bool: ...


RESERVED = frozenset(("t", "T"))  # they mean a step, and how many there are
_TIME = re.compile(r"(?:[tTjkm]|[0-9]+)(?:[+-][0-9]+)?")


def _is_loss(v: VariableLike) -> bool:
    return v.role == "total" or v.name == "loss"


def _without_time(tex: str) -> str:
    """h for h_{t} or h_{1}: what a name that ends in a time would be a value of; "" where it does not."""
    found = symbols(tex)
    *others, last = found[-1].sub.split(",") if found else [""]
    if not last or not _TIME.fullmatch(last):
        return ""
    return join([*found[:-1], replace(found[-1], sub=",".join(others))])


class Notation:
    """Program name and time → TeX.

    An adjoint is dL/d(its variable), a boundary value is its state at a time outside 0 … T−1, the
    total loss is L and the loss of one step L_t.  Two names of one TeX: the later one is spelled out.
    """

    def __init__(self, variables: Mapping[str, VariableLike] | None = None):
        self.variables = variables or {}
        self._bases: dict[str, str] = {}
        taken: set[tuple[str, bool]] = set()
        own = [v for v in self.variables.values() if not v.of]
        timed = {self._base(v) for v in own if v.timed}
        for v in sorted(own, key=lambda v: not v.tex):  # what the user gave comes first
            base = self._base(v)
            reserved = (
                base in RESERVED or (base == "L" and not _is_loss(v)) or (not v.timed and _without_time(base) in timed)
            )
            self._bases[v.name] = spelled(v.name) if reserved or (base, v.timed) in taken else base
            taken.add((base, v.timed))

    def _base(self, v: VariableLike) -> str:
        if _is_loss(v):
            return "L"
        return join(symbols(v.tex)) if v.tex else tex_name(v.name)

    def base(self, name: str) -> str:
        """The TeX of a name without a time."""
        return self._bases[name] if name in self._bases else tex_name(name)

    def is_fraction(self, name: str) -> bool:
        """Does the name print as dL/d…, which nothing may be attached to?"""
        v = self.variables.get(name)
        return v is not None and v.role == "adjoint"

    def tex(self, name: str, index: Any = None) -> str:
        """The TeX of a name, at a time if it has one."""
        v = self.variables.get(name)
        if v is None or not v.of or v.role == "temporary":
            return self._at(self.base(name), index)
        if v.role == "initial":
            return self._boundary(v)
        inner = self.tex(v.of, index)
        if v.role == "adjoint":
            return rf"\frac{{dL}}{{d{inner}}}"
        return self._accented(v, index)

    @staticmethod
    def _at(tex: str, index: Any) -> str:
        return tex if index is None else tex_at(tex, index_tex(index))

    def _boundary(self, v: VariableLike) -> str:
        """h[−k], or h[T−1+k] of a state that runs backward."""
        owner = self.variables.get(v.of)
        k = owner.initial.index(v.name) + 1 if owner and v.name in owner.initial else 1
        backward = owner is not None and owner.backward
        return self.tex(v.of, T - 1 + k if backward else Integer(-k))

    _ACCENT: Mapping[str, str] = {
        "carry": "overleftarrow",
        "cotangent": "overline",
        "tangent": "dot",
        "direction": "dot",
    }

    def _accented(self, v: VariableLike, index: Any) -> str:
        """Carry, given cotangent, tangent and direction: the variable's own name under an accent."""
        owner = self.variables.get(v.of)
        accent = self._ACCENT.get(v.role, "widetilde")
        if v.role == "carry" and owner is not None and owner.backward:
            accent = "overrightarrow"
        if owner is None or owner.of:  # of a derivative, or of a boundary value: no base to put it on
            tex = rf"\{accent}{{{self.tex(v.of)}}}"
        else:
            found = symbols(self.base(v.of))
            tex = join([*found[:-1], replace(found[-1], core=rf"\{accent}{{{found[-1].core}}}")])
        lag = self._rank(v)
        return self._at(f"{tex}^{{({lag})}}" if lag > 1 else tex, index)

    def _rank(self, v: VariableLike) -> int:
        """1, or 2, 3 … for further names of the same role and variable: the carries of longer lags."""
        same = [w.name for w in self.variables.values() if (w.role, w.of) == (v.role, v.of)]
        return same.index(v.name) + 1


def spelled(name: str) -> str:
    r"""A name in full, upright: \mathrm{h\_1}."""
    return rf"\mathrm{{{name.replace('_', chr(92) + '_')}}}"
