"""What is timed: the project's kernels, and what a user of PyTorch or JAX would write for the same model."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from derive.bench.data import Data, Truth
from derive.kernels.options import Options
from derive.kernels.runtime import Kernel
from derive.kernels.targets import target
from derive.kernels.targets.jax.loaded import Jax
from derive.kernels.targets.torch.loaded import Torch
from derive.kernels.targets.torch.target import files
from derive.kernels.written.layout import Module
from derive.kernels.written.loops import torch_text
from derive.kernels.written.prepare import loss_program
from derive.kernels.written.scans import jax_text
from derive.program import Program

INSTALL = "pip install 'derive[bench]'"


@dataclass(frozen=True)
class Ready:
    """A peer on its arrays: `call` is what is timed, `values` its loss and gradients as NumPy arrays."""

    call: Callable[[], object]
    values: Callable[[], Truth]


@dataclass(frozen=True)
class Subject:
    """A model whose loss and gradients of the parameters are timed in one dtype; `threads` are the C kernel's."""

    normal: Program
    origin: str
    dtype: str
    threads: int = 1

    @cached_property
    def _kernels(self) -> dict[tuple[str, str], Kernel]:
        return {}

    def kernel(self, name: str, dtype: str = "") -> Kernel:
        """The kernel of a target, made once.

        Raises:
            ToolError: no C compiler.
        """
        key = (name, dtype or self.dtype)
        if key not in self._kernels:
            wrt, threads = [v.name for v in self.normal.parameters], self.threads if name == "c" else 1
            options = Options(self.normal, self.origin, key[1], wrt, threads=threads)
            self._kernels[key] = target(name).build(options)
        return self._kernels[key]

    @cached_property
    def program(self) -> Program:
        """What the texts of peers are written from."""
        return loss_program(self.normal)


@dataclass(frozen=True)
class Peer:
    """Something to time.

    Attributes:
        package: what it needs, "" for nothing; "C compiler" for a compiler.
        prepare: makes it ready.
    """

    name: str
    what: str
    package: str
    prepare: Callable[[Subject, Data], Ready]

    def missing(self) -> str:
        """How to get what it needs; "" if it is there."""
        if not self.package or self.package == "C compiler" or importlib.util.find_spec(self.package):
            return ""
        return f"{self.package} is not installed: {INSTALL}, or pip install {self.package}"


def _kernel(name: str, subject: Subject, data: Data) -> Ready:
    bound = subject.kernel(name).bind(*data.groups)

    def values() -> Truth:
        result = bound()
        return Truth(float(result.loss), {n: np.array(g) for n, g in result.grads.items()})

    return Ready(bound, values)


def arguments(module: Module, data: Data) -> tuple[list[Any], list[Any], list[int]]:
    """The arrays of a module's arguments, scalars as [.., 1], and its sizes."""

    def array(name: str) -> Any:
        v, a = data.normal[name], data.arrays[name]
        return a if v.onehot or v.shape != (1, 1) else a[..., None]

    numbers = data.sizes.all
    return [array(n) for n in module.parameters], [array(n) for n in module.others], [numbers[s] for s in module.sizes]


def grads(module: Module, data: Data, found: Any) -> Mapping[str, Any]:
    """The gradients by name, in the parameters' shapes; zero where the loss does not depend on one."""
    known = {n: np.asarray(g).reshape(data.arrays[n].shape) for n, g in zip(module.parameters, found, strict=True)}
    return {v.name: known.get(v.name, np.zeros(data.arrays[v.name].shape)) for v in data.normal.parameters}


def _torch(script: bool, subject: Subject, data: Data) -> Ready:
    import torch

    module = torch_text(subject.program, subject.origin)
    with loaded(subject.normal.name, module.text) as code, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that scripts are going out of use
        loss_of = torch.jit.script(code.loss_of) if script else code.loss_of  # type: ignore[no-untyped-call]
    params, others, sizes = arguments(module, data)
    weights = [torch.tensor(a, requires_grad=True) for a in params]
    rest = [torch.tensor(a, dtype=torch.int64 if a.dtype.kind == "i" else None) for a in others]

    def call() -> Any:
        loss = loss_of(*weights, *rest, *sizes)
        return loss, torch.autograd.grad(loss, weights, allow_unused=True, materialize_grads=True)

    def values() -> Truth:
        loss, found = call()
        return Truth(float(loss.detach()), grads(module, data, [g.numpy() for g in found]))

    return Ready(call, values)


