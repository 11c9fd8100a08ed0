"""Fresh environments for `python -m tests.everywhere`: interpreters, a copy of the checkout, what is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 900.0  # seconds that one command may take
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PIP = ("-m", "pip", "--disable-pip-version-check")
UNWANTED = (".git", "__pycache__", ".*_cache", ".hypothesis", "build", "dist", "*.egg-info", "node_modules", "*.pyc")


class NotTried(Exception):
    """The machine lacks something for a check; the message says what."""


class Failed(Exception):
    """Something that is promised does not hold; the message says what."""


def run(
    command: Sequence[str | Path], folder: Path, env: Mapping[str, str] | None = None, whole: bool = False
) -> subprocess.CompletedProcess[bytes]:
    """Run a command; a failure is told with the end of what it printed.  `env` is added, or if `whole` all there is."""
    added = dict(env or {})
    done = subprocess.run(
        [str(c) for c in command], cwd=folder, env=added if whole else {**os.environ, **added},
        capture_output=True, timeout=LIMIT, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode:
        said = (done.stdout[-3000:] + done.stderr[-3000:]).decode("utf-8", "replace")
        settings = "".join(f"{k}={v} " for k, v in added.items() if k != "PATH")
        raise Failed(f"{settings}{' '.join(map(str, command))}\nstatus {done.returncode}\n{said}")
    return done


def interpreters() -> dict[str, Path]:
    """Pythons that start, by their versions: those of pyenv and those on the PATH."""
    found = {}
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for version in PYTHONS:
        places = [p / "bin" / "python" for p in sorted(pyenv.glob(f"{version}.*"))]
        on_path = shutil.which(f"python{version}")
        for place in [*places, *([Path(on_path)] if on_path else [])]:
            asked = [str(place), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
            done = subprocess.run(asked, capture_output=True, text=True, check=False)
            if done.stdout.strip() == version:
                found[version] = place
    return found


def everybodys() -> Path:
    """An interpreter that other users may start, too: the system's, if it is new enough; else that of this process."""
    places = (shutil.which(f"python{version}", path=os.defpath) for version in reversed(PYTHONS))
    return Path(next(filter(None, places), sys.executable))


@dataclass(frozen=True)
class Environment:
    """A virtual environment."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def derive(self) -> Path:
        return self.folder / "bin" / "derive"

    def install(self, *what: str | Path) -> None:
        run([sys.executable, *PIP, "--python", self.python, "install", "--quiet", *what], self.folder)

    def versions(self, *names: str) -> str:
        """Python's and those of packages."""
        program = (
            "import sys, platform; from importlib.metadata import version\n"
            "print(platform.python_version(), *(f'{n} {version(n)}' for n in sys.argv[1:]), sep=', ')"
        )
        return "Python " + run([self.python, "-c", program, *names], self.folder).stdout.decode().strip()


def environment(python: Path, folder: Path) -> Environment:
    """A fresh one, without pip: that of this process installs into it."""
    run([python, "-m", "venv", "--without-pip", folder], folder.parent)
    return Environment(folder)


@dataclass(eq=False)
class Workshop:
    """A folder for all checks, with what several of them share."""

    folder: Path

    def fresh(self, name: str) -> Path:
        place = self.folder / name
        place.mkdir()
        return place

    @cached_property
    def checkout(self) -> Path:
        """A copy of the checkout as it is now, so that nobody's work below changes it and nothing is written there."""
        return Path(shutil.copytree(ROOT, self.folder / "checkout", ignore=shutil.ignore_patterns(*UNWANTED)))

    @cached_property
    def tools(self) -> Environment:
        """What builds and inspects distributions."""
        made = environment(Path(sys.executable), self.folder / "tools")
        made.install("build", "twine")
        return made

    def build(self, checkout: Path, out: Path, *options: str, env: Mapping[str, str] | None = None) -> list[Path]:
        run([self.tools.python, "-m", "build", *options, "--outdir", out, checkout], self.folder, env)
        return sorted(out.iterdir())

    @cached_property
    def distributions(self) -> tuple[Path, Path]:
        """The wheel and the sdist."""
        sdist, wheel = sorted(self.build(self.checkout, self.folder / "dist"), key=lambda p: p.suffix == ".whl")
        return wheel, sdist

    @cached_property
    def user(self) -> Environment:
        """The wheel, installed for everybody."""
        made = environment(everybodys(), self.folder / "user")
        made.install(self.distributions[0])
        return made


def lower_bounds() -> dict[str, str]:
    """The oldest version that pyproject.toml takes of each package."""
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    found = {}
    for text in needed:
        parts = re.fullmatch(r"([\w-]+)>=([\d.]+)(?:,<\d+)?", text)
        if not parts:
            raise Failed(f"a dependency without a lower bound: {text}")
        found[parts[1]] = parts[2]
    return found


def installable(name: str, bound: str, python: Environment) -> str:
    """The bound itself, or else the lowest version above it that has a wheel for this Python."""
    pip: list[str | Path] = [sys.executable, *PIP, "--python", python.python]
    options = ["--no-deps", "--only-binary", ":all:"]

    def there(version: str) -> bool:
        try:
            run([*pip, "install", "--quiet", "--dry-run", *options, f"{name}=={version}"], python.folder)
        except Failed:
            return False
        return True

    if there(bound):
        return bound
    listed = run([*pip, "index", "versions", name], python.folder).stdout.decode()
    known = re.search(r"versions: (.*)", listed)
    for version in sorted(known[1].split(", ") if known else [], key=numbers):
        if numbers(version) >= numbers(bound) and there(version):
            return version
    raise Failed(f"no version of {name} from {bound} on can be installed")


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def differing(one: Mapping[str, bytes], other: Mapping[str, bytes]) -> list[str]:
    """The names of files that only one has, or that are not the same."""
    return sorted(n for n in {*one, *other} if one.get(n) != other.get(n))


def shortly(names: Iterable[str], most: int = 8) -> str:
    every = list(names)
    return ", ".join(every[:most]) + (f" and {len(every) - most} more" if len(every) > most else "")
