"""Call the functions of a generated NumPy module."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from derive.errors import InputError
from derive.kernels.arrays import Array


class Module:
    """The generated module, loaded from a private folder."""

    def __init__(self, name: str, text: str, asked: tuple[str, ...], keeps: bool = True):
        self.asked = asked  # the sizes that no array tells
        self.keeps = keeps  # whether its functions take a workspace
        with tempfile.TemporaryDirectory(prefix="derive-") as folder:
            path = Path(folder) / f"{name}.py"
            path.write_text(text, encoding="utf-8")
            loader = importlib.machinery.SourceFileLoader(f"derive_kernel_{name}", str(path))
            spec = importlib.util.spec_from_loader(loader.name, loader)
            assert spec is not None
            self.module = importlib.util.module_from_spec(spec)
            loader.exec_module(self.module)

    def call(
        self,
        function: str,
        sizes: Mapping[str, int],
        *groups: Mapping[str, Any],
        workspace: dict[str, Array] | None = None,
    ) -> Mapping[str, Any]:
        asked = [{name: sizes[name] for name in self.asked}] if self.asked else []
        kept = {} if workspace is None else {"workspace": workspace}
        try:
            result: Mapping[str, Any] = getattr(self.module, function)(*groups, *asked, **kept)
        except ValueError as error:  # the arrays were checked: only the contents of bound ones can be at fault
            if "classes must be" not in str(error):
                raise
            raise InputError("inputs", "classes in range", str(error)) from error
        return result

    def bind(
        self, function: str, sizes: Mapping[str, int], *groups: Mapping[str, Any], again: bool = False
    ) -> tuple[Mapping[str, Any], Callable[[], None]]:
        workspace: dict[str, Array] | None = {} if self.keeps else None

        def call() -> dict[tuple[str, str], Any]:
            fields = self.call(function, sizes, *groups, workspace=workspace)
            return {(k, n): a for k, v in fields.items() for n, a in (v.items() if isinstance(v, dict) else [("", v)])}

        found = {key: np.asarray(a) for key, a in call().items()}
        fresh = [key for key, a in call().items() if not (np.ndim(a) and np.shares_memory(a, found[key]))]
        for key in fresh:
            found[key] = found[key].copy()

        def run() -> None:
            results = call()
            for key in fresh:
                found[key][...] = results[key]

        kept: dict[str, Any] = {}
        for (group, name), a in found.items():
            if name:
                kept.setdefault(group, {})[name] = a
            else:
                kept[group] = a
        return kept, run
