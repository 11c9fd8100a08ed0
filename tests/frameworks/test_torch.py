"""The PyTorch module: `pytest -m frameworks`, where PyTorch is installed."""

from __future__ import annotations

import copy
import gc
import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import derive
from derive.algebra.nodes import Detach
from derive.files import write_text
from derive.kernels.entry import check_wrt
from derive.kernels.gradcheck import _Case, size_sets
from derive.kernels.targets.imported import imported
from derive.language import names

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the library
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
FOLDER = Path(__file__).resolve().parents[1] / "cells"
CELLS = [*names(), *map(str, sorted(FOLDER.glob("*.cell")))]
Make = Callable[..., ModuleType]


@pytest.fixture(scope="module")
def torch() -> Any:
    return importlib.import_module("torch")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """The generated module of a cell, each made once."""
    known: dict[object, ModuleType] = {}

    def make(cell: str, **options: Any) -> ModuleType:
        key = cell, tuple(options.items())
        if key not in known:
            model = derive.load(cell)
            folder = tmp_path_factory.mktemp(model.name)
            for name, text in model.code("torch", **options).items():
                write_text(folder / name, text)
            known[key] = imported(folder / f"{model.name}_torch.py")
        return known[key]

    return make


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tested is not how fast the kernels are."""
    monkeypatch.setenv("CFLAGS", "-O1")


def drawn(torch: Any, cell: str, module: ModuleType) -> tuple[list[Any], list[int]]:
    """The arrays of an operator in float64, T = 4 steps of 3 sequences with distinct sizes, and the sizes."""
    kernel = derive.load(cell).compile("numpy")
    sizes = size_sets(kernel.normal, 1)[0]
    case = _Case(kernel, sizes, 4, 3, 0, check_wrt(kernel.normal, None))
    given = {"params": case.params, "inputs": case.inputs, "initial": case.initial}
    arrays = [torch.from_numpy(np.array(given[group][key])) for group, key in module.GIVEN]
    told = {**sizes, "T": 4, "B": 3}
    return arrays, [told[key] for key in ("T", "B", *(s.name for s in kernel.normal.sizes))]


@pytest.mark.parametrize("cell", CELLS, ids=lambda c: Path(c).stem)
def test_gradcheck(cell: str, made: Make, torch: Any) -> None:
    """Every result, final states included, by every array that has a gradient."""
    if any(e.has(Detach) for e in derive.load(cell).normal.equations.values()):  # differences go through it
        assert derive.load(cell).check("torch", sets=2).ok
        return
    module = made(cell)
    arrays, sizes = drawn(torch, cell, module)
    for n in module.WANTED:
        arrays[n].requires_grad_()

    def results(*taken: Any) -> Any:
        return module._forward(*taken, *sizes)

    assert module.WANTED
    assert torch.autograd.gradcheck(results, arrays, eps=1e-6, atol=1e-7, rtol=1e-6)
    if any(group == "loss" for group, _ in module.RETURNED):
        assert torch.autograd.gradcheck(lambda *a: module._value_and_grad(*a, *sizes)[0], arrays, atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("cell", ["lstm", "char_rnn", str(FOLDER / "delays.cell"), str(FOLDER / "matrix_states.cell")])
def test_the_gradients_are_those_of_complex_step(cell: str, dtype: str) -> None:
    report = derive.load(cell).check("torch", dtype, sets=2)
    assert report.ok, list(report.rows())


def test_the_operators_are_what_pytorch_expects(made: Make, torch: Any) -> None:
    """Schema, fake tensors, autograd and ahead-of-time compilation, with sizes that change."""
    module = made("gru")
    arrays, sizes = drawn(torch, "gru", module)
    for n in module.WANTED:
        arrays[n].requires_grad_()
    torch.library.opcheck(module._forward, (*arrays, *sizes))
    # The gradients that it returns beside the loss refuse to be differentiated: no test that does so.
    some = ("test_schema", "test_autograd_registration", "test_faketensor")
    torch.library.opcheck(module._value_and_grad, (*arrays, *sizes), test_utils=some)


def lstm(torch: Any, made: Make, dtype: Any) -> tuple[Any, Any, Any]:
    """An LSTM of the catalogue, and nn.LSTM with a linear layer, with the same weights."""
    ours = made("lstm").Lstm(I=5, H=7, O=3, dtype=dtype)
    theirs, head = torch.nn.LSTM(5, 7, dtype=dtype), torch.nn.Linear(7, 3, dtype=dtype)
    with torch.no_grad():
        for name, value in (("b_i", 0.1), ("b_f", 1.0), ("b_o", -0.2), ("b_g", 0.3)):
            getattr(ours, name).fill_(value)
        gates = "ifgo"
        theirs.weight_ih_l0.copy_(torch.cat([getattr(ours, f"U_{k}") for k in gates]))
        theirs.weight_hh_l0.copy_(torch.cat([getattr(ours, f"W_{k}") for k in gates]))
        theirs.bias_ih_l0.copy_(torch.cat([getattr(ours, f"b_{k}") for k in gates]))
        theirs.bias_hh_l0.zero_()
        head.weight.copy_(ours.V)
        head.bias.copy_(ours.b_y)
    theirs.bias_hh_l0.requires_grad_(False)  # ours has one bias
    return ours, theirs, head


@pytest.mark.parametrize("optimiser", ["SGD", "Adam"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_it_trains_as_nn_lstm_does(dtype: str, optimiser: str, made: Make, torch: Any) -> None:
    torch.manual_seed(1)
    ours, theirs, head = lstm(torch, made, getattr(torch, dtype))
    x = torch.randn(9, 4, 5, dtype=ours.V.dtype)
    y = torch.softmax(torch.randn(9, 4, 3, dtype=x.dtype), -1)
    h, c = torch.randn(2, 4, 7, dtype=x.dtype).unbind(0)
    make, rate = getattr(torch.optim, optimiser), 0.02 if optimiser == "Adam" else 0.05
    learned = [p for p in (*theirs.parameters(), *head.parameters()) if p.requires_grad]
    mine, other = make(ours.parameters(), rate), make(learned, rate)
    losses = []
    for step in range(50):
        state = made("lstm").State(h=h, c=c)
        loss = ours.loss(x, y, initial=state) if step % 2 else ours(x, y, initial=state).loss
        hidden, _ = theirs(x, (h[None], c[None]))
        expected = torch.nn.functional.cross_entropy(head(hidden).flatten(0, 1), y.flatten(0, 1), reduction="sum")
        assert abs(float(loss) - float(expected)) <= 1e-5 * abs(float(expected))
        losses.append(float(loss.detach()))
        for optimiser_, value in ((mine, loss), (other, expected)):
            optimiser_.zero_grad()
            value.backward()
            optimiser_.step()
    assert losses[-1] < 0.95 * losses[0]


def test_sequences_may_come_batch_first(made: Make, torch: Any) -> None:
    module = made("gru")
    torch.manual_seed(2)
    plain = module.Gru(I=2, H=4, O=3, dtype=torch.float64)
    turned = copy.deepcopy(plain)
    turned.batch_first = True
    x, y = torch.randn(5, 3, 2, dtype=torch.float64), torch.softmax(torch.randn(5, 3, 3, dtype=torch.float64), -1)
    initial = module.State(h=torch.randn(3, 4, dtype=torch.float64))
    a, b = plain(x, y, initial=initial), turned(x.transpose(0, 1), y.transpose(0, 1), initial=initial)
    assert torch.equal(a.loss, b.loss)
    assert torch.equal(a.yhat, b.yhat.transpose(0, 1))
    assert torch.equal(a.final.h, b.final.h)
    (a.yhat.square().sum() + a.final.h.sum()).backward()
    (b.yhat.square().sum() + b.final.h.sum()).backward()
    assert all(torch.equal(p.grad, q.grad) for p, q in zip(plain.parameters(), turned.parameters(), strict=True))


def test_a_module_is_kept_copied_and_cast_as_others_are(made: Make, torch: Any, tmp_path: Path) -> None:
    module = made("elman_bias")
    one, two = module.ElmanBias(I=3, H=4, O=2), module.ElmanBias(I=3, H=4, O=2)
    torch.save(one.state_dict(), tmp_path / "weights.pt")
    two.load_state_dict(torch.load(tmp_path / "weights.pt"))
    x = torch.randn(6, 2, 3)
    assert torch.equal(one(x).yhat, two(x).yhat)
    assert one(x).loss is None
    wide = copy.deepcopy(one).double()
    assert torch.allclose(wide(x.double()).yhat.float(), one(x).yhat, atol=1e-5)
    assert "float64" in module.backend(torch.float64)
    assert repr(one) == "ElmanBias(I=3, H=4, O=2, batch_first=False)"
    assert not any(p.detach().any() for n, p in one.named_parameters() if n.startswith("b"))
    assert 0.5 / 2 < float(one.W.detach().abs().max()) <= 1 / 2


def test_what_a_state_was_may_go_on(made: Make, torch: Any) -> None:
    """Two halves, one after the other, are the whole; gradients flow through the state between them."""
    module = made("lstm")
    net = module.Lstm(I=2, H=5, O=3, dtype=torch.float64)
    x = torch.randn(8, 2, 2, dtype=torch.float64)
    whole = torch.autograd.grad(net(x).yhat.square().sum(), list(net.parameters()))
    first = net(x[:4])
    second = net(x[4:], initial=first.final)
    total = first.yhat.square().sum() + second.yhat.square().sum()
    halves = torch.autograd.grad(total, list(net.parameters()))
    assert all(torch.allclose(a, b, rtol=1e-12, atol=1e-13) for a, b in zip(whole, halves, strict=True))


def test_the_loss_in_one_pass(made: Make, torch: Any) -> None:
    module = made("char_rnn")
    net = module.CharRnn(K=5, H=6)
    T, B = 4, 3
    x, y = torch.randint(0, 5, (T, B)), torch.randint(0, 5, (T, B))
    a, b = net.loss(x, y), net(x, y).loss
    assert torch.equal(a, b)
    arrays, sizes, _ = net._arguments(x, y, None)
    c = module._forward(*arrays, *sizes)[0]  # two passes: the vector-Jacobian product
    one, two, three = (torch.autograd.grad(3 * v, list(net.parameters())) for v in (a, b, c))
    assert all(torch.allclose(p, q, rtol=1e-5, atol=1e-6) for p, q in zip(one, three, strict=True))
    assert all(torch.allclose(p, q, rtol=1e-5, atol=1e-6) for p, q in zip(two, three, strict=True))
    with torch.no_grad():
        assert torch.equal(net.loss(x, y), a)
    with pytest.raises(ValueError, match="class index is out of range"):
        net.loss(x, y + 5)


@pytest.mark.parametrize("compiler", ["aot_eager", "inductor"])
def test_torch_compile_takes_it(compiler: str, made: Make, torch: Any) -> None:
    module = made("gru")
    net = module.Gru(I=2, H=4, O=3, dtype=torch.float64)

    def objective(x: Any, y: Any) -> Any:
        out = net(x.tanh(), y)
        return out.loss + out.final.h.square().sum() + net.loss(x, y)

    fast = torch.compile(objective, backend=compiler, fullgraph=True, dynamic=True)
    for T in (4, 7):
        x, y = torch.randn(T, 3, 2, dtype=torch.float64), torch.softmax(torch.randn(T, 3, 3, dtype=torch.float64), -1)
        a, b = objective(x, y), fast(x, y)
        assert torch.allclose(a, b, rtol=1e-12)
        one, two = (torch.autograd.grad(v, list(net.parameters())) for v in (a, b))
        assert all(torch.allclose(p, q, rtol=1e-11) for p, q in zip(one, two, strict=True))


def test_second_derivatives_are_refused(made: Make, torch: Any) -> None:
    module = made("elman")
    net = module.Elman(I=2, H=3, O=4, dtype=torch.float64)
    x = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)
    y = torch.softmax(torch.randn(3, 2, 4, dtype=torch.float64), -1)
    for loss in (net(x, y).loss, net.loss(x, y)):
        (g,) = torch.autograd.grad(loss, x, create_graph=True)
        with pytest.raises(RuntimeError, match="derivatives of their own"):
            g.square().sum().backward()
        with pytest.raises(RuntimeError, match="derivatives of their own"):
            (net.W.sum() + g.square().sum()).backward()


def test_errors_say_what_is_wrong(made: Make, torch: Any) -> None:
    module = made("elman")
    net = module.Elman(I=2, H=3, O=4)
    x, y = torch.randn(5, 2, 2), torch.rand(5, 2, 4)
    for arguments, message in (
        ((torch.randn(5, 2, 3), y), r"x is to be \(5, 2, 2\), not \(5, 2, 3\)"),
        ((torch.randn(5, 2), y), "x is to be a tensor with 3 axes, not 2"),
        (([1.0], y), "x is to be a tensor with 3 axes, not list"),
        ((x, torch.rand(4, 2, 4)), r"y is to be \(5, 2, 4\), not \(4, 2, 4\)"),
        ((x, torch.rand(5, 2, 4, requires_grad=True)), "no gradient by y: detach it"),
    ):
        with pytest.raises(ValueError, match=message):
            net(*arguments)
    with pytest.raises(TypeError, match=r"x is torch\.float64, the first array torch\.float32"):
        net(x.double(), y)
    with pytest.raises(TypeError, match=r"dtype is torch\.float32 or torch\.float64"):
        module.Elman(I=2, H=3, O=4, dtype=torch.float16)
    with pytest.raises(ValueError, match="H is to be a whole number from 1 on, not 0"):
        module.Elman(I=2, H=0, O=4)
    with pytest.raises(ValueError, match="h is to be"):
        net(x, y, initial=module.State(h=torch.zeros(3, 3)))
    assert net.to("meta")(x.to("meta")).yhat.shape == (5, 2, 4)


def test_only_some_gradients(made: Make, torch: Any) -> None:
    module = made("elman", wrt=("W", "x"))
    net = module.Elman(I=2, H=3, O=4)
    assert [n for n, p in net.named_parameters() if p.requires_grad] == ["W"]
    with pytest.raises(ValueError, match="no gradient by h: detach it"):
        net(torch.randn(3, 2, 2), initial=module.State(h=torch.zeros(2, 3, requires_grad=True)))


def test_two_threads(made: Make, torch: Any) -> None:
    one, two = made("lstm"), made("lstm", threads=2)
    arrays, sizes = drawn(torch, "lstm", one)
    a, b = (m._value_and_grad(*arrays, *sizes) for m in (one, two))
    assert all(torch.allclose(p, q, rtol=1e-12, atol=1e-13) for p, q in zip(a, b, strict=True))


SCRIPT = """
import sys
import torch
sys.path.insert(0, {folder!r})
import elman_torch
torch.manual_seed(0)
net = elman_torch.Elman(I=2, H=3, O=4)
print(float(net.loss(torch.ones(3, 2, 2), torch.full((3, 2, 4), 0.25)).detach()))
print(elman_torch.backend())
print("derive" in sys.modules)
"""


def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k in ("LD_LIBRARY_PATH", "HOME", "CFLAGS")}
    return subprocess.run(
        [sys.executable, "-c", script], env={**kept, **environment}, capture_output=True, text=True, check=False
    )


def test_compiled_before_it_needs_no_compiler(tmp_path: Path) -> None:
    for name, text in derive.load("elman").code("torch").items():
        write_text(tmp_path / name, text)
    script, empty = SCRIPT.format(folder=str(tmp_path)), str(tmp_path / "empty")
    alone = run(script, PATH=empty, XDG_CACHE_HOME=empty)
    assert alone.returncode != 0
    assert "no C compiler was found" in alone.stderr
    now = run(script, PATH=os.environ["PATH"], XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert now.returncode == 0, now.stderr
    loss, origin, loaded = now.stdout.splitlines()
    assert origin.startswith("C, float32, by ")
    assert loaded == "False"
    build = subprocess.run(
        [sys.executable, str(tmp_path / "elman_torch.py"), "build"], capture_output=True, text=True, check=False
    )
    assert build.returncode == 0, build.stderr
    assert len(build.stdout.splitlines()) == 2
    before = run(script, PATH=empty, XDG_CACHE_HOME=empty)
    assert before.returncode == 0, before.stderr
    assert before.stdout.splitlines()[0] == loss
    assert "compiled before" in before.stdout


PARALLEL = """
import os, sys, time
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
sys.path.insert(0, {folder!r})
import lstm_torch
rank, world = int(sys.argv[1]), 2
dist.init_process_group("gloo", init_method="file://{folder}/meeting", rank=rank, world_size=world)
torch.manual_seed(0)
net = lstm_torch.Lstm(I=3, H=5, O=4, dtype=torch.float64)
x, y = torch.randn(6, 8, 3, dtype=torch.float64), torch.softmax(torch.randn(6, 8, 4, dtype=torch.float64), -1)
whole = torch.autograd.grad(net.loss(x, y), list(net.parameters()))
shared = DistributedDataParallel(net)
mine = slice(4 * rank, 4 * rank + 4)
shared(x[:, mine], y[:, mine]).loss.backward()
worst = max(float((world * p.grad - g).abs().max() / g.abs().max()) for p, g in zip(net.parameters(), whole))
print("worst", worst, flush=True)
dist.barrier()
time.sleep(1)
os._exit(0 if worst < 1e-12 else 1)  # a process that ends first makes gloo's threads in the other abort at its end
"""


def test_two_processes_give_the_gradients_of_one(tmp_path: Path) -> None:
    """DistributedDataParallel averages over the processes; the loss is a sum."""
    for name, text in derive.load("lstm").code("torch").items():
        write_text(tmp_path / name, text)
    script = PARALLEL.format(folder=str(tmp_path))
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(rank)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for rank in (0, 1)
    ]
    for process in started:
        text, _ = process.communicate(timeout=240)
        assert process.returncode == 0, text
        assert "worst" in text


def test_a_module_may_be_loaded_twice(tmp_path: Path, torch: Any) -> None:
    """PyTorch takes an operator away when another of its name is defined: the first module's would be gone."""
    for name, text in derive.load("jordan").code("torch").items():
        write_text(tmp_path / name, text)
    first, second = (imported(tmp_path / "jordan_torch.py") for _ in range(2))
    assert first.NAMESPACE != second.NAMESPACE
    arrays, sizes = drawn(torch, "jordan", first)
    expected = second._value_and_grad(*arrays, *sizes)[0]
    del second, sys.modules["jordan_torch"]
    gc.collect()
    assert torch.equal(first._value_and_grad(*arrays, *sizes)[0], expected)
