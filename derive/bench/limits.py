"""What this machine can do at most, measured: multiply-adds and bytes per second on one core."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from derive.bench.count import Work
from derive.kernels.build import library
from derive.render import render

REAL = {"float64": "double", "float32": "float"}
SETS = (16 << 10, 256 << 10, 2 << 20, 16 << 20, 128 << 20)  # bytes: from the first cache to memory
TRIES, SECONDS = 7, 0.02  # the best of so many, each so long: other programs only make it slower


@dataclass(frozen=True)
class Limits:
    """Of one core.

    Attributes:
        flops: floating-point operations per second, a multiply-add being two.
        bandwidth: (bytes that are read again and again, bytes per second), smallest set first.
        threads: how many cores a time is held to.
    """

    dtype: str
    flops: float
    bandwidth: tuple[tuple[int, float], ...]
    threads: int = 1

    def rate(self, size: int) -> float:
        """Bytes per second for a working set of so many bytes: that of the largest measured set inside it."""
        fitting = [speed for measured, speed in self.bandwidth if measured <= size]
        return self.threads * min(fitting or [self.bandwidth[0][1]])

    def seconds(self, work: Work) -> float:
        """The roofline: what the work takes if products run at the peak, or memory at its bandwidth."""
        return max(work.flops / (self.threads * self.flops), work.bytes / self.rate(work.bytes))

    def as_json(self) -> dict[str, object]:
        read = [{"bytes": n, "bytes_per_second": speed} for n, speed in self.bandwidth]
        return {"dtype": self.dtype, "threads": self.threads, "flops_per_second": self.flops, "bandwidth": read}


def measure(dtype: str, threads: int = 1, step: Callable[[], None] = lambda: None) -> Limits:
    """Measure this machine; takes about two seconds.

    Raises:
        ToolError: there is no C compiler.
    """
    code = library({"limits.c": render("bench/limits.c.j2", real=REAL[dtype])})
    for name, arguments in (
        ("limits_multiply_add", [ctypes.c_long, ctypes.c_double]),
        ("limits_read", [ctypes.c_void_p, ctypes.c_long, ctypes.c_long]),
    ):
        getattr(code, name).argtypes, getattr(code, name).restype = arguments, ctypes.c_double
    code.limits_operations.argtypes, code.limits_operations.restype = [], ctypes.c_long
    flops = code.limits_operations() * _rate(lambda n: code.limits_multiply_add(n, 0.0))
    step()
    memory = np.ones(SETS[-1] + 64, np.uint8)
    start = memory.ctypes.data + (-memory.ctypes.data) % 64  # aligned to the widest vector
    bandwidth = []
    for size in SETS:
        count = size // np.dtype(dtype).itemsize
        bandwidth.append((size, size * _rate(partial(code.limits_read, start, count))))
        step()
    return Limits(dtype, flops, tuple(bandwidth), threads)


def _rate(run: Callable[[int], object]) -> float:
    """Rounds per second, at best."""
    n, seconds = 1, 0.0
    while seconds < SECONDS:
        n *= 2 if seconds == 0 else max(2, min(64, int(1.2 * SECONDS / seconds) + 1))
        seconds = _seconds(run, n)
    return n / min(seconds, *(_seconds(run, n) for _ in range(TRIES)))


def _seconds(run: Callable[[int], object], n: int) -> float:
    start = time.perf_counter()
    run(n)
    return time.perf_counter() - start
