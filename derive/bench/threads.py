"""Hold NumPy, PyTorch and JAX to a number of threads; imports none of them, since they read it when they are loaded."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NPROC")


def limit_threads(threads: int) -> None:
    """Set what the libraries read when they are loaded: before the first import of NumPy."""
    for variable in VARIABLES:
        os.environ[variable] = str(threads)
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    if threads == 1:
        flags = os.environ.get("XLA_FLAGS", "")
        os.environ["XLA_FLAGS"] = f"{flags} --xla_cpu_multi_thread_eigen=false".strip()


@contextmanager
def pinned(threads: int) -> Iterator[None]:
    """Keep this process, and the threads that it starts meanwhile, on as many processors, where the system can.

    JAX hands its work to a thread of its own: on one processor two that take turns are one.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[-threads:])  # the first ones serve the system's interrupts
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def limit_torch(threads: int) -> None:
    """PyTorch is told again, once it is loaded."""
    if importlib.util.find_spec("torch"):
        import torch

        torch.set_num_threads(threads)
