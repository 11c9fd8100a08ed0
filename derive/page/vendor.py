"""What the page has besides this project: Pyodide and a font through npm, the libraries as they are installed here.

Archives of npm are held to a known hash; the libraries are those that this project runs on, Python only.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha512
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from derive.errors import InputError, ToolError

SECONDS = 600.0
NODE_HELP = "install Node.js 18 or later with npm (Debian: nodejs npm)"


@dataclass(frozen=True)
class Archive:
    """A package of npm's.

    Attributes:
        hash: sha512 in base64, as npm prints it.
        licence: its name, and the file in the package that has its text ("" for none).
    """

    name: str
    version: str
    hash: str
    licence: tuple[str, str]

    @property
    def file(self) -> str:
        """The name that `npm pack` gives it."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"


PYODIDE = Archive(
    "pyodide",
    "0.29.5",
    "TkYrUv9m8QmfImADKRmpwZulL48E0uUaBSO+dvRQKyAJc0qh9gu7jn8btyHPh3NZm1r2IH2YrJhIr7Q2B9urAw==",
    ("MPL-2.0; CPython in it: PSF-2.0", ""),
)
FONT = Archive(
    "@fontsource/stix-two-math",
    "5.3.0",
    "negoeozw6VSXjZMozwKRSm/dhCQT62csZcuea9I8KYqPaZq/8KbbBBrA02ZHF7AyuR5mVML/p+q0bwFuSIf2GQ==",
    ("OFL-1.1", "LICENSE"),
)
LIBRARIES = ("sympy", "mpmath", "lark", "jinja2", "markupsafe")
KEPT = (".py", ".lark")


def node() -> str:
    """The path of Node.js.

    Raises:
        ToolError: it is not installed.
    """
    found = shutil.which("node")
    if found is None:
        raise ToolError(f"no Node.js was found, which the page's Python is compiled with: {NODE_HELP}")
    return found


def fetched(archive: Archive, folder: Path | None = None) -> dict[str, bytes]:
    """The files of a package, by their path in it.

    Args:
        folder: where its archive lies already; without one npm fetches it.

    Raises:
        ToolError: there is no npm, or it failed.
        InputError: there is no such archive, or it is another one.
    """
    if folder is not None:
        return _files(archive, folder / archive.file)
    with TemporaryDirectory(prefix="derive-") as place:
        _pack(archive, Path(place))
        return _files(archive, Path(place) / archive.file)


def _pack(archive: Archive, place: Path) -> None:
    program = shutil.which("npm")
    what = f"{archive.name}@{archive.version}"
    if program is None:
        help = f"{NODE_HELP}, or name a folder that has {archive.file} (--archives)"
        raise ToolError(f"no npm was found, which fetches {what}: {help}")
    command = [program, "pack", what, "--silent", "--pack-destination", str(place)]
    try:
        done = subprocess.run(  # noqa: S603 - an argument list: no shell
            command, cwd=place, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"npm did not fetch {what} within {SECONDS:g} seconds") from error
    if done.returncode or not (place / archive.file).is_file():
        raise ToolError(f"npm did not fetch {what}:\n{(done.stderr or done.stdout).strip()}")


def _files(archive: Archive, path: Path) -> dict[str, bytes]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError("archives", f"a folder with {archive.file}", error.strerror or str(error)) from error
    found = b64encode(sha512(data).digest()).decode()
    if found != archive.hash:
        raise InputError(archive.file, f"the archive whose sha512 is {archive.hash}", found, "fetch it again")
    files = {}
    with tarfile.open(path, "r:gz") as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.isfile() else None
            if stream is not None:
                files[member.name.removeprefix("package/")] = stream.read()
    return files


def libraries() -> Iterator[tuple[str, bytes]]:
    """The Python files of the libraries, by their path on Python's path, without their tests.

    Raises:
        ToolError: one is not installed, or not from a package that lists its files.
    """
    for name in LIBRARIES:
        for path in installed(name).files or ():
            parts = PurePosixPath(path).parts
            if path.suffix in KEPT and parts[0] != ".." and "tests" not in parts:
                yield str(path), Path(str(path.locate())).read_bytes()


def installed(name: str) -> Distribution:
    """A library as it is installed.

    Raises:
        ToolError: it is not, or its files are not known.
    """
    try:
        found = distribution(name)
    except PackageNotFoundError as error:
        raise ToolError(f"{name} is not installed, and the page needs its files: pip install {name}") from error
    if not found.files:
        raise ToolError(f"{name} is installed without a list of its files: pip install --force-reinstall {name}")
    return found


def notices(pyodide: Mapping[str, bytes], font: Mapping[str, bytes]) -> str:
    """Who made what the page is made of, and under which licence."""
    parts = []
    for archive, files in ((PYODIDE, pyodide), (FONT, font)):
        name, file = archive.licence
        words = files[file].decode("utf-8") if file else ""
        parts.append(f"{archive.name} {archive.version} ({name})\n\n{words}".rstrip())
    for name in LIBRARIES:
        found = installed(name)
        texts = [path.read_text("utf-8") for path in found.files or () if _is_licence(PurePosixPath(path))]
        parts.append("\n\n".join([f"{name} {found.version}", *texts]).rstrip())
    return f"\n\n{'-' * 72}\n\n".join(parts) + "\n"


def _is_licence(path: PurePosixPath) -> bool:
    inside = path.parts[0].endswith(".dist-info")
    return inside and path.name.upper().startswith(("LICENSE", "LICENCE", "COPYING", "AUTHORS"))
