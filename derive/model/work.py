"""The main job of the command line: one cell to its derivation, its kernels and their checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from derive.errors import ToolError
from derive.files import publish
from derive.kernels import errormap
from derive.kernels.arrays import Array
from derive.kernels.gradcheck import SHAPES, check
from derive.kernels.report import Report
from derive.kernels.runtime import Kernel
from derive.kernels.targets import PLAIN
from derive.model.model import Model
from derive.model.paper import LAST, Paper, paper, plan
from derive.proof.derivation import DerivationProof, prove_derivation, work_of
from derive.proof.verdict import Verdict

SETS = 5
SMALL = 32_768  # characters of certificates that are kept without being asked for


@dataclass
class Outcome:
    """What was written for a cell, what its checks found, and what could not be checked for want of a tool."""

    name: str
    files: list[Path] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    unchecked: dict[str, ToolError] = field(default_factory=dict)
    proof: DerivationProof | None = None
    wrong: tuple[str, ...] = ()  # equations of the document that do not hold

    @property
    def ok(self) -> bool:
        return all(r.ok for r in self.reports) and (self.proof is None or self.proof.ok) and not self.wrong

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "files": [str(f) for f in self.files],
            "checks": [r.as_json() for r in self.reports],
            "proof": self.proof.as_json() if self.proof else None,
            "wrong": list(self.wrong),
            "unchecked": [{"target": target, "reason": str(e)} for target, e in self.unchecked.items()],
            "ok": self.ok,
        }


def samples(targets: Iterable[str] = PLAIN, sets: int = SETS) -> int:
    """How many samples the checks of one cell take, for progress bars."""
    return len(tuple(targets)) * (sets + len(SHAPES) - 1)


def work(model: Model) -> int:
    """How many steps of progress one cell takes in `run`."""
    return samples() + work_of(model.prover) + sum(1 for _ in plan(model, None, LAST).equations())


def write_kernels(model: Model, folder: Path, force: bool = False) -> list[Path]:
    """Write kernels of a model into folder/<cell>/."""
    contents: dict[str, str] = {}
    for target in PLAIN:
        contents |= model.code(target)
    return _write(contents, folder / model.name, force)


def write_paper(made: Paper, folder: Path, force: bool = False) -> list[Path]:
    """Write a derivation as LaTeX and as a page into folder/<cell>/."""
    name = made.model.name
    return _write({f"{name}.tex": made.latex(), f"{name}.html": made.html()}, folder / name, force)


def write_certificates(model: Model, folder: Path, texts: Mapping[str, str], force: bool = False) -> list[Path]:
    """Write certificates, by the name of the parameter, into folder/<cell>/."""
    contents = {f"{model.name}_d{name}.proof.json": f"{text}\n" for name, text in texts.items()}
    return _write(contents, folder / model.name, force)


def _write(contents: Mapping[str, str], folder: Path, force: bool) -> list[Path]:
    return publish(folder, {name: text.encode() for name, text in contents.items()}, force)


def check_all(
    model: Model,
    outcome: Outcome,
    targets: Iterable[str] = PLAIN,
    dtype: str = "float64",
    sets: int = SETS,
    progress: Callable[[], None] = lambda: None,
) -> None:
    """Check the kernels of a model, each beside the one before it."""
    before: Kernel | None = None
    for target in targets:
        try:
            kernel = model.compile(target, dtype)
        except ToolError as error:
            outcome.unchecked[target] = error
            for _ in range(samples([target], sets)):
                progress()
            continue
        outcome.reports.append(check(kernel, sets=sets, progress=progress, beside=before))
        before = kernel


def error_maps(model: Model, outcome: Outcome, targets: Iterable[str], dtype: str) -> dict[str, Array]:
    """Target and gradient → the error of every entry, of the targets that were checked."""
    return {
        f"{target} {name}": errors
        for target in targets
        if target not in outcome.unchecked
        for name, errors in errormap.error_maps(model.compile(target, dtype)).items()
    }


def certificates(verdicts: Mapping[str, Verdict | None], every: bool = False) -> dict[str, str]:
    """The proofs to keep: all of a cell's, where together they are small or `every` one is wanted."""
    found = {name: v.certificate for name, v in verdicts.items() if v is not None and v.certificate}
    return found if every or sum(map(len, found.values())) <= SMALL else {}


def run(
    model: Model,
    folder: Path,
    progress: Callable[[], None] = lambda: None,
    every_certificate: bool = False,
    force: bool = False,
) -> Outcome:
    """Derive, prove, write and check; `force` writes over files that derive did not make."""
    outcome = Outcome(model.name, write_kernels(model, folder, force))
    outcome.proof = prove_derivation(model.prover, progress)
    made = paper(model, progress=progress, sums=outcome.proof.sums)
    if made.wrong:
        outcome.wrong = made.wrong
    else:
        outcome.files += write_paper(made, folder, force)
    outcome.files += write_certificates(model, folder, certificates(outcome.proof.sums, every_certificate), force)
    check_all(model, outcome, progress=progress)
    return outcome
