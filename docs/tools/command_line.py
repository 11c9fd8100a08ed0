"""The reference of the command line, from the click commands themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import cleandoc
from textwrap import dedent

import click

from derive.cli import bench as _bench  # noqa: F401 - likewise
from derive.cli import claims, first  # noqa: F401 - register their verbs
from derive.cli.commands import cli
from docs.tools.text import escaped

FIRST = ("new", "list", "show", "run", "paper", "code", "test", "verify", "lint", "check-proof", "bench", "explain")
STATUSES = {
    0: "fine",
    1: "a check failed, or a claim is false",
    2: "bad input: a cell, a file, an option",
    3: "claims that could not be decided, and none that is false",
    5: "a tool is missing: a C compiler, a TeX engine, PyTorch",
    70: "a bug of derive",
}


def pages() -> dict[str, str]:
    return {"command-line.md": "\n".join(page())}


def page() -> Iterator[str]:
    yield "# The command line\n"
    yield escaped(cleandoc(cli.help or "")) + "\n"
    yield (
        "Data go to standard output, progress and errors to standard error. `--json` prints JSON for machines, errors "
        "included. Wherever a folder or a file is written, it is written whole or not at all.\n"
    )
    yield "| exit status | meaning |\n|---|---|"
    yield from (f"| {status} | {meaning} |" for status, meaning in STATUSES.items())
    yield "\n| command | what it does |\n|---|---|"
    for name in names():
        yield f"| [`derive {name}`](#derive-{name}) | {escaped(cli.commands[name].get_short_help_str(200))} |"
    yield ""
    for name in names():
        yield from command(name, cli.commands[name])


def names() -> list[str]:
    """Every verb, those of a first day before the others."""
    return [n for n in FIRST if n in cli.commands] + sorted(set(cli.commands) - set(FIRST))


def command(name: str, verb: click.Command) -> Iterator[str]:
    context = click.Context(verb, info_name=f"derive {name}")
    yield f"(derive-{name})="
    yield f"## derive {name}\n"
    yield f"```text\n{' '.join([context.command_path, *verb.collect_usage_pieces(context)])}\n```\n"
    yield from paragraphs(verb.help or "")
    options = [p for p in verb.params if isinstance(p, click.Option)]
    if options:
        yield "| option | meaning |\n|---|---|"
        yield from (option(p, context) for p in options)
        yield ""


def paragraphs(help_: str) -> Iterator[str]:
    r"""The help text; what click keeps as it stands (\b) is a block of code."""
    for part in re.split(r"\n\s*\n", cleandoc(help_)):
        if part.startswith("\b"):
            yield f"```sh\n{dedent(part.removeprefix(chr(8)).strip(chr(10)))}\n```\n"
        else:
            yield escaped(" ".join(part.split())) + "\n"


def option(option_: click.Option, context: click.Context) -> str:
    signs, meaning = option_.get_help_record(context) or (" ".join(option_.opts), "")
    shown = " ".join(signs.split()).replace("|", r"\|")
    return f"| `{shown}` | {escaped(meaning)} |"
