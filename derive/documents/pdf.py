"""LaTeX typeset by an installed TeX: no shell, no file outside its own folder, a limit of time, the same bytes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from derive.errors import ToolError
from derive.files import PDF_MARK

ENGINES = ("pdflatex", "lualatex")
HELP = "install TeX Live (Debian: texlive-latex-recommended texlive-pictures), or write --format tex,html"
SECONDS = 120.0
PASSES = 4  # until references stand still
CLOSED = {  # read and write below the folder only; nothing in the document tells when it was made
    "openin_any": "p",
    "openout_any": "p",
    "SOURCE_DATE_EPOCH": "0",
    "FORCE_SOURCE_DATE": "1",
    "TEXMFOUTPUT": ".",
}
KEPT = ("PATH", "LANG", "LC_ALL", "TEXMFHOME", "TEXMFCNF", "TEXMFVAR")  # of the environment


def engine() -> str:
    """The path of a TeX engine.

    Raises:
        ToolError: there is none; the message says how to get one.
    """
    found = next((path for name in ENGINES if (path := shutil.which(name))), None)
    if found is None:
        raise ToolError(f"no TeX engine was found ({', '.join(ENGINES)}): {HELP}")
    return found


def pdf(latex: str, name: str, program: str | None = None) -> bytes:
    """The document as PDF.

    Args:
        name: of the document, letters and digits.
        program: the path of a TeX engine; by default the first one found.

    Raises:
        ToolError: there is no TeX engine, it takes too long, or it fails; the message has what it said.
    """
    program = program or engine()
    with TemporaryDirectory(prefix="derive-") as place:
        folder = Path(place)
        source = folder / f"{name}.tex"
        source.write_text(latex, "utf-8")
        for _ in range(PASSES):
            log = _pass(program, source)
            if "Rerun to get" not in log:
                break
        made = folder / f"{name}.pdf"
        if not made.exists():
            raise ToolError(f"{Path(program).name} wrote no page:\n{_complaint(log)}")
        return made.read_bytes() + PDF_MARK


def _pass(program: str, source: Path) -> str:
    """One run; what it logged."""
    environment = {k: v for k in KEPT if (v := os.environ.get(k))} | CLOSED | {"HOME": str(source.parent)}
    command = [program, "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", source.name]
    try:
        done = subprocess.run(  # noqa: S603 - an argument list: no shell
            command, cwd=source.parent, env=environment, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"TeX took more than {SECONDS:.0f} s") from error
    except OSError as error:
        raise ToolError(f"{program} does not start: {error.strerror}") from error
    log = source.with_suffix(".log")
    said = log.read_text("utf-8", "replace") if log.exists() else done.stdout.decode("utf-8", "replace")
    if done.returncode:
        raise ToolError(f"{Path(program).name} failed with status {done.returncode}:\n{_complaint(said)}")
    return said


def _complaint(log: str) -> str:
    """The first error in a log, with a few lines around it."""
    lines = log.splitlines()
    at = next((i for i, line in enumerate(lines) if line.startswith("!")), max(0, len(lines) - 10))
    return "\n".join(lines[at : at + 8])
