"""What is proposed for a slip of the hand is true when it is read again, and most slips are put right."""

from __future__ import annotations

from itertools import islice

import pytest

from derive.claims.verdict.verdicts import TRUE, Outcome
from derive.claims.verify import judge
from tests.claims.slips import slips, tried


@pytest.mark.slow
def test_slips_are_put_right() -> None:
    found = [x for x in map(tried, islice(slips(seed=11), 40)) if x is not None]
    for x in found:
        alone = not any(word in x.slip.tex for word in ("where", r"\quad"))  # defines nothing beside it
        if x.found.repair is not None and alone:
            again = judge(x.slip.stage, x.found.repair.latex, repairs=False)
            assert again.outcome in (*TRUE, Outcome.CONDITIONAL), x.found.repair.latex
    assert sum(x.mended == "by edits" for x in found) >= 0.85 * len(found) > 20
