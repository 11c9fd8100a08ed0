"""Graphs of names: strongly connected components, an order, a shortest cycle; nothing recurses."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence


def topological(needs: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Topological order, the earliest in the file first wherever there is a choice."""
    place = {name: i for i, name in enumerate(needs)}
    names, missing = list(needs), {name: len(set(n)) for name, n in needs.items()}
    users: dict[str, list[str]] = {name: [] for name in needs}
    for name, needed in needs.items():
        for other in set(needed):
            users[other].append(name)
    ready = [place[name] for name, count in missing.items() if not count]
    result = []
    while ready:
        name = names[heapq.heappop(ready)]
        result.append(name)
        for user in users[name]:
            missing[user] -= 1
            if not missing[user]:
                heapq.heappush(ready, place[user])
    return tuple(result)


def components(edges: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Strongly connected components (Tarjan's algorithm, without recursion)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    open_: set[str] = set()
    result: list[list[str]] = []
    for root in edges:
        if root in index:
            continue
        work = [(root, iter(edges[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        open_.add(root)
        while work:
            name, rest = work[-1]
            other = next(rest, None)
            if other is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == index[name]:
                    at = stack.index(name)
                    result.append(stack[at:])
                    open_.difference_update(stack[at:])
                    del stack[at:]
            elif other not in index:
                index[other] = low[other] = len(index)
                stack.append(other)
                open_.add(other)
                work.append((other, iter(edges[other])))
            elif other in open_:
                low[name] = min(low[name], index[other])
    return result


def cycle(start: str, edges: Mapping[str, Iterable[str]], inside: set[str]) -> list[str]:
    """A shortest way from a name back to itself within its component, both ends included."""
    before: dict[str, str] = {}
    todo = [start]
    for name in todo:
        for other in edges[name]:
            if other == start:
                path = [start]
                while name != start:
                    path.append(name)
                    name = before[name]
                return [start, *reversed(path)]
            if other in inside and other not in before:
                before[other] = name
                todo.append(other)
    raise AssertionError("a component has a cycle")
