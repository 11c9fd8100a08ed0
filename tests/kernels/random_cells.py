"""Random cells, and their C kernels and JAX modules held to the NumPy kernels.

`python -m tests.kernels.random_cells --count 500 --log docs/random-cells.md` is the release-size run; `--to jax`.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import derive
from derive.kernels.gradcheck import _Case, size_sets
from derive.kernels.report import relative_error
from derive.kernels.targets.c import build

SIZES = ("I", "H", "K")
FUNCTIONS = ("tanh", "sigmoid", "tanh", "sigmoid", "softplus", "sin", "silu", "exp")
FLAGS = ("-std=c99", "-O2", "-ffp-contract=off", "-fPIC", "-shared")  # fast to compile; loops are vectors at -O3
LIMIT = 1e-11  # of C beside NumPy, relative


@dataclass
class Cell:
    """One cell while it is made up."""

    rng: random.Random
    params: dict[str, str] = field(default_factory=dict)
    known: dict[str, list[str]] = field(default_factory=lambda: {s: [] for s in SIZES})
    lines: list[str] = field(default_factory=list)

    def param(self, shape: str) -> str:
        """A parameter of this shape: an old one now and then."""
        old = [n for n, s in self.params.items() if s == shape]
        if old and self.rng.random() < 0.35:
            return self.rng.choice(old)
        name = f"P{len(self.params)}"
        self.params[name] = shape
        return name

    def vector(self, size: str) -> str:
        return self.rng.choice(self.known[size])

    def product(self, size: str) -> str:
        other = self.rng.choice([s for s in SIZES if self.known[s]])
        inner = self.vector(other)
        if size == other and self.rng.random() < 0.15:
            return f"{self.param(f'{size} x {size}')}.T @ {inner}"
        return f"{self.param(f'{size} x {other}')} @ {inner}"

    def expression(self, size: str, depth: int) -> str:
        """A vector of this size."""
        r = self.rng.random()
        if depth <= 0 or r < 0.12:
            return self.vector(size) if self.known[size] and self.rng.random() < 0.6 else self.product(size)
        if r < 0.3:
            return f"({self.expression(size, depth - 1)} + {self.expression(size, depth - 1)})"
        if r < 0.42:
            return f"({self.expression(size, depth - 1)} - {self.expression(size, depth - 1)})"
        if r < 0.6:
            return f"({self.expression(size, depth - 1)}) * ({self.expression(size, depth - 1)})"
        if r < 0.66:
            return f"(1 - {self.expression(size, depth - 1)})"
        if r < 0.71:
            return f"{self.rng.choice(['0.5', '-1.5', '2'])} * ({self.expression(size, depth - 1)})"
        if r < 0.76:
            return f"{self.product(size)} + {self.param(size)}"
        if r < 0.8 and self.known[size]:
            return f"dot({self.vector(size)}, {self.param(size)}) * ({self.expression(size, depth - 1)})"
        function = self.rng.choice(FUNCTIONS)
        inner = self.expression(size, depth - 1)
        return f"exp(-softplus({inner}))" if function == "exp" else f"{function}({inner})"

    def squashed(self, size: str) -> str:
        return f"{self.rng.choice(['tanh', 'sigmoid'])}({self.expression(size, 2)})"


def made_up(seed: int) -> str:
    """The text of a cell."""
    rng = random.Random(seed)
    cell = Cell(rng)
    head = [f"cell random_{seed}", "dims I, H, K, O", "input x : I"]
    cell.known["I"].append("x[t]")
    if rng.random() < 0.3:
        head.append("input u : H")
        cell.known["H"].append("u[t]")
    states = [("h", "H"), ("s", "K"), ("c", "H")][: rng.choice([1, 2, 2, 3])]
    for name, size in states:
        head.append(f"state {name} : {size}" + rng.choice(["", "", " = 0"]))
        cell.known[size] += [f"{name}[t-1]"] * 2
    for n in range(rng.randrange(1, 6)):
        size = rng.choice("HHK")
        cell.lines.append(f"g{n}[t] = {cell.squashed(size) if rng.random() < 0.7 else cell.expression(size, 2)}")
        cell.known[size].append(f"g{n}[t]")
    for name, size in states:
        gate, old = cell.vector(size), f"{name}[t-1]"
        new = cell.squashed(size)
        mixed = f"sigmoid({gate}) * {old} + (1 - sigmoid({gate})) * {new}"
        cell.lines.append(f"{name}[t] = {rng.choice([new, new, mixed])}")
        cell.known[size].append(f"{name}[t]")
    out = cell.param(f"O x {'H' if rng.random() < 0.7 else states[-1][1]}")
    last = "h[t]" if cell.params[out] == "O x H" else f"{states[-1][0]}[t]"
    loss = rng.randrange(4)
    if loss == 0:
        head.append("target y : O" + rng.choice(["", " onehot"]))
        cell.lines += [f"yhat[t] = softmax({out} @ {last})", "loss[t] = cross_entropy(y[t], yhat[t])"]
    elif loss == 1:
        head.append("target y : O")
        cell.lines += [f"yhat[t] = {out} @ {last}", "loss[t] = norm2(y[t] - yhat[t])"]
    else:
        extra = rng.choice(["", f" + sum(tanh({last}))"])
        cell.lines.append(f"loss[t] = norm2({out} @ {last}){extra}")
    params = [f"param {name} : {shape}" for name, shape in cell.params.items()]
    return "\n".join([*head, *params, *cell.lines]) + "\n"


def distance(seed: int, target: str = "c", flags: tuple[str, ...] = FLAGS) -> float:
    """How far the results of a random cell's kernel are from those of its NumPy kernel."""
    m = derive.parse(made_up(seed))
    fast = build(m.options("float64"), None, flags) if target == "c" else m.compile(target)
    slow = m.compile("numpy")
    worst = 0.0
    for number, sizes in enumerate(size_sets(fast.normal, 2)):
        case = _Case(slow, sizes, 3 + number, 1 + 2 * number, seed, ())
        mine, theirs = (k.value_and_grad(*case.arguments) for k in (fast, slow))
        for group, arrays in theirs.groups().items():
            for name, value in arrays.items():
                worst = max(worst, relative_error(mine.groups()[group][name], value))
    return worst


def main(arguments: list[str]) -> int:
    """The release-size run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--to", default="c", choices=["c", "jax"])
    options = parser.parse_args(arguments)
    started, worst, bad = time.perf_counter(), 0.0, []
    for seed in range(options.first, options.first + options.count):
        off = distance(seed, options.to)
        worst = max(worst, off)
        if off > LIMIT:
            bad.append(seed)
            print(f"{seed}: {off:.1e} from NumPy", file=sys.stderr)  # noqa: T201
    seeds = f"{options.first} … {options.first + options.count - 1}"
    text = (
        f"# Random cells\n\nThe {options.to} kernels of random cells (`tests/kernels/random_cells.py`) beside\n"
        f"those of NumPy: all gradients, outputs and final states, at two sets of sizes. Seeds {seeds}:\n"
        f"{len(bad)} further apart than {LIMIT:.0e}{' ' + str(bad) if bad else ''}; at most {worst:.1e}. "
        f"{time.perf_counter() - started:.0f} s.\n"
    )
    print(text)  # noqa: T201
    if options.log:
        options.log.write_text(text, "utf-8")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
