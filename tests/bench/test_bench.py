"""The command and its figures, with the NumPy kernel alone: no times are asserted."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import derive.cli
from derive.bench import bench as b
from derive.bench import report
from derive.bench.clock import Times, interleaved, summary
from derive.bench.count import Work
from derive.bench.data import Data, Truth, draw
from derive.bench.limits import Limits, measure
from derive.bench.machine import busy, describe, lines
from derive.bench.peers import PEERS, Peer, Ready, Subject
from derive.bench.plot import sweeps
from derive.bench.sizes import size_sets
from derive.errors import InputError, ToolError, UnsupportedError
from derive.kernels import build
from derive.model import load, parse
from derive.picture import check_file

NANO = size_sets(load("elman").normal, ["T=3,B=2,I=2,H=4,O=3"])
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Call `derive bench` in an empty folder: (status, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", os.environ.copy())  # threads are limited by variables

    def call(*args: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["derive", "bench", *args])
        try:
            derive.cli.main()
            status = 0
        except SystemExit as stop:
            status = int(stop.code or 0)
        return status, *capsys.readouterr()

    return call


def test_the_command(run: Run, tmp_path: Path) -> None:
    status, out, err = run("elman", "--sizes", "nano", "--peers", "numpy", "--budget", "0", "-o", "figures.json")
    assert status == 0, err
    assert "elman, float32, nano: T = 50, B = 1, I = 4, H = 8, O = 2" in out
    assert "30,400 operations" in out
    assert "nano: timing numpy" in err
    data = json.loads((tmp_path / "figures.json").read_text("utf-8"))
    (row,) = data["cases"][0]["rows"]
    assert (row["peer"], row["status"], row["ratio"]) == ("numpy", "ok", 1.0)
    assert row["quartile_seconds"][0] <= row["median_seconds"] <= row["quartile_seconds"][1]
    assert data["cases"][0]["flops"] == 30_400
    assert data["machine"]["threads"] == 1
    assert data["date"]


def test_json(run: Run) -> None:
    status, out, _ = run("elman", "--sizes", "T=2,B=1,H=3", "--peers", "numpy,c", "--budget", "0", "--json")
    assert status == 0
    assert [r["peer"] for r in json.loads(out)["cases"][0]["rows"]] == ["numpy", "c"]
    assert json.loads(out)["baseline"] == "c"


def test_a_missing_library_is_listed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    status, out, err = run("elman", "--sizes", "nano", "--peers", "numpy,torch_loop", "--budget", "0")
    assert status == 5, "it was asked for by name"
    assert "torch_loop" in out
    assert "torch_loop: missing: torch is not installed: pip install 'derive[bench]', or pip install torch" in err


def test_without_a_compiler_all_else_is_done(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "compilers", tuple)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    status, out, err = run("elman", "--sizes", "nano", "--budget", "0", "--json")
    assert status == 5
    assert "warning: no C kernel and no limits of the machine: no C compiler was found" in err
    data = json.loads(out)
    rows = {r["peer"]: r for r in data["cases"][0]["rows"]}
    assert {n: r["status"] for n, r in rows.items() if n != "numpy"} == dict.fromkeys(
        rows.keys() - {"numpy"}, "missing"
    )
    assert rows["numpy"]["median_seconds"] > 0
    assert data["limits"] is None
    assert rows["numpy"]["part_of_peak"] is None


def test_a_peer_that_is_wrong_fails_the_command(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(subject: Subject, data: Data) -> Ready:
        made = PEERS["numpy"].prepare(subject, data)
        truth = made.values()
        return Ready(made.call, lambda: Truth(truth.loss, {**truth.grads, "W": truth.grads["W"] * 1.01}))

    monkeypatch.setitem(PEERS, "torch_loop", Peer("torch_loop", "", "", wrong))  # type: ignore[arg-type]
    status, out, err = run("elman", "--sizes", "nano", "--peers", "numpy,torch_loop", "--budget", "0")
    assert status == 1
    assert "wrong" in out
    assert "torch_loop: wrong at T = 50" in err
    assert "dL/dW is 1.0e-02 from the NumPy kernel in float64; at most 2e-03 is right" in err


def test_threads_are_those_of_the_c_kernel_too() -> None:
    model = load("elman")
    subject = Subject(model.normal, "", "float64", threads=2)
    assert "elman_rows.c" in subject.kernel("c").files
    found = b.bench(model, size_sets(model.normal, ["T=4,B=3,H=5"]), peers=["c", "numpy"], budget=0, threads=2)
    assert [(row.peer, row.status) for row in found.cases[0].rows] == [("c", "ok"), ("numpy", "ok")]


def test_a_node_that_a_peer_lacks_is_named() -> None:
    def lacking(subject: Subject, data: Data) -> Ready:
        raise UnsupportedError("no text of torch for Blocks")

    subject = Subject(load("elman").normal, "", "float64")
    data, truth = draw(subject.kernel("numpy"), NANO[0], "float64")
    row, made = b.prepared(Peer("torch_loop", "", "", lacking), subject, data, truth)
    assert (row.status, row.note, made) == ("unsupported", "no text of torch for Blocks", None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("elman", "--peers", "tensorflow"), "names out of c, numpy, torch_module"),
        (("elman", "--sizes", "huge"), "a preset"),
        (("elman", "--plot", "times.docx"), "a file that ends in .png"),
        (("elman", "--plot", "times.png", "--peers", "x"), "--peers"),
    ],
)
def test_what_is_refused(run: Run, arguments: tuple[str, ...], message: str) -> None:
    status, _, err = run(*arguments)
    assert status == 2
    assert message in err


def test_models_that_can_not_be_timed() -> None:
    states = "cell c\ndims H\nstate h : H\n"
    without_loss = parse(f"{states}param W : H x H\nh[t] = tanh(W @ h[t-1])\noutput h\n")
    with pytest.raises(InputError, match="a model with a loss"):
        b.bench(without_loss, [])
    without_parameters = parse(f"{states}h[t] = tanh(h[t-1])\nloss[t] = norm2(h[t])\n")
    with pytest.raises(InputError, match="a model with parameters"):
        b.bench(without_parameters, [])
    overflowing = parse(
        f"{states}param w : H\nh[t] = exp(exp(exp(9 + w * w + h[t-1] * h[t-1])))\nloss[t] = norm2(h[t])\n"
    )
    with pytest.raises(UnsupportedError, match="no random inputs suit c at T = 3"):
        b.bench(overflowing, size_sets(overflowing.normal, ["T=3,B=1,H=2"]), peers=["numpy"])


def test_a_plot_needs_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ToolError, match="matplotlib, which is not installed: pip install 'derive\\[plot\\]'"):
        check_file(Path("times.png"))


def test_a_panel_changes_one_size() -> None:
    panels = sweeps(load("gru").normal, None)
    assert list(panels) == ["T", "B", "H"]
    for letter, sets in panels.items():
        assert len(sets) == 5
        others = {tuple(x for n, x in s.all.items() if n != letter) for s in sets}
        assert len(others) == 1
    assert list(sweeps(load("jordan").normal, None)) == ["T", "B", "O"], "the state of Jordan's network is its output"


def test_arrays_keep_the_assumptions() -> None:
    model = load("elman")
    data, truth = draw(Subject(model.normal, "", "float32").kernel("numpy", "float64"), NANO[0], "float32")
    assert np.allclose(data.arrays["y"].sum(-1), 1)
    assert {a.dtype for a in data.arrays.values()} == {np.dtype("float32")}
    assert data.arrays["h_init1"].any()
    assert set(truth.grads) == {"U", "V", "W"}


def test_threads_are_limited_before_the_libraries_are_loaded() -> None:
    code = "import sys, derive.cli, derive.bench.threads as t; t.limit_threads(1); sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_times_in_turns() -> None:
    calls: list[str] = []
    times = interleaved({n: lambda n=n: calls.append(n) for n in "ab"}, budget=0)  # type: ignore[misc]
    assert set(times) == {"a", "b"}
    assert all(t.samples == 3 and t.low <= t.median <= t.high for t in times.values())
    tail = "".join(calls)[-10:]
    assert set(tail) == {"b"}, "the last round ends with b"
    assert summary([1.0, 2.0, 3.0, 4.0, 5.0]) == Times(3.0, 2.0, 4.0, 5)
    assert summary([2.0]) == Times(2.0, 2.0, 2.0, 1)


def test_the_table_and_its_figures() -> None:
    c, other = (Times(x, 0.9 * x, 1.1 * x, 5) for x in (2e-6, 5e-3))
    case = b.Case(
        NANO[0], Work(4_000, 100), [b.Row("c", times=c, error=0.0), b.Row("jax_scan", times=other, error=1e-16)]
    )
    case.rows.append(b.Row("torch_loop", "missing", "torch is not installed"))
    found = b.Bench("elman", "float64", [case])
    limits = Limits("float64", 1e10, ((1000, 1e10),))
    assert report.cells(found, case, case.rows[0], limits) == (
        "c", "2.00 µs", "1.80 µs – 2.20 µs", "1.00", "2", "20.0%", "0e+00",
    )  # fmt: skip
    assert report.cells(found, case, case.rows[1], None)[3:6] == ("2500.00", "0.0008", "–")
    assert report.cells(found, case, case.rows[2], None)[:2] == ("torch_loop", "missing")
    assert list(report.notes(found)) == ["torch_loop: missing: torch is not installed"]
    assert "roofline 0.40 µs" in report.title(found, case, limits)
    json.dumps(report.as_json(found, limits))
    assert [report.duration(x) for x in (3.0, 0.0123, 456e-6, 5e-9)] == ["3.00 s", "12.3 ms", "456 µs", "0.01 µs"]


def test_this_machine_is_described_and_measured() -> None:
    machine = describe(1)
    assert machine["processor"]
    assert len(list(lines(machine))) == 4
    assert "this machine is busy" in busy(10_000)
    limits = measure("float32")
    assert limits.flops > 1e6
    assert all(speed > 1e6 for _, speed in limits.bandwidth)
