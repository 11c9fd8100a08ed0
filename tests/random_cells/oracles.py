"""Every way to the gradients of one cell, held to one another.

The interpreter's complex step is the reference; the NumPy kernel, C by two compilers in two branches, central
differences, torch's autograd (where it is installed) and exact arithmetic in a finite field have to agree with it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

import derive
from derive.errors import UnsupportedError
from derive.kernels.arrays import from_canonical, initial_groups, stack_lags
from derive.kernels.build import Compiler, compilers
from derive.kernels.entry import check_wrt
from derive.kernels.gradcheck import _Case, size_sets
from derive.kernels.report import Report, relative_error
from derive.kernels.runtime import Kernel
from derive.kernels.samples import saturated
from derive.kernels.targets.c.module import Module
from derive.kernels.targets.c.native import load
from derive.kernels.targets.c.target import printer
from derive.proof.derivation import prove_derivation
from derive.proof.verdict import Status
from tests.random_cells.choices import Choices
from tests.random_cells.grammar import made_up

LIMIT = 1e-11  # relative, of results by another order of operations
ZERO = 1e-14  # beside the largest gradient: what rounding leaves of nothing
SATURATED = 1e-5  # where 1 - tanh² has lost its digits, and functions of 2 units in the last place tell apart
FLAGS = ("-std=c99", "-O0", "-ffp-contract=off", "-fPIC", "-shared")  # -O0: ten times as fast to compile as -O2
BRANCHES = {"vector": (), "portable": ("-DDERIVE_PORTABLE",)}
HAS_TORCH = importlib.util.find_spec("torch") is not None


@dataclass
class Outcome:
    """What was found of one cell.

    Attributes:
        disagreements: in words; empty if all agree.
        worst: the largest relative error of a kernel's results, where no function is saturated.
        steps: equations of the derivation that were evaluated.
        unchecked: those that were too large.
        open: double sums that were too large.
        unsuited: no numbers were found at which it is smooth, so that nothing was compared.
    """

    disagreements: list[str] = field(default_factory=list)
    worst: float = 0.0
    steps: int = 0
    unchecked: int = 0
    open: int = 0
    unsuited: bool = False

    def note(self, case: _Case, *errors: float) -> None:
        """Keep the largest, where rounding is all that it can be."""
        if limit(case) == LIMIT:
            self.worst = max([self.worst, *map(float, errors)])


def of_seed(seed: int) -> tuple[int, Outcome]:
    """One random cell."""
    if HAS_TORCH:
        import torch

        torch.set_num_threads(1)
    return seed, examine(made_up(Choices(seed)), seed)


def examine(text: str, seed: int = 0) -> Outcome:
    """All of it; an exception is a disagreement too.

    Args:
        text: of the cell.
        seed: of the numbers it is tried with.
    """
    outcome = Outcome()
    try:
        model = derive.parse(text)
        slow = model.compile("numpy")
        sizes = size_sets(slow.normal, 1 + seed % 4)[-1]
        case = _drawn(slow, sizes, seed)
        nothing = negligible(case)
        outcome.disagreements += _of_numpy(case, nothing, outcome)
        for name, kernel in _in_c(model, seed):
            outcome.disagreements += _beside(case, kernel, name, nothing, outcome)
        if HAS_TORCH:
            outcome.disagreements += _by_autograd(model, case, nothing)
        outcome.disagreements += _of_derivation(model, outcome)
    except Unsuited:
        outcome.unsuited = True
    except Exception as error:  # noqa: BLE001 - whatever goes wrong with a cell that is right is a bug
        outcome.disagreements.append(f"{type(error).__name__}: {str(error)[:200]}")
    return outcome


class Unsuited(Exception):
    """No numbers were found at which a cell is smooth: relu of what is always zero, say."""


def _drawn(kernel: Kernel, sizes: dict[str, int], seed: int) -> _Case:
    try:
        return _Case(kernel, sizes, 3 + seed % 3, 1 + seed % 4, seed, check_wrt(kernel.normal, None))
    except UnsupportedError as error:
        if "no random inputs suit" in str(error):
            raise Unsuited from error
        raise


@lru_cache(1)
def limit(case: _Case) -> float:
    """How far apart results may lie; a wrong rule is wrong by tenths."""
    return SATURATED if saturated(case.program, case.sample) else LIMIT


def negligible(case: _Case) -> set[str]:
    """Gradients that are zero but for rounding, as through sum(softmax(a)): of the loss, and of the outputs weighted.

    By the complex step, so that no kernel decides what it is judged by.
    """
    found = []
    for truth in (case.truth, case._true(case._vjp_objective(*case._bars()))):
        sizes = {name: float(np.abs(a).max(initial=0.0)) for name, a in truth.items()}
        least = ZERO * max([1e-300, *sizes.values()])
        found.append({f"dL/d{name}" for name, size in sizes.items() if size <= least})
    return set.intersection(*found)


def _of_numpy(case: _Case, nothing: Collection[str], outcome: Outcome) -> Iterator[str]:
    report = Report("", "numpy", "float64")
    case.run(report)
    for what, against, error, bound in report.rows():
        if what in nothing:
            continue
        if against != "central difference":
            outcome.note(case, error)
        if not error <= max(bound, limit(case)):
            yield f"numpy: {what} is {error:.1e} from the {against}"


def _in_c(model: derive.Model, seed: int) -> Iterator[tuple[str, Kernel]]:
    """A kernel by each compiler, and of each branch of the code: which by which, the seed says."""
    options = model.options("float64")
    module = Module(options)
    made = printer(module)
    files, schedules = made.files(), {f.name: f.plan for f in made.functions}
    branches = list(BRANCHES.items())[:: 1 if seed % 2 else -1]
    for using, (branch, flags) in zip(of_both(), branches, strict=False):
        backend = load(module, files, using, (*FLAGS, *flags))
        yield f"{using.name} {branch}", Kernel(options.normal, "c", "float64", files, schedules, backend, {})


def of_both() -> list[Compiler]:
    """gcc and clang; RuntimeError where one is missing."""
    found = {c.name: c for c in compilers()}
    if missing := {"gcc", "clang"} - set(found):
        raise RuntimeError(f"not installed: {', '.join(sorted(missing))}")
    return [found["gcc"], found["clang"]]


def _beside(case: _Case, kernel: Kernel, name: str, nothing: Collection[str], outcome: Outcome) -> Iterator[str]:
    report = Report("", "numpy", "float64", other=name)
    case.run_beside(report, kernel)
    outcome.note(case, *(e for what, e in report.beside.items() if what not in nothing))
    for what, error in report.beside.items():
        if what not in nothing and not error <= limit(case):
            yield f"{name}: {what} is {error:.1e} from NumPy's"


def _by_autograd(model: derive.Model, case: _Case, nothing: Collection[str]) -> Iterator[str]:
    from tests.random_cells.autograd import Autograd

    sample, groups = case.sample, initial_groups(model.normal)
    names = [n for name in case.wanted for n in groups.get(name, (name,))]
    found = Autograd(model.program, sample.sizes, sample.steps, sample.batch, sample.arrays).gradients(names)
    shaped = {n: from_canonical(model.normal[n], a, sample.sizes) for n, a in found.items()}
    for name in case.wanted:
        mine = stack_lags([shaped[n] for n in groups.get(name, (name,))])
        error = relative_error(np.asarray(mine), case.truth[name])
        if f"dL/d{name}" not in nothing and not error <= limit(case):
            yield f"torch: dL/d{name} is {error:.1e} from the complex step"


def _of_derivation(model: derive.Model, outcome: Outcome) -> Iterator[str]:
    proof = prove_derivation(model.prover, proofs=False)
    outcome.steps, outcome.unchecked = proof.equations, len(proof.unchecked)
    outcome.open = len(proof.of_status(Status.OPEN))
    yield from (f"derivation: {wrong}" for wrong in proof.wrong)
    if not proof.ok and not proof.wrong:
        yield "derivation: a double sum is not the gradient"
