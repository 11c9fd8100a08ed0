"""What doubles with each level (`norm2`, `** 2`) costs no more than its levels, from reading to the document."""

from __future__ import annotations

import time

import pytest

from derive.algebra.functions import Apply, power
from derive.algebra.nodes import Scale, Timed, t
from derive.errors import CellError
from derive.kernels.gradcheck import check
from derive.model import parse
from derive.model.model import Model
from tests.tools import some

LEVELS = {
    "norms": "norm2({})",
    "squares": "({})**2",
    "squares of sums": "(({})**2 + 1)",
    "squares of products": "(x[t] * ({}))**2",
    "stretched norms": "norm2({}) * x[t]",
    "norms of products": "norm2(W @ (x[t] * norm2({})))",
    "two operands": "softmax({}) * norm2({})",
    "means": "mean(({} + 1)**2)",
}


def nested(level: str, depth: int) -> Model:
    e = "x[t]"
    for _ in range(depth):
        e = LEVELS[level].replace("{}", e)
    declarations = "cell nested\ndims H\ninput x : H\nstate h : H\nparam W : H x H\n"
    return parse(f"{declarations}h[t] = tanh(W @ h[t-1] + x[t])\nz[t] = {e}\nloss[t] = 0.1 * sum(z[t] * h[t])\n")


def read(level: str, depth: int) -> tuple[set[str], Model | None]:
    try:
        return set(), nested(level, depth)
    except CellError as error:
        return {d.code for d in error.diagnostics}, None


@pytest.mark.parametrize("level", some(LEVELS, ["norms", "squares", "means"]))
def test_everything_that_is_accepted_is_done_soon(level: str) -> None:
    for depth in range(1, 40):
        codes, model = read(level, depth)
        if model is None:
            assert codes <= {"E0107", "E0108"}
            assert depth > 3, "an ordinary depth is read"
            return
        if depth in (3, 5, 9, 20):
            start = time.process_time()
            model.code()
            model.paper(seconds=1).latex()
            assert time.process_time() - start < 20, "it took minutes, or the recursion limit"


@pytest.mark.parametrize("level", LEVELS)
def test_two_levels_are_right(level: str) -> None:
    report = check(nested(level, 2).compile(), sets=2)
    assert report.ok, list(report.rows())


def test_a_power_of_a_power_is_one_power() -> None:
    h = Timed("h", t, 3)
    assert power(power(h, 2), 3) == Apply("power", h, 6)
    assert power(Scale(2, power(h, 3)), 2) == Scale(4, Apply("power", h, 6))
    assert power(power(h, -2), -3) == Apply("power", Apply("power", h, -2), -3), "they differ at zero"
    assert power(power(h, 9), 9) == Apply("power", Apply("power", h, 9), 9)
