"""The tests that take more than a moment: what is left, `pytest -m quick`, runs in a minute.

pytest --junitxml times.xml && python -m tests.durations times.xml

Writes tests/longer.txt.  A test that is new is quick until the list is made again, on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from tests.conftest import LONGER

MOMENT = 0.15  # seconds


def longer(report: str, limit: float) -> Iterator[str]:
    """The names of the tests that took longer, as pytest has them: FILE::NAME[CASE]."""
    for case in ElementTree.fromstring(report).iter("testcase"):
        if float(case.get("time", 0)) > limit:
            file, *classes = parts(case.get("classname", ""))
            yield "::".join((file, *classes, case.get("name", "")))


def parts(name: str) -> list[str]:
    """The file and the class of tests.room.test_file.TestClass."""
    words = name.split(".")
    for k in range(len(words), 0, -1):
        file = "/".join(words[:k]) + ".py"
        if (LONGER.parents[1] / file).is_file():
            return [file, *words[k:]]
    return [name]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path, help="of pytest --junitxml")
    parser.add_argument("--limit", type=float, default=MOMENT, help="seconds that a quick test may take")
    given = parser.parse_args()
    found = sorted(longer(given.report.read_text("utf-8"), given.limit))
    LONGER.write_text("".join(f"{name}\n" for name in found), "utf-8")


if __name__ == "__main__":
    main()
