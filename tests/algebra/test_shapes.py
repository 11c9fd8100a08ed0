"""Shapes: equality for all sizes, messages."""

from __future__ import annotations

import pytest
from sympy import Integer, S

from derive.algebra.shapes import conform, is_scalar, same, shape_text
from derive.errors import ShapeError
from tests.algebra.samples import H, I


def test_equality_for_every_value_of_the_sizes() -> None:
    assert same((H * (H + I), S.One), (H**2 + H * I, S.One))
    assert not same((H, I), (I, H))
    assert not same((H, S.One), (S.One, H))


def test_conform_names_what_was_asked_for() -> None:
    conform("+", (H, I), (H, I), (H, I))
    with pytest.raises(ShapeError, match=r"^\+ needs equal shapes, got a vector of H and a matrix of H x I$"):
        conform("+", (H, S.One), (H, S.One), (H, I))


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ((S.One, S.One), "a scalar"),
        ((H, S.One), "a vector of H"),
        ((4 * H, S.One), "a vector of 4*H"),
        ((H, I), "a matrix of H x I"),
        ((S.One, H), "a matrix of 1 x H"),
        ((Integer(3), Integer(2)), "a matrix of 3 x 2"),
    ],
)
def test_text(shape: tuple[object, object], text: str) -> None:
    assert shape_text(shape) == text
    assert is_scalar(shape) == (text == "a scalar")
