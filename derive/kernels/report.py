"""What a numeric check found: relative errors, and the bounds they are held to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from derive.render import fragment

Array = np.ndarray[Any, Any]

TOLERANCE = {"float64": 1e-12, "float32": 2e-4}
VALUE_TOLERANCE = {"float64": 1e-12, "float32": 2e-4}
DIFFERENCE_TOLERANCE = 1e-6


@dataclass
class Report:
    """The worst relative error per gradient, and per value compared, over all samples."""

    name: str
    target: str
    dtype: str
    gradients: dict[str, float] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    differences: dict[str, float] = field(default_factory=dict)
    beside: dict[str, float] = field(default_factory=dict)
    other: str = ""  # the target that `beside` compares with
    symbols: dict[str, str] = field(default_factory=dict)  # how a gradient is written, where not dL/dname

    @property
    def ok(self) -> bool:
        """Every error is within its bound; NaN is not."""
        return bool(self.gradients or self.values) and all(error <= bound for _, _, error, bound in self.rows())

    def rows(self) -> Iterator[tuple[str, str, float, float]]:
        """(quantity, against what, error, bound)."""
        for name, error in self.gradients.items():
            yield self.symbol(name), "complex step", error, TOLERANCE[self.dtype]
        for name, error in self.differences.items():
            yield self.symbol(name), "central difference", error, DIFFERENCE_TOLERANCE
        for name, error in self.values.items():
            yield name, "interpreter", error, VALUE_TOLERANCE[self.dtype]
        for name, error in self.beside.items():
            yield name, f"the {self.other} kernel", error, VALUE_TOLERANCE[self.dtype]

    def symbol(self, name: str) -> str:
        return self.symbols.get(name, f"dL/d{name}")

    @property
    def worst(self) -> float:
        return max(self.gradients.values(), default=0.0, key=lambda e: np.inf if np.isnan(e) else e)

    def __repr__(self) -> str:
        found = "ok" if self.ok else "not ok"
        return f"<Report {self.name}, {self.target}, {self.dtype}: {found}, gradients within {self.worst:.1e}>"

    def _repr_html_(self) -> str:
        """Every error beside its bound, for notebooks."""
        rows = [
            (q, against, f"{e:.1e}", f"{bound:.0e}", "yes" if e <= bound else "no")
            for q, against, e, bound in self.rows()
        ]
        found = "all errors are within their bounds" if self.ok else "not ok"
        return fragment(
            "notebook/table.html.j2",
            title=self.name,
            words=f", {self.target}, {self.dtype}: {found}",
            head=("quantity", "against", "relative error", "bound", "within"),
            rows=rows,
            folded=(),
        )

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "target": self.target,
            "dtype": self.dtype,
            "gradients": [{"name": n, "max_rel_error": e} for n, e in self.gradients.items()],
            "values": [{"name": n, "max_rel_error": e} for n, e in self.values.items()],
            "differences": [{"name": n, "max_rel_error": e} for n, e in self.differences.items()],
            "beside": [{"name": n, "max_rel_error": e, "target": self.other} for n, e in self.beside.items()],
            "ok": self.ok,
        }


def relative_error(a: Array, reference: Array) -> float:
    """max|a − b| / max|b|; 0 if both are zero or empty; infinite if the shapes differ."""
    if np.shape(a) != np.shape(reference):
        return float("inf")
    if np.size(reference) == 0:
        return 0.0
    error = float(np.max(np.abs(np.asarray(a, dtype=np.float64) - reference)))
    scale = float(np.max(np.abs(reference)))
    return error / scale if scale else error


def note(errors: dict[str, float], name: str, error: float) -> None:
    """Keep the larger error; NaN counts as the largest."""
    old = errors.get(name, 0.0)
    errors[name] = float("nan") if np.isnan(error) or np.isnan(old) else max(old, error)
