"""derive flow as a user meets it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import derive.cli
from derive.proof.inequality.certificate import check

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Call it in an empty folder: (status, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["derive", "flow", *arguments])
        status = 0
        try:
            derive.cli.main()
        except SystemExit as stop:
            status = int(stop.code or 0)
        return status, *capsys.readouterr()

    return call


def test_the_proofs_of_the_bounds_are_in_its_json(run: Run) -> None:
    status, out, _ = run("elman", "--radius", "1", "--steps", "3", "--sizes", "H=3,I=2,O=2", "--json")
    data = json.loads(out)
    assert status == 0
    assert data["bounds"] == ["‖∂h[t]/∂h[t-1]‖ ≤ ‖W‖"]
    assert [check(text)["right"] for text in data["certificates"]] == ["norm(W)"]


def test_a_table_with_the_bound(run: Run) -> None:
    status, out, _ = run("elman", "--radius", "0.5,2", "--steps", "12", "--sizes", "H=5,I=3,O=2")
    assert status == 0
    lines = out.splitlines()
    assert lines[1].strip() == "‖∂h[t]/∂h[t-1]‖ ≤ ‖W‖  (proved)"
    assert lines[2].split() == ["ρ", "per", "step", "after", "10", "after", "12", "bound", "per", "step"]
    first, second = (line.split() for line in lines[3:])
    assert (first[0], first[-1], second[0], second[-1]) == ("0.5", "0.500", "2", "2.000")
    assert 0.3 < float(first[1]) <= 0.5


def test_json_has_every_norm(run: Run) -> None:
    status, out, _ = run("bidirectional", "--state", "g", "--radius", "0.9", "--steps", "4", "--sizes", "G=3", "--json")
    found = json.loads(out)
    assert status == 0
    assert found["bounds"] == ["‖∂g[t]/∂g[t+1]‖ ≤ ‖W_g‖"]
    (curve,) = found["curves"]
    assert [len(curve["norms"][d]) for d in "1234"] == [8, 6, 4, 2]
    assert np.asarray(curve["singular"]).shape == (4, 3)


def test_weights_from_a_file(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "w.npz", U=rng.normal(size=(3, 2)), W=0.7 * np.eye(3), V=rng.normal(size=(2, 3)))
    status, out, _ = run("elman", "--params", "w.npz", "--sizes", "I=2,H=3,O=2", "--steps", "5")
    assert status == 0
    assert out.splitlines()[-1].split()[0] == "given"
    assert out.splitlines()[-1].split()[-1] == "0.700"
    np.savez(tmp_path / "objects.npz", W=np.array([{}], dtype=object))
    np.save(tmp_path / "one.npy", np.ones(3))
    (tmp_path / "empty.npz").touch()
    (tmp_path / "torn.npz").write_bytes((tmp_path / "w.npz").read_bytes()[:200])
    for name in ("objects.npz", "one.npy", "empty.npz", "torn.npz"):
        status, _, err = run("elman", "--params", name)
        assert status == 2, name
        assert "numpy.savez" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("elman", "--radius", "0.5;1"), "--radius: expected positive numbers"),
        (("elman", "--sizes", "Q=3"), "--sizes: expected NAME=NUMBER items for I, H, O"),
        (("elman", "--state", "c"), "state: expected one of h"),
        (("elman", "--plot", "a.docx"), "a file that ends in .png"),
    ],
)
def test_bad_input_has_an_answer(run: Run, arguments: tuple[str, ...], message: str) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert message in err


@pytest.mark.peers
@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_a_figure(run: Run, tmp_path: Path, ending: str) -> None:
    status, out, _ = run("lstm", "--radius", "0.9,1.1", "--steps", "6", "--sizes", "H=3", "--plot", f"flow.{ending}")
    assert status == 0
    assert out.splitlines()[-1] == f"flow.{ending}"
    assert (tmp_path / f"flow.{ending}").stat().st_size > 5000


def test_names_in_a_bound_that_the_user_did_not_give_are_explained(run: Run) -> None:
    _, out, _ = run("gru_reset_after", "--radius", "1", "--steps", "3", "--sizes", "H=3,I=2,O=2")
    assert "max|m_z_n[t]|" in out.splitlines()[1]
    assert out.splitlines()[3].strip() == "m_z_n[t] = W_n h[t-1] + c_n    (a part of the equations)"
