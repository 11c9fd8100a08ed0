"""The generated module as a kernel: what is differentiated, JAX differentiates."""

from __future__ import annotations

import importlib.util
import tempfile
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from derive.errors import ToolError
from derive.files import write_text
from derive.kernels.entry import entry_points
from derive.kernels.lowering.schedule import schedule
from derive.kernels.options import Options
from derive.kernels.runtime import Kernel
from derive.kernels.targets.imported import imported
from derive.kernels.targets.jax.target import files

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
        weakref.finalize(self, jax.clear_caches)  # what was compiled for it goes with it
        self.dtype = dtype
        with tempfile.TemporaryDirectory(prefix="derive-") as folder:
            write_text(Path(folder) / name, text)
            self.module = imported(Path(folder) / name)
        self.compiled = {  # one program for each set of sizes, which are no arrays
            "forward": jax.jit(lambda sizes, *groups: self.module.forward(*groups, dict(sizes)), static_argnums=0),
            "vjp": jax.jit(lambda sizes, *groups: self.pulled(dict(sizes), *groups), static_argnums=0),
        }

    def call(self, function: str, sizes: Mapping[str, int], *groups: Arrays) -> Mapping[str, Any]:
        """Run `forward`, or pull cotangents back through it."""
        run = self.compiled["forward" if function == "forward" else "vjp"]
        with self.jax.enable_x64(self.dtype == "float64"):
            return self._numpy(run(tuple(sizes.items()), *groups))

    def pulled(
        self,
        sizes: Mapping[str, int],
        params: Arrays,
        inputs: Arrays,
        initial: Arrays,
        outputs: Arrays | None = None,
        final: Arrays | None = None,
    ) -> dict[str, Any]:
        """Results, and the gradients by whatever has one."""
        given = {"grads": params, "inputs": inputs, "initial": initial}
        wanted = {key for key, wanted in zip(self.module.KEYS, self.module.WANTED, strict=True) if wanted}
        free = {group: {k: a for k, a in found.items() if k in wanted} for group, found in given.items()}
        held = {group: {k: a for k, a in found.items() if k not in wanted} for group, found in given.items()}

        def run(arrays: Mapping[str, Arrays]) -> Any:
            return self.module.forward(*({**arrays[group], **held[group]} for group in given), sizes)

        results, back = self.jax.vjp(run, free)
        (gradients,) = back(self._seeds(results, outputs, final))
        return {**results, **{k: v for k, v in gradients.items() if v}}

    def _seeds(self, results: Any, outputs: Arrays | None, final: Arrays | None) -> Any:
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
        self, function: str, sizes: Mapping[str, int], *groups: Arrays, again: bool = False
    ) -> tuple[Mapping[str, Any], Callable[[], None]]:
        results = self.call(function, sizes, *groups)

        def run() -> None:
            self.jax.tree.map(np.copyto, results, self.call(function, sizes, *groups))

        return results, run
