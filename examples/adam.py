"""Adam in NumPy (D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Arrays = Mapping[str, np.ndarray]


class Adam:
    """Changes parameters in place, so that a bound kernel sees them."""

    def __init__(
        self, params: Arrays, rate: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
    ):
        self.params, self.rate, self.betas, self.eps = params, rate, betas, eps
        self.steps = 0
        self.mean = {name: np.zeros_like(p) for name, p in params.items()}
        self.square = {name: np.zeros_like(p) for name, p in params.items()}

    def step(self, grads: Arrays) -> None:
        self.steps += 1
        b1, b2 = self.betas
        rate = self.rate / (1 - b1**self.steps)
        for name, p in self.params.items():
            g, m, v = grads[name], self.mean[name], self.square[name]
            m += (1 - b1) * (g - m)
            v += (1 - b2) * (g * g - v)
            p -= rate * m / (np.sqrt(v / (1 - b2**self.steps)) + self.eps)
