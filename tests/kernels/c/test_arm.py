"""A kernel on a microcontroller: built for a Cortex-M4F, run in qemu, compared with the host.

`pytest -m arm` runs it; it needs arm-none-eabi-gcc with newlib, and qemu-system-arm.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.cells import model
from tests.tools import needs

SIZES = {"T": 10, "B": 1, "I": 3, "H": 8, "O": 2}
CPU = "-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16".split()
WARNINGS = "-std=c99 -pedantic -Wall -Wextra -Wconversion -Wsign-conversion -Wdouble-promotion -Werror".split()
MAIN = """
#include <stdio.h>
#include "elman.h"
enum { T = 10, B = 1, I = 3, H = 8, O = 2 };
static float U[H * I], W[H * H], V[O * H], x[T * B * I], y[T * B * O], h[B * H], dW[H * H], loss;
static float workspace[WORKSPACE / sizeof(float)];
static void fill(float *a, int n, int step) { for (int k = 0; k < n; ++k) a[k] = (float)((k * step) % 13 - 6) / 16.0f; }
int main(void)
{
    const elman_params params = {U, W, V};
    const elman_inputs inputs = {x, y};
    const elman_initial initial = {h};
    elman_params_grad gradient = {0, dW, 0};
    fill(U, H * I, 3); fill(W, H * H, 5); fill(V, O * H, 7); fill(x, T * B * I, 2); fill(h, B * H, 4);
    for (int k = 0; k < T * B; ++k) y[k * O + k % 2] = 1;
    if (elman_workspace_bytes() != sizeof workspace) return 2;
    int status = elman_value_and_grad(&params, &inputs, &initial, &loss, 0, 0, &gradient, 0, 0,
                                      workspace, sizeof workspace);
    if (status) return 3;
    union { float f; unsigned u; } bits;
    bits.f = loss; printf("%08x\\n", bits.u);
    for (int k = 0; k < H * H; ++k) { bits.f = dW[k]; printf("%08x\\n", bits.u); }
    return 0;
}
"""


def numbers(printed: str) -> np.ndarray:  # type: ignore[type-arg]
    words = [int(line, 16) for line in printed.split() if re.fullmatch(r"[0-9a-f]{8}", line)]
    return np.array(words, np.uint32).view(np.float32)


@pytest.mark.arm
def test_a_step_on_a_cortex_m4(tmp_path: Path) -> None:
    needs("arm-none-eabi-gcc", "arm-none-eabi-size", "qemu-system-arm", "gcc")
    m = model("elman")
    for name, text in m.code("c", "float32", sizes=SIZES).items():
        (tmp_path / name).write_text(text)
    workspace = int(re.search(r"\((\d+)\) bytes", m.code_notes("c", "float32", sizes=SIZES)[0])[1]) * 4  # type: ignore[index]
    (tmp_path / "main.c").write_text(MAIN.replace("WORKSPACE", str(workspace)))
    for part in ("startup.c", "cortex_m.ld"):
        shutil.copy(Path(__file__).parent / "arm" / part, tmp_path)

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{command[0]}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    run("arm-none-eabi-gcc", *CPU, *WARNINGS, "-Os", "-c", "elman.c", "-o", "elman.o")
    size = int(run("arm-none-eabi-size", "elman.o").splitlines()[1].split()[0])
    sources = ("main.c", "startup.c", "elman.o", "-T", "cortex_m.ld", "--specs=rdimon.specs", "-nostartfiles")
    run("arm-none-eabi-gcc", *CPU, "-std=gnu99", "-Os", *sources, "-lm", "-o", "kernel.elf")
    board = ("-M", "mps2-an386", "-nographic", "-monitor", "none", "-semihosting", "-kernel", "kernel.elf")
    there = numbers(run("qemu-system-arm", *board))
    run("gcc", "-std=gnu99", "-O2", "main.c", "elman.c", "-lm", "-o", "host")
    here = numbers(run("./host"))
    assert there.shape == here.shape == (65,)
    assert np.isfinite(here).all()
    np.testing.assert_allclose(there, here, rtol=2e-5, atol=1e-6)  # libm differs in the last digits
    print(f"elman, float32, {SIZES}: {size} bytes of code (-Os, Cortex-M4F), {workspace} bytes of workspace")  # noqa: T201
