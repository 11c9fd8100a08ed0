"""What a generated function takes and gives: names, shapes, and where sizes come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sympy import Expr, Symbol

from derive.kernels.arrays import initial_groups
from derive.kernels.lowering.codenames import CodeNames
from derive.kernels.lowering.schedule import Schedule
from derive.program import Program, Variable


@dataclass(frozen=True)
class Argument:
    """One array of an argument group.

    Attributes:
        code: identifier; group: params, inputs, …; key: the user's name.
        lag: 0, or which of several boundary values (from 1).
        shape: as the caller gives it, texts; `inner` is the shape that the code works with.
    """

    code: str
    group: str
    key: str
    lag: int
    shape: tuple[str, ...]
    inner: tuple[str, ...]
    onehot: bool = False
    classes: str = ""


@dataclass(frozen=True)
class Size:
    """`code` = `value`, read off an array or fixed; without a value the caller names it: no array tells it."""

    code: str
    value: str
    key: str
    least: int = 1


@dataclass(frozen=True)
class Result:
    """One result: `group` "" is the loss; `codes` has several entries for a state with lags."""

    group: str
    key: str
    codes: tuple[str, ...]
    scalar: bool
    shape: tuple[str, ...]


GROUPS = {"param": "params", "input": "inputs", "target": "inputs", "const": "inputs"}


def arguments(normal: Program, names: CodeNames) -> tuple[Argument, ...]:
    """The arrays of the model, in the groups of the interface; every function takes them all."""
    found = [argument(v, GROUPS[v.role], v.name, 0, names) for v in normal.roles(*GROUPS)]
    found.sort(key=lambda a: a.group != "params")
    for state, initial in initial_groups(normal).items():
        found += [argument(normal[i], "initial", state, k, names) for i, k in _lags(initial)]
    return tuple(found)


def cotangents(plan: Schedule) -> tuple[Argument, ...]:
    """The cotangents that a vector-Jacobian product takes."""
    entry, found = plan.entry, []
    for name, bar in entry.cotangents.items():
        found.append(argument(entry.program[bar], "cotangents", name, 0, plan.names))
    for state, bars in entry.final_cotangents.items():
        found += [argument(entry.program[bar], "final_cotangents", state, k, plan.names) for bar, k in _lags(bars)]
    return tuple(found)


def _lags(group: tuple[str, ...]) -> list[tuple[str, int]]:
    """(name, which of the stacked values, 0 where there is no stack)."""
    return [(n, k if len(group) > 1 else 0) for k, n in enumerate(group, 1)]


def argument(v: Variable, group: str, key: str, lag: int, names: CodeNames) -> Argument:
    """The array of a variable."""
    lead = ("T",) * ("t" in v.axes) + ("B",) * ("b" in v.axes)
    dims = tuple(names.size(n) for n in (v.shape if v.shape[1] != 1 else v.shape[:1]))
    inner = lead if v.onehot else lead + dims
    scalar = v.shape[0] == 1 and v.shape[1] == 1
    shape = lead if scalar or v.onehot else lead + dims
    return Argument(names.add(v.name), group, key, lag, shape, inner, v.onehot, dims[0] if v.onehot else "")


def sizes(normal: Program, taken: Sequence[Argument], fixed: Mapping[str, int], names: CodeNames) -> tuple[Size, ...]:
    """T, B and the cell's sizes: fixed, from the first array that tells it, or the caller's; in an order that works."""
    found: list[Size] = []
    for name, number in fixed.items():
        found.append(Size(name if name in ("T", "B") else names[name], str(number), name))
    for name in ("T", "B"):
        source = next((a for a in taken if name in a.shape), None)
        if name not in fixed:
            value = f"{source.code}.shape[{source.shape.index(name)}]" if source else ""
            found.append(Size(name, value, name, least=0))
    return (*found, *_solve(normal, set(fixed), names))


def _solve(normal: Program, known: set[str], names: CodeNames) -> list[Size]:
    """Size symbols from dimensions such as H, 4*H or H + I; one that no dimension tells is the caller's."""
    dims = []
    for v in normal.roles("param", "input", "target", "const", "initial"):
        lead = len(v.axes)
        stored = () if v.onehot or (v.shape[0] == 1 and v.shape[1] == 1) else v.shape[: 1 + (v.shape[1] != 1)]
        dims += [(e, f"{names[v.name]}.shape[{lead + i}]") for i, e in enumerate(stored)]
    wanted = [s for s in normal.sizes if s.name not in known]
    done = {s for s in normal.sizes if s.name in known}
    told: list[Size] = []
    asked: list[Size] = []
    while wanted:
        s, value = next(_solvable(wanted, dims, done, names), (wanted[0], ""))
        (told if value else asked).append(Size(names[s.name], value, s.name))
        wanted.remove(s)
        done.add(s)
    return [*asked, *told]


def _solvable(
    wanted: Sequence[Symbol], dims: Sequence[tuple[Expr, str]], done: set[Symbol], names: CodeNames
) -> Iterator[tuple[Symbol, str]]:
    """The sizes that some dimension tells, given those known already; a plain dimension comes first."""
    for s in wanted:
        for e, source in sorted((x for x in dims if _tells(x[0], s, done)), key=lambda x: x[0] != s)[:1]:
            yield s, _inverse(e, source, s, names)


def _tells(e: Expr, s: Symbol, known: set[Symbol]) -> bool:
    return s in e.free_symbols and e.free_symbols - {s} <= known and e.diff(s).is_Integer and e.diff(s) > 0


def _inverse(e: Expr, source: str, s: Symbol, names: CodeNames) -> str:
    """s from e = a·s + rest."""
    factor = e.diff(s)
    rest = (e - factor * s).expand()
    text = source if rest == 0 else f"({source} - ({names.size(rest)}))"
    return text if factor == 1 else f"{text} // {factor}"


def results(plan: Schedule) -> tuple[Result, ...]:
    """What a function returns, by group."""
    entry = plan.entry
    found = [_result(plan, "", "loss", (entry.loss,))] if entry.loss else []
    for group in ("outputs", "grads", "inputs"):
        found += [_result(plan, group, key, (name,)) for key, name in getattr(entry, group).items()]
    for group in ("initial", "final"):
        found += [_result(plan, group, key, codes) for key, codes in getattr(entry, group).items()]
    return tuple(found)


def _result(plan: Schedule, group: str, key: str, program_names: tuple[str, ...]) -> Result:
    buffers = [plan.buffer(n) for n in program_names]
    v = plan.program[program_names[0]]
    scalar = v.shape[0] == 1 and v.shape[1] == 1
    shape = tuple("T" if x.startswith("T + ") else x for x in buffers[0].shape)
    return Result(group, key, tuple(_code(b) for b in buffers), scalar, shape[:-1] if scalar else shape)


def _code(b: object) -> str:
    """The unpadded array."""
    code, before, after = b.code, b.before, b.after  # type: ignore[attr-defined]
    if not (before or after):
        return str(code)
    return f"{code}[{before}:{'T + ' + str(before) if before else 'T'}]"
