"""Finding compilers, compiling, the cache."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

import derive
from derive.errors import ToolError
from derive.kernels import build

ADD = {"add.c": "int add(int a, int b);\nint add(int a, int b)\n{\n    return a + b;\n}\n"}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own."""
    monkeypatch.setenv("DERIVE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "derive"


def fake(folder: Path, name: str, script: str) -> Path:
    """A program that stands for a compiler."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("gcc", "clang", "mine"):
        fake(tmp_path, name, f'echo "{name} 1.0"')
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CC", "")
    assert [c.name for c in build.compilers()][:2] == ["gcc", "clang"]
    monkeypatch.setenv("CC", "mine -O1")
    assert [c.name for c in build.compilers()][:3] == ["mine -O1", "gcc", "clang"]
    assert build.compiler().command == (str(tmp_path / "mine"), "-O1")
    monkeypatch.setenv("CC", "gcc")
    assert [c.name for c in build.compilers()][:2] == ["gcc", "clang"], "none twice"
    assert build.compiler().version == "gcc 1.0"


def test_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CC", "absent")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    build._compilers.cache_clear()
    with pytest.raises(ToolError, match=r"'absent'.*install gcc or clang"):
        derive.load("elman").compile("c")
    build._compilers.cache_clear()


def test_a_program_that_is_no_compiler_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, "broken", "exit 1")
    fake(tmp_path, "gcc", "echo gcc")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setenv("CC", "broken")
    assert build.compiler().name == "gcc"


def test_words_of_a_compiler_that_fails(cache: Path) -> None:
    with pytest.raises(ToolError, match="expected"):
        build.library({"wrong.c": "int f(void) { return 0"})
    assert not list(cache.glob("*.so"))
    assert not list(cache.glob("build-*")), "no leftovers"


def test_no_shell_sees_an_argument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """What a shell would run is only a strange argument."""
    monkeypatch.setenv("CC", f"gcc; touch {tmp_path}/broken")
    build.library(ADD)
    assert not (tmp_path / "broken").exists()


def test_time_limit(tmp_path: Path, cache: Path) -> None:
    slow = build.Compiler("slow", (str(fake(tmp_path, "slow", "exec sleep 20")),), "1")
    started = time.perf_counter()
    with pytest.raises(ToolError, match=r"slow took more than 0 s"):
        build.library(ADD, slow, limit=0.2)
    assert time.perf_counter() - started < 10


def test_the_cache_is_used(cache: Path) -> None:
    assert build.library(ADD).add(2, 3) == 5
    (kept,) = cache.glob("*.so")
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    before = kept.stat().st_mtime_ns
    assert build.library(ADD).add(2, 3) == 5
    assert kept.stat().st_mtime_ns == before
    build.library({"add.c": ADD["add.c"] + "\n"})
    build.library(ADD, flags=(*build.FLAGS, "-DX"))
    assert len(list(cache.glob("*.so"))) == 3, "another source, other flags"


def test_flags_of_the_environment(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = {"value.c": "int value(void);\nint value(void)\n{\n    return VALUE;\n}\n"}
    for n in (3, 4):
        monkeypatch.setenv("CFLAGS", f"-O1 '-DVALUE={n}'")
        assert build.library(text).value() == n
    monkeypatch.setenv("CFLAGS", "'")
    with pytest.raises(ToolError, match="CFLAGS"):
        build.library(text)


def test_two_processes_at_once(cache: Path) -> None:
    program = f"from derive.kernels import build\nprint(build.library({ADD!r}).add(20, 22))\n"
    environment = {**os.environ, "DERIVE_CACHE": str(cache.parent)}
    command = [sys.executable, "-c", program]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True)
        for _ in range(4)
    ]
    for process in running:
        out, err = process.communicate(timeout=120)
        assert out == "42\n", err
    assert len(list(cache.glob("*"))) == 1


def test_a_folder_that_others_can_write_is_not_trusted(cache: Path) -> None:
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    assert build.library(ADD).add(1, 1) == 2
    assert not list(cache.iterdir())


def test_a_cache_that_can_not_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DERIVE_CACHE", str(tmp_path / "file"))
    assert build.library(ADD).add(1, 1) == 2


def test_a_compiler_that_writes_nothing(tmp_path: Path, cache: Path) -> None:
    silent = build.Compiler("silent", (str(fake(tmp_path, "silent", "exit 0")),), "1")
    with pytest.raises(ToolError, match="wrote nothing"):
        build.library(ADD, silent)


def test_what_can_not_be_loaded_is_not_kept(tmp_path: Path, cache: Path) -> None:
    wrong = build.Compiler("wrong", (str(fake(tmp_path, "wrong", "echo no library > kernel.so")),), "1")
    with pytest.raises(ToolError, match="can not be loaded"):
        build.library(ADD, wrong)
    assert not list(cache.glob("*.so"))


def test_a_compiler_that_is_asked_for_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    for wanted, ignored in (("", ""), ("gcc", ""), ("/nonexistent -O1", "/nonexistent -O1"), ("false", "false")):
        monkeypatch.setenv("CC", wanted)
        assert build.ignored() == ignored
    monkeypatch.setenv("CC", "gcc '")
    with pytest.raises(ToolError, match="CC"):
        build.compilers()


def test_a_user_without_a_home_has_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs under a number without a name: then each kernel is compiled anew."""

    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("DERIVE_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    assert build._cache_folder() is None
