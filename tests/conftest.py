"""Settings that all tests share."""

from __future__ import annotations

import os
from importlib.util import find_spec

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
