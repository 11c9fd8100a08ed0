"""What the times were taken on: processor, compiler, versions."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from pathlib import Path

from derive.kernels import build
from derive.model.doctor import blas, package_version

PACKAGES = ("derive", "numpy", "torch", "jax", "jaxlib")
TELLING = ("sse2", "avx", "avx2", "fma", "avx512f", "amx_tile", "asimd", "sve")  # the vectors that kernels may use


def describe(threads: int) -> dict[str, object]:
    """The machine, for a report's header."""
    compilers, u = build.compilers(), platform.uname()
    return {
        "processor": _field("model name", "Model name") or platform.processor() or platform.machine(),
        "vectors": [f for f in TELLING if f in _field("flags", "Features").split()],
        "cores": os.cpu_count(),
        "threads": threads,
        "system": " ".join([u.system, u.release, u.machine]),
        "python": platform.python_version(),
        "compiler": f"{compilers[0].name}: {compilers[0].version}" if compilers else None,
        "flags": " ".join(build.default_flags()) if compilers else None,
        "packages": {name: version for name in PACKAGES if (version := package_version(name))},
        "blas": blas(),
    }


def load() -> float | None:
    """How many programs wanted a processor in the last minute; None where the system does not say."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def busy(threads: int) -> str:
    """A warning if others leave too few processors for so many threads; "" if not."""
    cores, wanted = os.cpu_count() or 1, load()
    if wanted is None or wanted + threads <= cores + 0.5:
        return ""
    return f"this machine is busy (load {wanted} on {cores} cores): times will spread, above all with several threads"


def lines(machine: dict[str, object]) -> Iterable[str]:
    """The header as text."""
    packages = machine["packages"]
    assert isinstance(packages, dict)
    vectors = machine["vectors"]
    assert isinstance(vectors, list)
    yield f"{machine['processor']} ({', '.join(vectors) or 'vectors unknown'}), {machine['cores']} cores"
    yield f"{machine['threads']} thread{'s' if machine['threads'] != 1 else ''}, {machine['system']}"
    yield f"{machine['compiler'] or 'no C compiler'}{' ' + str(machine['flags']) if machine['flags'] else ''}"
    yield ", ".join([f"Python {machine['python']}", *(f"{n} {v}" for n, v in packages.items()), str(machine["blas"])])


def _field(*names: str) -> str:
    """A line of /proc/cpuinfo; "" where there is none."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        return ""
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in names:
            return value.strip()
    return ""
