"""The reference of errors and warnings, from the registry behind `derive explain`."""

from __future__ import annotations

from collections.abc import Iterator

from derive.errors import CellError
from derive.language import read
from derive.language.codes import Code, codes, written_out

GROUPS = {
    "E01": "Files and characters",
    "E02": "How a line is written",
    "E03": "Shapes",
    "E04": "Names",
    "E05": "Time",
    "E06": "Clauses and values",
    "W0": "Warnings",
}
HEAD = """\
What `derive explain CODE` prints, for every code of the cell language. Each has a cell that raises it and the
same cell put right; the tests hold both to it. In the examples «U+202E» stands for a character, «byte FF» for a
byte, «3 times: ab» for ababab and «a1 ... a3» for a1, a2, a3. An error of a cell file ends a command with exit
status 2.
"""


def pages() -> dict[str, str]:
    return {"errors.md": "\n".join(page())}


def page() -> Iterator[str]:
    yield "# Errors and warnings\n"
    yield HEAD
    group = ""
    for code in codes().values():
        name = next(head for head in GROUPS if code.code.startswith(head))
        if name != group:
            group = name
            yield f"## {GROUPS[name]}\n"
        yield from entry(code)


def entry(code: Code) -> Iterator[str]:
    kind = "warning" if code.code.startswith("W") else "error"
    yield f"({code.code})="
    yield f"### {code.code}: {code.title}\n"
    yield f"{code.text}\n"
    yield f"Raises {'the ' + kind}:\n\n```cell\n{code.wrong}```\n"
    yield f"What is said:\n\n```text\n{said(code)}\n```\n"
    yield f"Put right:\n\n```cell\n{code.right}```\n"


def said(code: Code) -> str:
    """The message for the wrong example."""
    try:
        found = read(written_out(code.wrong), "mine.cell").warnings
    except CellError as error:
        found = error.diagnostics
    return str(next(d for d in found if d.code == code.code))
