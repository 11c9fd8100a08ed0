"""The main job of the command line: one cell to its derivation, its kernels and their checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from derive.errors import ToolError
from derive.kernels.gradcheck import SHAPES, check
from derive.kernels.report import Report
from derive.kernels.runtime import Kernel
from derive.kernels.targets import TARGETS
from derive.model.model import Model
from derive.render import write_text

SETS = 5


@dataclass
class Outcome:
    """What was written for a cell, what its checks found, and what could not be checked for want of a tool."""

    name: str
    files: list[Path] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    unchecked: dict[str, ToolError] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return all(r.ok for r in self.reports)

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "files": [str(f) for f in self.files],
            "checks": [r.as_json() for r in self.reports],
            "unchecked": [{"target": target, "reason": str(e)} for target, e in self.unchecked.items()],
            "ok": self.ok,
        }


def samples(targets: Iterable[str] = tuple(TARGETS), sets: int = SETS) -> int:
    """How many samples the checks of one cell take, for progress bars."""
    return len(tuple(targets)) * (sets + len(SHAPES) - 1)


def write(model: Model, folder: Path) -> list[Path]:
    """Write derivation and kernels of a model into folder/<cell>/."""
    contents = {f"{model.name}.tex": model.latex()}
    for target in TARGETS:
        contents |= model.code(target)
    written = []
    for name, text in contents.items():
        path = folder / model.name / name
        write_text(path, text)
        written.append(path)
    return written


def check_all(
    model: Model,
    outcome: Outcome,
    targets: Iterable[str] = tuple(TARGETS),
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


def run(model: Model, folder: Path, progress: Callable[[], None] = lambda: None) -> Outcome:
    """Derive, write and check."""
    outcome = Outcome(model.name, write(model, folder))
    check_all(model, outcome, progress=progress)
    return outcome
