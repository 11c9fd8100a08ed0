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


def package(shop: Workshop) -> str:
    """The wheel and the sdist hold what they should, pass twine, and work where they are installed."""
    wheel, sdist = shop.distributions
    run([shop.tools.python, "-m", "twine", "check", "--strict", wheel, sdist], shop.folder)
    has = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    code, data = contents(shop.checkout / "derive"), contents(shop.checkout / "templates")
    wanted = {f"derive/{n}" for n in code} | {f"derive/_templates/{n}" for n in data}
    if has != wanted:
        raise Failed(f"the wheel lacks {shortly(sorted(wanted - has))}; too much: {shortly(sorted(has - wanted))}")
    with tarfile.open(sdist) as archive:
        packed = {m.name.partition("/")[2] for m in archive.getmembers() if m.isfile()}
    stray = packed - {*contents(shop.checkout), "PKG-INFO"}
    lacking = {n for n in contents(shop.checkout) if n.startswith(("derive/", "templates/", "tests/"))} - packed
    if stray or lacking:
        raise Failed(f"the sdist lacks {shortly(sorted(lacking))}; too much: {shortly(sorted(stray))}")
    for kind, file in (("wheel", wheel), ("sdist", sdist)):
        made = environment(Path(sys.executable), shop.folder / f"clean-{kind}")
        made.install(file)
        run([made.derive, "run", "elman", "-o", shop.folder / f"derived-{kind}"], made.folder)
    if apart := differing(contents(shop.folder / "derived-wheel"), contents(shop.folder / "derived-sdist")):
        raise Failed(f"the sdist writes other files than the wheel: {shortly(apart)}")
    kinds = ", ".join(f"{n} {k or 'without'}" for k, n in Counter(Path(n).suffix for n in has).most_common())
    return f"wheel {len(has)} files ({kinds}), sdist {len(packed)} files"


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
