"""The wheel, the sdist, what is generated: what is in them, that they work, and that they are the same bytes again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

from tests.environments import Failed, Workshop, contents, differing, environment, run, shortly

CLAIM = r"\frac{\partial L}{\partial V} = \sum_t (\hat y_t - y_t) h_t^\top"
CELLS = ("elman", "gru", "lstm")


def installed(shop: Workshop, file: Path) -> dict[str, bytes]:
    """What `derive run elman` writes where a distribution, which twine accepts, is all that is installed."""
    run([shop.tools.python, "-m", "twine", "check", "--strict", file], shop.folder)
    made = environment(Path(sys.executable), shop.folder / f"clean{file.suffix}")
    made.install(file)
    run([made.derive, "run", "elman", "-o", "out"], made.folder)
    return contents(made.folder / "out")


def compared(has: set[str], wanted: set[str], may: set[str]) -> None:
    """Refuse a distribution that lacks files or has stray ones."""
    lacks, stray = sorted(wanted - has), sorted(has - wanted - may)
    if lacks or stray:
        raise Failed(f"lacks: {shortly(lacks) or 'nothing'}; strays: {shortly(stray) or 'none'}")


def kinds(names: set[str]) -> str:
    counts = Counter(Path(n).suffix or "no suffix" for n in names).most_common(7)
    return f"{len(names)} files, most of them " + ", ".join(f"{n} {kind}" for kind, n in counts)


def wheel(shop: Workshop) -> str:
    """The package with its data and the templates, and nothing else; it works by itself."""
    file = shop.distributions[0]
    if not installed(shop, file):
        raise Failed("derive run wrote nothing")
    has = {n for n in zipfile.ZipFile(file).namelist() if ".dist-info/" not in n}
    wanted = {f"derive/{n}" for n in contents(shop.checkout / "derive")}
    compared(has, wanted | {f"derive/_templates/{n}" for n in contents(shop.checkout / "templates")}, set())
    return kinds(has)


def sdist(shop: Workshop) -> str:
    """The package, its tests and what they read; installed it writes what the checkout does."""
    file = shop.distributions[1]
    written = installed(shop, file)
    there = contents(shop.checkout)
    kept = {n.removeprefix("generated/"): data for n, data in there.items() if n.startswith("generated/elman/")}
    if apart := differing(written, kept):
        raise Failed(f"it does not write what lies in generated/: {shortly(apart)}")
    with tarfile.open(file) as archive:
        has = {m.name.partition("/")[2] for m in archive.getmembers() if m.isfile()}
    rooms = ("derive/", "templates/", "tests/", "docs/", "examples/", "generated/", "benchmarks/")
    written_by_sphinx = "docs/generated/"
    wanted = {n for n in there if n.startswith(rooms) and not n.startswith(written_by_sphinx)}
    compared(has, wanted, {*there, "PKG-INFO"})
    return kinds(has)


def builds(shop: Workshop) -> str:
    """Two builds of copies of other ages, with other rights for new files, are the same bytes."""
    made = []
    for n, mask in enumerate((0o022, 0o077)):
        copy = shutil.copytree(shop.checkout, shop.folder / f"copy-{n}", copy_function=shutil.copyfile)
        before = os.umask(mask)
        try:
            shop.build(copy, shop.folder / f"built-{n}", env={"SOURCE_DATE_EPOCH": "1700000000"})
        finally:
            os.umask(before)
        made.append(contents(shop.folder / f"built-{n}"))
    if differing(*made):
        raise Failed(f"not the same in two builds: {shortly(differing(*made))}")
    return ", ".join(made[0])


def generation(shop: Workshop) -> str:
    """What is written and judged does not depend on the order of hashes."""
    made: list[dict[str, bytes]] = []
    for seed in ("0", "1", "random"):
        place = shop.fresh(f"seed-{seed}")
        env = {"PYTHONHASHSEED": seed}
        run([shop.user.derive, "run", *CELLS, "-o", "out"], place, env)
        found = contents(place / "out")
        for cell in CELLS:
            found[f"{cell} show"] = run([shop.user.derive, "show", cell, "--steps"], place, env).stdout
        for claim in (CLAIM, CLAIM.replace(r"^\top", "")):
            judged = subprocess.run(
                [shop.user.derive, "verify", "elman", "-e", claim, "--json"],
                cwd=place, env={**os.environ, **env}, capture_output=True, check=False,
            )  # fmt: skip
            found[f"verify {claim}"] = json.dumps(timeless(json.loads(judged.stdout))).encode()
        made.append(found)
        if differing(made[0], found):
            raise Failed(f"PYTHONHASHSEED={seed} changes {shortly(differing(made[0], found))}")
    return f"{len(made[0])} files and answers of {', '.join(CELLS)}, three times the same"


def timeless(told: Any) -> Any:
    if isinstance(told, dict):
        return {k: timeless(v) for k, v in told.items() if k not in ("seconds", "time")}
    return [timeless(v) for v in told] if isinstance(told, list) else told
