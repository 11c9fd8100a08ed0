"""Small things about sentences."""

from __future__ import annotations

from collections.abc import Sequence

_COUNTS = "no one two three four five six seven eight nine ten eleven twelve".split()


def number_word(n: int) -> str:
    """A small number as a word."""
    return _COUNTS[n] if n < len(_COUNTS) else str(n)


def listed(words: Sequence[str]) -> str:
    """a, b and c."""
    return "" if not words else words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def sentence(text: str) -> str:
    """The text with a capital letter."""
    return text[:1].upper() + text[1:]
