"""The reference of functions and losses, from the registries that the whole project works with."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr, Integer, MatrixSymbol, Symbol, oo

from derive.algebra.functions import FUNCTIONS, Apply, Function
from derive.algebra.losses import LOSSES
from derive.algebra.text import text
from derive.documents.latex import latex

WITHOUT = "none passes"


def pages() -> dict[str, str]:
    return {"functions.md": "\n".join(page())}


def page() -> Iterator[str]:
    yield "# Functions and losses\n"
    yield (
        "The registries that the language, the calculus, the proofs and the kernels share; reductions, and what makes "
        "arrays of arrays, are in [the language](../language.md). A slope is written in the argument $z$ and the value "
        "$y$, entry by entry; at a kink it is 0.\n"
    )
    yield "## Elementwise functions\n"
    yield from table(f for f in FUNCTIONS.values() if f.public)
    yield "## Behind the operators and the slopes\n"
    yield "No names of the language: `1 / a` and `a ** n` need them, and the slopes above.\n"
    yield from table(f for f in FUNCTIONS.values() if not f.public)
    yield "## Losses\n"
    yield "| loss | definition | computed in one with |\n|---|---|---|"
    for loss in LOSSES.values():
        shown = f"${definition(loss.name)}$" if loss.expand else f"`{loss.help}`"
        yield f"| `{loss.name}` | {shown} | {f'`{loss.companion}`' if loss.companion else 'nothing'} |"
    yield ""


def table(functions: Iterator[Function]) -> Iterator[str]:
    yield "| function | slope | drawn in checks | values | in NumPy | in C |\n|---|---|---|---|---|---|"
    for f in functions:
        yield " | ".join(
            [f"| `{call(f)}`", slopes(f), domain(f), values(f), f"`{f.code['numpy']}`", f"`{f.code['c']}` |"]
        )
    yield ""


def call(f: Function) -> str:
    return f"{f.name}({', '.join([*names(f), *map(str, numbers(f))])})"


def names(f: Function) -> list[str]:
    return ["z"] if f.arity == 1 else ["p", "q"]


def numbers(f: Function) -> list[Expr]:
    """Symbols for the numbers among the arguments; a power is a whole one."""
    return [Integer(3)] if f.name == "power" else [Symbol(a) for a in "ab"[: f.parameters]]


def slopes(f: Function) -> str:
    n = Symbol("n", integer=True, positive=True)
    output = MatrixSymbol("y", n, 1)
    node = Apply(f.name, *(MatrixSymbol(x, n, 1) for x in names(f)), *numbers(f))
    found = [node.slope(i, output) for i in range(f.arity)]
    return ", ".join(WITHOUT if s is None else f"`{text(s)}`" for s in found)


def domain(f: Function) -> str:
    low, high = f.domain
    return "all" if (low, high) == (-float("inf"), float("inf")) else f"above {low:g}"


def values(f: Function) -> str:
    low, high = f.values
    if (low, high) == (-oo, oo):
        return "all"
    return f"from {low} on" if high == oo else f"from {low} to {high}"


def definition(name: str) -> str:
    n = Symbol("n", integer=True, positive=True)
    entry = LOSSES[name]
    assert entry.expand is not None
    return latex(entry.expand(MatrixSymbol("y", n, 1), MatrixSymbol("p", n, 1)))
