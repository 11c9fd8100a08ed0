"""The numbers of a counterexample, as they are told."""

from __future__ import annotations

import pytest

from derive.proof.verdict import Counterexample


@pytest.mark.parametrize(
    ("left", "right", "told"),
    [
        ("0.12345678901234567890", "-0.12345678901234567890", ("0.123456789012", "-0.12345678901")),
        ("0.12345678901234567890", "0.12345678901234567899", ("0.12345678901234567890", "0.12345678901234567899")),
        ("1.2345678901234567e-20", "1.0", ("1.234567890123e-20", "1.0")),
        ("0.0", "0.5", ("0.0", "0.5")),
    ],
)
def test_the_digits_that_a_reader_wants_and_no_fewer_than_tell_them_apart(
    left: str, right: str, told: tuple[str, str]
) -> None:
    example = Counterexample(3, {"H": 2}, 1, 2, (1, 0), left, right)
    assert example.sides == told
    assert f"entry (1, 0) is {told[0]} ≠ {told[1]}" in str(example)
    assert [value for name, value in example.rows() if "side" in name] == list(told)
    assert (example.as_json()["lhs"], example.as_json()["rhs"]) == (left, right)


def test_steps_are_told_as_readers_count_them() -> None:
    example = Counterexample(3, {"H": 2}, 1, 2, (1, 0), "0.5", "0.25", first=1)
    assert str(example).startswith("T = 3, t = 3, H = 2:")
    assert ("t", "3") in example.rows()
    assert example.as_json()["t"] == 2
