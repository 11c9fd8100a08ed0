"""What was found, in words and formulas of a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sympy import Expr, Symbol

from derive.calculus.growth import Key
from derive.flow.flow import Flow
from derive.program import Program

MOST_NAMED = 6


def derivative(found: Flow) -> str:
    """∂h_j/∂h_k."""
    s = found.states[0] if len(found.states) == 1 else f"({', '.join(found.states)})"
    return f"∂{s}_j/∂{s}_k"


def ways(found: Flow) -> str:
    """What was done to the weights."""
    if found.curves[0].radius is None:
        return "weights as given" if found.weights else "no weights on the way"
    many = len(found.weights) > MOST_NAMED
    return f"{f'{len(found.weights)} weights' if many else ', '.join(found.weights)} of spectral radius ρ"


def bounds(found: Flow, certificates: Mapping[tuple[Key, Key], str | None] | None = None) -> Iterator[str]:
    """The bound of a step, block by block, which of them are proved, and where they hold."""
    for (row, column), e in found.growth.blocks.items():
        if row[1] == 1:
            proved = "  (proved)" if certificates and certificates.get((row, column)) else ""
            yield f"‖∂{_now(row)}/∂{_before(found.program, column)}‖ ≤ {expression(e)}{proved}"
    if found.growth.ranges:
        inside = [f"{s} lies in {_interval(low, high)}" for s, (low, high) in found.growth.ranges.items()]
        yield f"if the {'last' if found.backward else 'initial'} {', '.join(inside)}"


def _interval(low: Expr, high: Expr) -> str:
    return f"[{low}, {high}]".replace("[-oo", "(-∞").replace("oo]", "∞)")


def _now(key: Key) -> str:
    return f"{key[0]}[t]"


def _before(program: Program, key: Key) -> str:
    name, lag = key
    return f"{name}[t{'+' if program[name].backward else '-'}{lag}]"


def expression(e: Expr) -> str:
    """A bound as a person writes it; what its symbols are called has signs of its own."""
    names = {f"s{i}": s for i, s in enumerate(sorted(e.free_symbols, key=str))}
    plain = str(e.xreplace({s: Symbol(f"§{n}", nonnegative=True) for n, s in names.items()}))
    spaced = plain.replace("**", "^").replace("*", " ")
    return re.sub(r"§(s\d+)", lambda found: str(names[found[1]]), spaced)


def table(found: Flow) -> list[list[str]]:
    """A row per radius: what a difference becomes in a step, after ten, after all; the bound of a step."""
    rows = [["ρ", "per step", *(f"after {d}" for d in _distances(found)), "bound per step"]]
    for c in found.curves:
        middle = [_short(float(sorted(c.norms[d])[len(c.norms[d]) // 2])) for d in _distances(found)]
        radius = "given" if c.radius is None else f"{c.radius:g}"
        rows.append([radius, f"{c.rate:.3f}", *middle, f"{c.bound_rate:.3f}"])
    return rows


def _distances(found: Flow) -> list[int]:
    last = max(found.curves[0].norms)
    return sorted({min(10, last), last})


def _short(x: float) -> str:
    return f"{x:.3g}"
