"""The tool reads what it writes: every equation of every document of the catalogue is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from derive.claims.verdict.verdicts import TRUE
from derive.claims.verify import read_paper, verify
from derive.language import names
from derive.model import load
from tests.claims.papers import no_include

GENERATED = Path(__file__).resolve().parents[2] / "generated"


@pytest.mark.parametrize("cell", names())
def test_a_document_is_all_true(cell: str) -> None:
    text = (GENERATED / cell / f"{cell}.tex").read_text("utf-8")
    sources = read_paper(text, f"{cell}.tex", no_include)
    results = list(verify(sources, lambda path: load(path).prover, load(cell).prover, repairs=False))
    assert len(results) > 20
    wrong = [f"{r.id}: {r.judgement.outcome}: {r.judgement.reason}" for r in results if r.judgement.outcome not in TRUE]
    assert not wrong


def test_a_document_with_a_slip_is_not() -> None:
    text = (GENERATED / "elman" / "elman.tex").read_text("utf-8")
    good, bad = r"V^{\top} (\hat{y}_{j} - y_{j}) h_{k-1}^{\top}", r"V^{\top} (\hat{y}_{j} - y_{j}) h_{k}^{\top}"
    assert good in text
    sources = read_paper(text.replace(good, bad), "elman.tex", no_include)
    results = list(verify(sources, lambda path: load(path).prover, load("elman").prover, repairs=False))
    assert [r.id for r in results if r.judgement.outcome not in TRUE] == ["elman:W:layout1"]
