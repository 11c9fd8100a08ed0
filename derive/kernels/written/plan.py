"""In which loop over time, or outside of all, each equation of a peer stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from derive.algebra.nodes import Timed, t
from derive.graph import Group, dependencies, groups
from derive.program import Program, references


@dataclass
class Block:
    """Equations in order: those of one loop (`direction` 1 or −1), or those outside of any (0)."""

    direction: int
    names: list[str] = field(default_factory=list)


def blocks(program: Program) -> list[Block]:
    """As few loops over time as the recurrences allow: what hangs on no later step joins the loop of what it reads."""
    found: list[Block] = []
    place: dict[str, int] = {}
    for group in groups(program):
        timed = program[group.names[0]].timed
        n = _first(program, group, timed, found, place)
        while len(found) <= n:
            found.append(Block(0))
        if timed and not found[n].direction:
            found[n].direction = _wanted(program, group, place, n)
        found[n].names += group.names
        place |= dict.fromkeys(group.names, n)
    for n, block in enumerate(found):
        block.direction = (block.direction or 1) if n % 2 else 0
    return [b for b in found if b.names]


def _first(program: Program, group: Group, timed: bool, found: list[Block], place: Mapping[str, int]) -> int:
    """The first place that has all it needs; straight code has even places, loops odd ones."""
    n = 1 if timed else 0
    for name in group.names:
        for other, distance in _needs(program, name):
            m = place.get(other)
            if m is None:
                continue
            if m % 2 and timed and distance is not None:
                n = max(n, m)
            else:
                n = max(n, m + 1 if (m % 2) != timed or m % 2 else m)
    if not timed:
        return n + n % 2
    n += 1 - n % 2
    while n < len(found) and not _fits(program, group, found[n], place, n):
        n += 2
    return n


def _needs(program: Program, name: str) -> list[tuple[str, int | None]]:
    """What the equation reads, and the boundary values of the sequences that it reads at other times."""
    needs = dependencies(program.equations[name])
    return needs + [(i, None) for i in program[name].initial if i]


def _fits(program: Program, group: Group, block: Block, place: Mapping[str, int], n: int) -> bool:
    """Does the loop run the way the group's recurrence and its references into the loop need?"""
    wanted = _wanted(program, group, place, n)
    apart = {d > 0 for d in _distances(program, group, place, n)}
    if len(apart) > 1 or (apart and group.direction and apart != {group.direction < 0}):
        return False
    return not wanted or not block.direction or wanted == block.direction


def _wanted(program: Program, group: Group, place: Mapping[str, int], n: int) -> int:
    distances = _distances(program, group, place, n)
    return group.direction or (0 if not distances else -1 if distances[0] > 0 else 1)


def _distances(program: Program, group: Group, place: Mapping[str, int], n: int) -> list[int]:
    """At which other times the group reads what is in the same loop."""
    return [d for name in group.names for o, d in dependencies(program.equations[name]) if d and place.get(o) == n]


@dataclass
class Reach:
    """How many steps before and after its own a name is read, and whether as a whole or at an absolute time."""

    before: int = 0
    after: int = 0
    whole: bool = False


def reaches(program: Program) -> dict[str, Reach]:
    """For every name with a time."""
    found = {v.name: Reach() for v in program.variables.values() if v.timed}
    for name, e in program.equations.items():
        for r in references(e):
            if not isinstance(r, Timed):
                continue
            reach = found[r.name]
            reach.whole |= not (r.index.has(t) and program[name].timed)
            if r.index.has(t):
                offset = r.offset or 0
                reach.before = max(reach.before, -offset)
                reach.after = max(reach.after, offset)
    return found


def edges(program: Program, name: str, reach: Reach) -> tuple[list[str | None], list[str | None]]:
    """The boundary values before the first step, earliest first, and after the last; None is zero."""
    v = program[name]
    known = list(v.initial)

    def values(count: int) -> list[str | None]:
        return [known[k] if k < len(known) else None for k in range(count)]

    none: list[str | None] = [None]
    if v.backward:
        return none * reach.before, values(reach.after)
    return values(reach.before)[::-1], none * reach.after
