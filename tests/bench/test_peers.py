"""The peers against the kernel in float64: `pytest -m peers`, where PyTorch and JAX are installed."""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path

import pytest

import derive.cli
from derive.bench.bench import OK, prepared
from derive.bench.data import Data, Truth, draw
from derive.bench.peers import PEERS, Subject
from derive.model import load, parse
from tests.bench.cells import CELLS, label, sizes
from tests.kernels.random_cells import made_up

TIGHT = 1e-9  # T = 4 steps in float64: what is wrong is off by far more
pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the libraries: that scripts go out of use
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@cache
def subject(cell: str) -> tuple[Subject, Data, Truth]:
    model = parse(made_up(int(cell.split()[1]))) if cell.startswith("random ") else load(cell)
    found = Subject(model.normal, model.origin, "float64")
    return found, *draw(found.kernel("numpy"), sizes(model), "float64")


@pytest.mark.parametrize("peer", ["torch_module", "torch_loop", "torch_script", "jax_module", "jax_scan"])
@pytest.mark.parametrize("cell", [*CELLS, *(f"random {seed}" for seed in range(12))], ids=label)
def test_loss_and_gradients_are_the_kernels(cell: str, peer: str) -> None:
    chosen, data, truth = subject(cell)
    assert not PEERS[peer].missing()
    assert truth.grads.keys() == {v.name for v in chosen.normal.parameters}
    row, _ = prepared(PEERS[peer], chosen, data, truth)
    assert row.status == OK, row.note
    assert row.error is not None
    assert row.error <= TIGHT, row.off


def test_the_command_times_and_draws(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC", "XLA_FLAGS"):
        monkeypatch.setenv(variable, "1" if variable != "XLA_FLAGS" else "")
    picture = tmp_path / "elman.svg"
    command = ["bench", "elman", "--sizes", "T=4,B=2,I=2,H=4,O=3", "--budget", "0", "--json", "--plot", str(picture)]
    monkeypatch.setattr(sys, "argv", ["derive", *command])
    derive.cli.main()
    data = json.loads(capsys.readouterr().out)
    rows = {row["peer"]: row for row in data["cases"][0]["rows"]}
    assert set(rows) == set(PEERS)
    assert all(row["median_seconds"] > 0 for row in rows.values())
    assert list(data["sweeps"]) == ["T", "B", "H"]
    assert "<svg" in picture.read_text("utf-8")
