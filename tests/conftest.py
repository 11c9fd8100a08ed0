"""Settings that all tests share."""

from __future__ import annotations

from hypothesis import settings

# The same examples on every run, so that a failure is a change of the code; no deadline, since
# machines differ.
settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("repeatable")
