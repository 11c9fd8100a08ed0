"""Check every peer against the project's kernel in float64, then time all of them together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from derive.bench.clock import Times, interleaved
from derive.bench.count import Work, work
from derive.bench.data import Data, Truth, draw
from derive.bench.limits import Limits
from derive.bench.peers import PEERS, Peer, Ready, Subject
from derive.bench.sizes import SizeSet
from derive.errors import InputError, ToolError, UnsupportedError
from derive.kernels.report import relative_error
from derive.model import Model

# Of loss and gradients, relative: T steps of rounding; what is wrong is off by far more.
TOLERANCE = {"float64": 1e-9, "float32": 2e-3}
OK, MISSING, UNSUPPORTED, WRONG = "ok", "missing", "unsupported", "wrong"


@dataclass(frozen=True)
class Row:
    """One peer at one set of sizes.

    Attributes:
        status: ok, missing, unsupported or wrong; `note` says why it is not ok.
        error: how far it is from the reference, relative; `off` names the worst quantity.
        times: of a call, in seconds; None if it was not timed.
    """

    peer: str
    status: str = OK
    note: str = ""
    error: float | None = None
    off: str = ""
    times: Times | None = None


@dataclass
class Case:
    """All peers at one set of sizes."""

    sizes: SizeSet
    work: Work
    rows: list[Row] = field(default_factory=list)

    def row(self, peer: str) -> Row | None:
        return next((r for r in self.rows if r.peer == peer), None)


@dataclass
class Bench:
    """What was timed of one model."""

    name: str
    dtype: str
    cases: list[Case] = field(default_factory=list)

    @property
    def baseline(self) -> str:
        """What others are compared with: the C kernel, else the first that was timed."""
        timed = [r.peer for c in self.cases for r in c.rows if r.times]
        return "c" if "c" in timed or not timed else timed[0]

    def rows(self, status: str) -> list[Row]:
        return [r for c in self.cases for r in c.rows if r.status == status]


def choose(names: Iterable[str] | None) -> list[Peer]:
    """Peers by name, all by default.

    Raises:
        InputError: there is no such peer.
    """
    chosen = list(PEERS if names is None else dict.fromkeys(names))
    for name in chosen:
        if name not in PEERS:
            raise InputError("--peers", f"names out of {', '.join(PEERS)}", repr(name))
    if not chosen:
        raise InputError("--peers", f"names out of {', '.join(PEERS)}", "none")
    return [PEERS[name] for name in chosen]


def bench(
    model: Model,
    sizes: Sequence[SizeSet],
    dtype: str = "float64",
    peers: Iterable[str] | None = None,
    budget: float = 3.0,
    step: Callable[[str], None] = lambda what: None,
    threads: int = 1,
) -> Bench:
    """Time loss and gradients of the parameters.

    Args:
        budget: seconds of timing for each set of sizes, shared by the peers; at least three samples are taken.
        step: called with what is done next.
        threads: of the C kernel; NumPy's, PyTorch's and JAX's are set where they are loaded, see `limit_threads`.

    Raises:
        ToolError: the C compiler has no OpenMP for several threads.
        InputError: a model without a loss or without parameters, an unknown peer.
        UnsupportedError: no inputs suit the model.
    """
    chosen = choose(peers)
    normal = model.options().normal
    if not normal.total:
        raise InputError("CELL", "a model with a loss", f"{normal.name}, which has none")
    if not normal.parameters:
        raise InputError("CELL", "a model with parameters", f"{normal.name}, which has none")
    subject = Subject(normal, model.origin, dtype, threads)
    found = Bench(normal.name, dtype)
    for s in sizes:
        found.cases.append(_case(subject, s, chosen, budget, step))
    return found


def _case(subject: Subject, sizes: SizeSet, peers: Sequence[Peer], budget: float, step: Callable[[str], None]) -> Case:
    step(f"{sizes.label}: arrays and reference")
    reference = subject.kernel("numpy", "float64")
    data, truth = draw(reference, sizes, subject.dtype)
    case = Case(sizes, work(reference.schedule, sizes, np.dtype(subject.dtype).itemsize))
    ready: dict[str, Ready] = {}
    for peer in peers:
        step(f"{sizes.label}: {peer.name}, making and checking")
        row, made = prepared(peer, subject, data, truth)
        case.rows.append(row)
        if made is not None:
            ready[peer.name] = made
    step(f"{sizes.label}: timing {', '.join(ready)}")
    times = interleaved({n: r.call for n, r in ready.items()}, budget)
    case.rows = [Row(**{**vars(r), "times": times.get(r.peer)}) for r in case.rows]
    return case


def prepared(peer: Peer, subject: Subject, data: Data, truth: Truth) -> tuple[Row, Ready | None]:
    """A peer that is ready and right, or why it is not."""
    missing = peer.missing()
    if missing:
        return Row(peer.name, MISSING, missing), None
    try:
        made = peer.prepare(subject, data)
    except ToolError as error:
        return Row(peer.name, MISSING, str(error)), None
    except UnsupportedError as error:
        return Row(peer.name, UNSUPPORTED, str(error)), None
    apart, off = distance(made.values(), truth)
    if not apart <= TOLERANCE[subject.dtype]:  # NaN is wrong too
        note = f"{off} is {apart:.1e} from the NumPy kernel in float64; at most {TOLERANCE[subject.dtype]:.0e} is right"
        return Row(peer.name, WRONG, note, apart, off), None
    return Row(peer.name, error=apart, off=off), made


def distance(mine: Truth, truth: Truth) -> tuple[float, str]:
    """The largest relative error, and of what."""
    errors = {"the loss": relative_error(np.asarray(mine.loss), np.asarray(truth.loss))}
    for name, reference in truth.grads.items():
        errors[f"dL/d{name}"] = relative_error(mine.grads[name], reference) if name in mine.grads else float("inf")
    worst = max(errors, key=lambda n: np.inf if np.isnan(errors[n]) else errors[n])
    return errors[worst], worst


def efficiency(case: Case, row: Row, limits: Limits | None) -> tuple[float, float | None]:
    """Floating-point operations per second, and the part of the measured peak that is."""
    assert row.times is not None
    rate = case.work.flops / row.times.median
    return rate, rate / (limits.flops * limits.threads) if limits else None
