"""A smaller run of the fuzzing that a release does: no traceback, whatever is typed."""

from __future__ import annotations

import pytest

from tests.claims.fuzz import run


@pytest.mark.slow
def test_slips_of_the_hand_end_in_a_verdict() -> None:
    outcomes, slowest = run(200, seed=3, repairs=False)
    assert sum(outcomes.values()) == 200
    assert {"unreadable", "refuted", "ill-formed"} <= set(outcomes)
    assert slowest < 10
