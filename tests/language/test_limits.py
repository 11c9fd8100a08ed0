"""Large, deep and hostile texts: an error with a place, soon, and never a traceback."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from tests.language.cells_text import errors, found

LIMITS = {
    "bytes": ("E0104", b"cell a\n#" + b"x" * 300_000),
    "tokens": ("E0105", b"cell a\nz = " + b"1 + " * 10_001 + b"1"),
    "names": ("E0106", ("cell a\nz = " + " + ".join(f"a{i}" for i in range(600))).encode()),
    "brackets": ("E0107", b"cell a\nz = " + b"(" * 65 + b"1" + b")" * 65),
    "calls": ("E0107", b"cell a\nz = " + b"tanh(" * 9000 + b"1" + b")" * 9000),
    "signs": ("E0107", b"cell a\nz = " + b"-" * 9000 + b"1"),
    "transposes": ("E0107", b"cell a\ninput x\nz = x" + b".T" * 9000),
    "towers": ("E0107", b"cell a\nz = 1" + b" ** 2" * 9000),
    "switches": ("E0107", b"cell a\nparam W : 2 x 2\nz = W" + b" * W @ W" * 4000),
    "squares": ("E0107", b"cell a\ninput x\nz = " + b"(" * 50 + b"x" + b" ** 2 + 1)" * 50),
    "norms": ("E0107", b"cell a\ninput x : 2\nz = " + b"norm2(x * " * 50 + b"x" + b")" * 50),
    "many squares": (
        "E0107",
        b"cell a\ninput x\nz = " + b" * ".join([b"(" * 13 + b"x" + b" + 1)**2" * 13] * 200),
    ),
    "many times a large factor": (
        "E0107",
        b"cell a\ninput x\nparam w\nloss = ("
        + b" + ".join([b"sum(x)"] * 100)
        + b") * tanh("
        + b" * ".join(b"(w + %d)" % n for n in range(1, 600))
        + b")",
    ),
    "products of sums": ("E0107", b"cell a\ninput x\nloss = " + b" * ".join([b"(sum(x) + 1)"] * 900)),
    "numbers": ("E0108", b"cell a\nz = " + b"(" * 50 + b"9" + b" ** 64)" * 50),
    "polynomials": ("E0108", b"cell a\ndims A, C, D\nz = " + b" * ".join([b"(A + C + D)"] * 500)),
    "sizes": ("E0308", b"cell a\ndims A, C\nparam q : " + b" * ".join([b"(A + C)"] * 500)),
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit(name: str) -> None:
    code, text = LIMITS[name]
    assert {c for c, _, _ in errors(text)} == {code}


WITHIN = {
    "brackets": "(" * 64 + "x" + ")" * 64,
    "calls": "tanh(" * 64 + "x" + ")" * 64,
    "terms": " + ".join(f"tanh({k} * x)" for k in range(1, 1000)),
    "squares": "(" * 50 + "x" + " ** 2)" * 50,
    "norms": "norm2(" * 50 + "x" + ")" * 50,
    "factors": " * ".join(["x"] * 3000),
    "quotients": " / ".join(["x"] * 3000),
    "numbers": " + ".join(["1"] * 9000),
    "stacked": f"concat({', '.join(['x'] * 800)})",
}


@pytest.mark.parametrize("name", WITHIN)
def test_within_the_limits(name: str) -> None:
    assert found(f"z = {WITHIN[name]}") == []


@pytest.mark.parametrize("depth", [0, 300])
def test_no_stack_overflows(depth: int) -> None:
    def deeper(k: int) -> list[tuple[str, int, int]]:
        return deeper(k - 1) if k else found("z = " + "(s - x / " * 60 + "x" + ")" * 60)

    assert {code for code, _, _ in deeper(depth)} <= {"E0107"}


def test_a_long_chain_of_equations() -> None:
    chain = [f"a{i} = a{i + 1} + x" for i in range(480)]
    assert found(*chain, "a480 = x") == []
    assert found(*chain, "a480 = a0") == [("E0504", 1, 6)]


def test_thousands_of_errors_are_all_there() -> None:
    assert len(errors(b"cell a\nz = 1\n" + b"))\n" * 5000)) == 5000


def test_a_cell_is_read_fast() -> None:
    code = (
        "import time; from derive.language import read, text; cell = text('lstm')\n"
        "start = time.process_time(); read(cell); print(time.process_time() - start)"
    )
    times = [float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout) for _ in "12"]
    assert min(times) < 0.2, "0.1 s on an idle machine, the grammar included"


def test_many_unknown_names_are_no_trouble() -> None:
    start = time.process_time()
    assert len(found(*(f"a{k} = b{k}" for k in range(200)))) == 200
    assert len(found("z = " + " + ".join([f"b{k}" for k in range(400)] + ["x"] * 9000))) == 400
    assert time.process_time() - start < 10
