"""Certificates: what the checker accepts is true, whatever was done to the file."""

from __future__ import annotations

import ast
import copy
import json
import sys
from collections import deque
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import derive.proof.checker
from derive.proof.checker import CertificateError, check, digest
from tests.proof.writings import model

CHECKER = Path(derive.proof.checker.__file__)
TEXT = model("elman").gradient("W").prove().certificate or ""
LENGTH = 12  # symbols: as long as the words of T = 3


def test_the_checker_is_short_and_knows_nothing_of_the_prover() -> None:
    source = CHECKER.read_text("utf-8")
    assert len(source.splitlines()) <= 150
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            assert all(a.name.split(".")[0] in sys.stdlib_module_names for a in node.names)
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] in {*sys.stdlib_module_names, "__future__"}


def test_a_proof_holds_and_says_what_it_proves() -> None:
    claim = check(TEXT)
    assert claim["model"] == "elman"
    assert claim["left"] == "dL/dW"
    assert claim["for"] == "every T ≥ 0 and all sizes"


def numbers(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where the numbers of a certificate are, indices included."""
    if isinstance(node, dict):
        return [p for key, value in node.items() for p in numbers(value, (*path, key))]
    if isinstance(node, list):
        return [p for i, value in enumerate(node) for p in numbers(value, (*path, i))]
    return [path] if isinstance(node, int) else []


PLACES = numbers({k: v for k, v in json.loads(TEXT).items() if k not in ("version", "claim")})


def changed(path: tuple[Any, ...], change: Any, sign: bool) -> dict[str, Any]:
    certificate = copy.deepcopy(json.loads(TEXT))
    node = certificate
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = change if not sign else node[path[-1]] + change
    return certificate


CHANGES: st.SearchStrategy[tuple[Any, bool]] = st.one_of(
    st.integers(-3, 3).filter(bool).map(lambda n: (n, True)),
    st.sampled_from([0, 7, -1, 1.5, True, None, "1", "1/0", "2/3", "x", [], {}, 10**9]).map(lambda x: (x, False)),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PLACES), CHANGES)
def test_a_tampered_certificate_is_rejected(path: tuple[Any, ...], change: tuple[Any, bool]) -> None:
    certificate = changed(path, *change)
    if certificate == json.loads(TEXT):
        return
    with pytest.raises(CertificateError):
        check(json.dumps(certificate))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(PLACES), CHANGES), min_size=1, max_size=2))
def test_with_the_digest_recomputed_only_true_statements_pass(
    changes: list[tuple[tuple[Any, ...], tuple[Any, bool]]],
) -> None:
    """The algebra alone: whatever passes, its two automata weigh every short string alike."""
    certificate = json.loads(TEXT)
    for path, (change, sign) in changes:
        node = certificate
        try:
            for key in path[:-1]:
                node = node[key]
            node[path[-1]] = change if not sign else node[path[-1]] + change
        except (TypeError, KeyError, IndexError):
            continue
    certificate["digest"] = digest(certificate)
    try:
        check(json.dumps(certificate))
    except CertificateError:
        return
    assert weights(certificate["left"]) == weights(certificate["right"])


def test_a_false_statement_cannot_be_proved_by_editing_the_automata() -> None:
    """Every single weight and end of either automaton, doubled: never accepted where the series changes."""
    seen = 0
    for path in PLACES:
        if path[0] not in ("left", "right") or path[-1] != 1:
            continue
        certificate = changed(path, 1, True)
        certificate["digest"] = digest(certificate)
        with pytest.raises(CertificateError):
            check(json.dumps(certificate))
        seen += 1
    assert seen > 50


@pytest.mark.parametrize("left", [0, 1, -1])
def test_every_symbol_needs_an_image_of_every_row(left: int) -> None:
    """None of them, the first one only, all but the last."""
    symbols = json.loads(TEXT)["coordinates"]["moves"]
    assert symbols
    for symbol, images in symbols.items():
        certificate = json.loads(TEXT)
        certificate["coordinates"]["moves"][symbol] = images[:left]
        certificate["digest"] = digest(certificate)
        with pytest.raises(CertificateError):
            check(json.dumps(certificate))


@pytest.mark.parametrize("where", [("left", "start"), ("right", "end"), ("coordinates", "start"), ("basis", 0)])
def test_no_entry_is_given_twice(where: tuple[str, str | int]) -> None:
    """Which of two numbers counts would be for the reader to guess."""
    certificate = json.loads(TEXT)
    vector = certificate[where[0]][where[1]]
    vector.append([vector[0][0], 5])
    certificate["digest"] = digest(certificate)
    with pytest.raises(CertificateError, match="no entry"):
        check(json.dumps(certificate))


def weights(automaton: dict[str, Any]) -> dict[tuple[str, ...], Fraction]:
    """The weight of every string of at most LENGTH symbols that has one: by trying them all."""
    moves = {a: {s: dict(row) for s, row in rows} for a, rows in automaton["moves"].items()}
    end = dict(automaton["end"])
    found: dict[tuple[str, ...], Fraction] = {}
    first: tuple[str, ...] = ()
    todo = deque([(first, {s: Fraction(w) for s, w in automaton["start"]})])
    while todo:
        word, v = todo.popleft()
        total = sum((w * Fraction(end.get(s, 0)) for s, w in v.items()), Fraction(0))
        if total:
            found[word] = total
        if len(word) == LENGTH:
            continue
        for a, rows in moves.items():
            new: dict[int, Fraction] = {}
            for s, w in v.items():
                for target, x in rows.get(s, {}).items():
                    new[target] = new.get(target, Fraction(0)) + w * Fraction(x)
            new = {s: w for s, w in new.items() if w}
            if new:
                todo.append(((*word, a), new))
    return found


def test_the_brute_force_sees_words() -> None:
    certificate = json.loads(TEXT)
    assert len(weights(certificate["left"])) > 5
    assert weights(certificate["left"]) == weights(certificate["right"])
    certificate["left"]["start"][0][1] *= 2
    assert weights(certificate["left"]) != weights(certificate["right"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("[]", "not a certificate"),
        ("{}", "not a certificate"),
        ('{"format": "derive certificate"}', "version None"),
        ('{"format": "derive certificate", "version": 2}', "this checker reads version 1"),
        ('{"format": "derive certificate", "version": true}', "version True"),
        ('{"format": "derive certificate", "version": 1}', "its content was changed"),
        ("[" * 100_000, "not JSON"),
        ('{"format": "derive certificate", "version": 1, "digest": NaN}', "its content was changed"),
        ("1" * 5000, "not"),
    ],
)
def test_what_is_no_certificate(text: str, message: str) -> None:
    with pytest.raises(CertificateError, match=message):
        check(text)


def test_missing_parts_are_named() -> None:
    for part in ("left", "right", "basis", "coordinates", "claim"):
        certificate = json.loads(TEXT)
        del certificate[part]
        certificate["digest"] = digest(certificate)
        with pytest.raises(CertificateError, match=part):
            check(json.dumps(certificate))


def test_what_takes_too_long_to_check_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("derive.proof.checker.MOST_WORK", 100)
    with pytest.raises(CertificateError, match="too long"):
        check(TEXT)
