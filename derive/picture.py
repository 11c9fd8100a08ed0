"""Figures by matplotlib: what all of them have in common.  Lines differ in more than colour, so that grey is enough."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from derive.errors import InputError, ToolError

ENDINGS = (".png", ".svg", ".pdf")
GRID = {"color": "#d8d8d8", "linewidth": 0.6}
# Marker, dashes, colour: any one of them tells the lines apart.
LINES: tuple[tuple[str, Any, str], ...] = (
    ("o", "-", "#000000"),
    ("s", "--", "#0060a8"),
    ("^", "-.", "#c04000"),
    ("D", (0, (5, 1, 1, 1, 1, 1)), "#408040"),
    ("v", ":", "#d88020"),
    ("P", (0, (3, 1)), "#803090"),
    ("X", (0, (1, 1)), "#20a0a0"),
)


def check_file(path: Path | None, option: str = "--plot") -> None:
    """Raise early, before the work is done; None is no figure.

    Raises:
        InputError: no ending that is known.
        ToolError: no matplotlib.
    """
    if path is None:
        return
    if path.suffix not in ENDINGS:
        raise InputError(option, f"a file that ends in {', '.join(ENDINGS)}", str(path))
    if importlib.util.find_spec("matplotlib") is None:
        raise ToolError("pictures need matplotlib, which is not installed: pip install 'derive[plot]'")


@contextmanager
def drawing(path: Path, width: float, height: float) -> Iterator[Any]:
    """A figure of so many inches, which is written at the end.

    Raises:
        InputError: the file can not be written.
    """
    import matplotlib as mpl

    mpl.use("Agg")  # no window
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=(width, height), layout="constrained")
    try:
        yield figure
        metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix, {})
        figure.savefig(path, dpi=150, metadata=metadata)
    except OSError as error:
        raise InputError(str(path), "a file that can be written", error.strerror or str(error)) from error
    finally:
        pyplot.close(figure)


def grid(axis: Any) -> None:
    axis.grid(True, which="major", **GRID)
    axis.set_axisbelow(True)
