"""Random choices that can be made again: a list of numbers, of which a shorter one makes something simpler.

The idea is that of Hypothesis' choice sequence (MacIver and Donaldson 2020): whatever is generated shrinks, because
its choices do.  A number that is missing counts as zero, so every list means something, and the first option of every
choice is the simplest.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Option = TypeVar("Option")
MOST_TRIES = 400


class Choices:
    """Numbers drawn from a seed, or said again."""

    def __init__(self, seed: int | None = None, said: Sequence[int] = ()):
        self.rng = random.Random(seed) if seed is not None else None
        self.said, self.made = list(said), list[int]()

    def below(self, n: int) -> int:
        """A number from 0 to n - 1."""
        if self.rng is not None:
            number = self.rng.randrange(n)
        else:
            place = len(self.made)
            number = self.said[place] % n if place < len(self.said) else 0
        self.made.append(number)
        return number

    def one(self, options: Sequence[Option]) -> Option:
        """One of them; the first is the simplest."""
        return options[self.below(len(options))]

    def chance(self, percent: int) -> bool:
        """True so often; false is simpler."""
        return self.below(100) >= 100 - percent


def shrunk(made: Sequence[int], fails: Callable[[list[int]], bool], tries: int = MOST_TRIES) -> list[int]:
    """The simplest list that still fails, as far as it is found in so many tries."""
    best, left = list(made), tries
    progress = True
    while progress and left > 0:
        progress = False
        for candidate in _simpler(best):
            left -= 1
            if fails(candidate):
                best, progress = candidate, True
                break
            if left <= 0:
                break
    return best


def _simpler(made: list[int]) -> Iterator[list[int]]:
    """Shorter lists first, then smaller numbers."""
    size = len(made) // 2
    while size:
        for first in range(0, len(made) - size + 1, size):
            yield made[:first] + made[first + size :]
        size //= 2
    for place, number in enumerate(made):
        for smaller in dict.fromkeys((0, number // 2, number - 1)):
            if 0 <= smaller < number:
                yield [*made[:place], smaller, *made[place + 1 :]]
