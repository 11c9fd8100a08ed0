"""Work on a Dask cluster of two processes: `pytest -m frameworks`, where Dask is installed."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import derive
import derive.cli
from derive.errors import InputError
from derive.parallel import check_all, sweep, value_and_grad

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("ignore"),  # of the library, which closes sockets as its processes end
]
SIZES = {"I": 3, "H": 5, "O": 4}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    distributed = importlib.import_module("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as found,
        distributed.Client(found) as client,
    ):
        yield client


def parameters(seed: int) -> dict[str, Any]:
    rng, (I, H, O) = np.random.default_rng(seed), SIZES.values()
    return {"U": rng.normal(size=(H, I)), "W": rng.normal(size=(H, H)) / 2, "V": rng.normal(size=(O, H))}


def batch(seed: int, T: int = 6, B: int = 2) -> dict[str, Any]:
    rng, (I, H, O) = np.random.default_rng([seed, 1]), SIZES.values()
    y = rng.random((T, B, O))
    inputs = {"x": rng.normal(size=(T, B, I)), "y": y / y.sum(-1, keepdims=True)}
    return {"inputs": inputs, "initial": {"h": rng.normal(size=(B, H))}}


def alone(params: dict[str, Any], batches: list[dict[str, Any]]) -> tuple[float, dict[str, Any]]:
    kernel = derive.load("elman").compile("numpy")
    found = [kernel.value_and_grad(params, b["inputs"], b["initial"]) for b in batches]
    return sum(r.loss for r in found), {n: np.sum([r.grads[n] for r in found], axis=0) for n in params}


def agree(result: Any, expected: tuple[float, dict[str, Any]]) -> None:
    loss, grads = expected
    assert abs(result.loss - loss) <= 1e-12 * abs(loss)
    assert result.grads.keys() == grads.keys()
    for name, g in grads.items():
        assert np.abs(result.grads[name] - g).max() <= 1e-12 * np.abs(g).max()


def test_many_batches_are_one(cluster: Any) -> None:
    """More than two rounds of sums; some batches are made by the worker."""
    params, batches = parameters(0), [batch(k) for k in range(70)]
    given: list[Any] = [*batches[:60], *((lambda k=k: batch(k)) for k in range(60, 70))]
    agree(value_and_grad("elman", params, given, cluster), alone(params, batches))


def test_several_sets_of_parameters(cluster: Any) -> None:
    model, batches = derive.load("elman"), [batch(k) for k in range(5)]
    settings = [parameters(k) for k in range(3)]
    for params, result in zip(settings, sweep(model, settings, batches, cluster, target="numpy"), strict=True):
        agree(result, alone(params, batches))


def slow(seed: int) -> dict[str, Any]:
    time.sleep(0.3)
    return batch(seed)


def test_a_worker_that_is_lost_loses_nothing(cluster: Any) -> None:
    params, batches = parameters(4), [batch(k) for k in range(24)]
    workers = cluster.run(os.getpid)
    timer = importlib.import_module("threading").Timer(1.5, os.kill, (next(iter(workers.values())), signal.SIGKILL))
    timer.start()
    given: list[Any] = [(lambda k=k: slow(k)) for k in range(24)]
    agree(value_and_grad("elman", params, given, cluster), alone(params, batches))
    timer.join()
    cluster.wait_for_workers(2, timeout=60)
    assert set(cluster.run(os.getpid).values()) != set(workers.values())


def test_checks_on_a_cluster(cluster: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    steps: list[None] = []
    reports = check_all(["elman", "gru"], ["numpy"], ["float64"], 2, cluster, lambda: steps.append(None))
    assert [r.name for r in reports] == ["elman", "gru"]
    assert all(r.ok for r in reports)
    assert len(steps) == 4
    address = cluster.scheduler.address
    command = ["test", "elman", "--to", "numpy", "--sets", "2", "--json", "--scheduler", address]
    monkeypatch.setattr(sys, "argv", ["derive", *command])
    derive.cli.main()
    found = json.loads(capsys.readouterr().out)["cells"]
    assert [(c["name"], c["ok"]) for c in found] == [("elman", True)]


def test_what_does_not_fit(cluster: Any) -> None:
    with pytest.raises(InputError, match="one at least"):
        value_and_grad("elman", parameters(0), [], cluster)
    wrong = batch(0)
    wrong["inputs"]["x"] = wrong["inputs"]["x"][..., :1]
    with pytest.raises(InputError, match="x"):
        value_and_grad("elman", parameters(0), [wrong], cluster)
