"""What is installed that the work can use."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
from dataclasses import dataclass

from derive.kernels.build import HELP, OPENMP_HELP, compilers, has_openmp


@dataclass(frozen=True)
class Finding:
    """A tool: what was found of it ("" for nothing), and what it is good for."""

    name: str
    found: str
    use: str

    def as_json(self) -> dict[str, object]:
        return {"name": self.name, "found": self.found or None, "use": self.use}


PACKAGES = {
    "sympy": "derivations",
    "numpy": "the interpreter and NumPy kernels",
    "jinja2": "templates",
    "lark": "the cell language",
    "torch": "derive code --to torch, derive bench: pip install torch",
    "jax": "derive code --to jax, derive bench: pip install jax",
    "distributed": "derive.parallel, derive test --scheduler: pip install 'derive[dask]'",
    "matplotlib": "derive bench --plot: pip install matplotlib",
}
PROGRAMS = {
    "TeX": (("pdflatex", "lualatex", "xelatex", "tectonic"), "typesetting the derivation: install TeX Live"),
}


def findings() -> list[Finding]:
    """Every tool, found or not."""
    found = [Finding("python", platform.python_version(), "everything")]
    found += [Finding(name, package_version(name), use) for name, use in PACKAGES.items()]
    for c in compilers() or (None,):
        used = "compiling C kernels" if c else f"compiling C kernels: {HELP}"
        found.append(Finding("C compiler", f"{c.name}: {c.version}" if c else "", used))
        if c:
            found.append(Finding("OpenMP", c.name if has_openmp(c) else "", f"threads of C kernels: {OPENMP_HELP}"))
    for name, (programs, use) in PROGRAMS.items():
        paths = [p for p in map(shutil.which, programs) if p]
        found.append(Finding(name, paths[0] if paths else "", use))
    found.append(Finding("BLAS", blas(), "large products"))
    return found


def package_version(package: str) -> str:
    """The version of an installed package, "" if it is not."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def blas() -> str:
    """The library behind NumPy's products, with its version."""
    import numpy as np

    found = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{found.get('name', 'unknown')} {found.get('version', '')}".strip()
