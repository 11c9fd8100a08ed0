"""The error of every entry of every gradient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import derive
from derive.kernels.errormap import HIGHEST, LOWEST, _powers, draw, error_maps
from derive.kernels.runtime import Kernel, Result

FOLDER = Path(__file__).resolve().parents[1] / "cells"


@pytest.mark.parametrize("cell", ["lstm", "char_rnn", "bidirectional", "fast_weights", "row_vectors"])
def test_every_gradient_has_a_map_in_its_own_shape(cell: str) -> None:
    path = FOLDER / f"{cell}.cell"
    kernel = derive.load(str(path) if path.exists() else cell).compile("numpy")
    maps = error_maps(kernel)
    assert len(maps) == len(set(maps)) >= 3
    assert all(errors.size and not errors.max() > 1e-12 for errors in maps.values())


def test_a_model_without_a_loss() -> None:
    text = "cell bare\ndims H\ninput x : H\nstate h : H\nparam W : H x H\nh[t] = tanh(W @ h[t-1] + x[t])\n"
    maps = error_maps(derive.parse(text).compile("numpy"))
    assert maps.keys() == {"dL/dW", "dL/dx", "dL/dh[-1]"}
    assert all(errors.max() <= 1e-12 for errors in maps.values())


def test_one_wrong_entry_is_seen_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = derive.load("elman").compile("numpy")
    right = Kernel.value_and_grad

    def wrong(self: Kernel, *arguments: object) -> Result:
        result = right(self, *arguments)  # type: ignore[arg-type]
        result.grads["W"][2, 1] += 0.5 * np.abs(result.grads["W"]).max()
        return result

    monkeypatch.setattr(Kernel, "value_and_grad", wrong)
    errors = error_maps(kernel)["dL/dW"]
    assert errors[2, 1] == pytest.approx(0.5)
    errors[2, 1] = 0
    assert errors.max() < 1e-14


def test_what_is_no_number_is_dark() -> None:
    shown = _powers(np.array([0.0, 1e-16, 1.0, np.nan, np.inf]))
    assert shown.tolist() == pytest.approx([LOWEST, -16.0, HIGHEST, HIGHEST, HIGHEST])


@pytest.mark.peers
def test_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "errors.png"
    draw(
        path, {"dL/dW": np.array([[0.0, 1e-16], [1e-3, 1.0]]), "dL/dp": np.zeros(()), "dL/dx": np.zeros((2, 3, 4))}, "x"
    )
    assert path.stat().st_size > 5000
