"""What is installed that the work can use, and for what is not, the command that gets it."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
from dataclasses import dataclass

from derive.kernels.build import compilers, has_openmp


@dataclass(frozen=True)
class Finding:
    """A tool: what was found of it ("" for nothing), what it is good for, and a command that gets it."""

    name: str
    found: str
    use: str
    get: str = ""

    def as_json(self) -> dict[str, object]:
        return {"name": self.name, "found": self.found or None, "use": self.use, "get": self.get}


PACKAGES = {  # name → (use, command)
    "sympy": ("derivations", "pip install sympy"),
    "numpy": ("kernels and checks", "pip install numpy"),
    "jinja2": ("all that is written", "pip install jinja2"),
    "lark": ("reading cells and claims", "pip install lark"),
    "matplotlib": ("derive flow, graph, bench and test with a picture", "pip install 'derive[plot]'"),
    "torch": ("derive code --to torch, and derive bench beside PyTorch", "pip install 'derive[bench]'"),
    "jax": ("derive code --to jax, and derive bench beside JAX", "pip install 'derive[bench]'"),
    "distributed": ("derive.parallel and derive test --scheduler", "pip install 'derive[dask]'"),
}
TEX = ("pdflatex", "lualatex", "xelatex", "tectonic")
SYSTEM = {  # name → what each package manager calls it
    "C compiler": {"apt-get": "gcc libc6-dev", "dnf": "gcc", "pacman": "gcc", "apk": "gcc musl-dev", "brew": "gcc"},
    "OpenMP": {
        "apt-get": "libomp-dev",
        "dnf": "libomp-devel",
        "pacman": "openmp",
        "apk": "openmp-dev",
        "brew": "libomp",
    },
    "npm": {"apt-get": "npm", "dnf": "npm", "pacman": "npm", "apk": "npm", "brew": "node"},
    "TeX": {
        "apt-get": "texlive-latex-recommended texlive-pictures lmodern",
        "dnf": "texlive-scheme-medium",
        "pacman": "texlive-latexrecommended texlive-pictures",
        "apk": "texlive-full",
        "brew": "--cask mactex-no-gui",
    },
}
MANAGERS = {
    "apt-get": "sudo apt-get install",
    "dnf": "sudo dnf install",
    "pacman": "sudo pacman -S",
    "apk": "sudo apk add",
    "brew": "brew install",
}
WITHOUT = {  # where none of these managers is
    "C compiler": "pip install ziglang",
    "OpenMP": "see the compiler's manual, or leave `threads` out",
    "npm": "see https://nodejs.org",
    "TeX": "see https://tug.org/texlive",
}


def findings() -> list[Finding]:
    """Every tool, found or not."""
    found = [Finding("python", platform.python_version(), "everything")]
    found += [Finding(name, package_version(name), *words) for name, words in PACKAGES.items()]
    for c in compilers() or (None,):
        version = f"{c.name}: {c.version}" if c else ""
        found.append(Finding("C compiler", version, "compiling kernels", command("C compiler")))
        if c:
            threads = c.name if has_openmp(c) else ""
            found.append(Finding("OpenMP", threads, f"threads of kernels compiled by {c.name}", command("OpenMP")))
    paths = [p for p in map(shutil.which, TEX) if p]
    found.append(Finding("TeX", paths[0] if paths else "", "derivations as PDF", command("TeX")))
    found.append(Finding("npm", shutil.which("npm") or "", "derive page", command("npm")))
    found.append(Finding("BLAS", blas(), "large products of NumPy kernels"))
    return found


def command(name: str) -> str:
    """What to type on this machine to get a tool."""
    for manager, words in MANAGERS.items():
        if shutil.which(manager):
            return f"{words} {SYSTEM[name][manager]}"
    return WITHOUT[name]


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
