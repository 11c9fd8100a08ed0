"""Shapes: pairs of sizes, numbers or polynomials in the cell's size symbols."""

from __future__ import annotations

from sympy import Expr

from derive.errors import ShapeError

Shape = tuple[Expr, Expr]


def same(a: Shape, b: Shape) -> bool:
    """Equal for every value of the sizes."""
    return a == b or all((m - n).expand() == 0 for m, n in zip(a, b, strict=True))


def conform(what: str, *shapes: Shape) -> None:
    """Raise ShapeError unless all shapes are the same."""
    for shape in shapes[1:]:
        if not same(shapes[0], shape):
            raise ShapeError(f"{what} needs equal shapes, got {shape_text(shapes[0])} and {shape_text(shape)}")


def is_scalar(shape: Shape) -> bool:
    return shape[0] == 1 and shape[1] == 1


def shape_text(shape: Shape) -> str:
    """What a message calls it: "a scalar", "a vector of H", "a matrix of H x I"."""
    if is_scalar(shape):
        return "a scalar"
    if shape[1] == 1:
        return f"a vector of {shape[0]}"
    return f"a matrix of {shape[0]} x {shape[1]}"
