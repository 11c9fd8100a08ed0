"""The JAX module: `pytest -m frameworks`, where JAX is installed."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import derive
from derive.errors import InputError
from derive.files import write_text
from derive.kernels.entry import check_wrt
from derive.kernels.gradcheck import _Case, size_sets
from derive.kernels.report import relative_error
from derive.kernels.targets.jax.loaded import Jax
from derive.language import names
from tests.kernels.random_cells import LIMIT, distance, made_up

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the library
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
FOLDER = Path(__file__).resolve().parents[1] / "cells"
CELLS = [*names(), *map(str, sorted(FOLDER.glob("*.cell")))]


@pytest.fixture
def jax() -> Iterator[Any]:
    """JAX in float64; what it compiled is dropped afterwards."""
    found = importlib.import_module("jax")
    with found.enable_x64(True):
        yield found
    found.clear_caches()


def made(cell: str, **options: Any) -> ModuleType:
    ((name, text),) = derive.load(cell).code("jax", **options).items()
    return Jax(name, text, "float64").module


def case(cell: str, T: int = 4) -> Any:
    """Arrays of B = 3 sequences with distinct sizes, and the NumPy kernel."""
    kernel = derive.load(cell).compile("numpy")
    return _Case(kernel, size_sets(kernel.normal, 1)[0], T, 3, 0, check_wrt(kernel.normal, None))


def elman(T: int = 4) -> tuple[ModuleType, dict[str, Any], dict[str, Any], dict[str, Any]]:
    found = case("elman", T)
    return made("elman"), found.params, found.inputs, found.initial


@pytest.mark.parametrize("T", [4, 1])
@pytest.mark.parametrize("cell", CELLS, ids=lambda c: Path(c).stem)
def test_results_and_gradients_are_the_kernels(cell: str, T: int, jax: Any) -> None:
    """Compiled by jit, with cotangents of every output and final state, beside the NumPy kernel."""
    found = case(cell, T)
    if found.kernel.normal.least_steps > T:
        return
    backend = Jax(*next(iter(derive.load(cell).code("jax").items())), "float64")
    known = {**found.arguments[3]}
    bars = found._bars()
    groups = (found.params, found.inputs, found.initial)
    theirs = found.kernel.vjp(*groups, *bars, known)

    def run(*arrays: Any) -> Any:
        return backend.pulled(known, *arrays)

    mine = jax.jit(run)(*groups, *bars)
    assert mine.keys() == {k for k, v in {**theirs.groups(), "loss": theirs.loss}.items() if v is not None and v != {}}
    for group, arrays in theirs.groups().items():
        for name, a in arrays.items():
            assert relative_error(mine[group][name], a) <= 1e-11, (group, name)
    if theirs.loss is not None:
        assert relative_error(mine["loss"], theirs.loss) <= 1e-12


@pytest.mark.parametrize("cell", CELLS, ids=lambda c: Path(c).stem)
def test_gradients_of_the_loss_alone_are_the_kernels(cell: str, jax: Any) -> None:
    """Where nothing but the loss has a cotangent a shorter rule runs."""
    found = case(cell)
    if not found.kernel.normal.total:
        return
    module, known = made(cell), {**found.arguments[3]}
    wanted = {key for key, wanted in zip(module.KEYS, module.WANTED, strict=True) if wanted}
    groups = (found.params, found.inputs, found.initial)
    free = [{k: a for k, a in g.items() if k in wanted} for g in groups]
    held = [{k: a for k, a in g.items() if k not in wanted} for g in groups]

    def loss(free: Any) -> Any:
        return module.loss(*({**a, **b} for a, b in zip(free, held, strict=True)), known)

    mine = jax.jit(jax.grad(loss))(free)
    theirs = found.kernel.value_and_grad(*groups, known)
    for own, others in zip(mine, (theirs.grads, theirs.inputs, theirs.initial), strict=True):
        assert own.keys() == others.keys()
        for name, a in others.items():
            assert relative_error(own[name], a) <= 1e-11, name


@pytest.mark.parametrize("seed", range(3))
def test_a_random_cell(seed: int, jax: Any) -> None:
    """`python -m tests.kernels.random_cells --to jax` is the long run."""
    assert distance(seed, "jax") <= LIMIT, made_up(seed)


def test_check_grads(jax: Any) -> None:
    """JAX's own check, of the gradient and of the gradient's gradient, by reverse mode."""
    module, params, inputs, initial = elman()

    def objective(params: Any, x: Any, initial: Any) -> Any:
        result = module.forward(params, {"x": x, "y": inputs["y"]}, initial)
        return result["loss"] + (result["outputs"]["yhat"] ** 2).sum() + result["final"]["h"].sum()

    importlib.import_module("jax.test_util").check_grads(
        objective, (params, inputs["x"], initial), order=2, modes=["rev"], atol=1e-6, rtol=1e-6
    )


@pytest.mark.parametrize("cell", names())
def test_check_grads_of_the_catalogue(cell: str, jax: Any) -> None:
    module, found = made(cell), case(cell)
    wanted = [key for key, wanted in zip(module.KEYS, module.WANTED, strict=True) if wanted]
    rest = {k: a for k, a in found.inputs.items() if k in wanted}
    whole = {k: a for k, a in found.inputs.items() if k not in wanted}

    def objective(params: Any, rest: Any, initial: Any) -> Any:
        result = module.forward(params, {**rest, **whole}, initial, found.arguments[3])
        outputs = sum((a**2).sum() for a in result["outputs"].values())
        return outputs + sum(a.sum() for a in result["final"].values()) + result.get("loss", 0.0)

    check = importlib.import_module("jax.test_util").check_grads
    check(jax.jit(objective), (found.params, rest, found.initial), order=1, modes=["rev"], atol=1e-5, rtol=1e-5)


def test_vmap_over_the_batch(jax: Any) -> None:
    """One sequence at a time, mapped over all, is all of them."""
    module, params, inputs, initial = elman()

    def one(x: Any, y: Any, h: Any) -> Any:
        return module.loss(params, {"x": x[:, None], "y": y[:, None]}, {"h": h[None]})

    whole = jax.value_and_grad(lambda x: module.loss(params, {**inputs, "x": x}, initial))(inputs["x"])
    parts = jax.vmap(jax.value_and_grad(one), in_axes=(1, 1, 0), out_axes=(0, 1))(*inputs.values(), initial["h"])
    assert np.allclose(parts[0].sum(), whole[0], rtol=1e-12)
    assert np.allclose(parts[1], whole[1], rtol=1e-11)


def test_parameters_at_first(jax: Any) -> None:
    module = made("lstm")
    params = module.init(jax.random.key(3), 2, 16, 3)
    assert params["W_f"].shape == (16, 16)
    assert params["W_f"].dtype == np.float32
    assert 0.9 / 4 < float(abs(params["W_f"]).max()) <= 1 / 4
    assert not params["b_f"].any()
    result = module.forward(params, {"x": np.ones((5, 2, 2), np.float32)})
    assert result["loss"] is None
    assert result["final"]["h"].shape == (2, 16)


def test_errors_say_what_is_wrong(jax: Any) -> None:
    module, params, inputs, initial = elman()
    with pytest.raises(ValueError, match=r"W is to be \(\d, \d\), not \(2, 3\)"):
        module.forward({**params, "W": np.ones((2, 3))}, inputs, initial)
    with pytest.raises(TypeError, match="x is float32, the first array float64"):
        module.forward(params, {**inputs, "x": inputs["x"].astype(np.float32)}, initial)
    with pytest.raises(ValueError, match="there is no gradient by y: stop it"):
        jax.grad(lambda y: module.loss(params, {**inputs, "y": y}, initial))(inputs["y"])
    with pytest.raises(InputError, match="threads"):
        derive.load("elman").code("jax", threads=2)


def test_it_stands_alone(tmp_path: Path) -> None:
    for name, text in derive.load("gru").code("jax").items():
        write_text(tmp_path / name, text)
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import jax, gru_jax\n"
        "params = gru_jax.init(jax.random.key(0), 3, 4, 2)\n"
        "inputs = {'x': jax.numpy.ones((6, 2, 3)), 'y': jax.numpy.full((6, 2, 2), 0.5)}\n"
        "value, grads = jax.jit(jax.value_and_grad(gru_jax.loss))(params, inputs)\n"
        "print(float(value), sorted(grads), 'derive' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.rstrip().endswith("False")
