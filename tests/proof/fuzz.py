"""Thousands of random faults, judged three ways: python -m tests.proof.fuzz --help."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import perf_counter

import click
from sympy import MatrixExpr

import derive
from derive.algebra.nodes import t
from derive.errors import DeriveError
from derive.proof.agreement import Agreement
from derive.proof.automaton.equality import decide
from derive.proof.automaton.weighted import Equal
from derive.proof.budget import Budget
from derive.proof.wellformed import problems
from derive.proof.words.expand import first_difference
from derive.proof.words.items import NotInClass
from derive.proof.words.reading import Reader
from tests.proof.mutants import formula_mutant, recursion_mutant
from tests.proof.shaped import Shaped
from tests.proof.sums import Maker, try_pairs
from tests.proof.writings import WRITINGS

LARGEST = 4  # T that is written out


@dataclass
class Tally:
    """What three judges said."""

    said: Counter[str] = field(default_factory=Counter)
    disagreements: list[str] = field(default_factory=list)
    seconds: float = 0.0
    largest: int = LARGEST

    def judge(self, what: str, reader: Reader, agreement: Agreement, left: MatrixExpr, right: MatrixExpr) -> None:
        """Ask all three about left = right, for T ≥ 1."""
        free, budget = t in left.free_symbols | right.free_symbols, Budget(60)
        start = perf_counter()
        try:
            found = decide(reader, left, right, 1, free, budget)
            prover: bool | None = isinstance(found.result, Equal)
            word = found.word
        except NotInClass as refusal:
            prover, word = None, ""
            self.said[f"outside the class: {_general(str(refusal))}"] += 1
        self.seconds += perf_counter() - start
        expansion = self._expansion(reader, left, right, free, budget)
        field_ = self._field(agreement, left, right, budget)
        self.said[f"prover {prover}, expansion {expansion}, field {field_}"] += 1
        known = {x for x in (prover, expansion, field_) if x is not None}
        if len(known) > 1:
            self.disagreements.append(
                f"{what}: prover {prover} ({word}), expansion {expansion}, field {field_}: {right}"
            )

    @staticmethod
    def _field(agreement: Agreement, left: MatrixExpr, right: MatrixExpr, budget: Budget) -> bool | None:
        try:
            return all(
                agreement.exact(left, right, steps, agreement.sizes(shift), budget) is not None
                for steps, shift in ((1, 0), (2, 1), (3, 0), (4, 1))
            )
        except ZeroDivisionError:
            return None

    def _expansion(
        self, reader: Reader, left: MatrixExpr, right: MatrixExpr, free: bool, budget: Budget
    ) -> bool | None:
        try:
            a, b = reader.read(left), reader.read(right)
            return all(
                first_difference(reader, a, b, steps, free, budget.spend) is None
                for steps in range(1, self.largest + 1)
            )
        except NotInClass:
            return None


def _general(reason: str) -> str:
    return reason.split(":", maxsplit=1)[0].split(" of values", maxsplit=1)[0][:60]


def formulas(count: int, seed: int, tally: Tally, step: Callable[[], None] = lambda: None) -> None:
    """Faults in every writing of every formula, in turn."""
    rng = Random(seed)
    made = 0
    writings = [(name, model, left, right) for name, model, left, right in all_writings()]
    tools = {id(m): (Reader(m.prover.subject), Agreement(m.prover.subject)) for _, m, _, _ in writings}
    while made < count:
        name, model, left, right = writings[made % len(writings)]
        wrong = formula_mutant(right, model.prover.subject.names, rng)
        if list(problems(left, wrong, model.prover.subject.names)):
            continue
        made += 1
        tally.judge(f"{name} #{made}", *tools[id(model)], left, wrong)
        step()


def all_writings() -> Iterator[tuple[str, derive.Model, MatrixExpr, MatrixExpr]]:
    for name, make in WRITINGS.items():
        yield (name, *make())


CELLS = (
    ("elman", "W"),
    ("elman", "U"),
    ("lstm", "W_f"),
    ("lstm", "U_o"),
    ("gru", "W_z"),
    ("gru", "W_h"),
    ("irnn", "W"),
)


def recursions(count: int, seed: int, tally: Tally, step: Callable[[], None] = lambda: None) -> None:
    """Faults in adjoint recursions, against the true ones."""
    rng = Random(seed)
    subjects = {cell: derive.load(cell).prover.subject for cell, _ in CELLS}
    made = 0
    while made < count:
        cell, name = CELLS[made % len(CELLS)]
        subject = subjects[cell]
        wanted = subject.adjoint.cotangents[name]
        try:
            mutated, new = recursion_mutant(subject, wanted, rng)
            reader, agreement = Reader(mutated), Agreement(mutated)
            left, right = mutated.names.ref(wanted), mutated.names.ref(new)
        except DeriveError:
            continue
        made += 1
        tally.judge(f"{cell} {name} #{made}", reader, agreement, left, right)
        step()


@click.command()
@click.option("--formulas", "formula_count", default=1000)
@click.option("--recursions", "recursion_count", default=1000)
@click.option("--sums", "sum_count", default=0, help="Pairs of random sums of two kinds, besides.")
@click.option("--seed", default=1)
@click.option("--log", type=click.Path(path_type=Path))
def main(formula_count: int, recursion_count: int, sum_count: int, seed: int, log: Path | None) -> None:
    """Judge random faults by prover, expansion and field; they must never disagree."""
    lines = ["# Random faults, judged by prover, expansion and field", ""]
    bad = 0
    for kind, count, work in (("formulas", formula_count, formulas), ("recursions", recursion_count, recursions)):
        tally = Tally()
        with click.progressbar(length=count, label=kind) as bar:
            work(count, seed, tally, lambda: bar.update(1))
        lines += [
            f"{count} {kind}, seed {seed}: {len(tally.disagreements)} disagreements",
            f"({1e3 * tally.seconds / max(1, count):.1f} ms a proof).",
            "",
        ]
        lines += [f"- {n} × {what}" for what, n in sorted(tally.said.items(), key=lambda x: -x[1])]
        lines += ["", *tally.disagreements]
        bad += len(tally.disagreements)
    for what, kind_of in (("sums that leave the sequence", Maker), ("formulas of every shape", Shaped)):
        if not sum_count:
            break
        found = try_pairs(sum_count, seed, kind_of)
        lines += [
            f"{sum_count} pairs of random {what}, seed {seed}:",
            f"{found.equal} called equal, {found.different} different, {found.refused} refused;",
            f"{len(found.unsound)} wrongly equal.",
            "",
            *found.unsound,
        ]
        bad += len(found.unsound)
    text = "\n".join(lines).rstrip() + "\n"
    click.echo(text)
    if log:
        log.write_text(text, "utf-8")
    raise SystemExit(1 if bad else 0)


if __name__ == "__main__":
    main()
