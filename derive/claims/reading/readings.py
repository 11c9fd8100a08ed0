"""Readings that are tried, not guessed: a function that chooses is run once for each way to choose."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from derive.errors import DeriveError

MOST_RUNS = 400
Result = TypeVar("Result")
Option = TypeVar("Option")


class Misfit(DeriveError):
    """This reading makes no sense: operands that do not conform, an index that is free."""

    def __init__(self, message: str, at: int = 0):
        self.message, self.at = message, at
        super().__init__(message)


@dataclass
class Choices:
    """The answers of one run: to each question, the number of an option.

    Attributes:
        resort: are readings allowed that are tried only where no other makes sense?
        rare: are readings allowed that are tried only where all others are false?
        passed: was one of those passed over?
        doubtful: what was read in the one way that is known, though it may be a name of the paper's own: an equation
            that is not true so may be about something else.
    """

    planned: Sequence[int] = ()
    resort: bool = False
    rare: bool = False
    passed: bool = False
    doubtful: str = ""
    asked: list[tuple[str, int, int]] = field(default_factory=list)  # question, answer, how many options
    made: dict[str, str] = field(default_factory=dict)
    indices: set[str] = field(default_factory=set)  # free letters that were read as indices of entries
    steps: set[str] = field(default_factory=set)  # and as steps

    def choose(self, question: str, options: Mapping[str, Option]) -> Option:
        """One of the options, the same one whenever the same question is asked in this run."""
        names = list(options)
        if self.made.get(question) in options:  # the answer, not what it was an answer about before
            return options[self.made[question]]
        if question in self.made:
            question = f"{question} ({', '.join(names)})"
            return self.choose(question, options) if question not in self.made else options[names[0]]
        if len(names) == 1:
            return options[names[0]]
        number = len(self.asked)
        answer = self.planned[number] if number < len(self.planned) else 0
        self.asked.append((question, answer, len(names)))
        self.made[question] = names[answer]
        return options[names[answer]]

    def doubt(self, what: str, meaning: str) -> None:
        """Read something in the one way that is known; see `doubtful`."""
        self.doubtful = f"{what}: as {meaning}"
        self.made[f"{what} is"] = meaning

    def named(self, indices: frozenset[str], steps: frozenset[str], seldom: frozenset[str]) -> None:
        """What the free letters of a name were read as: those that indices seldom are may be part of the name itself,
        and a letter that is a step here and an index there has one meaning that is not known."""
        self.indices |= indices
        self.steps |= steps
        for letter in sorted(indices & seldom):
            self.doubt(f"the letter {letter} below a name", "an index of its entries")
        for letter in sorted(self.indices & self.steps):
            self.doubt(f"the letter {letter}", "a step of one name and an index of the entries of another")

    def seldom(self, question: str, options: Mapping[str, Option]) -> Option:
        """The first option; the others where rare readings are allowed."""
        if self.rare:
            return self.choose(question, options)
        self.passed = True
        return next(iter(options.values()))


@dataclass(frozen=True)
class Reading(Generic[Result]):
    """What one run gave, what was chosen in it, and what was allowed: see `Choices`."""

    result: Result
    choices: Mapping[str, str]
    resort: bool = False
    rare: bool = False


@dataclass
class Search(Generic[Result]):
    """All readings that make sense, equal ones once.

    Attributes:
        misfit: why the run that came furthest made no sense, if one did not.
        complete: False if there were more ways to choose than are tried.
        passed: were rare readings passed over?
        doubtful: see `Choices`.
    """

    readings: list[Reading[Result]] = field(default_factory=list)
    misfit: Misfit | None = None
    complete: bool = True
    passed: bool = False
    doubtful: str = ""


def search(
    run: Callable[[Choices], Result], same: Callable[[Result], object] = lambda r: r, rare: bool = False
) -> Search[Result]:
    """Every way to choose; those of the last resort only where no other makes sense.

    Args:
        same: results with the same value of this are the same reading.
        rare: with those that are tried only where all others are false?
    """
    found = _search(run, same, False, rare)
    if found.readings or not found.complete:
        return found
    again = _search(run, same, True, rare)
    return again if again.readings else found


def _search(
    run: Callable[[Choices], Result], same: Callable[[Result], object], resort: bool, rare: bool
) -> Search[Result]:
    found: Search[Result] = Search()
    seen: set[object] = set()
    furthest = -1
    for count, choices in enumerate(_runs(resort, rare)):
        if count >= MOST_RUNS:
            found.complete = False
            break
        try:
            result = run(choices)
        except Misfit as misfit:
            if misfit.at > furthest:
                found.misfit, furthest = misfit, misfit.at
            continue
        finally:
            found.passed = found.passed or choices.passed
            found.doubtful = found.doubtful or choices.doubtful
        key = same(result)
        if key not in seen:
            seen.add(key)
            found.readings.append(Reading(result, dict(choices.made), resort, rare))
    return found


def _runs(resort: bool, rare: bool) -> Iterator[Choices]:
    """Runs one after another: the last question that has an option left gets its next one."""
    planned: list[int] = []
    while True:
        choices = Choices(planned, resort, rare)
        yield choices
        answers = list(choices.asked)
        while answers and answers[-1][1] + 1 >= answers[-1][2]:
            answers.pop()
        if not answers:
            return
        planned = [a for _, a, _ in answers[:-1]] + [answers[-1][1] + 1]
