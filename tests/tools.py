"""Programs that some tests need."""

from __future__ import annotations

import os
import shutil

import pytest


def needs(*tools: str) -> None:
    """Skip where a tool is missing; on the project's own machines (CI is set) that is a failure."""
    for tool in tools:
        if shutil.which(tool) is None:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{tool} is not installed")
