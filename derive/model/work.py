"""The main job of the command line: one cell to its derivation, its kernels and their checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from derive.kernels.gradcheck import SHAPES, check
from derive.kernels.report import Report
from derive.model.model import Model
from derive.render import write_text

SETS = 5
CHECKS = SETS + len(SHAPES) - 1  # the samples of one check, for progress bars


@dataclass
class Outcome:
    """What was written for a cell, and what its checks found."""

    name: str
    files: list[Path] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return all(r.ok for r in self.reports)

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "files": [str(f) for f in self.files],
            "checks": [r.as_json() for r in self.reports],
            "ok": self.ok,
        }


def write(model: Model, folder: Path) -> list[Path]:
    """Write derivation and kernels of a model into folder/<cell>/."""
    contents = {f"{model.name}.tex": model.latex(), **model.code("numpy")}
    written = []
    for name, text in contents.items():
        path = folder / model.name / name
        write_text(path, text)
        written.append(path)
    return written


def run(model: Model, folder: Path, progress: Callable[[], None] = lambda: None) -> Outcome:
    """Derive, write and check."""
    outcome = Outcome(model.name, write(model, folder))
    outcome.reports.append(check(model.compile("numpy"), sets=SETS, progress=progress))
    return outcome
