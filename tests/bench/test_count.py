"""Operations and bytes, counted by hand."""

from __future__ import annotations

import pytest

from derive.bench.count import Work, work
from derive.bench.limits import Limits
from derive.bench.peers import Subject
from derive.bench.sizes import size_sets
from derive.model import load, parse
from tests.bench.cells import CELLS, label, sizes


def counted(cell: str, text: str) -> Work:
    model = parse(cell) if "\n" in cell else load(cell)
    (s,) = size_sets(model.normal, [text])
    return work(Subject(model.normal, "", "float64").kernel("numpy").schedule, s, 8)


def test_one_product() -> None:
    """W x forward and the outer product that is its gradient: 2 m k each, for every step and sequence."""
    cell = "cell p\ndims I, H\ninput x : I\nparam W : H x I\ny[t] = W @ x[t]\nloss[t] = sum(sin(y[t]))\n"
    T, B, I, H = 3, 5, 7, 11
    assert counted(cell, f"T={T},B={B},I={I},H={H}").flops == 2 * (2 * H * I) * T * B


def test_elman() -> None:
    """U x, W h, V h forward; back Vᵀ and Wᵀ; three outer products.  x has no gradient."""
    T, B, I, H, O = 3, 5, 7, 11, 13
    per_step = 2 * (2 * H * I + 3 * H * H + 3 * O * H)
    found = counted("elman", f"T={T},B={B},I={I},H={H},O={O}")
    assert found.flops == per_step * T * B
    least = 8 * (T * B * (I + O) + 2 * (H * I + H * H + O * H) + B * H)
    assert least < found.bytes < least + 8 * T * B * 12 * (H + O)


@pytest.mark.parametrize("cell", CELLS, ids=label)
def test_every_cell_is_counted(cell: str) -> None:
    model = load(cell)
    small = sizes(model)
    schedule = Subject(model.normal, "", "float64").kernel("numpy").schedule
    one, two = (work(schedule, s, 8) for s in (small, small.changed(model.normal, "two", B=2 * small.batch)))
    assert one.flops <= two.flops <= 2 * one.flops
    assert 0 < one.bytes < two.bytes < 2 * one.bytes + 8


def test_the_roofline() -> None:
    limits = Limits("float64", 1e9, ((1000, 8e9), (100_000, 1e9)))
    assert limits.seconds(Work(flops=10**6, bytes=10)) == 1e-3, "operations"
    assert limits.seconds(Work(flops=1, bytes=16_000)) == 2e-6, "bytes that stay in the first cache"
    assert limits.seconds(Work(flops=1, bytes=10**6)) == 1e-3, "bytes from memory"
    assert Limits("float64", 1e9, ((1000, 8e9),), threads=2).seconds(Work(10**6, 10)) == 5e-4
