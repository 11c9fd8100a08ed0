"""An independent checker of certificates: it knows nothing of words, networks or how a proof is found.

A certificate holds two weighted automata over ℚ, the left and the right side of a claim, and a proof
that every string weighs the same in both: rows F, and coordinates c and C, with

    (start, −start') = c F,     F M_a = C_a F for every symbol a,     F (end, end') = 0.

Then a string a b … weighs left − right = c C_a C_b … F (end, end') = 0.  (Schützenberger 1961.)
What is not checked here is that the automata say what the claim says.
"""

from __future__ import annotations

import json
import re
from fractions import Fraction
from hashlib import sha256
from typing import Any

FORMAT, VERSION = "derive certificate", 1
MOST_BITS, MOST_WORK = 20_000, 10**9  # of a denominator: sums of fractions grow; characters times a row's length
NUMBER = re.compile(r"-?[0-9]{1,1000}/[0-9]{1,1000}")
Vector = dict[int, Any]  # integers and fractions


class CertificateError(Exception):
    """Not a proof; the message says where it fails."""


def digest(certificate: dict[str, Any]) -> str:
    """A fingerprint of everything in a certificate but the fingerprint itself."""
    text = json.dumps({k: v for k, v in certificate.items() if k != "digest"}, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def check(text: str) -> dict[str, Any]:
    """The claim of a certificate whose proof is right.

    Raises:
        CertificateError: it is none, it was changed, or its proof fails.
    """
    certificate = _parse(text)
    left, right = _automaton(certificate, "left"), _automaton(certificate, "right")
    rows = [_vector(row, left["states"] + right["states"], "basis") for row in _part(certificate, "basis", list)]
    coordinates = _part(certificate, "coordinates")
    start, moves, end = _joint(left, right)
    if _combine(_vector(coordinates.get("start"), len(rows), "coordinates"), rows) != start:
        raise CertificateError("the start is not what the basis says")
    if set(proved := _part(coordinates, "moves")) != set(moves):
        raise CertificateError("the coordinates are not of the automata's symbols")
    if len(text) * max(map(len, [{}, *rows, *(v for matrix in moves.values() for v in matrix.values())])) > MOST_WORK:
        raise CertificateError("it takes too long to check")
    for symbol, matrix in moves.items():
        if len(images := _part(proved, symbol, list)) != len(rows):
            raise CertificateError(f"the symbol {symbol!r} has not one image for each row")
        for row, image in zip(rows, images, strict=True):
            if _combine(_vector(image, len(rows), "coordinates"), rows) != _combine(row, matrix):
                raise CertificateError(f"the basis is not closed under {symbol!r}")
    if any(sum(w * end.get(state, 0) for state, w in row.items()) != 0 for row in rows):
        raise CertificateError("a row of the basis does not vanish at the end")
    return _part(certificate, "claim")


def _parse(text: str) -> dict[str, Any]:
    try:
        certificate = json.loads(text)
        if not isinstance(certificate, dict) or certificate.get("format") != FORMAT:
            raise CertificateError("not a certificate")
        if type(version := certificate.get("version")) is not int or version != VERSION:
            raise CertificateError(f"version {version!r}; this checker reads version {VERSION}")
        if certificate.get("digest") != digest(certificate):
            raise CertificateError("its content was changed: the digest is another")
        claim = _part(certificate, "claim")
        if not all(isinstance(claim.get(k), str) and claim[k] for k in ("model", "left", "right", "for")):
            raise CertificateError("the claim does not say what is proved")
        if not all(isinstance(a, str) for a in _part(claim, "assumptions", list)):
            raise CertificateError("the claim does not say what is assumed")
        json.dumps(claim, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise CertificateError(f"not JSON: {error}") from error
    return certificate


def _automaton(certificate: dict[str, Any], side: str) -> dict[str, Any]:
    given = _part(certificate, side)
    if not _index(states := given.get("states"), 10**6):
        raise CertificateError(f"{side}: no number of states")
    moves: dict[str, dict[int, Vector]] = {}
    for symbol in (found := _part(given, "moves")):
        moves[symbol] = {}
        for entry in _part(found, symbol, list):
            if not _is_entry(entry, states, moves[symbol]):
                raise CertificateError(f"{side}: a row of {symbol!r} has no state of its own")
            moves[symbol][entry[0]] = _vector(entry[1], states, side)
    ends = {part: _vector(given.get(part), states, side) for part in ("start", "end")}
    return {"states": states, "moves": moves, **ends}


def _joint(left: dict[str, Any], right: dict[str, Any]) -> tuple[Vector, dict[str, dict[int, Vector]], Vector]:
    """Both automata side by side, the right one's states after the left one's, its start negative."""
    n = left["states"]
    moves: dict[str, dict[int, Vector]] = {a: dict(rows) for a, rows in left["moves"].items()}
    for a, rows in right["moves"].items():
        moves.setdefault(a, {}).update({n + s: {n + q: w for q, w in row.items()} for s, row in rows.items()})
    start = {n + s: -w for s, w in right["start"].items()}
    return left["start"] | start, moves, left["end"] | {n + s: w for s, w in right["end"].items()}


def _combine(weights: Vector, rows: list[Vector] | dict[int, Vector]) -> Vector:
    """Σ weight · row, without zeros; a row that is missing is zero."""
    total: Vector = {}
    for i, c in weights.items():
        for state, w in (rows.get(i, {}) if isinstance(rows, dict) else rows[i]).items():
            total[state] = total.get(state, 0) + c * w
            if total[state].denominator.bit_length() > MOST_BITS:
                raise CertificateError(f"a number with a denominator of more than {MOST_BITS} bits")
    return {state: w for state, w in total.items() if w}


def _vector(given: Any, length: int, where: str) -> Vector:
    """A sparse vector: pairs of an index and a number, which is an integer or "p/q"."""
    if not isinstance(given, list):
        raise CertificateError(f"{where}: a vector is missing")
    vector: Vector = {}
    for entry in given:
        if not _is_entry(entry, length, vector):
            raise CertificateError(f"{where}: {str(entry)[:40]} is no entry of a vector of length {length}")
        vector[entry[0]] = _number(entry[1], where)
    return {i: w for i, w in vector.items() if w}


def _number(given: Any, where: str) -> Any:
    if type(given) is int or (isinstance(given, str) and NUMBER.fullmatch(given) and int(given.split("/")[1])):
        return given if type(given) is int else Fraction(given)
    raise CertificateError(f"{where}: {str(given)[:40]!r} is no number")


def _is_entry(given: Any, length: int, taken: dict[int, Any]) -> bool:
    return isinstance(given, list) and len(given) == 2 and _index(given[0], length) and given[0] not in taken


def _index(given: Any, length: int) -> bool:
    return type(given) is int and 0 <= given < length


def _part(given: dict[str, Any], key: str, kind: type = dict) -> Any:
    if not isinstance(given.get(key), kind):
        raise CertificateError(f"{key!r} is missing")
    return given[key]
