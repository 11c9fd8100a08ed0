"""The generated module as a kernel: what is differentiated, JAX differentiates."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from derive.errors import ToolError
from derive.kernels.entry import entry_points
from derive.kernels.lowering.schedule import schedule
from derive.kernels.options import Options
from derive.kernels.runtime import Kernel
from derive.kernels.targets.jax.target import files
from derive.kernels.targets.torch.loaded import imported
from derive.render import write_text

HELP = "pip install jax"
Arrays = Mapping[str, Any]


def build(options: Options) -> Kernel:
    """The JAX module of a model, ready to be called with NumPy arrays.

    Raises:
        ToolError: there is no JAX.
    """
    texts = files(options)
    ((name, text),) = texts.items()
    backend = Jax(name, text, options.dtype)
    plans = {e.name: schedule(e, options.normal, ()) for e in entry_points(options.normal, options.wrt)}
    return Kernel(options.normal, "jax", options.dtype, texts, plans, backend, options.fixed)


class Jax:
    """The functions of a generated module, on NumPy arrays."""

    def __init__(self, name: str, text: str, dtype: str):
        if importlib.util.find_spec("jax") is None:
            raise ToolError(f"JAX is not installed: {HELP}")
        import jax

        self.jax: Any = jax
        self.dtype = dtype
        with tempfile.TemporaryDirectory(prefix="derive-") as folder:
            write_text(Path(folder) / name, text)
            self.module = imported(Path(folder) / name)

    def call(self, function: str, sizes: Mapping[str, int], *groups: Arrays) -> Mapping[str, Any]:
        """Run `forward`, or pull cotangents back through it."""
        params, inputs, initial, *bars = groups
        with self.jax.enable_x64(self.dtype == "float64"):
            if function == "forward":
                return self._numpy(self.module.forward(params, inputs, initial, sizes))
            whole = {k: a for k, a in inputs.items() if np.asarray(a).dtype.kind in "iu"}
            fixed = {k: a for k, a in inputs.items() if k not in whole and k not in self._wanted()}
            real = {k: a for k, a in inputs.items() if k not in whole and k not in fixed}
            keep = {k: a for k, a in params.items() if k not in self._wanted()}
            held = {k: a for k, a in initial.items() if k not in self._wanted()}

            def run(p: Arrays, x: Arrays, s: Arrays) -> Any:
                return self.module.forward({**p, **keep}, {**x, **whole, **fixed}, {**s, **held}, sizes)

            p = {k: a for k, a in params.items() if k not in keep}
            s = {k: a for k, a in initial.items() if k not in held}
            results, back = self.jax.vjp(run, p, real, s)
            gradients = back(self._seeds(results, *bars))
            found = dict(zip(("grads", "inputs", "initial"), gradients, strict=True))
            return self._numpy({**results, **{k: v for k, v in found.items() if v}})

    def _wanted(self) -> set[str]:
        return {key for key, wanted in zip(self.module.KEYS, self.module.WANTED, strict=True) if wanted}

    def _seeds(self, results: Any, outputs: Arrays | None = None, final: Arrays | None = None) -> Any:
        """The cotangents of all results: 0 where none is given, 1 for the loss."""
        given = {"outputs": outputs or {}, "final": final or {}}
        seeds = {
            group: {key: self._filled(a, given[group].get(key, 0.0)) for key, a in found.items()}
            for group, found in results.items()
            if group != "loss"
        }
        if "loss" in results:
            seeds["loss"] = self._filled(results["loss"], given["outputs"].get("loss", 1.0))
        return seeds

    def _filled(self, like: Any, value: Any) -> Any:
        return self.jax.numpy.zeros_like(like) + self.jax.numpy.asarray(value, like.dtype)

    def _numpy(self, results: Any) -> dict[str, Any]:
        return dict(self.jax.tree.map(np.array, results))

    def bind(
        self, function: str, sizes: Mapping[str, int], *groups: Arrays
    ) -> tuple[Mapping[str, Any], Callable[[], None]]:
        results = self.call(function, sizes, *groups)

        def run() -> None:
            self.jax.tree.map(np.copyto, results, self.call(function, sizes, *groups))

        return results, run
