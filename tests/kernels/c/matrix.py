"""Every cell × type × compiler, sanitizer and checker × (T, B): the whole matrix, which a test run samples.

    python -m tests.kernels.c.matrix [--log FILE] [--features] [CELL ...]

The cells are the catalogue's unless others are named; --features adds those of tests/cells.  It needs
gcc, clang with its runtime libraries, and valgrind.  The exit status is 1 if anything fails.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import click

from tests.cells import CATALOGUE, FEATURES
from tests.kernels.c.driver import BUILDS, compile_and_run, module_of

ALIKE = ("gcc", "gcc -O3", "clang", "gcc c++11", "clang c++11")
DTYPES = ("float64", "float32")
Job = tuple[str, str]


def row(job: Job) -> tuple[Job, dict[str, str], float]:
    """One cell and type under every build: "" is fine, else what went wrong."""
    name, dtype = job
    started, found, digits = time.perf_counter(), {}, set[str]()
    module = module_of(name, dtype)
    for build in BUILDS.values():
        with tempfile.TemporaryDirectory() as folder:
            try:
                compile_and_run(module, build, Path(folder))
                found[build.name] = ""
                if build.name in ALIKE:
                    digits.add(compile_and_run(module, build, Path(folder), ["-DDERIVE_PORTABLE"]))
            except AssertionError as error:
                found[build.name] = str(error)
    found["same digits"] = "" if len(digits) == 1 else "gcc and clang differ"
    return job, found, time.perf_counter() - started


def table(rows: Iterable[tuple[Job, dict[str, str], float]]) -> tuple[str, int]:
    """The matrix as text, and how many fields are not clean."""
    headings = [*BUILDS, "same digits"]
    lines = ["| cell | type | " + " | ".join(headings) + " |", "|---" * (len(headings) + 2) + "|"]
    bad = 0
    for (name, dtype), found, _ in rows:
        bad += sum(bool(x) for x in found.values())
        lines.append(f"| {name} | {dtype} | " + " | ".join("FAILED" if found[h] else "ok" for h in headings) + " |")
    return "\n".join(lines) + "\n", bad


def page(rows: Sequence[tuple[Job, dict[str, str], float]]) -> str:
    """The matrix with what it means."""
    text, bad = table(rows)
    return (
        "# Generated C: cells, compilers, sanitizers\n\n"
        "T in 0, 1, 2, 7 and B in 0, 1, 3; arrays are aligned to their element only; canaries, or the end of the\n"
        "memory, beside each; workspaces of other contents; every status is provoked. The last column: gcc -O2,\n"
        "gcc -O3 -march=native, clang and both as C++11 print the same digits, with -ffp-contract=off and\n"
        "-DDERIVE_PORTABLE: vectors of other widths add in another order.\n"
        "`python -m tests.kernels.c.matrix --features --log docs/c-matrix.md` makes this page.\n\n"
        f"{sum(len(f) for _, f, _ in rows)} fields, {bad} not clean.\n\n{text}"
    )


@click.command()
@click.argument("cells", nargs=-1)
@click.option("--features", is_flag=True, help="The cells of tests/cells too.")
@click.option("--log", type=click.Path(path_type=Path), help="Write the matrix into this file too.")
def main(cells: tuple[str, ...], features: bool, log: Path | None) -> None:
    """Run the matrix."""
    jobs = [(name, dtype) for name in cells or (*CATALOGUE, *(FEATURES if features else ())) for dtype in DTYPES]
    rows = []
    with ProcessPoolExecutor(2) as pool:
        for job, found, seconds in pool.map(row, jobs):
            rows.append((job, found, seconds))
            for build, why in found.items():
                if why:
                    click.echo(f"{' '.join(job)}, {build}: {why}")
            click.echo(
                f"{' '.join(job)}: {sum(not x for x in found.values())} of {len(found)}, {seconds:.0f} s", err=True
            )
            if log:  # after every row: a long run that is stopped has written what it found
                log.write_text(page(rows), "utf-8")
    click.echo(page(rows))
    sys.exit(1 if table(rows)[1] else 0)


if __name__ == "__main__":
    main()
