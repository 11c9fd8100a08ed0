"""Verdicts for readers and for machines: like a good compiler, as JSON, as annotations of a pull request, as SARIF."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from derive.claims.verdict.verdicts import FALSE, NONE_FOUND, TRUE, Judgement, Outcome
from derive.claims.verify import Result
from derive.proof.verdict import Counterexample

LEVELS: Mapping[Outcome, str] = {
    Outcome.PROVED: "none", Outcome.CHECKED: "none", Outcome.CONDITIONAL: "note", Outcome.REFUTED: "error",
    Outcome.ILL_FORMED: "error", Outcome.OPEN: "note", Outcome.UNREADABLE: "warning",
}  # fmt: skip
RULES: Mapping[str, str] = {
    "refuted": "The equation is false: values were found at which its sides differ.",
    "ill-formed": "The equation has no meaning: operands do not conform, or an index is free.",
    "unreadable": "The equation, or a directive above it, is not in the language.",
    "open": "No method decided the equation.",
    "conditional": "The equation is true under some readings and false under others.",
    "expected-false": "The equation is marked as false, and was not found to be.",
}
MOST_READINGS = 6  # of a conditional claim
LONGEST = 160  # characters of an equation that a terminal shows


def chosen(choices: Mapping[str, str]) -> str:
    """A reading in words."""
    return "; ".join(f"{question} {answer}" for question, answer in choices.items())


# Machines


def as_json(r: Result) -> dict[str, object]:
    """One claim, as the interface document describes it."""
    j = r.judgement
    verdict = j.verdict
    example = verdict.counterexample if verdict is not None else None
    return {
        "id": r.id,
        "file": r.file,
        "line": r.line,
        "model": r.model,
        "latex": r.tex,
        "status": str(j.outcome),
        "reason": j.reason,
        "help": j.help,
        "reading": chosen(j.reading),
        "readings": [{"reading": chosen(x.choices), "status": str(x.outcome)} for x in j.readings],
        "counterexample": example.as_json() if example is not None else None,
        "checked": [i.as_json() for i in verdict.instances] if verdict is not None else [],
        "assumptions": [*r.assumptions, *(verdict.assumptions if verdict is not None else ())],
        "repair": j.repair.as_json() if j.repair is not None else None,
        "certificate": verdict.certificate if verdict is not None else None,
        "expected_false": r.expected_false,
        "ok": r.ok,
    }


def github(results: Iterable[Result]) -> list[str]:
    """Workflow commands that annotate a pull request."""
    lines = []
    for r in results:
        level = {"error": "error", "warning": "warning", "note": "notice"}.get(_level(r))
        if level:
            title = _escaped(f"{r.judgement.outcome}: {r.id}", title=True)
            message = _escaped("\n".join([r.judgement.reason, *_more(r)]))
            lines.append(f"::{level} file={_escaped(r.file, title=True)},line={r.line},title={title}::{message}")
    return lines


def _escaped(text: str, title: bool = False) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if title else text


def sarif(results: Iterable[Result], version: str) -> dict[str, object]:
    """The Static Analysis Results Interchange Format, version 2.1.0."""
    rules = [{"id": name, "shortDescription": {"text": text}} for name, text in RULES.items()]
    found = []
    for r in results:
        level = _level(r)
        if level == "none":
            continue
        place = {"artifactLocation": {"uri": r.file}, "region": {"startLine": r.line}}
        text = "\n".join([r.judgement.reason, *_more(r)])
        rule = "expected-false" if r.expected_false else str(r.judgement.outcome)
        location = {"physicalLocation": place}
        found.append({"ruleId": rule, "level": level, "message": {"text": text}, "locations": [location]})
    driver = {"name": "derive", "version": version, "rules": rules}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": found}],
    }


def _level(r: Result) -> str:
    if r.expected_false:
        return "none" if r.ok else "error"
    return LEVELS[r.judgement.outcome]


# Readers


def text(r: Result) -> list[tuple[str, str]]:
    """Lines for a terminal, each with its part: head, tex, more or help."""
    j = r.judgement
    label = "" if r.id == f"{r.file}:{r.line}" else f" [{r.id}]"
    known = " (as marked)" if r.expected_false and r.ok else " (marked as false)" if r.expected_false else ""
    shown = " ".join(r.tex.split())
    lines = [("head", f"{r.file}:{r.line}: {j.outcome}{known}{label}")]
    lines.append(("tex", f"    {shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + '…'}"))
    if j.outcome is Outcome.UNREADABLE and j.at and len(shown) <= LONGEST and shown == r.tex:
        lines.append(("more", f"    {' ' * j.at}^"))
    lines.append(("more", f"    {j.reason}"))
    lines += [("more", f"    {line}") for line in _more(r)]
    if j.help:
        lines.append(("help", f"    help: {j.help}"))
    return lines


USUAL = {
    "vectors are": "columns",
    "gradients by a vector are": "columns",
    "the layout of Jacobians is": "numerator",
    "⊗ is": "an outer product",
}


def _telling(j: Judgement) -> list[str]:
    """The readings of a conditional claim, by the choices that differ, those that agree in them once."""
    questions = list(dict.fromkeys(q for x in j.readings for q in x.choices))
    varied = [q for q in questions if len({x.choices.get(q) for x in j.readings}) > 1 or q in j.reading]
    lines = [
        f"{x.outcome}: {chosen({q: x.choices[q] for q in varied if q in x.choices}) or 'as it stands'}"
        for x in j.readings
    ]
    lines = sorted(dict.fromkeys(lines), key=lambda line: line.startswith(str(Outcome.REFUTED)))
    return lines[:MOST_READINGS] + ([f"… and {len(lines) - MOST_READINGS} more"] if len(lines) > MOST_READINGS else [])


def _numbers(example: Counterexample) -> str:
    """A counterexample with as many digits as a reader wants; JSON has all."""
    left, right = example.sides
    at = "" if example.t is None else f", t = {example.step}"
    sizes = "".join(f", {name} = {n}" for name, n in example.sizes.items())
    row, col = example.entry
    drawn = f", {example.drawn}" if str(example.drawn) else ""
    place = f"at T = {example.T}{at}{sizes}, seed {example.seed}{drawn}"
    return f"{place}: entry ({row}, {col}) is {left} on the left, {right} on the right"


def _more(r: Result) -> list[str]:
    """The counterexample, the readings, what is assumed, the repair."""
    lines, j = [], r.judgement
    verdict = j.verdict
    if verdict is not None and verdict.counterexample is not None:
        lines.append(_numbers(verdict.counterexample))
    if j.outcome is Outcome.CONDITIONAL:
        lines += _telling(j)
    elif len(j.readings) > 1 and j.outcome in FALSE:
        lines.append(f"false in all {len(j.readings)} readings that make sense")
    elif len(j.readings) > 1 and j.outcome in TRUE:
        lines.append(f"true in all {len(j.readings)} readings that make sense")
    elif j.outcome in TRUE:
        unusual = {q: a for q, a in j.reading.items() if USUAL.get(q) != a}
        lines += [f"read so: {chosen(unusual)}"] if unusual else []
    if j.outcome in (*TRUE, Outcome.CONDITIONAL):
        lines += [f"assumed: {tex}" for tex in r.assumptions]
    if verdict is not None:
        lines += [f"assumed: {a}" for a in verdict.assumptions]
    if j.repair is not None:
        lines += j.repair.lines()
    elif j.sought:
        lines.append(NONE_FOUND)
    return lines


def summary(results: list[Result]) -> str:
    """How many of which status."""
    counts = {o: sum(r.judgement.outcome is o for r in results) for o in Outcome}
    parts = [f"{n} {o}" for o, n in counts.items() if n]
    return f"{len(results)} equation{'s' if len(results) != 1 else ''}: {', '.join(parts) or 'none'}"


def status(results: list[Result]) -> int:
    """0 fine, 1 something is false that should not be (or the reverse), 3 undecided ones only."""
    if any(not r.ok for r in results):
        return 1
    undecided = (Outcome.OPEN, Outcome.UNREADABLE)
    return 3 if any(r.judgement.outcome in undecided for r in results) else 0
