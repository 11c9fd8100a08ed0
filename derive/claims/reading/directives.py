"""Directives in comments: which model, what the paper's names mean, how it counts and lays out.

    % derive: model elman.cell
    % derive: let \\delta_t = dL/dh[t] | dL/da[t]

An unknown one makes the claims below it unreadable, up to the next model; it never ends the reading of a file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from derive.errors import DeriveError


class DirectiveError(DeriveError):
    """A directive that says nothing to us."""


@dataclass(frozen=True)
class Quantity:
    """A name of the model at a time and at components: h[t-1], W[i,j], h[t][k], W@t (the copy used at step t)."""

    name: str
    time: str = ""
    components: tuple[str, ...] = ()
    copy: str = ""


@dataclass(frozen=True)
class Quotient:
    """±dof/dby, the sum along the paths `through` some names only, where there are any."""

    of: Quantity
    by: Quantity
    sign: int = 1
    through: tuple[Quantity, ...] = ()


@dataclass(frozen=True)
class IndexSet:
    """range(H): the components that an index runs over."""

    size: str


Meaning: TypeAlias = "Quantity | Quotient | IndexSet"


@dataclass(frozen=True)
class UseModel:
    path: str


@dataclass(frozen=True)
class Let:
    """The paper's name for something; more than one meaning are readings to try."""

    tex: str
    meanings: tuple[Meaning, ...]


@dataclass(frozen=True)
class Where:
    """A definition, as if it were displayed before the claim."""

    left: str
    right: str


@dataclass(frozen=True)
class Abstract:
    """f(x_t, h_{t-1}, w) = h[t]: an equation of the model as a function of its arguments."""

    tex: str
    meaning: Quantity


@dataclass(frozen=True)
class Counting:
    """The first step and the name of the last one: 1..T, 0..T-1."""

    first: int
    last: str


@dataclass(frozen=True)
class Choice:
    """convention row | column | ask, layout numerator | denominator | ask, partial total | immediate | local | ask."""

    kind: str
    value: str


@dataclass(frozen=True)
class Assume:
    tex: str


@dataclass(frozen=True)
class ForAll:
    """A symbol, and what it stands for in turn."""

    tex: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Operator:
    """A directional derivative along a parameter, the direction having a name of its own."""

    tex: str
    along: str
    direction: str


@dataclass(frozen=True)
class Skip:
    """The next display is no claim."""


@dataclass(frozen=True)
class Define:
    """From here on, an equation whose left side is a symbol that nothing else explains defines it."""


@dataclass(frozen=True)
class ExpectFalse:
    """The next claim is known to be wrong."""


Order: TypeAlias = (
    "UseModel | Let | Where | Abstract | Counting | Choice | Assume | ForAll | Operator | Skip | Define | ExpectFalse"
)

_NAME = r"[A-Za-z][A-Za-z0-9_]*"
_INDEX = r"\[[^\[\]]*\]"
_QUANTITY = re.compile(rf"({_NAME})(?:@([^\[\]/|]+?))?((?:{_INDEX})*)")
_QUOTIENT = re.compile(rf"(-?)\s*d({_NAME}(?:{_INDEX})*)\s*/\s*d({_NAME}(?:@[^\[\]/|]+?)?(?:{_INDEX})*)")
_CHOICES = {
    "convention": ("row", "column", "ask"),
    "layout": ("numerator", "denominator", "ask"),
    "partial": ("total", "immediate", "local", "ask"),
}
FORMS = {  # every directive as it is written, for errors
    "model": "model elman.cell",
    "time": "time 1..T",
    "let": r"let \delta_t = dL/da[t]",
    "where": "where LHS = RHS",
    "fn": "fn f(x_t, h_{t-1}, w) = h[t]",
    **{word: f"{word} {' | '.join(values)}" for word, values in _CHOICES.items()},
    "assume": "assume h_0 = 0",
    "forall": r"forall \star = z, i, f, o",
    "operator": r"operator \mathcal R = derivative along W : V_W",
    "define": "define, and nothing more",
    "skip": "skip, and nothing more",
    "expect": "expect false",
}


