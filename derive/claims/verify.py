"""A file of claims, from its text to verdicts: directives set the stage, every display is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from sympy import MatrixExpr, Symbol

from derive.algebra.bound import MatrixSum
from derive.algebra.nodes import T, t
from derive.claims import directives as d
from derive.claims import values as v
from derive.claims.clock import Clock, NoIndex, Scope
from derive.claims.equation import ORDER, Claim, NoClaim, Side, defined, has_tensors, read_claim
from derive.claims.formula import Formula
from derive.claims.judge import FALSE, Judge, Judgement, Outcome, Pair, fingerprint
from derive.claims.parse import LatexError, parse
from derive.claims.patterns import plain
from derive.claims.quantities import Unknown
from derive.claims.readings import Choices, Misfit, search
from derive.claims.source import Directive, Display, read_source
from derive.claims.vocabulary import Vocabulary
from derive.errors import DeriveError, ShapeError
from derive.proof.prove import Prover


class Loader(Protocol):
    def __call__(self, path: str) -> Prover:
        """The prover of a model that a directive names; raises a DeriveError if there is none."""
        ...


@dataclass(frozen=True)
class Result:
    """One display and what is said of it.

    Attributes:
        id: its label, else file:line.
        model: the name of the model it is about.
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


@dataclass
class Stage:
    """What the directives above a claim say."""

    prover: Prover | None = None
    model: str = ""
    trouble: str = ""  # an error above, which makes what follows unreadable
    clock: Clock = field(default_factory=Clock)
    pending: list[d.Let | d.Where | d.Abstract] = field(default_factory=list)
    convention: str = "ask"
    layout: str = "ask"
    assumptions: list[str] = field(default_factory=list)
    unknown: str = ""  # a directive that is understood, and not supported
    skip: bool = False
    expect_false: bool = False


def verify_text(
    text: str, file: str, load: Loader, given: Prover | None = None, progress: Callable[[], None] = lambda: None
) -> Iterator[Result]:
    """The verdict on every display of a file.

    Args:
        given: the model of displays above the first `model` directive.
    """
    stage = Stage(given, given.subject.names.name if given is not None else "")
    for item in read_source(text, file):
        if isinstance(item, Directive):
            stage = _directed(stage, item, load)
            continue
        if stage.skip:
            stage.skip = False
            continue
        expected, stage.expect_false = stage.expect_false, False
        yield _result(stage, item, file, expected)
        progress()


def count(text: str, file: str) -> int:
    """How many displays there are."""
    return sum(isinstance(item, Display) for item in read_source(text, file))


def _directed(stage: Stage, item: Directive, load: Loader) -> Stage:
    try:
        order = d.read_directive(item.text)
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
            case d.Choice(_, value):
                stage.layout = value
            case d.Skip():
                stage.skip = True
            case d.ExpectFalse():
                stage.expect_false = True
            case d.Assume(tex):
                stage.assumptions.append(tex)
                stage.unknown = f"the assumption {tex} is not understood"
            case _:
                stage.unknown = f"the directive {item.text.split()[0]} is not supported yet"
    except (DeriveError, LatexError) as error:
        stage.trouble = f"line {item.line}: {error}"
    return stage


def _result(stage: Stage, display: Display, file: str, expected: bool) -> Result:
    judgement = _judgement(stage, display)
    assumptions = tuple(stage.assumptions)
    return Result(display.id, file, display.line, display.tex, stage.model, judgement, expected, assumptions)


def _judgement(stage: Stage, display: Display) -> Judgement:
    if stage.trouble:
        return Judgement(Outcome.UNREADABLE, stage.trouble)
    if stage.prover is None:
        return Judgement(Outcome.UNREADABLE, "no model: `% derive: model FILE.cell` says which, or the command line")
    if stage.unknown:
        return Judgement(Outcome.OPEN, stage.unknown)
    try:
        return Reader(stage.prover, stage).judged(display.tex)
    except NoClaim as error:
        return Judgement(Outcome.ILL_FORMED, str(error))
    except LatexError as error:
        return Judgement(Outcome.UNREADABLE, error.message, at=error.at, help=error.help)
    except Unknown as error:
        return Judgement(Outcome.OPEN, str(error))
    except NoIndex as error:
        return Judgement(Outcome.UNREADABLE, str(error))
    except DeriveError as error:
        return Judgement(Outcome.UNREADABLE, str(error))


class Reader:
    """Reads and judges the claims of one stage."""

    def __init__(self, prover: Prover, stage: Stage):
        self.prover, self.stage = prover, stage
        self.judge = Judge(prover, stage.clock.single)

    def vocabulary(self) -> Vocabulary:
        """The model's names and the paper's."""
        found = Vocabulary.of(self.prover.subject.reading, self.stage.clock)
        for order in self.stage.pending:
            match order:
                case d.Let():
                    found = found.let(order)
                case d.Abstract():
                    found = found.abstract(order)
                case d.Where(left, right):
                    found = found.defining(left, plain(parse(left)), plain(parse(right)))
        return found

    def judged(self, tex: str) -> Judgement:
        """The verdict on a display; a chain is as good as its worst pair."""
        row = plain(parse(tex))
        claim = read_claim(row)
        vocabulary = defined(self.vocabulary(), claim.definitions)
        verdicts = [self._side(side, claim, vocabulary) for side in claim.sides]
        return min(verdicts, key=lambda j: ORDER_OF_OUTCOMES.index(j.outcome))

    def _side(self, side: Side, claim: Claim, vocabulary: Vocabulary) -> Judgement:
        if side.relation in ORDER:
            return Judgement(Outcome.OPEN, "inequalities are not judged yet")
        rows = (side.left, side.right, *(r for _, r in claim.definitions))
        tensors = any(has_tensors(r, vocabulary) for r in rows)

        def run(choices: Choices) -> Pair:
            formula = Formula(
                self.prover.subject, vocabulary, choices, self.stage.convention, self.stage.layout, tensors
            )
            try:
                left, right = formula.sum(side.left, Scope()), formula.sum(side.right, Scope())
            except ShapeError as error:
                raise Misfit(str(error)) from None
            if side.accumulates:
                right = accumulated(v.as_array(right))
            return v.sides(left, right, choices)

        return self.judge.judge(search(run, fingerprint))


STEP = Symbol("t'", integer=True)


def accumulated(right: MatrixExpr) -> MatrixExpr:
    """What is added in every step, over all steps."""
    return MatrixSum(right.xreplace({t: STEP}), STEP, 0, T - 1) if t in right.free_symbols else right


ORDER_OF_OUTCOMES = (
    Outcome.UNREADABLE, Outcome.ILL_FORMED, Outcome.REFUTED, Outcome.OPEN, Outcome.CONDITIONAL, Outcome.CHECKED,
    Outcome.PROVED,
)  # fmt: skip
