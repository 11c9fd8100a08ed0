"""The commands of a page of the documentation, run in an empty folder, in the page's order.

    python -m tests.docs.console docs/tutorial.md

runs them and writes what they print into the page.  A page has files, blocks with a file name as caption, and consoles:
blocks in which a line that begins with `$ ` is a command and the lines below it are what it prints.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(
    r"^```(?:\{code-block\} \w+\n:caption: (?P<file>[\w./-]+)\n\n(?P<text>.*?)|console\n(?P<console>.*?))^```$",
    re.MULTILINE | re.DOTALL,
)
FIGURE = re.compile(r"\d\.\de-\d\d")  # rounding, which machines do in different ways
SECONDS = 300


@dataclass(frozen=True)
class Command:
    """A command and what the page says that it prints; `start` and `end` are where that stands."""

    line: str
    printed: str
    start: int
    end: int


@dataclass(frozen=True)
class File:
    """A file that a reader writes."""

    name: str
    text: str


def actions(page: str) -> Iterator[Command | File]:
    """The files and commands of a page, in order."""
    for block in BLOCK.finditer(page):
        if block["file"]:
            yield File(block["file"], block["text"])
            continue
        heads = [m.start() for m in re.finditer(r"^\$ ", block["console"], re.MULTILINE)]
        for head, end in zip(heads, [*heads[1:], len(block["console"])], strict=True):
            line, _, printed = block["console"][head:end].partition("\n")
            start = block.start("console") + head + len(line) + 1
            yield Command(line.removeprefix("$ "), printed, start, start + len(printed))


def run(command: str, folder: Path) -> str:
    """What a command prints, errors too, with this Python and its `derive`."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    return done.stdout


def same(printed: str) -> str:
    """What has to be the same on every machine."""
    lines = (line.rstrip() for line in FIGURE.sub("#", printed).splitlines())
    return "\n".join(lines).strip()


def write(action: File, folder: Path) -> None:
    path = folder / action.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(action.text, "utf-8")


def update(path: Path, folder: Path) -> None:
    """Write what the commands print into their page."""
    text, parts, at = path.read_text("utf-8"), list[str](), 0
    for action in actions(text):
        if isinstance(action, File):
            write(action, folder)
        else:
            printed = "\n".join(line.rstrip() for line in run(action.line, folder).strip("\n").splitlines())
            parts += [text[at : action.start], f"{printed}\n" if printed else ""]
            at = action.end
    path.write_text("".join([*parts, text[at:]]), "utf-8")


if __name__ == "__main__":
    import tempfile

    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as empty:
            update(Path(name), Path(empty))
