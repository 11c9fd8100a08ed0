"""Tiles of steps: what they hold, and that several of them give what one does."""

from __future__ import annotations

import numpy as np
import pytest

from derive.kernels.lowering.statements import Accumulate, Impulse, Loop, Pack, Product, Tile
from tests.cells import CATALOGUE, FEATURES, model
from tests.kernels.arrays import arrays
from tests.kernels.test_segments import same


@pytest.mark.parametrize("name", [*CATALOGUE, *FEATURES])
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
