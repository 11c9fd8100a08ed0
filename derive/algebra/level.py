"""A text and how tightly it holds together: what decides about parentheses."""

from __future__ import annotations

from enum import IntEnum


class Level(IntEnum):
    """How tightly a text holds together; an operand below what its place needs gets parentheses."""

    ADD = 0
    MINUS = 1
    ENTRYWISE = 2
    PRODUCT = 3
    POWER = 4
    ATOM = 5


Written = tuple[str, Level]


def parenthesised(written: Written, lowest: Level) -> str:
    return written[0] if written[1] >= lowest else f"({written[0]})"
