"""Beyond one machine: gradients of a large batch, many sets of parameters, and checks, on a Dask cluster.

`client` is a `dask.distributed.Client` (`pip install 'derive[dask]'`); the workers need this project, and for the
target "c" a compiler.  A worker that is lost loses nothing: what it did is done again by the others.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from derive.errors import InputError
from derive.kernels.gradcheck import check, size_sets
from derive.kernels.report import Report, note
from derive.kernels.runtime import Kernel, Result
from derive.model.model import Model, load, parse

Arrays: TypeAlias = Mapping[str, Any]
Batch: TypeAlias = Mapping[str, Arrays] | Callable[[], Mapping[str, Arrays]]
Made: TypeAlias = tuple[str, str, str, str]  # a cell's text, where it is from, target, dtype
Sum: TypeAlias = tuple[Any, dict[str, Any]]  # loss and gradients
FAN = 8  # sums that are added up at a time
_kernels: dict[Made, Kernel] = {}  # of this worker
_lock = threading.Lock()


def value_and_grad(
    cell: Model | str | os.PathLike[str],
    params: Arrays,
    batches: Iterable[Batch],
    client: Any,
    target: str = "c",
    dtype: str = "float64",
) -> Result:
    """The loss and the gradients of the parameters, summed over batches that are worked on in parallel.

    Args:
        batches: each {"inputs": arrays, "initial": arrays}, or a function without arguments that gives it, which the
            worker calls: for data that lies where the workers are.

    Returns:
        `.loss` and `.grads`.

    Raises:
        InputError: an array does not fit, or there is no batch.
    """
    (found,) = sweep(cell, [params], batches, client, target, dtype)
    return found


def sweep(
    cell: Model | str | os.PathLike[str],
    settings: Iterable[Arrays],
    batches: Iterable[Batch],
    client: Any,
    target: str = "c",
    dtype: str = "float64",
) -> list[Result]:
    """`value_and_grad` at several sets of parameters, all at once."""
    made, parts = _made(cell, target, dtype), list(batches)
    if not parts:
        raise InputError("batches", "one at least", "none")
    totals = []
    for params in settings:
        (shared,) = client.scatter([dict(params)], broadcast=True, hash=False)  # a bare dictionary is taken apart
        sums = [client.submit(_part, made, shared, batch, pure=False) for batch in parts]
        while len(sums) > 1:
            groups = [sums[k : k + FAN] for k in range(0, len(sums), FAN)]
            sums = [client.submit(_added, *group, pure=False) if len(group) > 1 else group[0] for group in groups]
        totals.append(sums[0])
    return [Result(loss=loss, grads=grads) for loss, grads in client.gather(totals)]


def check_all(
    cells: Iterable[Model | str],
    targets: Sequence[str],
    dtypes: Sequence[str],
    sets: int,
    client: Any,
    progress: Callable[[], None] = lambda: None,
) -> list[Report]:
    """The checks of `derive test`, a task for each cell, target, type and set of sizes; a report for each kernel."""
    from distributed import as_completed

    tasks, reports = {}, dict[Made, Report]()
    for cell in cells:
        model = cell if isinstance(cell, Model) else load(cell)
        for target in targets:
            for dtype in dtypes:
                made = _made(model, target, dtype)
                for number in range(len(size_sets(model.normal, sets))):
                    tasks[client.submit(_checked, made, sets, number, pure=False)] = made
    for future in as_completed(list(tasks)):
        made, report = tasks[future], future.result()
        reports[made] = _joined(reports[made], report) if made in reports else report
        progress()
    return [reports[made] for made in dict.fromkeys(tasks.values())]


def count_checks(cells: Iterable[Model], targets: Sequence[str], dtypes: Sequence[str], sets: int) -> int:
    """How many tasks `check_all` has."""
    return sum(len(size_sets(m.normal, sets)) for m in cells) * len(targets) * len(dtypes)


def _made(cell: Model | str | os.PathLike[str], target: str, dtype: str) -> Made:
    model = cell if isinstance(cell, Model) else load(cell)
    if not model.text:
        raise InputError("cell", "a model that was read from a text", "one that was not")
    model.options(dtype)  # raises early what the workers would
    return model.text, model.origin, target, dtype


def _kernel(made: Made) -> Kernel:
    """The kernel of this worker, made once."""
    with _lock:
        if made not in _kernels:
            _kernels[made] = _compiled(made)
        return _kernels[made]


def _compiled(made: Made) -> Kernel:
    text, origin, target, dtype = made
    return parse(text, origin).compile(target, dtype)


def _part(made: Made, params: Arrays, batch: Batch) -> Sum:
    """The sums of one batch."""
    arrays = batch() if callable(batch) else batch
    result = _kernel(made).value_and_grad(params, arrays["inputs"], arrays.get("initial"))
    return result.loss, result.grads


def _added(*sums: Sum) -> Sum:
    losses, gradients = zip(*sums, strict=True)
    return sum(losses), {name: np.sum([g[name] for g in gradients], axis=0) for name in gradients[0]}


def _checked(made: Made, sets: int, number: int) -> Report:
    return check(_passing_kernel(made), sets=sets, only=number)


@lru_cache(maxsize=4)
def _passing_kernel(made: Made) -> Kernel:
    """A kernel for the few tasks that come one after the other: a catalogue of them would fill the memory."""
    return _compiled(made)


def _joined(one: Report, other: Report) -> Report:
    """The worst of both."""
    for mine, theirs in (
        (one.gradients, other.gradients), (one.values, other.values), (one.differences, other.differences),
    ):  # fmt: skip
        for name, error in theirs.items():
            note(mine, name, error)
    return one
