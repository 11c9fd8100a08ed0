"""Random cells: a few of them, those that once disagreed, and that what disagrees is found and made small."""

from __future__ import annotations

from pathlib import Path

import pytest

import derive
from tests.random_cells import oracles
from tests.random_cells.__main__ import KEPT, smallest
from tests.random_cells.choices import Choices, shrunk
from tests.random_cells.grammar import made_up
from tests.random_cells.oracles import examine, of_seed

MEANT = ("detach", "concat", "slice", "outer", "diag", "[t-3]", "[t+1]", "onehot", "once", ".T", "mean(", "e[T-1]", "/")


@pytest.mark.parametrize("cell", sorted(KEPT.glob("*.cell")), ids=lambda path: path.stem)
def test_what_once_disagreed_agrees(cell: Path) -> None:
    outcome = examine(cell.read_text("utf-8"), 1)
    assert not outcome.disagreements
    assert outcome.steps
    assert not outcome.unsuited


@pytest.mark.parametrize("seed", range(4))
def test_every_way_to_the_gradients_agrees(seed: int) -> None:
    """`python -m tests.random_cells` is the long run."""
    outcome = of_seed(seed)[1]
    assert not outcome.disagreements
    assert outcome.steps
    assert not outcome.unchecked


def test_random_cells_are_right_and_of_every_kind() -> None:
    texts = [made_up(Choices(seed)) for seed in range(150)]
    for text in texts:
        derive.parse(text)
    assert all(any(part in text for text in texts) for part in MEANT)


def test_choices_can_be_said_again() -> None:
    choices = Choices(7)
    text = made_up(choices)
    again = Choices(said=choices.made)
    assert made_up(again) == text
    assert again.made == choices.made
    assert len(made_up(Choices()).splitlines()) < 10


def test_what_fails_is_made_small() -> None:
    found = shrunk([5, 80, 3, 99, 1, 77, 2], lambda made: sum(n > 70 for n in made) >= 2)
    assert found == [71, 71]


def test_a_wrong_rule_is_found_in_a_small_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in what random cells are held to: the slope of tanh as 1 - z²."""
    from derive.algebra import build as b
    from derive.algebra.functions import FUNCTIONS

    entry = FUNCTIONS["tanh"]
    wrong = type(entry)(**{**vars(entry), "slopes": (lambda z, y: b.subtract(b.ones(*z.shape), b.hadamard(z, z)),)})
    monkeypatch.setitem(FUNCTIONS, "tanh", wrong)
    monkeypatch.setattr(oracles, "of_both", list)  # no C: this is about finding and shrinking
    seed = next(s for s in range(20) if "tanh" in made_up(Choices(s)))
    outcome = of_seed(seed)[1]
    assert any(d.startswith("numpy") for d in outcome.disagreements)
    small = smallest(seed, outcome)
    assert "tanh" in small
    assert len(small.splitlines()) <= 12


def test_an_exception_is_a_disagreement() -> None:
    assert examine("cell broken\nh[t] = ").disagreements[0].startswith("CellError")
