"""Kernels called a hundred thousand times: memory may not grow, and no result may change by a bit.

python -m tests.soak [--calls 100000] [--record]
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from time import monotonic
from typing import Any

import click
import numpy as np

import derive
from derive.kernels import build
from derive.kernels.gradcheck import _Case
from derive.kernels.runtime import Kernel, Result
from tests.records import record

CELLS, DTYPES = ("elman", "lstm", "gru", "bidirectional", "char_rnn"), ("float64", "float32")
SHAPES = (
    (5, 3, {"I": 3, "H": 5}),
    (1, 1, {"I": 2, "H": 17}),
    (12, 4, {"I": 7, "H": 8}),
)  # T, B and sizes, O = 4 if any
MOST = 5 * 2**20  # bytes that memory may grow by after the warm-up
WARM_UP = 10  # rounds of all calls: caches of shapes fill, the allocator gets its pages

Call = Callable[[], Result]


def resident() -> int:
    """Bytes of this process in memory; where there is no /proc, the most there ever were."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text("ascii").split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def digest(result: Result) -> bytes:
    """Of every bit of a result."""
    found = hashlib.blake2b(np.asarray(0.0 if result.loss is None else result.loss).tobytes(), digest_size=16)
    for group, arrays in result.groups().items():
        for name, a in arrays.items():
            found.update(f"{group} {name} {a.shape}".encode() + np.ascontiguousarray(a).tobytes())
    return found.digest()


def streamed(kernel: Kernel, params: Any, inputs: Any, initial: Any) -> Call:
    """In C, weights packed once for two calls, the second from where the first ended; bound anew each time."""

    def call() -> Result:
        step = kernel.stream(params, inputs, initial)
        step()
        return step()

    return call


def of(kernel: Kernel, stream: bool) -> list[Call]:
    """A call for each shape, and a stream where there can be one."""
    calls: list[Call] = []
    for steps, batch, chosen in SHAPES:
        sizes = {s.name: chosen.get(s.name, 4) for s in kernel.normal.sizes}
        case = _Case(kernel, sizes, steps, batch, 0, ())
        given = (case.params, case.inputs, case.initial)
        calls.append(lambda k=kernel, g=given: k.value_and_grad(*g))  # type: ignore[misc]
        calls += [streamed(kernel, *given)] if stream else []
    return calls


def every() -> list[Call]:
    """Neighbours differ in cell, target, dtype or sizes."""
    threads = [1, 2] if build.has_openmp(build.compiler()) else [1]
    lists = []
    for name, dtype in product(CELLS, DTYPES):
        model = derive.load(name)
        kernels = [model.compile(dtype=dtype), *(model.compile("c", dtype=dtype, threads=n) for n in threads)]
        lists += [of(kernel, stream=name != "bidirectional") for kernel in kernels]
    most = max(map(len, lists))
    return [calls[k] for k in range(most) for calls in lists if k < len(calls)]


def soak(calls: int) -> tuple[int, int, int]:
    """How many calls were made, how many results changed, and by how many bytes memory grew after the warm-up."""
    todo = every()
    first, changed, start = [digest(call()) for call in todo], 0, 0
    warm = min(WARM_UP * len(todo), calls // 2)
    with click.progressbar(range(calls), label="calls", file=sys.stderr, update_min_steps=100) as bar:
        for k in bar:
            if k == warm:
                start = resident()
            changed += digest(todo[k % len(todo)]()) != first[k % len(todo)]
    return calls, changed, resident() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--record", action="store_true", help="put the figures into docs/reliability")
    chosen = parser.parse_args()
    began = monotonic()
    calls, changed, grown = soak(chosen.calls)
    failures, took = changed + int(grown > MOST), monotonic() - began
    print(f"{calls} calls in {took:.0f} s: {changed} results changed, memory grew by {grown / 2**20:.2f} MB")  # noqa: T201
    if chosen.record:
        command = f"python -m tests.soak --calls {calls}"
        record("calls of kernels, for memory that grows and bits that change", command, calls, failures, took)
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
