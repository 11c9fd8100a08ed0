"""Hostile expressions end in `open` (or another answer) within ten seconds and a gigabyte."""

from __future__ import annotations

import resource
import subprocess
import sys
import textwrap
from pathlib import Path
from time import process_time

import pytest
from sympy import Identity, MatrixExpr, Symbol, symbols

from derive.algebra import MatrixSum, OrderedProduct, T, apply, diag, hadamard, matmul, transpose
from derive.algebra import build as b
from derive.proof.verdict import Status
from tests.proof.writings import model
from tests.tools import some

ROOT = Path(__file__).resolve().parents[2]
elman = model("elman")
W, H = elman.symbol("W"), elman.symbol("h").shape[0]
k, j = symbols("k j", integer=True)


def h(i: object) -> MatrixExpr:
    return elman.symbol("h", i)  # type: ignore[arg-type]


def many_sums() -> MatrixExpr:
    """Twelve sums inside one another: 3^12 terms at T = 3."""
    e = h(Symbol("k0", integer=True))
    for n in range(12):
        e = MatrixSum(e, Symbol(f"k{n}", integer=True), 0, T - 1)
    return e


def wide_product() -> MatrixExpr:
    """(W + Wᵀ)^40: 2^40 words."""
    return matmul(*([b.add(W, transpose(W))] * 40), h(T - 1))


def long_sum() -> MatrixExpr:
    return MatrixSum(h(T - 1), k, 0, 10**9)


def long_product() -> MatrixExpr:
    return matmul(OrderedProduct(W, k, 0, 10**9, "ascending"), h(T - 1))


def high_power() -> MatrixExpr:
    """h is a tanh, whose square is rewritten: a power of a power of it has more terms than there is memory for."""
    return apply("power", apply("power", h(T - 1), 64), 64)


def deep() -> MatrixExpr:
    e = h(T - 1)
    for _ in range(250):
        e = apply("tanh", e)
    return e


def powers() -> MatrixExpr:
    """((1 + h)^2 ⊙ …)^2 …: 2^40 letters."""
    e = h(T - 1)
    for _ in range(40):
        e = hadamard(b.add(e, h(T - 1)), e)
    return e


def distinct_waits() -> MatrixExpr:
    """Every step but one, nine times over: many states."""
    total = h(T - 1)
    for n in range(9):
        i = Symbol(f"q{n}", integer=True)
        product = OrderedProduct(diag(h(k)), k, i + n, T - 1, "ascending")
        total = b.add(total, MatrixSum(matmul(diag(h(i)), product, h(T - 1)), i, 0, T - 1))
    return total


def commuting_loops() -> MatrixExpr:
    """Π (I + D_m + D_{m+3} + W D_m D_{m−2} + …): letters that wait, in every combination."""
    m = Symbol("m", integer=True)
    body = Identity(H)
    for n in range(4):
        body = b.add(body, matmul(diag(h(m - n)), W) if n % 2 else diag(h(m - n)))
    return matmul(OrderedProduct(body, m, 3, T - 1, "ascending"), h(T - 1))


def huge_power() -> MatrixExpr:
    return apply("power", h(T - 1), 10**9)


HOSTILE = [
    huge_power,
    many_sums,
    wide_product,
    long_sum,
    long_product,
    deep,
    powers,
    distinct_waits,
    commuting_loops,
    high_power,
]


@pytest.mark.parametrize("make", some(HOSTILE, [many_sums, deep, huge_power]), ids=lambda m: m.__name__)
def test_hostile_expressions_end(make) -> None:  # type: ignore[no-untyped-def]
    left = make()
    start = process_time()
    verdict = elman.prove(b.scale(2, left), b.scale(2, b.add(left, b.zeros(left.shape))))
    assert process_time() - start < 10
    assert verdict.status in (Status.OPEN, Status.CHECKED, Status.PROVED, Status.ILL_FORMED)
    if verdict.status is Status.OPEN:
        assert verdict.reason


@pytest.mark.slow
def test_memory_stays_below_a_gigabyte() -> None:
    program = textwrap.dedent(
        """
        import sys
        from tests.proof.test_budget import HOSTILE, b, elman
        for make in HOSTILE:
            e = make()
            print(make.__name__, elman.prove(e, b.scale(2, e)).status)
        """
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(done.stdout.splitlines()) == len(HOSTILE)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 2**20  # kilobytes