def read_directive(text: str) -> Order:
    """What a directive orders.

    Raises:
        DirectiveError: there is no such directive, or it is not written like this.
    """
    word, _, rest = text.strip().partition(" ")
    rest = rest.strip()
    if word == "model" and rest and len(rest.split()) == 1:
        return UseModel(rest)
    if word == "let" and "=" in rest:
        left, _, right = rest.partition("=")
        return Let(left.strip(), tuple(_meaning(part.strip()) for part in right.split("|")))
    if word == "where" and "=" in rest:
        left, _, right = rest.partition("=")
        return Where(left.strip(), right.strip())
    if word == "fn" and "=" in rest:
        left, _, right = rest.rpartition("=")
        return Abstract(left.strip(), _quantity(right.strip()))
    if word == "forall" and "=" in rest:
        left, _, right = rest.partition("=")
        return ForAll(left.strip(), tuple(x.strip() for x in right.split(",") if x.strip()))
    if word == "assume" and rest:
        return Assume(rest)
    if word in _CHOICES and rest in _CHOICES[word]:
        return Choice(word, rest)
    if not rest and word in ("define", "skip"):
        return Define() if word == "define" else Skip()
    if (word, rest) == ("expect", "false"):
        return ExpectFalse()
    counting = re.fullmatch(r"(-?[0-9]+)\s*\.\.\s*(\S.*)", rest) if word == "time" else None
    if counting:
        return Counting(int(counting[1]), counting[2].strip())
    operator = re.fullmatch(rf"(.+?)\s*=\s*derivative along\s+({_NAME})\s*:\s*(\S+)", rest)
    if word == "operator" and operator:
        return Operator(operator[1].strip(), operator[2], operator[3])
    if word in FORMS:
        raise DirectiveError(f"the directive {text.strip()[:60]!r} is not complete: {FORMS[word]}")
    raise DirectiveError(f"the directive {text.strip()[:60]!r} is not known: there are {', '.join(FORMS)}")


def _meaning(text: str) -> Meaning:
    main, _, through = text.partition(" through ")
    names = tuple(_quantity(x.strip()) for x in re.split(r",(?![^\[]*\])", through)) if through.strip() else ()
    indices = re.fullmatch(rf"range\(({_NAME})\)", main)
    if indices and not names:
        return IndexSet(indices[1])
    quotient = _QUOTIENT.fullmatch(main.strip())
    if quotient:
        return Quotient(_quantity(quotient[2]), _quantity(quotient[3]), -1 if quotient[1] else 1, names)
    if names:
        raise DirectiveError(f"{text!r}: only a derivative goes through something")
    return _quantity(main.strip())


def _quantity(text: str) -> Quantity:
    """h[t-1] has a time; W[i,j] and w[k,I+l] components; h[t][k] both; W@\\tau[l,m] is a copy."""
    found = _QUANTITY.fullmatch(text)
    if not found:
        cure = "; a formula is said by 'where LEFT = RIGHT'" if "\\" in text else ""
        raise DirectiveError(f"'{text[:40]}' is no quantity of the model: h[t], W, W[i,j], dL/dh[t] …{cure}")
    name, copy, brackets = found[1], (found[2] or "").strip(), re.findall(r"\[([^\[\]]*)\]", found[3])
    lists = [tuple(x.strip() for x in b.split(",")) for b in brackets]
    if any(not x for parts in lists for x in parts) or len(lists) > 2:
        raise DirectiveError(f"{text[:40]!r} has an empty index, or more than a time and components")
    if not lists:
        return Quantity(name, copy=copy)
    if len(lists) == 2 and len(lists[0]) == 1:
        return Quantity(name, lists[0][0], lists[1], copy)
    if len(lists) == 1 and len(lists[0]) == 1 and not copy:
        return Quantity(name, lists[0][0])  # a single index is a time; of a parameter, the model tells
    if len(lists) == 1:
        return Quantity(name, "", lists[0], copy)
    raise DirectiveError(f"{text[:40]!r}: the time is a single index, and comes first")
