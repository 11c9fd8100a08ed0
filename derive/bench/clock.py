"""Times of several functions in one process: round by round, so that a slow minute of the machine meets all of them."""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Call = Callable[[], object]

SAMPLE = 2e-3  # seconds: calls that are shorter are timed several at once
LEAST_SAMPLES, MOST_SAMPLES = 3, 500
WARM_UP_CALLS, WARM_UP_SECONDS = 3, 0.2  # the first calls of a peer compile


@dataclass(frozen=True)
class Times:
    """Seconds per call: the median and the quartiles, of so many samples."""

    median: float
    low: float
    high: float
    samples: int


def summary(samples: list[float]) -> Times:
    """Median and quartiles; all three are the same for a single sample."""
    if len(samples) == 1:
        return Times(samples[0], samples[0], samples[0], 1)
    low, median, high = statistics.quantiles(samples, n=4, method="inclusive")
    return Times(median, low, high, len(samples))


def interleaved(calls: Mapping[str, Call], budget: float, step: Callable[[], None] = lambda: None) -> dict[str, Times]:
    """The times of each call, in seconds; `budget` is shared evenly, after a warm-up that is not counted."""
    counts = {}
    for name, call in calls.items():
        counts[name] = max(1, math.ceil(SAMPLE / _warm_up(call)))
        step()
    share = budget / max(len(calls), 1)
    samples: dict[str, list[float]] = {name: [] for name in calls}
    used = dict.fromkeys(calls, 0.0)
    running = set(calls)
    while running:
        for name in [n for n in calls if n in running]:
            seconds = timed(calls[name], counts[name])
            samples[name].append(seconds / counts[name])
            used[name] += seconds
            enough = used[name] >= share and len(samples[name]) >= LEAST_SAMPLES
            if enough or len(samples[name]) >= MOST_SAMPLES:
                running.discard(name)
    return {name: summary(s) for name, s in samples.items()}


def timed(call: Call, count: int) -> float:
    """Seconds for so many calls, without the garbage collector."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        start = time.perf_counter()
        for _ in range(count):
            call()
        return time.perf_counter() - start
    finally:
        if enabled:
            gc.enable()


def _warm_up(call: Call) -> float:
    """Seconds of the fastest of the first calls."""
    best, start, n = math.inf, time.perf_counter(), 0
    while n < WARM_UP_CALLS or time.perf_counter() - start < WARM_UP_SECONDS:
        best = min(best, timed(call, 1))
        n += 1
    return max(best, 1e-9)
