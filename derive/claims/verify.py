"""A file of claims, from its text to verdicts: directives set the stage, every display is judged."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from derive.claims.reader import Reader
from derive.claims.reading.clock import Clock, NoIndex
from derive.claims.reading.conditions import NoClaim
from derive.claims.reading.equation import NoRelation
from derive.claims.reading.quantities import Unknown
from derive.claims.reading.stage import Loader, Stage, directed
from derive.claims.repair.repairer import SECONDS
from derive.claims.text.parse import LatexError
from derive.claims.text.source import Directive, Display, Include, macros_of, read_source
from derive.claims.verdict.assumptions import NotUnderstood
from derive.claims.verdict.verdicts import FALSE, Judgement, Outcome
from derive.errors import DeriveError
from derive.proof.prove import Prover

MOST_FILES = 200
FROM_ONE = re.compile(r"=\s*1\s*\}\s*\^\s*\{?\s*T\b")  # a sum over steps 1 … T
COUNT = (
    "steps are counted 0 … T-1; for a text that counts 1 … T a line before it says so: `% derive: time 1..T`;"
    " on the command line, -d 'time 1..T'"
)


class Opener(Protocol):
    def __call__(self, path: str) -> str:
        """The text of another file of the same paper; raises a DeriveError where it may not be read."""
        ...


@dataclass(frozen=True)
class Result:
    """One display and what is said of it.

    Attributes:
        id: its label, else file:line.
        model: the path or the name of the model it is about.
        expected_false: the author says that it is wrong.
        assumptions: what the verdict relies on.
    """

    id: str
    file: str
    line: int
    tex: str
    model: str
    judgement: Judgement
    expected_false: bool = False
    assumptions: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Is it as the author says?"""
        if self.expected_false:
            return self.judgement.outcome in FALSE
        return self.judgement.outcome not in FALSE


@dataclass(frozen=True)
class Source:
    """A piece of a paper: a file's directives and displays, those of files it includes in their place."""

    file: str
    item: Directive | Display


def read_paper(text: str, file: str, open_: Opener) -> list[Source]:
    """The directives and displays of a paper, over all its files.

    Raises:
        DeriveError: a file that it includes cannot be read.
    """
    texts: dict[str, str] = {}

    def collect(text: str, file: str) -> Iterator[str]:
        if file in texts or len(texts) > MOST_FILES:
            return
        texts[file] = text
        for item in read_source(text, file):
            if isinstance(item, Include):
                yield from collect(open_(item.path), named(item.path))

    def walk(file: str, above: tuple[str, ...]) -> Iterator[Source]:
        for item in read_source(texts[file], file, macros):
            if not isinstance(item, Include):
                yield Source(file, item)
            elif named(item.path) not in above:
                yield from walk(named(item.path), (*above, named(item.path)))

    def named(path: str) -> str:
        return path if path.endswith(".tex") or path in texts else f"{path}.tex"

    list(collect(text, file))
    macros = macros_of(*texts.values())
    return list(walk(file, (file,)))


def verify(
    sources: list[Source],
    load: Loader,
    given: Prover | None = None,
    only: frozenset[str] = frozenset(),
    progress: Callable[[], None] = lambda: None,
    repairs: bool = True,
    seconds: float = SECONDS,
) -> Iterator[Result]:
    """The verdict on every display.

    Args:
        given: the model of displays above the first `model` directive.
        only: the ids of those that are judged; all if empty.
        repairs: is the nearest true equation looked for?
        seconds: that the search for one may take.
    """
    stage = Stage(given, given.subject.names.name if given is not None else "")
    definitions: set[int] = set()
    for place, source in enumerate(sources):
        item = source.item
        if isinstance(item, Directive):
            known = stage.defines
            stage = directed(stage, item.text, item.line, load)
            if stage.defines and not known:  # what is defined may be used above its definition
                definitions |= set(_defining(stage, sources, place))
            continue
        skip, expected = stage.skip or place in definitions, stage.expect_false
        stage.skip = stage.expect_false = False
        if not skip and (not only or item.id in only):
            assumptions = tuple(stage.assumptions)
            judgement = judge(stage, item.tex, repairs, seconds)
            yield Result(item.id, source.file, item.line, item.tex, stage.model, judgement, expected, assumptions)
        progress()


def _defining(stage: Stage, sources: list[Source], place: int) -> Iterator[int]:
    """The places of the displays that define a symbol, up to the next model."""
    for later in range(place + 1, len(sources)):
        item = sources[later].item
        if isinstance(item, Directive):
            if item.text.split()[:1] == ["model"]:
                return
        elif defined(stage, item.tex):
            yield later


def defined(stage: Stage, tex: str) -> bool:
    """Does an equation define a symbol, and say nothing else?  What it defines is known from here on."""
    if stage.prover is None or stage.trouble:
        return False
    try:
        definition, alone = Reader(stage.prover, stage).definition(tex)
    except (LatexError, DeriveError):
        return False
    if definition is not None:
        stage.pending.append(definition)
    return alone


def displays(sources: list[Source]) -> int:
    """How many times `progress` is called."""
    return sum(isinstance(s.item, Display) for s in sources)


def judge(stage: Stage, tex: str, repairs: bool = True, seconds: float = SECONDS) -> Judgement:
    """The verdict on one formula."""
    if stage.trouble:
        return Judgement(Outcome.UNREADABLE, stage.trouble)
    if stage.prover is None:
        return Judgement(Outcome.UNREADABLE, "no model: `% derive: model FILE.cell` says which, or the command line")
    if stage.unknown:
        return Judgement(Outcome.OPEN, stage.unknown)
    try:
        found = Reader(stage.prover, stage, repairs, seconds).judged(tex)
        counted = found.outcome is not Outcome.PROVED and stage.clock == Clock() and FROM_ONE.search(tex)
        return replace(found, help=COUNT) if counted and not found.help else found
    except NoRelation as error:
        return Judgement(Outcome.ILL_FORMED, str(error))
    except NoClaim as error:
        return Judgement(Outcome.OPEN, str(error))
    except LatexError as error:
        return Judgement(Outcome.UNREADABLE, error.message, at=error.at, help=error.help)
    except (Unknown, NotUnderstood) as error:
        return Judgement(Outcome.OPEN, str(error))
    except (NoIndex, DeriveError) as error:
        return Judgement(Outcome.UNREADABLE, str(error))
    except RecursionError:
        return Judgement(Outcome.UNREADABLE, "it is nested too deeply")
