"""Which tests are not quick is read from what pytest prints."""

from __future__ import annotations

from tests.conftest import LONGER
from tests.durations import longer

REPORT = """\
============ slowest durations ============
0.20s call     tests/a/test_a.py::test_one[x y]
0.10s setup    tests/a/test_a.py::test_two
0.10s call     tests/a/test_a.py::test_two
0.05s call     tests/b/test_b.py::test_three
3 passed in 1.20s
"""


def test_setup_and_call_count_together() -> None:
    assert longer(REPORT, 0.15) == ["tests/a/test_a.py::test_one[x y]", "tests/a/test_a.py::test_two"]


def test_the_list_names_files_that_are_there() -> None:
    for name in LONGER.read_text("utf-8").splitlines():
        assert (LONGER.parents[1] / name.partition("::")[0]).is_file(), name
