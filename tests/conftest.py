"""Settings that all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

# A helper that holds no test; where torch is missing it cannot be looked through for examples.
collect_ignore = [] if find_spec("torch") else ["random_cells/autograd.py"]

# The same examples on every run, so that a failure is a change of the code; no deadline, since
# machines differ.
settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("repeatable")

# Hundreds of kernels are compiled: less optimisation is half the time.  The driver of generated C
# (tests/kernels/c) has its own flags, -O2 and -O3 among them.
os.environ.setdefault("CFLAGS", "-O1")

LONGER = Path(__file__).with_name("longer.txt")  # the tests that take more than a moment; see tests/durations.py
OTHERS = ("arm", "browser", "frameworks", "notebook", "peers", "slow")


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Mark as quick what takes a moment and needs nothing: all of it takes a minute."""
    longer = set(LONGER.read_text("utf-8").splitlines())
    for item in items:
        if item.nodeid not in longer and not any(item.get_closest_marker(name) for name in OTHERS):
            item.add_marker(pytest.mark.quick)
