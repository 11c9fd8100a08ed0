"""Random faults, a few of the thousands of `python -m tests.proof.fuzz`: three judges never disagree."""

from __future__ import annotations

import pytest

from tests.proof.fuzz import Tally, formulas, recursions
from tests.proof.shaped import Shaped
from tests.proof.sums import Maker, try_pairs


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_formulas(seed: int) -> None:
    tally = Tally(largest=3)
    formulas(40, seed, tally)
    assert not tally.disagreements
    assert tally.said["prover True, expansion True, field True"] > 3
    assert tally.said["prover False, expansion False, field False"] > 10


@pytest.mark.parametrize("seed", [21, 22])
def test_recursions(seed: int) -> None:
    tally = Tally(largest=3)
    recursions(25, seed, tally)
    assert not tally.disagreements
    assert tally.said["prover True, expansion True, field True"] > 2
    assert tally.said["prover False, expansion False, field False"] > 5


@pytest.mark.parametrize("kind", [Maker, Shaped])
@pytest.mark.parametrize("seed", [31, 32])
def test_sums_that_leave_the_sequence(seed: int, kind: type[Maker] | type[Shaped]) -> None:
    result = try_pairs(400, seed, kind)
    assert not result.unsound
    assert result.equal > 20
    assert result.different > 50
