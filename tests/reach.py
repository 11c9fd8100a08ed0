"""Which tests reach which lines and branches of derive/: python -m tests.reach [--also MARKS] [--record] [TEST …]

Runs the tests under coverage and keeps, in .reach/, which test reached a line (`tests.mutation` runs those and no
others) and for how long it ran.  `--also "slow or frameworks"` runs those so marked instead and adds what they reach.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import click
import coverage
import pytest

from tests.records import record

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / ".reach"  # not under version control
DATA, SECONDS = KEPT / "coverage", KEPT / "seconds.json"
SETTINGS = """\
[run]
source = {root}/derive
branch = true
parallel = true
patch = subprocess
data_file = {data}
[report]
exclude_also =
    if TYPE_CHECKING:
"""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """What a test reaches counts as its own."""
    current = coverage.Coverage.current()
    if current is not None:
        current.switch_context(item.nodeid)
    try:
        return (yield)
    finally:
        if current is not None:
            current.switch_context("")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep how long each test ran; the processes that only run them leave that to the one that asked."""
    if hasattr(session.config, "workerinput"):
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    assert reporter is not None
    known = seconds() if SECONDS.exists() else {}
    for report in reporter.stats.get("passed", ()):
        known[report.nodeid] = round(report.duration, 3)
    SECONDS.write_text(json.dumps(known, indent=0), "utf-8")


def seconds() -> dict[str, float]:
    """How long each test ran, by its name."""
    return dict(json.loads(SECONDS.read_text("utf-8")))


def tests_by_line(module: str) -> dict[int, list[str]]:
    """The tests that reach each line of a module; a path relative to the project."""
    data = coverage.CoverageData(str(DATA))
    data.read()
    return {line: sorted(filter(None, tests)) for line, tests in data.contexts_by_lineno(str(ROOT / module)).items()}


def main(arguments: list[str]) -> int:
    """Run the tests and report; 1 if some fail."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--also", metavar="MARKS", help="tests with these marks, added to what is kept")
    parser.add_argument("--record", action="store_true", help="put the figure into docs/reliability/runs.json")
    parser.add_argument("tests", nargs="*")
    options = parser.parse_args(arguments)
    KEPT.mkdir(exist_ok=True)
    settings = KEPT / "settings"
    settings.write_text(SETTINGS.format(root=ROOT, data=DATA), "utf-8")
    if options.also is None:
        for old in KEPT.glob("coverage*"):
            old.unlink()
    marked = ["-m", options.also] if options.also is not None else []
    command = [sys.executable, "-m", "coverage", "run", f"--rcfile={settings}", "-m", "pytest", "-p", "tests.reach"]
    started = time.monotonic()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    failed = subprocess.run([*command, *marked, *options.tests], cwd=ROOT, env=environment, check=False).returncode
    measured = coverage.Coverage(config_file=str(settings))
    if options.also is not None:
        measured.load()
    measured.combine(data_paths=[str(KEPT)])
    measured.save()
    share = measured.report(show_missing=True, skip_covered=True)
    click.echo(f"{share:.2f} % of lines and branches; {time.monotonic() - started:.0f} s")
    if options.record:
        _record(measured, time.monotonic() - started)
    return bool(failed)


def _record(measured: coverage.Coverage, took: float) -> None:
    path = KEPT / "coverage.json"
    measured.json_report(outfile=str(path))
    total = json.loads(path.read_text("utf-8"))["totals"]
    cases = total["num_statements"] + total["num_branches"]
    missing = total["missing_lines"] + total["missing_branches"]
    record("lines and branches of derive/, and those no test reaches", "python -m tests.reach", cases, missing, took)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
