"""Pythons, versions of dependencies, compilers, locales, users, builds: what is promised holds in fresh environments.

python -m tests.everywhere [--only NAME]… [--record]

NAME is the start of a check's name.  Packages come from the index that pip uses; nothing is installed outside a
temporary folder.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from tests import distributions
from tests.environments import (
    PYTHONS,
    Environment,
    Failed,
    NotTried,
    Workshop,
    contents,
    differing,
    environment,
    installable,
    interpreters,
    lower_bounds,
    run,
    shortly,
)
from tests.records import record

Check = Callable[[Workshop], str]  # returns the versions or what was seen; raises Failed or NotTried

QUICK = (
    "tests/language", "tests/calculus/test_rules.py", "tests/calculus/test_losses.py", "tests/calculus/test_chain.py",
    "tests/proof/test_prove.py", "tests/kernels/test_regressions.py", "tests/test_interpreter.py", "tests/test_cli.py",
)  # fmt: skip
TOOLS = ("hypothesis", "pytest", "pytest-xdist")  # what the quick tests need beside derive
SHOWN = ("numpy", "sympy", "mpmath", "lark", "jinja2", "click", "rich")
LOCALES = ("C", "C.UTF-8", "tr_TR.UTF-8", "de_DE.UTF-8", "tr_TR.ISO-8859-9")
NOBODY, NAMELESS = 65534, 54321  # users: without a home; without an entry in the list of users


def works(shop: Workshop, made: Environment) -> str:
    """The quick tests, in an environment that has derive; their last line."""
    env = {"PATH": f"{made.python.parent}{os.pathsep}{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}
    options = ["-n", "0", "-q", "--no-header", "--tb=short", "-p", "no:cacheprovider"]
    done = run([made.python, "-m", "pytest", *options, *QUICK], shop.checkout, env)
    return done.stdout.decode().strip().splitlines()[-1]


def newest(version: str, shop: Workshop) -> str:
    """The newest packages that pip finds for a Python."""
    python = interpreters().get(version)
    if python is None:
        raise NotTried(f"Python {version} is not installed")
    made = environment(python, shop.folder / f"newest-{version}")
    made.install("-e", shop.checkout, *TOOLS)
    return f"{made.versions(*SHOWN)}; {works(shop, made)}"


def oldest(shop: Workshop) -> str:
    """The lower bounds of pyproject.toml, with the oldest Python."""
    made = environment(interpreters()[PYTHONS[0]], shop.folder / "oldest")
    bounds = lower_bounds()
    chosen = {name: installable(name, bound, made) for name, bound in bounds.items()}
    made.install("-e", shop.checkout, *TOOLS, *(f"{name}=={version}" for name, version in chosen.items()))
    raised = [f"no wheel of {n} {b}, the lowest is {chosen[n]}" for n, b in bounds.items() if chosen[n] != b]
    return "; ".join([made.versions(*SHOWN), *raised, works(shop, made)])


def compiler(name: str, shop: Workshop) -> str:
    """`derive test` with a C compiler, which has to be the one that is asked for."""
    if shutil.which(name) is None:
        raise NotTried(f"{name} is not installed")
    place = shop.fresh(f"compiler-{name}")
    env = {"CC": name, "DERIVE_CACHE": str(place)}
    for cell in ("elman", "lstm"):
        run([shop.user.derive, "test", cell, "--to", "c"], place, env)
    made = [p.read_bytes() for p in place.rglob("*.so")]
    if not made or any((b"clang version" in data) != (name == "clang") for data in made):
        raise Failed(f"CC={name} derive test: {len(made)} libraries, not all of them made by {name}")
    version = run([name, "--version"], place).stdout.decode().splitlines()[0]
    return f"{version}; {len(made)} libraries"


def seen(shop: Workshop, name: str, env: dict[str, str]) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """What is printed about elman and what its files are, under some variables alone."""
    place = shop.fresh(name)
    whole = {"PATH": os.environ["PATH"], "HOME": str(place), "DERIVE_CACHE": str(shop.folder / "cache"), **env}
    printed = {}
    for verb in (["show", "elman"], ["verify", "elman", "-e", distributions.CLAIM], ["run", "elman", "-o", "out"]):
        printed[f"derive {verb[0]}"] = run([shop.user.derive, *verb], place, whole, whole=True).stdout
    return printed, contents(place / "out")


@cache
def reference(shop: Workshop) -> tuple[dict[str, bytes], dict[str, bytes]]:
    return seen(shop, "locale", {"LC_ALL": "C.UTF-8"})


def locale(name: str, shop: Workshop) -> str:
    """A locale writes the bytes of C.UTF-8, and prints them where it can: C and UTF-8."""
    language, _, charset = name.partition(".")
    env = {"LC_ALL": name}
    if language != "C":
        place = shop.folder / "locales"
        place.mkdir(exist_ok=True)
        if shutil.which("localedef") is None:
            raise NotTried("localedef is not installed")
        made = subprocess.run(["localedef", "-i", language, "-f", charset, place / name], check=False)
        if made.returncode:
            raise NotTried(f"localedef has no {language}")
        env["LOCPATH"] = str(place)
    whole = charset in ("", "UTF-8")
    for mode in ({}, {"PYTHONUTF8": "0"}):
        printed, files = seen(shop, f"locale-{name}-{len(mode)}", env | mode)
        apart = differing(reference(shop)[1], files) + (differing(reference(shop)[0], printed) if whole else [])
        if apart:
            raise Failed(f"{env | mode}: not what LC_ALL=C.UTF-8 gives: {shortly(apart)}")
    return f"also with PYTHONUTF8=0; {'printed and written bytes' if whole else 'written bytes'} as with C.UTF-8"


def as_user(user: int) -> list[str]:
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]


def stranger(user: int, shop: Workshop) -> str:
    """A user without a home, in a folder that he can not write."""
    if shutil.which("setpriv") is None or os.getuid() != 0:
        raise NotTried("needs setpriv, and root")
    started = [*as_user(user), str(shop.user.python), "-c", "pass"]
    if subprocess.run(started, check=False, capture_output=True).returncode:
        raise NotTried("no Python that other users may start")
    locked, writable = shop.fresh(f"locked-{user}"), shop.fresh(f"writable-{user}")
    locked.chmod(0o555)
    os.chown(writable, user, user)
    for home in ({"HOME": "/nonexistent"}, {}):
        out = writable / f"out-{len(home)}"
        for verb in (["list"], ["run", "elman", "-o", out], ["test", "elman"]):
            run([*as_user(user), shop.user.derive, *verb], locked, {"PATH": os.environ["PATH"], **home}, whole=True)
        if not (out / "elman" / "elman.c").is_file():
            raise Failed("derive run wrote nothing")
    return f"user {user}, with $HOME that is not there and without $HOME"


CHECKS: dict[str, Check] = {
    "wheel": distributions.wheel,
    "sdist": distributions.sdist,
    "builds": distributions.builds,
    "generation": distributions.generation,
    "gcc": partial(compiler, "gcc"),
    "clang": partial(compiler, "clang"),
    **{f"locale {name}": partial(locale, name) for name in LOCALES},
    "user without a home": partial(stranger, NOBODY),
    "user without a name": partial(stranger, NAMELESS),
    "oldest": oldest,
    **{f"python {v}": partial(newest, v) for v in reversed(PYTHONS)},
}


def tried(name: str, shop: Workshop) -> tuple[str, str, float]:
    began = monotonic()
    try:
        result, said = "ok", CHECKS[name](shop)
    except NotTried as lacking:
        result, said = "not tried", str(lacking)
    except (Failed, subprocess.TimeoutExpired, OSError) as error:
        result, said = "FAILED", str(error)
    return result, said, monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", action="append", metavar="NAME", help=f"of {', '.join(CHECKS)}; may be repeated")
    parser.add_argument("--record", action="store_true", help="put the figures into docs/reliability")
    chosen = parser.parse_args()
    only = chosen.only or [""]
    names = [name for name in CHECKS if name.startswith(tuple(only))]
    if unknown := [start for start in only if not any(name.startswith(start) for name in CHECKS)]:
        parser.error(f"no check is called {', '.join(unknown)}")
    began, results, details = monotonic(), [], []
    with TemporaryDirectory(prefix="derive-everywhere-") as folder:
        Path(folder).chmod(0o755)  # for other users
        shop = Workshop(Path(folder))
        for name in names:
            result, said, seconds = tried(name, shop)
            results.append(result)
            first, *rest = said.splitlines()
            details += [f"\n{name}: {said}"] if rest else []
            print(f"{name:19}  {result:9}  {seconds:4.0f} s  {first}", flush=True)  # noqa: T201
    print(*details, sep="\n")  # noqa: T201
    failures = results.count("FAILED")
    if chosen.record:
        command = " ".join(["python -m tests.everywhere", *(f"--only '{start}'" for start in chosen.only or [])])
        cases = len(results) - results.count("not tried")
        record("environments: Pythons, versions, compilers, locales", command, cases, failures, monotonic() - began)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
