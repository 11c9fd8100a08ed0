"""Two `derive run` at a time into one folder, killed while they write: no file may be torn, nothing may be left behind.

python -m tests.kills --count 200 [--seed 0] [--record]
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

from derive.files import LEFTOVER
from tests.records import record

CELL, LONGEST = "elman", 60.0  # seconds that a run may take


def start(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "derive", "run", CELL, "-o", str(folder)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def leftovers(names: dict[str, bytes]) -> list[str]:
    return [name for name in names if LEFTOVER.fullmatch(Path(name).name)]


def moment(folder: Path, run: subprocess.Popen[bytes], rng: random.Random) -> None:
    """Wait for a moment to kill at: some time after something is written, or at random."""
    until = monotonic() + (rng.uniform(0.1, 4.0) if rng.random() < 0.25 else LONGEST)
    before = stamps(folder)
    while run.poll() is None and monotonic() < until:
        if stamps(folder) != before:
            sleep(rng.uniform(0, 0.02))
            return


def stamps(folder: Path) -> set[tuple[str, int]]:
    found = set()
    for path in folder.rglob("*"):
        try:
            found.add((path.name, path.stat().st_mtime_ns))
        except FileNotFoundError:
            continue
    return found


def rounds(count: int, seed: int, folder: Path, whole: dict[str, bytes]) -> Iterator[tuple[int, int, int]]:
    """After each round: how many were killed, how many temporary files they left, how many files are torn."""
    rng, killed = random.Random(seed), 0
    while killed < count:
        runs = [start(folder), start(folder)]
        moment(folder, runs[0], rng)
        for run in runs:
            if run.poll() is None:
                run.kill()
                killed += 1
            run.wait()
        now = contents(folder)
        left = leftovers(now)
        torn = [name for name, data in now.items() if name not in left and whole.get(name) != data]
        yield killed, len(left), len(torn)
        if rng.random() < 0.3:
            for name in whole:  # so that files are made, too, and not only replaced
                (folder / name).unlink(missing_ok=True)


def killed(count: int, seed: int = 0, said: bool = False) -> tuple[int, int, int, int]:
    """How many were killed; how many temporary files a round left, at most; torn files; what is left at the end."""
    with TemporaryDirectory(prefix="derive-kills-") as place:
        reference, folder = Path(place, "whole"), Path(place, "killed")
        if start(reference).wait(LONGEST):
            raise RuntimeError(f"derive run {CELL} fails")
        whole = contents(reference)
        folder.mkdir()
        done = most = torn = 0
        for done, left, bad in rounds(count, seed, folder, whole):
            most, torn = max(most, left), torn + bad
            if said:
                print(f"\r{done} killed, {left} left behind, {torn} torn", end="", file=sys.stderr)  # noqa: T201
        start(folder).wait(LONGEST)
        now = contents(folder)
        return done, most, torn + (now != whole), len(leftovers(now))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", action="store_true", help="put the figures into docs/reliability")
    chosen = parser.parse_args()
    began = monotonic()
    done, most, torn, stale = killed(chosen.count, chosen.seed, said=True)
    print(f"\n{done} runs killed, up to {most} temporary files left by one round; torn files: {torn}; stale: {stale}")  # noqa: T201
    if chosen.record:
        command = f"python -m tests.kills --count {chosen.count} --seed {chosen.seed}"
        record("`derive run` killed while two of them write", command, done, torn + stale, monotonic() - began)
    return 1 if torn or stale else 0


if __name__ == "__main__":
    sys.exit(main())
