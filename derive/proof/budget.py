"""A limit of time for one proof, so that a hostile expression ends in an answer."""

from __future__ import annotations

from time import monotonic

SECONDS = 8.0
MOST_ENTRIES = 200_000  # of one matrix


class OutOfBudget(Exception):
    """The work takes longer, or is larger, than it is worth; the message says which."""


class Budget:
    """Seconds that may be spent from now on."""

    def __init__(self, seconds: float = SECONDS):
        self.seconds = seconds
        self._end = monotonic() + seconds

    def spend(self) -> None:
        """Called often.

        Raises:
            OutOfBudget: the time is up.
        """
        if monotonic() > self._end:
            raise OutOfBudget(f"it takes more than {self.seconds:g} seconds")
