"""The vector branch of generated C, at every width of vectors, beside the portable one and NumPy."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

import derive
from derive.kernels.build import FLAGS
from derive.kernels.gradcheck import _Case
from derive.kernels.report import relative_error
from derive.kernels.targets.c import build
from tests.cells import model
from tests.tools import needs, some

WIDTHS = {
    "this machine": (),
    "AVX2": ("-mno-avx512f",),
    "SSE": ("-mno-avx512f", "-mno-avx2", "-mno-avx", "-mno-fma"),
    "32 registers": ("-DLSTM_MANY", "-DGRU_MANY"),  # the tiles of machines that have them
    "portable": ("-DDERIVE_PORTABLE",),
}
# H, I, O, T, B: whole panels, panels and every kind of rest, one row and tall tiles with rests
SIZES = (
    (1, 1, 2, 3, 1), (3, 2, 4, 4, 2), (7, 5, 3, 5, 1), (16, 8, 4, 3, 1), (17, 9, 5, 4, 9), (31, 16, 33, 3, 3),
    (48, 24, 2, 3, 8), (50, 33, 19, 4, 13), (64, 48, 16, 3, 1), (100, 64, 65, 3, 1), (130, 3, 7, 3, 17),
    (145, 70, 96, 3, 1),
)  # fmt: skip


@pytest.mark.parametrize("width", some(WIDTHS, ["this machine", "32 registers", "portable"]))
@pytest.mark.parametrize(("name", "dtype", "most"), [("lstm", "float64", 1e-12), ("gru", "float32", 2e-4)])
def test_every_width_gives_the_same(name: str, dtype: str, most: float, width: str) -> None:
    m = model(name)
    kernel = build(m.options(dtype), None, (*FLAGS, *WIDTHS[width]))
    slow = m.compile("numpy", dtype="float64")
    for n, (h, i, o, steps, batch) in enumerate(SIZES):
        sizes = {"H": h, "I": i, "O": o}
        case = _Case(slow, sizes, steps, batch, n, ())
        params, inputs, initial = case.params, case.inputs, case.initial
        given, held, first = ({k: _as(a, dtype) for k, a in g.items()} for g in (params, inputs, initial))
        mine, theirs = kernel.value_and_grad(given, held, first), slow.value_and_grad(params, inputs, initial)
        assert relative_error(mine.loss, theirs.loss) <= most
        for key, gradient in theirs.grads.items():
            assert relative_error(mine.grads[key], gradient) <= most, (width, sizes, steps, batch, key)


def _as(a: np.ndarray, dtype: str) -> np.ndarray:
    return a if a.dtype.kind in "iu" else a.astype(dtype)


ACCURACY = r"""
#include <stdio.h>
int main(void) {
    double most[4] = { 0, 0, 0, 0 };
    unsigned long long state = 1;
    for (long n = 0; n < 400000; ++n) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        const double u = (double)(state >> 11) / 9007199254740992.0;
        const double size = n % 3 == 0 ? 10.0 : n % 3 == 1 ? exp((u - 1) * 30) : LIMIT;
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        const REAL z = (REAL)(size * (2 * ((double)(state >> 11) / 9007199254740992.0) - 1));
        const long double above = (z > 0 ? z : 0) + log1pl(expl(-fabsl((long double)z)));
        const long double true_values[4] = { tanhl(z), 1 / (1 + expl(-(long double)z)), expl(z), above };
        const REAL values[4] = { CELL_tanh(z), CELL_sigmoid(z), CELL_exp(z), CELL_softplus(z) };
        for (int k = 0; k < 4; ++k) {
            const REAL near = (REAL)true_values[k];
            const long double unit = (long double)NEXT(FABS(near), INFINITY) - (long double)FABS(near);
            const double off = (double)(fabsl((long double)values[k] - true_values[k]) / unit);
            if (FABS(near) > LEAST && FABS(near) < MOST && off > most[k]) most[k] = off;
        }
    }
    printf("%.3f %.3f %.3f %.3f\n", most[0], most[1], most[2], most[3]);
    printf("%g %g %g %g %g %g\n", (double)CELL_tanh(NAN), (double)CELL_tanh(INFINITY), (double)CELL_tanh((REAL)-0.0),
        (double)CELL_exp(-INFINITY), (double)CELL_exp(INFINITY), (double)CELL_sigmoid(-INFINITY));
    return 0;
}
"""
LIMITS = {  # in the order of WORDS
    "float64": ("double", "nextafter", "fabs", "700.0", "1e-300", "1e300"),
    "float32": ("float", "nextafterf", "fabsf", "87.0", "1e-36f", "1e36f"),
}
WORDS = ("REAL", "NEXT", "FABS", "LIMIT", "LEAST", "MOST")


@pytest.mark.parametrize(("dtype", "most"), [("float64", 3.0), ("float32", 4.0)])
def test_functions_are_accurate(dtype: str, most: float, tmp_path: Path) -> None:
    """tanh, sigmoid, exp and softplus against long double, in units in the last place; and what is special."""
    needs("gcc")
    functions = " + ".join(f"{name}(x[t])" for name in ("tanh", "sigmoid", "exp", "softplus"))
    source = f"cell accuracy\ndims H\ninput x : H\ny[t] = {functions}\nloss[t] = sum(y[t])\n"
    files = derive.parse(source).code("c", dtype)
    program = ACCURACY
    for word, text in [("CELL", "accuracy"), *zip(WORDS, LIMITS[dtype], strict=True)]:
        program = re.sub(rf"\b{word}(?=_|\b)", text, program)
    (tmp_path / "accuracy.h").write_text(files["accuracy.h"], "utf-8")
    (tmp_path / "main.c").write_text(f"#define _GNU_SOURCE\n{files['accuracy.c']}{program}", "utf-8")
    flags = [f for f in FLAGS if f not in ("-fPIC", "-shared", "-std=c99")]
    subprocess.run(["gcc", "-std=gnu99", *flags, "-w", "main.c", "-o", "main", "-lm"], cwd=tmp_path, check=True)
    printed = subprocess.run(["./main"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout.splitlines()
    assert all(float(x) <= most for x in printed[0].split()), printed[0]
    assert printed[1] in ("nan 1 -0 0 inf 0", "-nan 1 -0 0 inf 0")
