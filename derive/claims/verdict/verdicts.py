"""What is said of a claim: of each reading, of all together, and the nearest true equation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from derive.proof.verdict import TEMPLATE, Counterexample, Status, Verdict, shown
from derive.render import fragment


class Outcome(StrEnum):
    """What is said of a claim."""

    PROVED = "proved"
    CHECKED = "checked"
    CONDITIONAL = "conditional"
    REFUTED = "refuted"
    ILL_FORMED = "ill-formed"
    OPEN = "open"
    UNREADABLE = "unreadable"


WORSE = (Status.REFUTED, Status.ILL_FORMED, Status.OPEN, Status.CHECKED, Status.PROVED)
TRUE = (Outcome.PROVED, Outcome.CHECKED)
FALSE = (Outcome.REFUTED, Outcome.ILL_FORMED)


@dataclass(frozen=True)
class Judged:
    """One reading and its verdict."""

    choices: Mapping[str, str]
    verdict: Verdict

    @property
    def outcome(self) -> Outcome:
        return Outcome(str(self.verdict.status))


NONE_FOUND = "no true equation was found among the edits that are tried"
ANEW = "derived anew"  # the first of the changes where no few edits lead to a true equation


@dataclass(frozen=True)
class Repair:
    """The nearest true equation.

    Attributes:
        changes: what was changed, in words; formulas stand between dollars.
        reading: the choices under which it is true, where it has false readings too.
        others: further ones that are as near.
    """

    latex: str
    changes: tuple[str, ...]
    outcome: Outcome
    others: tuple[str, ...] = ()
    reading: Mapping[str, str] = field(default_factory=dict)

    @property
    def edits(self) -> tuple[str, ...]:
        """What was changed, as a terminal shows it."""
        return tuple(x.replace("$", "") for x in self.changes)

    def as_json(self) -> dict[str, object]:
        return {
            "latex": self.latex,
            "edits": list(self.edits),
            "status": str(self.outcome),
            "others": list(self.others),
            "reading": dict(self.reading),
        }

    def lines(self) -> list[str]:
        """For readers."""
        said, latex, notes = self.parts()
        return [said + latex, *(x.replace("$", "") for x in notes)]

    def parts(self) -> tuple[str, str, list[str]]:
        """The same for pages: the equation by itself, formulas among words between dollars."""
        anew = self.changes[0].startswith(ANEW)
        what = "true equation for its left side" if anew else "nearest true equation"
        notes = [f"edits: {'; '.join(self.changes)}"]
        notes += [f"where {'; '.join(f'{q} {a}' for q, a in self.reading.items())}"] if self.reading else []
        return f"{what} ({self.outcome}): ", self.latex, notes + [f"as near: ${x}$" for x in self.others]

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex}$"

    def _repr_html_(self) -> str:
        """The equation and what was changed, for notebooks."""
        return fragment(TEMPLATE, **shown(self.outcome, "the equation below"), repairs=[self.parts()])


@dataclass(frozen=True)
class Judgement:
    """The verdict on a claim.

    Attributes:
        readings: each with its own verdict, equal ones once.
        reading: the choices under which a conditional claim is true.
    """

    outcome: Outcome
    reason: str
    readings: tuple[Judged, ...] = ()
    reading: Mapping[str, str] = field(default_factory=dict)
    at: int = 0
    help: str = ""
    repair: Repair | None = None
    sought: bool = False  # was a repair looked for?

    @property
    def status(self) -> Outcome:
        """What is said of the claim."""
        return self.outcome

    @property
    def counterexample(self) -> Counterexample | None:
        """Values at which the sides differ, where it is refuted."""
        return self.verdict.counterexample if self.verdict is not None else None

    @property
    def certificate(self) -> str | None:
        """The proof, as JSON, where it is proved."""
        return self.verdict.certificate if self.verdict is not None else None

    @property
    def reading_needed(self) -> Mapping[str, str]:
        """The choices without which it is false."""
        return self.reading if self.outcome is Outcome.CONDITIONAL else {}

    def __str__(self) -> str:
        lines = [f"{self.outcome}: {self.reason}"]
        lines += [f"  {self.counterexample}"] if self.counterexample is not None else []
        repair = self.repair.lines() if self.repair is not None else []
        return "\n".join([*lines, *(f"  {line}" for line in [*self._notes(), *repair])])

    def _notes(self) -> list[str]:
        """What goes with the reason."""
        assumed = self.verdict.assumptions if self.verdict is not None else ()
        found = [NONE_FOUND] if self.sought and self.repair is None else []
        return [*([self.help] if self.help else []), *(f"assumed: {a}" for a in assumed), *found]

    def __repr__(self) -> str:
        return f"<Judgement {self.outcome}: {self.reason}>"

    def _repr_html_(self) -> str:
        """What is said, for notebooks; the repair is set by their MathJax."""
        repairs = [self.repair.parts()] if self.repair is not None else []
        return fragment(
            TEMPLATE, **shown(self.outcome, self.reason, self.counterexample, self._notes()), repairs=repairs
        )

    def counted_from(self, first: int) -> Judgement:
        """With steps as a book counts them, whose first one has this number."""

        def counted(v: Verdict) -> Verdict:
            found = v.counterexample
            return v if found is None else replace(v, counterexample=replace(found, first=first))

        return replace(self, readings=tuple(replace(r, verdict=counted(r.verdict)) for r in self.readings))

    @property
    def verdict(self) -> Verdict | None:
        """Of the reading that decides."""
        return next((r.verdict for r in self.readings if r.outcome is self.outcome), None)


def combined(judged: list[Judged], complete: bool) -> Judgement:
    """What the readings say together."""
    sensible = [j for j in judged if j.outcome is not Outcome.ILL_FORMED]
    if not sensible:
        return Judgement(Outcome.ILL_FORMED, judged[0].verdict.reason, tuple(judged))
    kept, by = tuple(sensible), {o: [j for j in sensible if j.outcome is o] for o in Outcome}
    true = [*by[Outcome.PROVED], *by[Outcome.CHECKED]]
    false, undecided = by[Outcome.REFUTED], by[Outcome.OPEN]
    if true and false:
        reading = told_apart(true[0], false)
        shown = "; ".join(f"{question} {answer}" for question, answer in reading.items())
        reason = f"true where {shown}" if shown else "true under some readings, false under others"
        return Judgement(Outcome.CONDITIONAL, reason, kept, reading)
    if undecided or not complete:
        reason = undecided[0].verdict.reason if undecided else "there are more readings than are tried"
        return Judgement(Outcome.OPEN, reason, kept)
    if false:
        return Judgement(Outcome.REFUTED, false[0].verdict.reason, kept)
    outcome = Outcome.PROVED if not by[Outcome.CHECKED] else Outcome.CHECKED
    verdict = (by[outcome] or true)[0].verdict
    return Judgement(outcome, verdict.reason, kept, dict(true[0].choices) if len(true) == 1 else {})


def told_apart(true: Judged, false: list[Judged]) -> dict[str, str]:
    """The fewest choices of a true reading that no false one shares, those that are asked last first."""
    kept = dict(true.choices)
    for question in list(kept):
        fewer = {q: a for q, a in kept.items() if q != question}
        if not any(all(f.choices.get(q, a) == a for q, a in fewer.items()) for f in false):
            kept = fewer
    return kept
