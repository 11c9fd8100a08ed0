"""The generated module as a kernel: what is differentiated, PyTorch differentiates."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from derive.errors import InputError, ToolError
from derive.files import write_text
from derive.kernels.options import Options
from derive.kernels.runtime import Kernel
from derive.kernels.targets.c.module import Module
from derive.kernels.targets.imported import imported
from derive.kernels.targets.torch.target import files

HELP = "pip install torch"


def build(options: Options) -> Kernel:
    """The PyTorch module of a model, ready to be called with NumPy arrays.

    Raises:
        ToolError: there is no PyTorch, or no C compiler.
    """
    texts = files(options)
    kernel = Module(options)
    backend = Torch(texts, f"{options.normal.name}_torch", options.dtype, [s.key for s in kernel.sizes])
    schedules = {f.name: f.plan for f in kernel.functions}
    return Kernel(options.normal, "torch", options.dtype, texts, schedules, backend, options.fixed)


class Torch:
    """The operators of a generated module, on NumPy arrays."""

    def __init__(self, texts: Mapping[str, str], name: str, dtype: str, sizes: Sequence[str]):
        self.sizes = sizes
        if importlib.util.find_spec("torch") is None:
            raise ToolError(f"PyTorch is not installed: {HELP}")
        folder = Path(tempfile.mkdtemp(prefix="derive-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        for file, text in texts.items():
            write_text(folder / file, text)
        self.module = imported(folder / f"{name}.py")
        self.torch: Any = self.module.torch
        try:
            self.module.backend(getattr(self.torch, dtype))
        except RuntimeError as error:
            raise ToolError(str(error)) from error

    def call(self, function: str, sizes: Mapping[str, int], *groups: Mapping[str, Any]) -> Mapping[str, Any]:
        module = self.module
        given = dict(zip(("params", "inputs", "initial", "outputs", "final"), groups, strict=False))
        arrays = [self._tensor(given[group][key]) for group, key in module.GIVEN]
        wanted = module.WANTED if function != "forward" else []
        for n in wanted:
            arrays[n].requires_grad_()
        try:
            found = module._forward(*arrays, *(sizes[key] for key in self.sizes))
        except ValueError as error:
            raise InputError("arrays", "values that the kernel takes", str(error)) from error
        found = [found] if len(module.RETURNED) == 1 else list(found)
        results: dict[str, Any] = {}
        for (group, key), a in zip(module.RETURNED, found, strict=True):
            self._put(results, group, key, a)
        if wanted:
            seeds = [self._seed(given, group, key, a) for (group, key), a in zip(module.RETURNED, found, strict=True)]
            gradients = self.torch.autograd.grad(found, [arrays[n] for n in wanted], seeds)
            for n, g in zip(wanted, gradients, strict=True):
                group, key = module.GIVEN[n]
                self._put(results, "grads" if group == "params" else group, key, g)
        return results

    def _seed(self, cotangents: Mapping[str, Mapping[str, Any]], group: str, key: str, like: Any) -> Any:
        """The cotangent of a result: 0 where none is given, 1 for the loss."""
        if group == "loss":
            seed = cotangents.get("outputs", {}).get("loss", 1.0)
        else:
            seed = cotangents.get(group, {}).get(key, 0.0)
        return self.torch.zeros_like(like) + self._tensor(seed).to(like.dtype).reshape(np.shape(seed))

    def bind(
        self, function: str, sizes: Mapping[str, int], *groups: Mapping[str, Any], again: bool = False
    ) -> tuple[Mapping[str, Any], Callable[[], None]]:
        results = self.call(function, sizes, *groups)

        def run() -> None:
            for group, found in self.call(function, sizes, *groups).items():
                if group == "loss":
                    results[group][...] = found
                else:
                    for key, a in found.items():
                        results[group][key][...] = a

        return results, run

    def _tensor(self, a: Any) -> Any:
        a = np.array(a)
        return self.torch.from_numpy(a.astype(np.int32) if a.dtype.kind in "iu" else a)

    def _put(self, results: dict[str, Any], group: str, key: str, a: Any) -> None:
        value = a.detach().numpy()
        if group == "loss":
            results["loss"] = value
        else:
            results.setdefault(group, {})[key] = value
