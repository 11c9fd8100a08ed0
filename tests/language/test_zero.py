"""Dividing by what is zero for every input is an error, however it is written."""

from __future__ import annotations

import pytest

from derive.errors import CellError
from derive.language import read

HEAD = "cell a\ndims H\ninput x : H\nstate h : H\n"


@pytest.mark.parametrize("zero", ["x[t] / (0 * h[t-1])", "(0 * h[t-1]) ** -1", "(0 * h[t-1]) ** -2", "x[t] / 0"])
def test_division_by_zero(zero: str) -> None:
    with pytest.raises(CellError) as caught:
        read(f"{HEAD}h[t] = x[t] + {zero}\n")
    assert [d.code for d in caught.value.diagnostics] == ["E0604"]


def test_a_negative_power_is_no_error() -> None:
    assert read(f"{HEAD}h[t] = x[t] + h[t-1] ** -2\n")
