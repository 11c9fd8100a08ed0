"""A character model of Alice's Adventures in Wonderland: the generated C kernel, and Adam in NumPy.

    python examples/characters.py                                  # train, then write some text
    python examples/characters.py --torch --plot characters.png    # the same run with nn.LSTM beside it

Both runs start from the same weights and see the same characters in the same order; the loss is the mean cross-entropy
of a character in nats.  The state is handed on from piece to piece, and gradients end where a piece begins.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from adam import Adam

import derive

HERE = Path(__file__).parent
GATES = "ifgo"  # the order of the gates in nn.LSTM
T, B, H = 32, 16, 128  # steps of a piece, sequences side by side, units
RATE = 4e-3

Params = dict[str, np.ndarray]
Piece = tuple[np.ndarray, np.ndarray, bool]  # characters [T, B], the next ones, does the text begin anew?


def pieces(codes: np.ndarray, count: int) -> Iterator[Piece]:
    """So many pieces of the text, which B readers read from B places on, again and again."""
    length = (len(codes) - 1) // B
    x = codes[: length * B].reshape(B, length).T
    y = codes[1 : length * B + 1].reshape(B, length).T
    at = 0
    for n in range(count):
        if at + T > length:
            at = 0
        yield np.ascontiguousarray(x[at : at + T]), np.ascontiguousarray(y[at : at + T]), at == 0 or n == 0
        at += T


def initial_params(K: int, rng: np.random.Generator) -> Params:
    """Uniform in ±1/√H, as nn.LSTM draws them; biases zero, that of the forget gate one."""
    params: Params = {}
    for gate in GATES:
        params[f"U_{gate}"] = rng.uniform(-1, 1, (H, K)) / np.sqrt(H)
        params[f"W_{gate}"] = rng.uniform(-1, 1, (H, H)) / np.sqrt(H)
        params[f"b_{gate}"] = np.full(H, float(gate == "f"))
    params["V"] = rng.uniform(-1, 1, (K, H)) / np.sqrt(H)
    params["b_y"] = np.zeros(K)
    return {name: p.astype(np.float32) for name, p in params.items()}


def train(kernel: Any, params: Params, text: Iterator[Piece], tell: Callable[[int, float], None]) -> list[float]:
    """Adam with the generated kernel; the loss at each step."""
    inputs = {name: np.zeros((T, B), np.int32) for name in "xy"}
    initial = {name: np.zeros((B, H), np.float32) for name in "hc"}
    run = kernel.bind(params, inputs, initial)  # checked and allocated once: from here on only contents change
    adam, losses = Adam(params, RATE), list[float]()
    result = None
    for inputs["x"][:], inputs["y"][:], anew in text:
        for name, state in initial.items():
            state[:] = 0 if anew or result is None else result.final[name]
        result = run()
        adam.step({name: g / (T * B) for name, g in result.grads.items()})
        losses.append(float(result.loss) / (T * B))
        tell(len(losses), losses[-1])
    return losses


def train_torch(params: Params, text: Iterator[Piece], tell: Callable[[int, float], None]) -> list[float]:
    """The same with nn.LSTM and torch.optim.Adam; the loss at each step."""
    import torch
    from torch.nn.functional import cross_entropy, one_hot

    torch.set_num_threads(1)  # the kernel has one thread
    K = len(params["b_y"])
    lstm, head = torch.nn.LSTM(K, H), torch.nn.Linear(H, K)
    with torch.no_grad():
        for target, letter in ((lstm.weight_ih_l0, "U"), (lstm.weight_hh_l0, "W"), (lstm.bias_ih_l0, "b")):
            target.copy_(torch.from_numpy(np.concatenate([params[f"{letter}_{gate}"] for gate in GATES])))
        lstm.bias_hh_l0.zero_().requires_grad_(False)  # one bias is enough
        head.weight.copy_(torch.from_numpy(params["V"]))
        head.bias.copy_(torch.from_numpy(params["b_y"]))
    adam = torch.optim.Adam([p for m in (lstm, head) for p in m.parameters() if p.requires_grad], RATE)
    losses, state = list[float](), None
    for x, y, anew in text:
        state = None if anew or state is None else tuple(s.detach() for s in state)
        h, state = lstm(one_hot(torch.from_numpy(x).long(), K).float(), state)
        loss = cross_entropy(head(h).reshape(-1, K), torch.from_numpy(y).long().reshape(-1))
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
        tell(len(losses), losses[-1])
    return losses


def written(kernel: Any, params: Params, letters: list[str], length: int, rng: np.random.Generator) -> str:
    """Text that the model writes, a character at a time."""
    x = np.zeros((1, 1), np.int32)
    step = kernel.stream(params, {"x": x}, {name: np.zeros((1, H), np.float32) for name in "hc"})
    codes = [letters.index("\n")]
    for _ in range(length):
        x[:] = codes[-1]
        p = np.asarray(step().outputs["yhat"][0, 0], np.float64) ** 1.5  # a little bolder than the model is
        codes.append(int(rng.choice(len(letters), p=p / p.sum())))
    return "".join(letters[c] for c in codes)


def draw(curves: dict[str, list[float]], path: str) -> None:
    from matplotlib.figure import Figure

    axes = (figure := Figure(figsize=(6, 3.6), layout="constrained")).add_subplot()
    for (name, losses), style in zip(
        curves.items(), ({"lw": 2.5, "color": "0.7"}, {"lw": 0.8, "color": "k"}), strict=False
    ):
        axes.plot(range(1, len(losses) + 1), losses, label=name, **style)
    axes.set(xlabel="step of Adam", ylabel="cross-entropy of a character (nats)", ylim=(0, None))
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    print(f"wrote {path}")


def timed(
    name: str, run: Callable[[Callable[[int, float], None]], list[float]], steps: int
) -> tuple[list[float], float]:
    def tell(step: int, loss: float) -> None:
        if step % max(1, steps // 8) == 0 or step == steps:
            print(f"{name:>7} {step:6} {loss:.4f}", flush=True)

    start = perf_counter()
    losses = run(tell)
    seconds = perf_counter() - start
    print(f"{name}: {seconds:.1f} s, {1e3 * seconds / steps:.2f} ms a step\n")
    return losses, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--steps", type=int, default=1000, help="of Adam (1000)")
    parser.add_argument("--torch", action="store_true", help="the same run with nn.LSTM, and what differs")
    parser.add_argument("--plot", metavar="FILE.png", help="draw the losses (needs matplotlib)")
    options = parser.parse_args()
    wanted = [m for m, asked in (("torch", options.torch), ("matplotlib", options.plot)) if asked]
    if missing := [m for m in wanted if importlib.util.find_spec(m) is None]:  # before, not after the training
        parser.error(f"{' and '.join(missing)} is not installed: pip install 'derive[bench]'")

    text = (HERE / "alice.txt").read_text(encoding="utf-8")
    letters = sorted(set(text))
    codes = np.array([letters.index(c) for c in text], np.int32)
    kernel = derive.load(str(HERE / "char_lstm.cell")).compile("c", dtype="float32")
    params = initial_params(len(letters), np.random.default_rng(0))
    start = {name: p.copy() for name, p in params.items()}
    steps = options.steps

    losses, seconds = timed("derive", lambda tell: train(kernel, params, pieces(codes, steps), tell), steps)
    curves = {"derive: generated C, Adam in NumPy": losses}
    if options.torch:
        others, time = timed("torch", lambda tell: train_torch(start, pieces(codes, steps), tell), steps)
        curves["torch: nn.LSTM, torch.optim.Adam"] = others
        apart = np.abs(np.array(losses) - others)
        print(f"torch / derive: {time / seconds:.2f} times as long, Adam included")
        print(
            f"losses apart: {apart[: min(50, steps)].max():.1e} in the first 50 steps, {apart.mean():.1e} in the mean\n"
        )
    if options.plot:
        draw(curves, options.plot)
    print(written(kernel, params, letters, 300, np.random.default_rng(1)))


if __name__ == "__main__":
    main()
