"""What the page asks of Python: a cell or a claim in, data for JSON out.

This runs in a browser, on CPython compiled to WebAssembly, and in tests: nothing that it calls needs NumPy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from derive.claims import report
from derive.claims.text.source import Directive, Display
from derive.claims.verdict.verdicts import FALSE, TRUE
from derive.claims.verify import Result, Source, read_paper, verify
from derive.documents.mathml import math_element
from derive.errors import CellError, DeriveError, Diagnostic, InputError, UnsupportedError
from derive.language import explain, names, text
from derive.model import Model, parse
from derive.model.paper import LAST, paper, plan
from derive.proof.prove import Prover

TARGETS = ("numpy", "c")  # whose code the page shows
REPAIR_SECONDS = 20.0  # several times what a terminal takes: a browser is slower, and one can stop it
MOST_CHARACTERS = 100_000  # of a claim
Progress = Callable[[str], None]


def answer(request: str, progress: Progress = lambda words: None) -> str:
    """One request as JSON to one answer as JSON; what a user did wrong is an answer with `errors`.

    Args:
        request: {"verb": …} and the arguments of the function of that name.
        progress: called with what has been done, in words.
    """
    asked: dict[str, Any] = json.loads(request)
    try:
        found = VERBS[asked.pop("verb")](progress=progress, **asked)
    except DeriveError as error:
        found = {"errors": findings(error)}
    return json.dumps(found, ensure_ascii=False)


def derivation(cell: str, progress: Progress) -> dict[str, Any]:
    """The derivation of a cell, every equality checked.

    Returns:
        name, title, the derivation as html (a fragment) and as latex, a summary, warnings.
    """
    model, checked = _model(cell), 0
    whole = sum(1 for _ in plan(model, None, LAST).equations())

    def count() -> None:
        nonlocal checked
        checked += 1
        progress(f"{checked} of {whole} equations checked")

    made = paper(model, progress=count)
    if made.wrong:  # a bug of ours: what does not hold is not shown
        raise UnsupportedError(f"the derivation does not hold, and is not shown: {'; '.join(made.wrong)}")
    return {
        "name": model.name,
        "title": model.program.title or model.name,
        "html": made.html(fragment=True),
        "latex": made.latex(),
        "summary": made.summary,
        "warnings": [finding(w) for w in model.warnings],
    }


def code(cell: str, progress: Progress) -> dict[str, Any]:
    """The kernels of a cell as text: target → files by name, or errors."""
    model = _model(cell)
    found: dict[str, Any] = {}
    for target in TARGETS:
        progress(f"writing the {target} kernel")
        try:
            found[target] = {"files": model.code(target), "notes": model.code_notes(target)}
        except DeriveError as error:
            found[target] = {"errors": findings(error)}
    return {"code": found}


def claim(cell: str, claim: str, repair: bool, progress: Progress) -> dict[str, Any]:
    """The verdict on an equation, or on every display of a piece of LaTeX.

    Args:
        claim: with comments `% derive: …` that say what its names mean, where they are not the model's.
        repair: look for the nearest true equation of what is false.
    """
    model = _model(cell)
    judged = verify(sources(claim), _named, model.prover, repairs=repair, seconds=REPAIR_SECONDS)
    results = []
    for result in judged:
        results.append(shown(result))
        progress(f"{len(results)} judged")
    return {"results": results}


def sources(claim: str) -> list[Source]:
    """A piece of LaTeX as directives and displays; without a display, all of it is one.

    Raises:
        InputError: there is nothing in it, or too much.
    """
    if len(claim) > MOST_CHARACTERS:
        raise InputError("claim", f"at most {MOST_CHARACTERS:,} characters", f"{len(claim):,}")
    found = read_paper(claim, "claim", _no_file)
    if any(isinstance(s.item, Display) for s in found):
        return found
    lines = [line for line in claim.splitlines() if not line.lstrip().startswith("%")]
    tex = _BARE.sub(r"\1\2", " ".join(" ".join(lines).split()))
    if not tex:
        raise InputError("claim", "an equation in LaTeX", "nothing")
    directives = [s for s in found if isinstance(s.item, Directive)]
    return [*directives, Source("claim", Display(tex, "claim:1", 1))]


_BARE = re.compile(r"^\$(.*)\$$|^\\\((.*)\\\)$", re.DOTALL)  # signs around a formula in a line of text


def shown(result: Result) -> dict[str, Any]:
    """A verdict as data, with its lines for a terminal, and mathematics where our own reader of TeX has it."""
    data = report.as_json(result)
    del data["certificate"]  # long, and of use to a checker only
    repair = result.judgement.repair
    known = [result.judgement.reason, *(repair.lines() if repair is not None else ())]  # shown by themselves
    lines = [(part, line.removeprefix("    ")) for part, line in report.text(result)]
    return {
        **data,
        "false": result.judgement.outcome in FALSE,
        "true": result.judgement.outcome in TRUE,
        "text": "\n".join(line for _, line in lines[1:]),
        "notes": [line for part, line in lines if part == "more" and line not in known],
        "near": list(repair.lines()[2:]) if repair is not None else [],
        "math": math(result.tex),
        "repair_math": math(repair.latex) if repair is not None else "",
    }


def math(tex: str) -> str:
    """A formula as MathML; "" for TeX that our printers do not write."""
    try:
        return math_element(rf"\displaystyle {tex}", block=True)
    except (UnsupportedError, ValueError, IndexError, KeyError):
        return ""


def findings(error: DeriveError) -> list[dict[str, Any]]:
    """What is wrong, as the terminal shows it and in parts."""
    if isinstance(error, CellError):
        return [finding(d) for d in error.diagnostics]
    return [finding(Diagnostic(type(error).__name__, str(error), file=""))]


def finding(d: Diagnostic) -> dict[str, Any]:
    """One diagnostic; where it has a place, its code has an explanation."""
    words = str(d) if d.line else f"error: {d.message}"
    why = explain(d.code) if d.line else ""
    return {**d.as_json(), "width": d.width, "warning": d.warning, "text": words, "explanation": why}


@lru_cache(maxsize=4)
def _model(cell: str) -> Model:
    """The model of a text; what is learnt of it while it is derived serves its kernels and claims."""
    model = parse(cell, "cell")
    return replace(model, origin=f"{model.name}.cell")


def _named(path: str) -> Prover:
    """The model that a directive names: there are no files here."""
    if path not in names():
        raise InputError("model", "a name of the catalogue", repr(path))
    return _model(text(path)).prover


def _no_file(path: str) -> str:
    raise InputError(r"\input", "all of the text in one place", path, "paste it instead")


VERBS: Mapping[str, Callable[..., dict[str, Any]]] = {f.__name__: f for f in (derivation, code, claim)}
