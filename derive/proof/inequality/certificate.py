"""Certificates of inequalities: what is claimed, from what, and the rules by which it follows, as JSON.

The checker reads terms, follows each proof by the rules and compares what comes out with the right side.  What is not
checked here is that the terms say what the claim says, and that the premises hold: they are named, with their reasons.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from derive.proof.checker import CertificateError, digest
from derive.proof.inequality.affine import Affine, Facts, affine, readable
from derive.proof.inequality.order import MOST_NESTED, is_at_most
from derive.proof.inequality.rules import RULES, Premise, Proof, RuleError, Rules, Within
from derive.proof.inequality.terms import KINDS, MOST_DEPTH, Term, TermError, shape

FORMAT, VERSION = "derive certificate of an inequality", 1
HEADS = ("norm", "entries", *(f"norm {kind}" for kind in KINDS))
NUMBER = re.compile(r"-?[0-9]{1,100}(/[0-9]{1,100})?")
MOST_CHARACTERS, MOST_FACTS = 300_000, 60


@dataclass(frozen=True)
class Goal:
    """left ≤ right, wherever the facts hold, and why."""

    left: Term
    right: Term
    facts: Facts
    within: tuple[Within, ...]
    proof: Proof


def certificate(goals: Iterable[Goal], premises: Sequence[Premise], claim: Mapping[str, Any]) -> str:
    """The certificate's text, with the premises that it uses; it is checked before it is given away.

    Raises:
        CertificateError: it is none.
    """
    goals = tuple(goals)
    kept = sorted({n for g in goals for n in used(g.proof)})
    goals = tuple(replace(g, proof=_renumbered(g.proof, kept)) for g in goals)
    premises = [premises[n] for n in kept]
    content = {
        "format": FORMAT,
        "version": VERSION,
        "claim": dict(claim),
        "premises": [vars(p) for p in premises],
        "goals": [{**vars(g), "within": [vars(w) for w in g.within]} for g in goals],
    }
    content = json.loads(json.dumps(content))  # tuples are lists, as the checker will see them
    text = json.dumps({**content, "digest": digest(content)}, ensure_ascii=False, separators=(",", ":"))
    check(text)
    return text


def reasons(goals: Iterable[Goal], premises: Sequence[Premise]) -> list[str]:
    """By what rules and premises it is proved, each once, in the order of the proof."""
    found: dict[str, None] = {}
    for goal in goals:
        for rule in _rules(goal.proof):
            said = premises[rule[1]].why if rule[0] == "premise" else RULES[rule[0]].__doc__ or ""
            found[said.split("\n")[0].split(" (because ")[0]] = None
    return list(found) or ["comparing both sides term by term"]


def _rules(proof: Proof) -> Iterator[Proof]:
    if proof[0] in RULES:
        yield proof
    for p in proof[1:]:
        if _is_proof(p):
            yield from _rules(p)


def used(proof: Proof) -> set[int]:
    """The premises that it rests on, by their numbers."""
    own = {proof[1]} if proof[0] == "premise" else set()
    return own.union(*(used(p) for p in proof[1:] if _is_proof(p)))


def _renumbered(proof: Proof, used: Sequence[int]) -> Proof:
    inner = tuple(_renumbered(p, used) if _is_proof(p) else p for p in proof)
    return ("premise", used.index(proof[1]), *inner[2:]) if proof[0] == "premise" else inner


def _is_proof(p: object) -> bool:
    return isinstance(p, tuple) and bool(p) and isinstance(p[0], str)


def check(text: str) -> dict[str, Any]:
    """The claim of a certificate whose proof is right, with what it takes for granted.

    Raises:
        CertificateError: it is none, it was changed, or its proof fails.
    """
    if len(text) > MOST_CHARACTERS:
        raise CertificateError("it is too long")
    try:
        given = json.loads(text)
        if not isinstance(given, dict) or given.get("format") != FORMAT or given.get("version") != VERSION:
            raise CertificateError("not a certificate of an inequality")
        if given.get("digest") != digest(given):
            raise CertificateError("its content was changed: the digest is another")
        claim = given["claim"]
        if not all(isinstance(claim.get(k), str) and claim[k] for k in ("model", "left", "right", "for")):
            raise CertificateError("the claim does not say what is proved")
        stated = claim.get("assumptions", [])
        if not isinstance(stated, list) or not all(isinstance(a, str) for a in stated):
            raise CertificateError("the claim does not say what is assumed")
        premises = tuple(_premise(p) for p in given["premises"])
        sides = [(g["left"], g["right"]) for g in given["goals"]]
        if claim["relation"] not in ("≤", "=") or len(sides) != (1 if claim["relation"] == "≤" else 2):
            raise CertificateError("a claim with = needs two proofs, one with ≤ one")
        if len(sides) == 2 and sides[0] != sides[1][::-1]:
            raise CertificateError("the second proof is not that of the other direction")
        for goal in given["goals"]:
            _follow(premises, goal)
        facts = dict.fromkeys(readable(_affine(f)) for goal in given["goals"] for f in goal["facts"])
        where = [f"meant where {', '.join(f'{f} ≥ 0' for f in facts if f != '0')}"] if facts else []
        return {**claim, "assumptions": [*stated, *(p.why for p in premises), *where]}
    except (RuleError, TermError) as error:
        raise CertificateError(str(error)) from error
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise CertificateError(f"not a certificate: {type(error).__name__}") from error


def _follow(premises: tuple[Premise, ...], goal: Mapping[str, Any]) -> None:
    left, right = _number(goal["left"]), _number(goal["right"])
    facts = tuple(map(_affine, goal["facts"]))
    if len(facts) + len(goal["within"]) > MOST_FACTS:
        raise CertificateError("it takes too much for granted to be followed")
    within = [Within(_name(w["index"]), *(_affine(w[k]) for k in ("low", "high", "fact"))) for w in goal["within"]]
    reached = Rules(premises, tuple(within)).bound(left, _proof(goal["proof"]), facts)
    if not is_at_most(reached, right, facts):
        raise CertificateError("what the proof comes to is not seen to be at most the right side")


def _premise(given: Mapping[str, Any]) -> Premise:
    head, indices = given["head"], tuple(map(_name, given["indices"]))
    left, why = _matrix(given["left"]), given["why"]
    if head not in HEADS or not isinstance(why, str) or not why:
        raise CertificateError("a premise without a reason")
    right = _matrix(given["right"]) if head == "norm" else _number(given["right"])
    if head != "norm" and right[0] != "num":
        raise CertificateError("a premise about how large something is, without a number")
    if head == "norm" and shape(left) != shape(right):
        raise CertificateError("a premise between matrices of different shapes")
    return Premise(head, indices, left, right, tuple(map(_affine, given["given"])), why)


# Terms from JSON: nothing gets in that the rules do not expect


def _number(given: Any, depth: int = 0) -> Term:
    head = _head(given, depth)
    match given:
        case ["num", c]:
            return ("num", _fraction(c, positive=True))
        case ["size", str()]:
            return ("size", given[1])
        case ["norm", kind, m] if kind in KINDS:
            matrix = _matrix(m, depth + 1)
            shape(matrix)
            return ("norm", kind, matrix)
        case ["prod" | "sum", i, low, high, a]:
            return (head, _name(i), _affine(low), _affine(high), _number(a, depth + 1))
        case ["times" | "plus", _, *_]:
            return (head, *(_number(a, depth + 1) for a in given[1:]))
    raise CertificateError(f"{str(given)[:40]} is no number")


def _matrix(given: Any, depth: int = 0, bound: int = 0) -> Term:
    """`bound` counts the sums and products that it stands in."""
    head = _head(given, depth)
    if bound > MOST_NESTED:
        raise CertificateError("sums and products are nested too deeply")
    match given:
        case ["ref", str(), step, str(), str()]:
            return ("ref", given[1], None if step is None else _affine(step), *given[3:])
        case ["op", str(), str(), str(), list(), list()]:
            parts = tuple(_matrix(a, depth + 1, bound) for a in given[4])
            return ("op", *given[1:4], parts, tuple(map(_affine, given[5])))
        case ["identity", str()]:
            return ("identity", given[1])
        case ["scale", c, a]:
            return ("scale", _fraction(c), _matrix(a, depth + 1, bound))
        case ["T" | "diag", a]:
            return (head, _matrix(a, depth + 1, bound))
        case ["mul" | "add" | "had", _, *_]:
            return (head, *(_matrix(a, depth + 1, bound) for a in given[1:]))
        case ["prod", i, low, high, "ascending" | "descending", a]:
            return ("prod", _name(i), _affine(low), _affine(high), given[4], _matrix(a, depth + 1, bound + 1))
        case ["sum", i, low, high, a]:
            return ("sum", _name(i), _affine(low), _affine(high), _matrix(a, depth + 1, bound + 1))
    raise CertificateError(f"{str(given)[:40]} is no matrix")


def _head(given: Any, depth: int) -> str:
    if not isinstance(given, list) or not given or not isinstance(given[0], str):
        raise CertificateError(f"{str(given)[:40]} is no term")
    if depth > MOST_DEPTH:
        raise CertificateError("a term is nested too deeply")
    return given[0]


def _name(given: Any) -> str:
    if not isinstance(given, str) or not given or given.startswith("#"):
        raise CertificateError("an index has no name")
    return given


def _affine(given: Any) -> Affine:
    pairs = {s if s == "" else _name(s): c for s, c in given}
    if len(pairs) != len(given) or not all(type(c) is int and abs(c) < 10**9 for c in pairs.values()):
        raise CertificateError("a step is no combination of indices")
    return affine(pairs)


def _fraction(given: Any, positive: bool = False) -> str:
    if not isinstance(given, str) or not NUMBER.fullmatch(given):
        raise CertificateError("a number is missing")
    value = Fraction(given)
    if positive and value < 0:
        raise CertificateError("a number is negative")
    return str(value)


def _proof(given: Any, depth: int = 0) -> Any:
    """A rule with its data; what stands for the indices of a premise is made of indices, like all else."""
    if depth > MOST_DEPTH:
        raise CertificateError("a proof is nested too deeply")
    if isinstance(given, list) and given[:1] == ["premise"] and len(given) == 4:
        values = tuple((_name(s), _affine(a)) for s, a in given[2])
        return ("premise", given[1], values, _proof(given[3], depth + 1))
    return tuple(_proof(x, depth + 1) for x in given) if isinstance(given, list) else given
