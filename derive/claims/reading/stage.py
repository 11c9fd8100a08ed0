"""What the directives above a claim say: the model, the paper's names, how it counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from derive.claims.reading import directives as d
from derive.claims.reading.clock import Clock
from derive.claims.reading.vocabulary import Vocabulary
from derive.claims.text.parse import LatexError, parse
from derive.claims.text.patterns import plain
from derive.claims.text.tree import Row
from derive.errors import DeriveError, InputError
from derive.proof.prove import Prover


class Loader(Protocol):
    def __call__(self, path: str) -> Prover:
        """The prover of a model that a directive names; raises a DeriveError if there is none."""
        ...


@dataclass(frozen=True)
class Definition:
    """An equation of the paper that defines its left side."""

    tex: str
    left: Row
    right: Row


@dataclass
class Stage:
    """What the directives above a claim say."""

    prover: Prover | None = None
    model: str = ""
    trouble: str = ""  # an error above, which makes what follows unreadable
    clock: Clock = field(default_factory=Clock)
    pending: list[d.Let | d.Where | d.Abstract | Definition] = field(default_factory=list)
    convention: str = "ask"
    layout: str = "ask"
    partial: str = "ask"  # what ∂ is, without a +
    assumptions: list[str] = field(default_factory=list)
    each: list[d.ForAll] = field(default_factory=list)
    unknown: str = ""  # a directive that is understood, and not supported
    skip: bool = False
    expect_false: bool = False
    defines: bool = False  # does an equation with an unknown symbol on its left define that?

    def vocabulary(self, prover: Prover) -> Vocabulary:
        """The model's names and the paper's."""
        found = Vocabulary.of(prover.subject.reading, self.clock).knowing(prover.subject.names.variables)
        for order in self.pending:
            match order:
                case d.Let():
                    found = found.let(order)
                case d.Abstract():
                    found = found.abstract(order)
                case d.Where(left, right):
                    found = found.defining(left, plain(parse(left)), plain(parse(right)))
                case Definition(tex, left_row, right_row):
                    found = found.defining(tex, left_row, right_row)
        return found

    @property
    def definitions(self) -> list[Definition]:
        """The equations that define symbols."""
        rows = [(o.left, o) for o in self.pending if isinstance(o, d.Where)]
        written = [Definition(tex, plain(parse(tex)), plain(parse(o.right))) for tex, o in rows]
        return [*written, *(o for o in self.pending if isinstance(o, Definition))]


def staged(stage: Stage, directives: Iterable[str], load: Loader) -> Stage:
    """The stage after directives that are no comments of a file.

    Raises:
        InputError: one is not understood.
    """
    for n, text in enumerate(directives, 1):
        stage = directed(stage, text, n, load)
        if stage.trouble:
            reason = stage.trouble.partition(": ")[2]
            raise InputError(f"directive '{text}'", "what docs/claims.md lists", f"what is none: {reason}")
    return stage


def directed(stage: Stage, text: str, line: int, load: Loader) -> Stage:
    """The stage after one more directive."""
    try:
        order = d.read_directive(text)
        match order:
            case d.UseModel(path):
                stage = Stage(model=path)
                stage.prover = load(path)
            case d.Counting(first, last):
                stage.clock = Clock.of(first, last)
            case d.Let() | d.Where() | d.Abstract():
                stage.pending.append(order)
            case d.Choice("convention", value):
                stage.convention = value
            case d.Choice("layout", value):
                stage.layout = value
            case d.Choice(_, value):
                stage.partial = value
            case d.Skip():
                stage.skip = True
            case d.Define():
                stage.defines = True
            case d.ExpectFalse():
                stage.expect_false = True
            case d.Assume(tex):
                stage.assumptions.append(tex)
            case d.ForAll():
                stage.each.append(order)
            case _:
                stage.unknown = f"the directive {text.split(maxsplit=1)[0]} is not supported yet"
    except (DeriveError, LatexError) as error:
        stage.trouble = f"line {line}: {error}"
    return stage
