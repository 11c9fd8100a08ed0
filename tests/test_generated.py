"""The committed files of the catalogue: up to date, and right when they are run as they are."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from derive.interpreter import Evaluation
from derive.kernels.gradcheck import size_sets
from derive.language import names
from derive.model import load, work
from derive.model.paper import paper
from derive.proof.checker import check
from tests.kernels.arrays import arrays
from tests.tools import some

FOLDER = Path(__file__).resolve().parents[1] / "generated"
REFRESH = "`derive run --all -o generated` refreshes it"


def committed(name: str) -> ModuleType:
    """The committed kernel, imported from its file."""
    path = FOLDER / name / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"generated_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_cell_of_the_catalogue_is_there_and_nothing_else() -> None:
    assert {p.name for p in FOLDER.iterdir() if p.is_dir()} == set(names()), REFRESH
    for name in names():
        endings = {p.suffix for p in (FOLDER / name).iterdir() if p.is_file()}
        assert endings - {".json"} == {".py", ".tex", ".html", ".h", ".c"}


@pytest.mark.parametrize("name", some(names(), ["elman", "char_rnn", "rnn_classifier"]))
def test_it_is_not_stale(name: str, tmp_path: Path) -> None:
    model = load(name)
    proofs = {v.name: model.gradient(v.name).prove() for v in model.normal.parameters}
    written = work.write_kernels(model, tmp_path)
    written += work.write_paper(paper(model, sums=proofs), tmp_path)
    written += work.write_certificates(model, tmp_path, work.certificates(proofs))
    assert {p.name for p in written} == {p.name for p in (FOLDER / name).iterdir() if p.is_file()}, REFRESH
    for path in written:
        kept = FOLDER / name / path.name
        assert kept.read_bytes() == path.read_bytes(), f"{kept.name} is stale: {REFRESH}"


@pytest.mark.parametrize("name", names())
def test_committed_kernels_against_central_differences(name: str) -> None:
    """The file's own loss, moved along random directions, and every gradient it returns."""
    module, kernel = committed(name), load(name).compile()
    params, inputs, initial = arrays(kernel, steps=4, batch=2, seed=11)
    result = module.value_and_grad(params, inputs, initial)
    rng = np.random.default_rng(5)
    for group, given in (("grads", params), ("inputs", inputs), ("initial", initial)):
        for key, gradient in result.get(group, {}).items():
            direction = rng.normal(size=gradient.shape)
            losses = []
            for step in (1e-6, -1e-6):
                moved = {k: dict(v) for k, v in (("p", params), ("i", inputs), ("h", initial))}
                own = moved[{"grads": "p", "inputs": "i", "initial": "h"}[group]]
                own[key] = given[key] + step * direction
                losses.append(module.forward(moved["p"], moved["i"], moved["h"])["loss"])
            expected = (losses[0] - losses[1]) / 2e-6
            got = float((gradient * direction).sum())
            # 1e-6: rounding of the loss over a step of 1e-6
            assert abs(got - expected) <= 1e-6 * max(1.0, float(np.abs(gradient * direction).sum())), key


@pytest.mark.parametrize("name", names())
def test_committed_kernels_have_the_interpreters_loss(name: str) -> None:
    from derive.kernels.gradcheck import _Case

    kernel = load(name).compile()
    case = _Case(kernel, size_sets(kernel.normal, 1)[0], 5, 3, 2, ())
    s = case.sample
    truth = Evaluation(kernel.normal, s.sizes, s.steps, s.batch, s.arrays).value(kernel.normal.total)
    got = committed(name).forward(case.params, case.inputs, case.initial)["loss"]
    assert got == pytest.approx(float(truth[0, 0]), rel=1e-13)


def test_the_certificates_of_the_textbook_cell_are_kept_and_hold() -> None:
    for name in "UWV":
        text = (FOLDER / "elman" / f"elman_d{name}.proof.json").read_text("utf-8")
        assert check(text)["left"] == f"dL/d{name}"
