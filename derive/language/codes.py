"""The registry of error codes, read from `codes.md`: what each means, a wrong example, a right one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from textwrap import indent

from derive.errors import InputError
from derive.language.report import did_you_mean

_ENTRY = re.compile(
    r"## (?P<code>[EW][0-9]{4}) (?P<title>[^\n]+)\n\n(?P<text>.+?)\n\n"
    r"```wrong\n(?P<wrong>.+?)```\n\n```right\n(?P<right>.+?)```\n",
    re.DOTALL,
)


@dataclass(frozen=True)
class Code:
    """One error or warning; the examples are whole cell files, long stretches abbreviated in « »."""

    code: str
    title: str
    text: str
    wrong: str
    right: str

    def __str__(self) -> str:
        head = f"{'warning' if self.code.startswith('W') else 'error'}[{self.code}]: {self.title}"
        examples = f"Wrong:\n\n{indent(self.wrong, '    ')}\nRight:\n\n{indent(self.right, '    ')}"
        return f"{head}\n\n{self.text}\n\n{examples}"


@cache
def codes() -> Mapping[str, Code]:
    """Every code of the cell language."""
    text = files("derive.language").joinpath("codes.md").read_text("utf-8")
    return {m["code"]: Code(**m.groupdict()) for m in _ENTRY.finditer(text)}


def listed() -> str:
    """Every code with its title, a line each."""
    return "\n".join(f"{c.code}  {c.title}" for c in codes().values())


def explain(code: str) -> str:
    """The text of `derive explain CODE`; InputError for an unknown code."""
    found = codes().get(code.strip().upper())
    if found is None:
        help = did_you_mean(code, codes()) or f"the codes are\n{indent(listed(), '  ')}"
        raise InputError("code", "a code such as E0301", repr(code), help)
    return str(found)


_LONG = re.compile(
    r"«(?:U\+(?P<char>[0-9A-F]{4})|byte (?P<byte>[0-9A-F]{2})|(?P<count>\d+) times: (?P<text>[^»]*)"
    r"|a1 \.\.\. a(?P<last>\d+))»"
)


def written_out(example: str) -> bytes:
    """An example with its abbreviations in « » replaced by what they stand for."""
    parts, at = [], 0
    for found in _LONG.finditer(example):
        parts += [example[at : found.start()].encode(), _stretch(found)]
        at = found.end()
    return b"".join([*parts, example[at:].encode()])


def _stretch(found: re.Match[str]) -> bytes:
    if found["byte"]:
        return bytes([int(found["byte"], 16)])
    if found["char"]:
        return chr(int(found["char"], 16)).encode()
    if found["last"]:
        return ", ".join(f"a{k}" for k in range(1, int(found["last"]) + 1)).encode()
    return (found["text"] * int(found["count"])).encode()
