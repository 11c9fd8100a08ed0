"""A cell that nobody has kernels for, fitted: coupled oscillators learn how a stiffening spring answers to a force.

    python examples/oscillators.py --plot oscillators.png

The spring is Duffing's, s'' = F − s'/4 − s − s³; the network sees the force F at each step and says where the spring
is.  It starts at rest, as the spring does.  Before it is trained, every gradient is compared with numerical ones.
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from time import perf_counter

import numpy as np
from adam import Adam

import derive

HERE = Path(__file__).parent
T, B, H, DT = 200, 16, 32, 0.2


def spring(force: np.ndarray) -> np.ndarray:
    """Where the spring is at each step: s'' = F − s'/4 − s − s³, by small steps from rest."""
    s, v, fine = np.zeros(force.shape[1:]), np.zeros(force.shape[1:]), 20
    out = np.empty_like(force)
    for t, f in enumerate(force):
        for _ in range(fine):
            v = v + DT / fine * (f - v / 4 - s - s**3)
            s = s + DT / fine * v
        out[t] = s
    return out


def forces(rng: np.random.Generator) -> np.ndarray:
    """[T, B, 1]: three waves of random strength, frequency and phase each."""
    t = np.arange(T)[:, None, None] * DT
    strength, frequency, phase = (
        rng.uniform(0.1, 0.6, (3, B, 1)),
        rng.uniform(0.3, 2, (3, B, 1)),
        rng.uniform(0, 6.28, (3, B, 1)),
    )
    return sum(a * np.sin(w * t + p) for a, w, p in zip(strength, frequency, phase, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--steps", type=int, default=2000, help="of Adam (2000)")
    parser.add_argument("--plot", metavar="FILE.png", help="draw an answer of the network (needs matplotlib)")
    options = parser.parse_args()
    if options.plot and importlib.util.find_spec("matplotlib") is None:
        parser.error("matplotlib is not installed: pip install 'derive[plot]'")

    model = derive.load(str(HERE / "oscillators.cell"))
    report = model.check("c")
    assert report.ok, report
    print(f"all gradients agree with numerical ones: worst relative error {report.worst:.0e}")

    kernel = model.compile("c", dtype="float32")
    rng = np.random.default_rng(0)
    params = {
        "U": rng.normal(size=(H, 1)),
        "W": rng.normal(size=(H, H)) / np.sqrt(H) / 4,
        "R": rng.normal(size=(H, H)) / np.sqrt(H) / 4,
        "b": np.zeros(H),
        "omega": rng.uniform(0.5, 1.8, H),
        "zeta": np.full(H, 0.5),
        "Q": rng.normal(size=(1, H)) / np.sqrt(H),
        "c": np.zeros(1),
    }
    params = {name: p.astype(np.float32) for name, p in params.items()}
    x, y = np.zeros((T, B, 1), np.float32), np.zeros((T, B, 1), np.float32)
    rest = {name: np.zeros((B, H), np.float32) for name in "hv"}
    run = kernel.bind(params, {"x": x, "y": y}, rest)
    adam = Adam(params, 3e-3)
    inside = 0.0
    for step in range(1, options.steps + 1):
        adam.rate = 3e-3 * (1 - step / (options.steps + 1))
        x[:] = force = forces(rng)
        y[:] = spring(force)
        start = perf_counter()
        result = run()
        inside += perf_counter() - start
        adam.step({name: g / (T * B) for name, g in result.grads.items()})
        if step % max(1, options.steps // 8) == 0 or step == 1:
            error = 2 * float(result.loss) / (T * B)
            print(f"{step:6}  mean square error {error:.5f}, of the spring itself {y.var():.3f}", flush=True)
    milliseconds = 1e3 * inside / options.steps
    print(f"loss and gradients: {milliseconds:.2f} ms for {T} steps in time, {B} sequences, {H} units")

    x[:] = force = forces(np.random.default_rng(1))  # not seen before
    truth = spring(force)
    answer = kernel.forward(params, {"x": x}, rest).outputs["yhat"]
    left = float(np.mean((answer - truth) ** 2) / truth.var())
    print(f"forces not seen before: {100 * (1 - left):.1f} % of the variance explained")
    if options.plot:
        draw(force[:, 0, 0], truth[:, 0, 0], answer[:, 0, 0], options.plot)


def draw(force: np.ndarray, truth: np.ndarray, answer: np.ndarray, path: str) -> None:
    from matplotlib.figure import Figure

    axes = (figure := Figure(figsize=(6, 3.2), layout="constrained")).add_subplot()
    t = np.arange(T) * DT
    axes.plot(t, force, lw=0.8, ls=":", color="0.4", label="force, the input")
    axes.plot(t, truth, lw=3, color="0.75", label="spring")
    axes.plot(t, answer, lw=0.9, color="k", label="network")
    axes.set(xlabel="time", ylabel="force, place")
    axes.legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