def _module(subject: Subject, data: Data) -> Ready:
    """The generated module as a training loop calls it, but for the checks of its arrays."""
    import torch

    options = Options(subject.normal, subject.origin, subject.dtype, [v.name for v in subject.normal.parameters])
    code = Torch(files(options), f"{subject.normal.name}_torch", subject.dtype, ())
    params, inputs, initial = data.groups[:3]
    given = {"params": params, "inputs": inputs, "initial": initial}
    arrays = [torch.from_numpy(np.array(given[group][key])) for group, key in code.module.GIVEN]
    weights = [arrays[n].requires_grad_() for n in code.module.WANTED]
    sizes = [data.sizes.all[key] for key in ("T", "B", *(s.name for s in subject.normal.sizes))]

    def call() -> Any:
        loss = code.module._run(arrays, sizes, True)[0]
        return loss, torch.autograd.grad(loss, weights)

    def values() -> Truth:
        loss, found = call()
        names = [code.module.GIVEN[n][1] for n in code.module.WANTED]
        return Truth(float(loss.detach()), {n: g.numpy() for n, g in zip(names, found, strict=True)})

    return Ready(call, values)


def _jax(subject: Subject, data: Data) -> Ready:
    import jax

    jax.config.update("jax_enable_x64", subject.dtype == "float64")
    module = jax_text(subject.program, subject.origin)
    with loaded(subject.normal.name, module.text) as code:
        loss_of = code.loss_of
    params, others, sizes = arguments(module, data)

    def loss(weights: Any, rest: Any) -> Any:
        return loss_of(*weights, *rest, *sizes)

    both = jax.jit(jax.value_and_grad(loss))
    weights, rest = ([jax.numpy.asarray(a) for a in arrays] for arrays in (params, others))

    def call() -> Any:
        return jax.block_until_ready(both(weights, rest))

    def values() -> Truth:
        value, found = call()
        return Truth(float(value), grads(module, data, found))

    return Ready(call, values)


def _jax_module(subject: Subject, data: Data) -> Ready:
    """The generated module, as a training loop calls it."""
    import jax

    jax.config.update("jax_enable_x64", subject.dtype == "float64")
    options = Options(subject.normal, subject.origin, subject.dtype, [v.name for v in subject.normal.parameters])
    ((name, text),) = target("jax").files(options).items()
    module = Jax(name, text, subject.dtype).module
    params, inputs, initial, sizes = data.groups
    both = jax.jit(jax.value_and_grad(lambda p, x, s: module.loss(p, x, s, sizes)))
    arrays = jax.tree.map(jax.numpy.asarray, (params, inputs, initial))

    def call() -> Any:
        return jax.block_until_ready(both(*arrays))

    def values() -> Truth:
        value, found = call()
        return Truth(float(value), {n: np.asarray(g) for n, g in found.items()})

    return Ready(call, values)


@contextmanager
def loaded(name: str, text: str) -> Iterator[ModuleType]:
    """The module of a text, whose file stands in a private folder for as long as this lasts.

    torch.jit.script reads a function's text from its file.
    """
    with tempfile.TemporaryDirectory(prefix="derive-") as folder:
        path = Path(folder) / f"{name}.py"
        path.write_text(text, encoding="utf-8")
        loader = importlib.machinery.SourceFileLoader(f"derive_peer_{name}", str(path))
        spec = importlib.util.spec_from_loader(loader.name, loader)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
        yield module


PEERS: Mapping[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer("c", "the C kernel, bound", "C compiler", partial(_kernel, "c")),
        Peer("numpy", "the NumPy kernel, bound", "", partial(_kernel, "numpy")),
        Peer("torch_module", "the generated PyTorch module, loss and backward", "torch", _module),
        Peer("torch_loop", "a Python loop over steps in PyTorch, by autograd", "torch", partial(_torch, False)),
        Peer("torch_script", "the same loop by torch.jit.script", "torch", partial(_torch, True)),
        Peer("jax_module", "jax.jit of value_and_grad of the generated module", "jax", _jax_module),
        Peer("jax_scan", "jax.jit of value_and_grad of a lax.scan per recurrence", "jax", _jax),
    )
}
