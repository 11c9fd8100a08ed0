"""The kernel as one header: several source files, C++, buffers of fixed size, CMake and pkg-config."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

import derive
from derive.errors import InputError
from derive.files import write_text
from tests.tools import needs, some

STRICT = ("-O1", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")
MAIN = """
#include <stdio.h>
#include "elman_single.h"
enum { T = 5, B = 2, I = 3, H = 4, O = 2 };
static double workspace[ELMAN_WORKSPACE_BYTES(T, B, I, H, O) / sizeof(double)];
double half_of(double);
int main(void)
{
    static double U[H * I], W[H * H], V[O * H], x[T * B * I], y[T * B * O], h[B * H], dW[H * H], loss;
    elman_sizes sizes;
    elman_params params = {U, W, V};
    elman_inputs inputs = {x, y};
    elman_initial initial = {h};
    elman_params_grad gradient = {NULL, dW, NULL};
    int n, status;
    sizes.T = T, sizes.B = B, sizes.I = I, sizes.H = H, sizes.O = O;
    for (n = 0; n < H * H; ++n) W[n] = n % 3 * 0.25;
    for (n = 0; n < O * H; ++n) V[n] = n % 5 * 0.5;
    for (n = 0; n < T * B * O; n += 2) y[n] = 1;
    for (n = 0; n < B * H; ++n) h[n] = 0.5;
    if (elman_workspace_bytes(&sizes) != sizeof(workspace)) return 1;
    status = elman_value_and_grad(&sizes, &params, &inputs, &initial, &loss, NULL, NULL, &gradient, NULL, NULL,
                                  workspace, sizeof workspace);
    printf("%.12f %.12f\\n", half_of(loss), dW[5]);
    return status;
}
"""
OTHER = """
#define ELMAN_IMPLEMENTATION
#include "elman_single.h"
#include "elman_single.h"
double half_of(double x);
double half_of(double x) { return x / 2; }
"""


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def written(folder: Path, **options: Any) -> Path:
    for name, text in derive.load("elman").code("header", **options).items():
        write_text(folder / name, text)
    return folder


def test_declarations_everywhere_and_the_code_once(tmp_path: Path) -> None:
    """The same numbers as C99, as C++, and with the code in a file of its own."""
    needs("gcc", "g++")
    written(tmp_path)
    write_text(tmp_path / "main.c", MAIN)
    write_text(tmp_path / "other.c", OTHER)
    run("gcc", "-std=c99", *STRICT, "main.c", "other.c", "-o", "c", "-lm", cwd=tmp_path)
    run("g++", "-x", "c++", "-std=c++11", *STRICT, "main.c", "other.c", "-o", "cpp", "-lm", cwd=tmp_path)
    first, second = run("./c", cwd=tmp_path), run("./cpp", cwd=tmp_path)
    assert [round(float(x), 9) for x in first.split()] == [round(float(x), 9) for x in second.split()]
    assert float(first.split()[0]) > 0


@pytest.mark.parametrize("sizes", [None, {"T": 3, "H": 5}, {"T": 4, "B": 2, "I": 3, "H": 4, "O": 5}])
@pytest.mark.parametrize("cell", some(["lstm", "char_rnn"], ["char_rnn"]))
def test_the_size_of_a_workspace_is_a_constant(cell: str, sizes: dict[str, int] | None, tmp_path: Path) -> None:
    needs("gcc")
    model = derive.load(cell)
    names = ["T", "B", *(s.name for s in model.normal.sizes)]
    chosen = {n: k for k, n in enumerate(names, 2)}
    fixed = {k: n for k, n in (sizes or {}).items() if k in names}
    for name, text in model.code("header", "float32", sizes=fixed).items():
        write_text(tmp_path / name, text)
    free = [n for n in names if n not in fixed]
    macro = f"{cell.upper()}_WORKSPACE_BYTES" + (f"({', '.join(str(chosen[n]) for n in free)})" if free else "")
    given = f"&(const {cell}_sizes){{{', '.join(str(chosen[n]) for n in free)}}}" if free else ""
    write_text(
        tmp_path / "main.c",
        f'#define {cell.upper()}_IMPLEMENTATION\n#include "{cell}_single.h"\nstatic char buffer[{macro}];\n'
        f"int main(void) {{ return sizeof(buffer) == {cell}_workspace_bytes({given}) ? 0 : 1; }}\n",
    )
    run("gcc", "-std=c99", "-O1", "-Wall", "-Werror", "main.c", "-o", "main", "-lm", cwd=tmp_path)
    run("./main", cwd=tmp_path)


def test_its_gradients_are_checked() -> None:
    assert derive.load("gru").check("header", sets=2).ok


def test_cmake_and_pkg_config(tmp_path: Path) -> None:
    needs("cmake", "pkg-config", "gcc")
    written(tmp_path / "elman")
    there = tmp_path / "there"
    run("cmake", "-S", "elman", "-B", "build", f"-DCMAKE_INSTALL_PREFIX={there}", cwd=tmp_path)
    run("cmake", "--build", "build", cwd=tmp_path)
    run("cmake", "--install", "build", cwd=tmp_path)
    write_text(tmp_path / "main.c", MAIN.replace("half_of(loss)", "loss").replace("double half_of(double);\n", ""))
    (found,) = there.rglob("elman.pc")
    flags = run("pkg-config", "--cflags", "--libs", str(found), cwd=tmp_path).split()
    run("gcc", "-std=c99", "main.c", *flags, "-o", "main", cwd=tmp_path)
    assert re.fullmatch(r"\S+ \S+\n", run("./main", cwd=tmp_path))


def test_options_that_it_has_not() -> None:
    with pytest.raises(InputError, match="threads"):
        derive.load("elman").code("header", threads=2)
