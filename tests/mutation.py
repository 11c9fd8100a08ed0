"""Mutation testing by Cosmic Ray's operators: python -m tests.mutation ROOM [--count 100] [--seed 0] [--record]

It needs `pip install cosmic-ray`, and `python -m tests.reach` to have been run.  Every place of a room's modules that
an operator can change is known; so many of them are drawn, each changed in one of its ways in a copy of the project,
whose tests that reach the place run until one fails, the quick ones first.  Changes of annotations are left out:
nothing evaluates them.
"""

from __future__ import annotations

import argparse
import difflib
import random
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click

from tests import reach
from tests.faults import ROOT, TESTS, first_failure
from tests.records import record

ROOMS = {"calculus": TESTS["calculus"], "language": TESTS["language"], "proof": (*TESTS["prover"], "tests/claims")}
PATIENCE = 5  # times as long as the tests take without a mutant: one that does not end is seen
Place = tuple[str, int, int]  # module, line, column
Change = tuple[str, int]  # operator, which of its occurrences


def places(room: str) -> dict[Place, list[Change]]:
    """What can be changed in a room, and how."""
    found: dict[Place, list[Change]] = {}
    for path in sorted((ROOT / "derive" / room).rglob("*.py")):
        for place, change in _of_module(path):
            found.setdefault((str(path.relative_to(ROOT)), *place), []).append(change)
    return found


def _of_module(path: Path) -> Iterator[tuple[tuple[int, int], Change]]:
    from cosmic_ray import plugins
    from cosmic_ray.ast import ast_nodes, get_ast_from_path

    tree = get_ast_from_path(path)
    for name in plugins.operator_names():
        operator = plugins.get_operator(name)
        if operator.arguments() or name.endswith("no-op"):
            continue
        count = 0
        for node in ast_nodes(tree):
            for start, _ in operator().mutation_positions(node):
                if not _in_annotation(node):
                    yield start, (name, count)
                count += 1


def _in_annotation(node: Any) -> bool:
    """Does it say a type?"""
    while node.parent is not None:
        if node.type in ("tfpdef", "annassign"):
            return True
        if node.parent.type == "funcdef" and node is node.parent.annotation:
            return True
        if node.parent.type == "expr_stmt" and node.parent.get_first_leaf().value[:1].isupper():
            return "|" in node.get_code()  # an alias of a type, such as Value: TypeAlias = A | B
        node = node.parent
    return False


def mutated(folder: Path, module: str, change: Change) -> str:
    """Change a module in a copy of the project; the lines that differ."""
    from cosmic_ray import plugins
    from cosmic_ray.mutating import mutate_code

    path = folder / module
    before = path.read_text("utf-8")
    after = mutate_code(before, plugins.get_operator(change[0])(), change[1])
    path.write_text(after, "utf-8")
    changed = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return "\n".join(line for line in changed if line[:1] in "+-" and line[:3] not in ("+++", "---"))


def tests_of(room: str, place: Place, budget: float) -> list[str]:
    """Those that reach a place, the quick ones first, as many as the seconds allow.

    A statement of several lines may be known by its first; of one that runs when the module is imported it is those
    that reach anything in the module, and those of the room if there are none.
    """
    by_line, known = reach.tests_by_line(place[0]), reach.seconds()
    line = max((n for n in by_line if n <= place[1]), default=0)
    reaching = by_line.get(line) or {test for tests in by_line.values() for test in tests}
    chosen, left = list[str](), budget
    for test in sorted(reaching, key=lambda test: known.get(test, budget)):
        left -= known.get(test, budget)
        if left < 0:
            break
        chosen.append(test)
    return chosen or list(ROOMS[room])


def outcome(room: str, place: Place, change: Change, limit: float) -> tuple[str, str]:
    """The test that saw a mutant, "" if none did, and what was changed."""
    told = list[str]()
    tests = tests_of(room, place, limit)
    test = first_failure(lambda folder: told.append(mutated(folder, place[0], change)), tests, PATIENCE * limit)
    return test, told[0]


def main(arguments: list[str]) -> int:
    """Try them; 1 if fewer than nine in ten are seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("room", choices=sorted(ROOMS))
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--limit", type=float, default=120, help="seconds that the tests of one mutant may take")
    parser.add_argument("--record", action="store_true", help="put the figures into docs/reliability/runs.json")
    options = parser.parse_args(arguments)
    rng, known = random.Random(options.seed), places(options.room)
    chosen = rng.sample(sorted(known), min(options.count, len(known)))
    changes = [rng.choice(known[place]) for place in chosen]
    started, survivors = time.monotonic(), 0
    with ThreadPoolExecutor(options.jobs) as pool:
        runs = pool.map(lambda at, change: outcome(options.room, at, change, options.limit), chosen, changes)
        with click.progressbar(zip(chosen, runs, strict=True), len(chosen), "mutants", file=sys.stderr) as bar:
            for place, (test, told) in bar:
                survivors += not test
                click.echo(f"{place[0]}:{place[1]}: {test or 'SURVIVED'}\n{told if not test else ''}".strip())
    seconds = time.monotonic() - started
    click.echo(f"{options.room}: {len(chosen)} of {len(known)} places, {survivors} survived; {seconds:.0f} s")
    if options.record:
        command = f"python -m tests.mutation {options.room} --count {options.count} --seed {options.seed}"
        record(f"mutants of {options.room}, drawn at random", command, len(chosen), survivors, seconds)
    return survivors * 10 > len(chosen)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
