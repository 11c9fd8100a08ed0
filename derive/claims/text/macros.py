r"""The reader's own macros: \newcommand without arguments or with simple ones, expanded as text, within limits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MOST_STEPS, LONGEST = 1_000, 20_000
_HEAD = re.compile(
    r"\\(?:re|provide)?newcommand\*?\s*\{?\s*(\\[A-Za-z]+)\s*\}?\s*(?:\[([1-9])\])?\s*(?=\{)"
    r"|\\DeclareMathOperator\*?\s*\{?\s*(\\[A-Za-z]+)\s*\}?\s*(?=\{)"
    r"|\\def\s*(\\[A-Za-z]+)\s*((?:#[1-9])*)\s*(?=\{)"
)


@dataclass(frozen=True)
class Macro:
    """What a command stands for: #1 … #9 are its arguments."""

    arguments: int
    body: str


@dataclass
class Macros:
    """The macros of one paper, at one place of it."""

    known: dict[str, Macro]

    @classmethod
    def of(cls, text: str) -> Macros:
        """Those that a paper defines, each as it is defined first."""
        found: dict[str, Macro] = {}
        for name, macro in _definitions(text):
            found.setdefault(name, macro)
        return cls(found)

    def learn(self, text: str) -> None:
        """Take over what a piece of the paper defines."""
        self.known.update(_definitions(text))

    def expand(self, tex: str) -> str:
        """The text with every macro replaced; as it is where that would not end: then the reader names the command."""
        if not self.known:
            return tex
        names = "|".join(re.escape(n) for n in sorted(self.known, key=len, reverse=True))
        pattern = re.compile(rf"(?:{names})(?![A-Za-z])")
        steps, at = 0, 0
        while found := pattern.search(tex, at):
            steps += 1
            replaced = self._replaced(tex, found)
            if replaced is None or steps > MOST_STEPS or len(replaced) > LONGEST:
                at = found.end()
                if steps > MOST_STEPS:
                    return tex
                continue
            tex, at = replaced, found.start()
        return tex

    def _replaced(self, tex: str, found: re.Match[str]) -> str | None:
        macro, end, given = self.known[found.group()], found.end(), list[str]()
        for _ in range(macro.arguments):
            one = argument(tex, end)
            if one is None:
                return None
            given.append(one[0])
            end = one[1]
        body = re.sub(r"#([1-9])", lambda m: given[int(m[1]) - 1] if int(m[1]) <= len(given) else m[0], macro.body)
        body = (
            body if body.lstrip()[:1] in ("^", "_", "'") else f"{{{body}}}"
        )  # a script belongs to what it stands behind
        return f"{tex[: found.start()]}{body}{tex[end:]}"


def _definitions(text: str) -> Iterator[tuple[str, Macro]]:
    for head in _HEAD.finditer(text):
        body = argument(text, head.end())
        if body is not None:
            name = head[1] or head[3] or head[4]
            content = rf"\operatorname{{{body[0]}}}" if head[3] else body[0]
            yield name, Macro(len(head[5]) // 2 if head[4] else int(head[2] or 0), content)


def argument(tex: str, at: int) -> tuple[str, int] | None:
    """The argument that begins here, without its braces, and where it ends; None if there is none."""
    while at < len(tex) and tex[at].isspace():
        at += 1
    if at >= len(tex) or tex[at] == "}":
        return None
    if tex[at] != "{":
        command = re.compile(r"\\[A-Za-z]+|\\.|.", re.DOTALL).match(tex, at)
        return (command.group(), command.end()) if command else None
    depth = 0
    for i in range(at, len(tex)):
        if tex[i] in "{}" and not (i and tex[i - 1] == "\\"):
            depth += 1 if tex[i] == "{" else -1
        if depth == 0:
            return tex[at + 1 : i], i + 1
    return None
