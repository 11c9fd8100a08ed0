"""Tiles of steps: what they hold, and that several of them give what one does."""

from __future__ import annotations

import numpy as np
import pytest
from sympy import Symbol

from derive.kernels.lowering.statements import Accumulate, Impulse, Loop, Map, Pack, Product, Tile
from derive.kernels.lowering.tiles import tiles
from derive.kernels.lowering.trees import Buffer, Leaf
from tests.cells import CATALOGUE, FEATURES, model
from tests.kernels.arrays import arrays
from tests.kernels.test_segments import same
from tests.tools import some


@pytest.mark.parametrize("name", some([*CATALOGUE, *FEATURES], CATALOGUE))
def test_many_tiles_give_what_whole_arrays_give(name: str) -> None:
    """Of 45 steps of 3 sequences a tile has 21: three tiles, the last of them short."""
    m = model(name)
    fixed = {"T": 45, "B": 3, "K": 4} if name == "silent" else {}  # no array tells them
    fast, slow = (m.compile(target, sizes=fixed) for target in ("c", "numpy"))
    given = arrays(slow, steps=45, batch=3)
    r = np.random.default_rng(0)
    out = slow.forward(*given)
    bars = {n: r.standard_normal(a.shape) for n, a in out.outputs.items()}
    finals = {n: r.standard_normal(a.shape) for n, a in out.final.items()}
    pairs = [(fast.vjp(*given, bars, finals), slow.vjp(*given, bars, finals))]
    if m.normal.total:
        pairs.append((fast.value_and_grad(*given), slow.value_and_grad(*given)))
    for got, expected in pairs:
        same(got, expected, 1e-11)


def test_a_tile_holds_what_goes_with_its_loop() -> None:
    schedule = model("lstm").compile("c").schedule
    tiles = [s for s in schedule.statements if isinstance(s, Tile)]
    assert [t.direction for t in tiles] == [1, -1]
    up, down = tiles
    assert isinstance(up.body[0], Product)
    assert isinstance(up.body[1], Loop)
    sums = {s.target.code for s in down.body if isinstance(s, Accumulate)}
    assert {"dW_i", "dW_f", "dW_o", "dW_g", "dU_i"} <= sums
    assert "some steps at a time, t = T-1 … 0" in str(schedule)


def test_what_is_packed_once_and_what_is_at_one_step_stay_outside() -> None:
    for name in (*CATALOGUE, *FEATURES):
        for schedule in model(name).compile("c").schedules.values():
            inside = [s for t in schedule.statements if isinstance(t, Tile) for s in t.body]
            assert not any(isinstance(s, (Pack, Impulse)) for s in inside)


def test_what_reads_later_steps_waits_for_the_whole_loop() -> None:
    """A backward network over a forward one reads all of it: neither goes into the other's tile."""
    schedule = model("bidirectional").compile("c").schedules["forward"]
    for tile in (t for t in schedule.statements if isinstance(t, Tile)):
        assert sum(isinstance(s, Loop) for s in tile.body) == 1


# the rule on rows, on statements made by hand: no cell of ours asks for what it forbids


def buffer(name: str, before: int = 0) -> Buffer:
    return Buffer(name, name, ("H",), (Symbol("H"),), steps=True, batch=True, before=before, after=before)


def tiled(direction: int, written: str, read: str, first: bool) -> bool:
    """Does a statement that reads rows of `a` from `read` on go with a loop that writes row `written`?"""
    a, x, y = buffer("a", 2), buffer("x"), buffer("y")
    step = Map(Leaf(a, written), (), Leaf(x, "t"))
    loop = Loop(direction, (step,))
    whole = Map(Leaf(y), (), Leaf(a, (read, f"T + {read}" if read != "0" else "T")))
    found = tiles((whole, loop) if first else (loop, whole), {b.code: b for b in (a, x, y)})
    return any(isinstance(s, Tile) for s in found)


@pytest.mark.parametrize(
    ("direction", "written", "read", "first", "joins"),
    [
        (1, "t + 1", "1", False, True),  # what the step wrote
        (1, "t + 1", "0", False, True),  # what the step before it wrote
        (1, "t + 1", "2", False, False),  # what the next step writes, perhaps in the next tile
        (-1, "t + 1", "2", False, True),
        (-1, "t + 1", "0", False, False),
        (1, "t + 1", "1", True, True),
        (1, "t + 1", "2", True, True),  # before the loop writes it: a later tile's
        (1, "t + 1", "0", True, False),  # an earlier tile has written over it
        (-1, "t + 1", "0", True, True),
        (-1, "t + 1", "2", True, False),
    ],
)
def test_only_what_keeps_its_order_goes_with_a_loop(
    direction: int, written: str, read: str, first: bool, joins: bool
) -> None:
    assert tiled(direction, written, read, first) == joins
