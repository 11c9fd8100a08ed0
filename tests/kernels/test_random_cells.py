"""A few random cells; `python -m tests.kernels.random_cells` is the long run."""

from __future__ import annotations

import pytest

from tests.kernels.random_cells import LIMIT, distance, made_up
from tests.tools import some


@pytest.mark.parametrize("seed", some([*range(5), 54], [0, 54]))  # 54: a weight that is a part of another one
def test_c_and_numpy_agree(seed: int) -> None:
    assert distance(seed) <= LIMIT, made_up(seed)
