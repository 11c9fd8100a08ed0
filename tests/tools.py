"""Programs that some tests need, and which of many cases are slow."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
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
    return [c if c in chosen else pytest.param(c, marks=pytest.mark.slow) for c in every]
