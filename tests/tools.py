"""Programs that some tests need, which of many cases are slow, and what a text of Python lacks."""

from __future__ import annotations

import builtins
import os
import shutil
import symtable
from collections.abc import Iterable, Iterator
from typing import Any

import pytest


def needs(*tools: str) -> None:
    """Skip where a tool is missing; on the project's own machines (CI is set) that is a failure."""
    for tool in tools:
        if shutil.which(tool) is None:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{tool} is not installed")


def some(cases: Iterable[Any], quick: Iterable[Any]) -> list[Any]:
    """The cases for `parametrize`, all but the quick ones marked as slow."""
    chosen, every = list(quick), list(cases)
    missing = [c for c in chosen if c not in every]
    assert not missing, f"no such cases: {missing}"
    slow = pytest.mark.slow
    return [c if c in chosen else pytest.param(*(c if isinstance(c, tuple) else (c,)), marks=slow) for c in every]


def unknown_names(text: str) -> set[str]:
    """The names that a module reads in a scope from which they are not seen."""
    module = symtable.symtable(text, "module", "exec")
    known = {s.get_name() for s in module.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    return {n for scope in _inner(module) for n in _read_globally(scope)} - known - {*dir(builtins), "__file__"}


def _inner(scope: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield scope
    for child in scope.get_children():
        yield from _inner(child)


def _read_globally(scope: symtable.SymbolTable) -> Iterator[str]:
    """The names that a scope and those around it do not have themselves."""
    yield from (s.get_name() for s in scope.get_symbols() if s.is_referenced() and s.is_global())
