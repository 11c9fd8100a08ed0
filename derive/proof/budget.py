"""A limit of time for one proof, so that a hostile expression ends in an answer."""

from __future__ import annotations

from time import monotonic, process_time

from sympy import Basic

SECONDS = 8.0
MOST_ENTRIES = 200_000  # of one matrix
MOST_PRODUCTS = 4_000_000  # of numbers, in one product of matrices


MOST_PARTS = 20_000  # of both sides of a claim, parts that are shared counted each time
DEEPEST = 200  # parts inside one another


class OutOfBudget(Exception):
    """The work takes longer, or is larger, than it is worth; the message says which."""


def measure(e: Basic) -> tuple[int, int]:
    """How many parts an expression has when it is written out, and how deep they lie; without recursion."""
    known: dict[int, tuple[int, int]] = {}
    todo: list[Basic] = [e]
    while todo:
        top = todo[-1]
        missing = [a for a in top.args if id(a) not in known]
        if missing:
            todo.extend(missing)
            continue
        inner = [known[id(a)] for a in top.args]
        known[id(top)] = (1 + sum(n for n, _ in inner), 1 + max((depth for _, depth in inner), default=0))
        todo.pop()
    return known[id(e)]


def check_size(*sides: Basic) -> None:
    """Refuse what would take too long even to look at.

    Raises:
        OutOfBudget: the sides are too large or too deep.
    """
    sizes = [measure(e) for e in sides]
    if sum(n for n, _ in sizes) > MOST_PARTS:
        raise OutOfBudget(f"written out it has more than {MOST_PARTS} parts")
    if max(depth for _, depth in sizes) > DEEPEST:
        raise OutOfBudget(f"it is nested more than {DEEPEST} deep")


class Budget:
    """Seconds of work that may be spent from now on, and no more than what another budget has left.

    Time in which the processor does something else is not counted: other work on the machine changes no answer.
    """

    def __init__(self, seconds: float = SECONDS, within: Budget | None = None):
        self.seconds = seconds
        self._end, self._work = monotonic() + seconds, process_time() + seconds
        if within is not None and within._work < self._work:
            self.seconds, self._end, self._work = within.seconds, within._end, within._work

    def shorten(self, seconds: float) -> None:
        """No more than these from now on."""
        self._end = min(self._end, monotonic() + seconds)
        self._work = min(self._work, process_time() + seconds)

    def spend(self) -> None:
        """Called often.

        Raises:
            OutOfBudget: the time is up.
        """
        if monotonic() > self._end and process_time() > self._work:  # the first is asked much faster
            raise OutOfBudget(f"it takes more than {self.seconds:g} seconds")
