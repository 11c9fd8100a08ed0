"""Certificates: a proof of equality as JSON, for the checker and for whoever wants to check it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from derive.proof.automaton.weighted import Automaton, Equal, Number, Vector
from derive.proof.checker import FORMAT, VERSION, digest


def certificate(left: Automaton, right: Automaton, proof: Equal, claim: Mapping[str, Any]) -> str:
    """The certificate's text, the same on every run; `claim` says in words what the automata stand for."""
    content: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "claim": dict(claim),
        "left": _automaton(left),
        "right": _automaton(right),
        "basis": [_vector(row) for row in proof.basis],
        "coordinates": {
            "start": _vector(proof.start),
            "moves": {symbol: [_vector(row) for row in rows] for symbol, rows in proof.moves.items()},
        },
    }
    return json.dumps({**content, "digest": digest(content)}, ensure_ascii=False, separators=(",", ":"))


def _automaton(a: Automaton) -> dict[str, Any]:
    moves = {symbol: [[s, _vector(row)] for s, row in sorted(rows.items())] for symbol, rows in a.moves.items()}
    return {"states": a.states, "start": _vector(a.start), "moves": moves, "end": _vector(a.end)}


def _vector(v: Vector) -> list[list[int | str]]:
    return [[i, _number(w)] for i, w in sorted(v.items())]


def _number(w: Number) -> int | str:
    return int(w) if w.denominator == 1 else f"{w.numerator}/{w.denominator}"
