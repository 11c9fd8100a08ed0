"""The tests that take more than a moment: what is left, `pytest -m quick`, runs in a minute.

pytest --durations 0 > times.txt; python -m tests.durations times.txt

Writes tests/longer.txt.  A test that is new is quick until the list is made again, on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import re
from collections import defaultdict
from pathlib import Path

from tests.conftest import LONGER

MOMENT = 0.1  # seconds
LINE = re.compile(r"^ *([\d.]+)s (?:setup|call|teardown) +(\S.*)$", re.MULTILINE)


def longer(report: str, limit: float) -> list[str]:
    """The names of the tests that took longer, in order."""
    seconds = defaultdict[str, float](float)
    for took, name in LINE.findall(report):
        seconds[name] += float(took)
    return sorted(name for name, took in seconds.items() if took > limit)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path, help="what pytest --durations 0 prints")
    parser.add_argument("--limit", type=float, default=MOMENT, help="seconds that a quick test may take")
    given = parser.parse_args()
    LONGER.write_text("".join(f"{name}\n" for name in longer(given.report.read_text("utf-8"), given.limit)), "utf-8")


if __name__ == "__main__":
    main()
