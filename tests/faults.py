"""Break the code on purpose and see which test says so: python -m tests.faults [--room ROOM] [--new] [--record]

tests/faults.toml lists what is replaced by what.  Each fault is put into a copy of the project, whose tests run until
the first one fails; docs/reliability/faults.json keeps which it was, and `python -m docs.tools.reliability` shows it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import pytest

from derive.files import write_text
from tests.records import record

ROOT = Path(__file__).resolve().parents[1]
LIST, SEEN = Path(__file__).with_suffix(".toml"), ROOT / "docs" / "reliability" / "faults.json"
COPIED = ("derive", "templates", "tests", "docs", "examples", "generated", "benchmarks", "pyproject.toml", "README.md")
TESTS = {  # those that are nearest to a room come first
    "calculus": ("tests/calculus", "tests/test_faults.py", "tests/test_random_cells.py"),
    "schedule": ("tests/test_random_cells.py", "tests/kernels/test_kernels.py", "tests/kernels"),
    "C templates": ("tests/test_random_cells.py", "tests/kernels/test_kernels.py", "tests/kernels"),
    "language": ("tests/language", "tests/test_interpreter.py", "tests/kernels/test_kernels.py"),
    "prover": (
        "tests/proof/test_soundness.py",
        "tests/proof/test_prove.py",
        "tests/proof",
        "tests/claims/test_verify.py",
        "tests/claims/test_published.py",
    ),
    "checker": (
        "tests/proof/test_certificate.py",
        "tests/proof/test_inequality.py",
        "tests/proof",
        "tests/claims/test_bounds.py",
    ),
    "claims": ("tests/claims",),
}
LISTED = "tests/test_faults.py::test_what_the_listed_faults_replace_is_there"  # fails whatever the fault does
FAILED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)


@dataclass(frozen=True)
class Fault:
    """What is replaced by what, and in words what is wrong then."""

    room: str
    file: str
    says: str
    old: str
    new: str


@dataclass(frozen=True)
class Seen:
    """The test that failed first; "" if none did."""

    room: str
    file: str
    says: str
    test: str


def faults() -> Iterator[Fault]:
    """All that are listed."""
    for entry in tomllib.loads(LIST.read_text("utf-8"))["fault"]:
        yield Fault(**entry)


def broken(fault: Fault, folder: Path) -> None:
    """Put a fault into a copy of the project.

    Raises:
        ValueError: what it replaces does not stand there once.
    """
    path = folder / fault.file
    text = path.read_text("utf-8")
    if text.count(fault.old) != 1:
        raise ValueError(f"{fault.file} has {text.count(fault.old)} times: {fault.old}")
    path.write_text(text.replace(fault.old, fault.new), "utf-8")


def seen(fault: Fault) -> str:
    """The first test that fails with it."""
    return first_failure(lambda folder: broken(fault, folder), TESTS[fault.room])


def first_failure(change: Callable[[Path], None], tests: Sequence[str], limit: float = 1800) -> str:
    """The first test that fails in a changed copy of the project; what else ended the run; "" if all pass."""
    with TemporaryDirectory(prefix="derive-fault-") as name:
        folder = Path(name)
        for part in COPIED:
            source = ROOT / part
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, folder / part)
        change(folder)
        environment = {**os.environ, "PYTHONPATH": name, "PYTHONDONTWRITEBYTECODE": "1"}
        quiet = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider", "--deselect", LISTED]
        (folder / "wanted").write_text("\n".join(tests), "utf-8")  # thousands are too many for a command line
        command = [sys.executable, "-m", "pytest", *quiet, "@wanted"]
        try:
            run = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=limit
            )
        except subprocess.TimeoutExpired:
            return f"no end in {limit:.0f} s"
    found = FAILED.search(run.stdout)
    if run.returncode == pytest.ExitCode.USAGE_ERROR and found is None:
        raise RuntimeError(f"pytest did not run; are there tests that `tests.reach` does not know yet?\n{run.stderr}")
    if found is None and run.returncode:
        return f"the run ended with status {run.returncode}"
    return found.group(1) if found else ""


def main(arguments: list[str]) -> int:
    """Try them all; 1 if one is not seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--room", choices=sorted(TESTS))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--record", action="store_true", help="put the figures into docs/reliability, one by one")
    parser.add_argument("--new", action="store_true", help="only those that are not recorded yet")
    options = parser.parse_args(arguments)
    done = {(r["file"], r["says"]) for r in recorded()} if options.new else set()
    wanted = [f for f in faults() if options.room in (None, f.room) and (f.file, f.says) not in done]
    started, results = time.monotonic(), list[Seen]()
    with (
        ThreadPoolExecutor(options.jobs) as pool,
        click.progressbar(
            zip(wanted, pool.map(seen, wanted), strict=True), len(wanted), "faults", file=sys.stderr
        ) as bar,
    ):
        for fault, test in bar:
            results.append(Seen(fault.room, fault.file, fault.says, test))
            click.echo(f"{fault.room}: {fault.says}: {results[-1].test or 'NOT SEEN'}")
            if options.record:
                keep(results)
    missed = [r for r in results if not r.test]
    click.echo(f"{len(results)} faults, {len(missed)} not seen; {time.monotonic() - started:.0f} s")
    if options.record and len(kept := recorded()) == len(list(faults())):
        count, seconds = sum(not r["test"] for r in kept), time.monotonic() - started
        record("faults put in on purpose", "python -m tests.faults", len(kept), count, seconds)
    return bool(missed)


def recorded() -> list[dict[str, str]]:
    """What was seen of faults that are listed still."""
    known = {(f.file, f.says) for f in faults()}
    before = json.loads(SEEN.read_text("utf-8")) if SEEN.exists() else []
    return [r for r in before if (r["file"], r["says"]) in known]


def keep(results: Sequence[Seen]) -> None:
    """Put results among those that are recorded, in the order of the list."""
    every = {(r["file"], r["says"]): r for r in (*recorded(), *map(asdict, results))}
    kept = [every[key] for f in faults() if (key := (f.file, f.says)) in every]
    write_text(SEEN, json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
