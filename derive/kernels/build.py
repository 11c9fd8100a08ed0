"""Compile C into a shared library, once per source, and load it.

Commands are argument lists, never a shell's; every compilation has a private folder and a time
limit; libraries are kept in a cache that several processes may use at once.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from derive.errors import ToolError
from derive.files import write_text

# For this machine: what is compiled here runs here.  Nothing that changes results beyond rounding, so no -ffast-math.
FLAGS = (
    "-std=c99", "-O3", "-march=native", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math",
    "-fPIC", "-shared",
)  # fmt: skip
OPENMP = "-fopenmp"
TIME_LIMIT = 300.0  # seconds
OPENMP_HELP = "install libgomp (gcc) or libomp-dev (clang), set $CC to a compiler that has it, or leave `threads` out"
HELP = "install gcc or clang, set $CC, or `pip install ziglang`"


@dataclass(frozen=True)
class Compiler:
    """A C compiler: what it is called, its command, and what it says its version is."""

    name: str
    command: tuple[str, ...]
    version: str

    def run(self, arguments: Sequence[str], folder: Path, limit: float = TIME_LIMIT) -> None:
        """Run it in a folder.

        Raises:
            ToolError: it failed or took too long; the message has the end of what it printed.
        """
        command = [*self.command, *arguments]
        try:
            done = subprocess.run(  # noqa: S603 - an argument list: no shell
                command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=limit, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise ToolError(f"{self.name} took more than {limit:.0f} s") from error
        except OSError as error:
            raise ToolError(f"{self.name} does not start: {error.strerror}") from error
        if done.returncode:
            raise ToolError(f"{self.name} failed with status {done.returncode}:\n{done.stderr[-2000:]}")


def compilers() -> tuple[Compiler, ...]:
    """The compilers of this machine, in order of preference: $CC, gcc, clang, ziglang."""
    return _compilers(_words("CC"), os.environ.get("PATH", ""))


@cache
def _compilers(wanted: tuple[str, ...], path: str) -> tuple[Compiler, ...]:
    candidates = [wanted] if wanted else []
    candidates += [("gcc",), ("clang",)]
    if importlib.util.find_spec("ziglang"):
        candidates.append((sys.executable, "-m", "ziglang", "cc"))
    found: dict[tuple[str, ...], Compiler] = {}
    for command in candidates:
        where = shutil.which(command[0], path=path)
        if where and (where, *command[1:]) not in found:
            version = _version((where, *command[1:]))
            if version:
                name = "zig cc" if "ziglang" in command else " ".join(command)
                found[where, *command[1:]] = Compiler(name, (where, *command[1:]), version)
    return tuple(found.values())


def _version(command: tuple[str, ...]) -> str:
    """The first line of --version; "" for what is no compiler."""
    try:
        done = subprocess.run(  # noqa: S603 - an argument list: no shell
            [*command, "--version"], capture_output=True, text=True, errors="replace", timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.splitlines()[0].strip() if done.returncode == 0 and done.stdout.strip() else ""


def compiler() -> Compiler:
    """The first of `compilers`.

    Raises:
        ToolError: there is none; the message says how to get one.
    """
    found = compilers()
    if not found:
        wanted = os.environ.get("CC", "")
        raise ToolError(f"no C compiler was found{f' ($CC is {wanted!r})' if wanted else ''}: {HELP}")
    return found[0]


def ignored() -> str:
    """What $CC says, if that is no compiler; "" if it is one or says nothing."""
    wanted = _words("CC")
    known = {c.name for c in compilers()}
    return "" if not wanted or " ".join(wanted) in known else " ".join(wanted)


def default_flags(threads: int = 1) -> tuple[str, ...]:
    """FLAGS, that of OpenMP where there are threads, and those of $CFLAGS."""
    return (*FLAGS, *[OPENMP] * (threads > 1), *_words("CFLAGS"))


def has_openmp(using: Compiler) -> bool:
    """Can it compile and link a program that uses OpenMP?"""
    text = "#include <omp.h>\nint threads(void) { return omp_get_max_threads(); }\n"
    with tempfile.TemporaryDirectory(prefix="derive-") as folder:
        try:
            _compile({"openmp.c": text}, using, ("-fPIC", "-shared", OPENMP), Path(folder), TIME_LIMIT)
        except ToolError:
            return False
    return True


def library(
    files: Mapping[str, str],
    using: Compiler | None = None,
    flags: Sequence[str] | None = None,
    limit: float = TIME_LIMIT,
) -> ctypes.CDLL:
    """The loaded library of some C files, compiled unless the cache has it.

    Args:
        files: texts by name.
        using: the compiler; the first of `compilers` by default.
        flags: its arguments; FLAGS and those of $CFLAGS by default.

    Raises:
        ToolError: no compiler, or it failed.
    """
    using = using or compiler()
    flags = default_flags() if flags is None else flags
    key = _key(files, using, flags)
    folder = _cache_folder()
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="derive-") as private:
            return _load(_compile(files, using, flags, Path(private), limit), using)
    kept = folder / f"{key}.so"
    if not kept.is_file():
        with tempfile.TemporaryDirectory(prefix="build-", dir=folder) as private:
            made = _compile(files, using, flags, Path(private), limit)
            made.replace(kept)  # at once: another process sees all of it or nothing
    return _load(kept, using)


def _load(path: Path, using: Compiler) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        path.unlink(missing_ok=True)  # it would not load the next time either
        raise ToolError(f"what {using.name} wrote can not be loaded: {error}") from error


def _words(variable: str) -> tuple[str, ...]:
    """The words of an environment variable, split as a shell would."""
    try:
        return tuple(shlex.split(os.environ.get(variable, "")))
    except ValueError as error:
        raise ToolError(f"${variable} can not be split into words: {error}") from error


def _compile(files: Mapping[str, str], using: Compiler, flags: Sequence[str], folder: Path, limit: float) -> Path:
    for name, text in files.items():
        write_text(folder / name, text)
    sources = [name for name in files if name.endswith(".c")]
    using.run([*flags, *sources, "-o", "kernel.so", "-lm"], folder, limit)
    if not (folder / "kernel.so").is_file():
        raise ToolError(f"{using.name} reported success but wrote nothing")
    return folder / "kernel.so"


def _key(files: Mapping[str, str], using: Compiler, flags: Sequence[str]) -> str:
    """A name for what is compiled: the source, the compiler, the flags and the processor."""
    parts = [*using.command, using.version, *flags, platform.machine(), _processor()]
    parts += [x for item in sorted(files.items()) for x in item]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}:{part}".encode())
    return digest.hexdigest()[:40]


@cache
def _processor() -> str:
    """What `-march=native` in $CFLAGS depends on: a cache may lie on a disk that several machines share."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())


def _cache_folder() -> Path | None:
    """A folder of the user's own that nobody else can write; None if there is none."""
    base = os.environ.get("DERIVE_CACHE") or os.environ.get("XDG_CACHE_HOME")
    try:
        folder = Path(base) / "derive" if base else Path.home() / ".cache" / "derive"  # a user may have no home
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except (OSError, RuntimeError):
        return None
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        return None
    return folder if not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and os.access(folder, os.W_OK) else None
