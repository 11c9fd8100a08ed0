"""The text of a random cell: shapes, time, lags, both directions, gates, reductions, shared parameters and losses."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.random_cells.choices import Choices

VECTORS = ("H", "K", "I")  # the sizes of vectors; O is that of what the loss sees
SMOOTH = ("tanh", "sigmoid", "softplus", "sin", "cos", "silu", "gelu", "erf")
KINKED = ("relu", "abs", "elu")
DEPTH = 2
OPTIONAL = (  # how often it is there, its declaration, how it is read, its size
    (30, "input u : H", "u[t]", "H"),
    (15, "input w : K once", "w", "K"),
    (10, "input r", "r[t]", "1"),
    (10, "const A : K", "A", "K"),
)


@dataclass
class Part:
    """One direction of time: what its equations may read, by shape."""

    known: dict[str, list[str]] = field(default_factory=lambda: {s: [] for s in (*VECTORS, "1")})
    matrices: list[str] = field(default_factory=list)  # of H x K


class Cell:
    """One cell while it is made up."""

    def __init__(self, choices: Choices):
        self.choices = choices
        self.head = ["dims I, H, K, O"]
        self.lines: list[str] = []
        self.params: dict[str, str] = {}
        self.names = 0

    def name(self, letter: str) -> str:
        self.names += 1
        return f"{letter}{self.names}"

    def param(self, shape: str) -> str:
        """A parameter of this shape: a new one, or one that is shared."""
        old = [n for n, s in self.params.items() if s == shape]
        if old and self.choices.chance(35):
            return self.choices.one(old)
        name = f"P{len(self.params)}"
        self.params[name] = shape
        return name

    # Expressions

    def vector(self, part: Part, size: str, depth: int = DEPTH) -> str:
        """An expression that is a vector of this size."""
        c = self.choices
        if depth <= 0:
            return self.leaf(part, size)
        kind = c.below(20)
        if kind < 4:
            return self.leaf(part, size)
        deeper = lambda: self.vector(part, size, depth - 1)  # noqa: E731
        match kind:
            case 4 | 5:
                return f"{c.one(SMOOTH)}({deeper()})"
            case 6 | 7:
                return f"({deeper()} {c.one('+-')} {deeper()})"
            case 8 | 9:
                return f"({deeper()}) * ({deeper()})"
            case 10:
                return f"({self.scalar(part, depth - 1)}) * ({deeper()})"
            case 11:
                return f"(1 - {deeper()})"
            case 12:
                return f"{c.one(('0.5', '-1.5', 'tau'))} * ({deeper()})"
            case 13:
                return f"({deeper()}) / (1 + ({self.leaf(part, size)}) ** 2)"
            case 14:
                return f"{c.one(('softmax', 'log_softmax', 'detach'))}({deeper()})"
            case 15:
                return self.structured(part, size, depth - 1)
            case 16:
                a, b = deeper(), deeper()
                return c.one((f"maximum({a}, {b})", f"minimum({a}, {b})", f"exp(-softplus({a}))"))
            case 17:
                return f"{c.one(KINKED)}({deeper()})"
            case 18:
                return c.one((f"({deeper()}) ** 2", f"sqrt(1 + ({deeper()}) ** 2)", f"log(1 + ({deeper()}) ** 2)"))
        return f"leaky_relu({deeper()}, 0.1)"

    def leaf(self, part: Part, size: str) -> str:
        """What is known, or a product with what is known."""
        c = self.choices
        if part.known[size] and c.below(2) == 0:
            return c.one(part.known[size])
        others = [s for s in VECTORS if part.known[s]]
        other = c.one(others)
        inner = c.one(part.known[other])
        match c.below(8):
            case 5:
                return f"{self.param(f'{other} x {size}')}.T @ {inner}"
            case 6:
                return f"({self.param(f'{size} x {other}')} @ {inner} + {self.param(size)})"
            case 7 if part.matrices:
                return self.read_matrix(part, size)
        return f"{self.param(f'{size} x {other}')} @ {inner}"

    def read_matrix(self, part: Part, size: str) -> str:
        """A matrix that is carried over time, times a vector."""
        matrix = self.choices.one(part.matrices)
        if size == "H" and part.known["K"]:
            return f"{matrix} @ {self.choices.one(part.known['K'])}"
        if size == "K" and part.known["H"]:
            return f"{matrix}.T @ {self.choices.one(part.known['H'])}"
        return self.param(size)

    def structured(self, part: Part, size: str, depth: int) -> str:
        """A vector by way of larger ones, matrices, slices."""
        c = self.choices
        other = c.one([s for s in VECTORS if part.known[s]])
        a, b = self.vector(part, size, depth), self.vector(part, other, depth)
        match c.below(6):
            case 0:
                return f"{self.param(f'{size} x {size} + {other}')} @ concat({a}, {b})"
            case 1:
                return f"slice(concat({a}, {b}), 0, {size})"
            case 2:
                return f"diag({a}) @ ({self.leaf(part, size)})"
            case 3:
                return f"outer({a}, {b}) @ ({self.leaf(part, other)})"
            case 4:
                return f"(({a}) + ones({size}))"
        return f"slice({self.param(f'{size} + {other} x {other}')} @ ({b}), {other}, {size} + {other})"

    def scalar(self, part: Part, depth: int) -> str:
        c = self.choices
        size = c.one([s for s in VECTORS if part.known[s]])
        a = self.vector(part, size, depth - 1)
        match c.below(7):
            case 0:
                return f"sum({a})"
            case 1:
                return f"dot({self.leaf(part, size)}, {self.param(size)})"
            case 2:
                return f"mean({a})"
            case 3 if part.known["1"]:
                return c.one(part.known["1"])
            case 4:
                return f"sum({a}) / {size}"
            case 5:
                return f"sigmoid({self.param('1')} * norm2({a}))"
        return f"({self.leaf(part, size)}).T @ ({a})" if depth > 0 else self.param("1")

    def squashed(self, part: Part, size: str) -> str:
        return f"{self.choices.one(('tanh', 'sigmoid'))}({self.vector(part, size)})"

    # Equations

    def states(self, part: Part, names: list[tuple[str, str]], sign: str) -> None:
        """States that read their own past, or future, and results on the way to them."""
        c = self.choices
        lags = {}
        for name, size in names:
            start = c.one(("", " = 0"))
            self.head.append(f"state {name} : {size}{start}")
            lags[name] = c.one((1, 1, 1, 2, 3))
            for lag in sorted({1, lags[name]}):
                part.known[size].append(f"{name}[t{sign}{lag}]")
        carried = c.chance(15)
        if carried:
            matrix = self.name("M")
            self.head.append(f"state {matrix} : H x K")
            part.matrices.append(f"{matrix}[t{sign}1]")
        for _ in range(c.below(5)):
            size, name = c.one(VECTORS), self.name("g")
            self.lines.append(f"{name}[t] = {self.squashed(part, size) if c.chance(60) else self.vector(part, size)}")
            part.known[size].append(f"{name}[t]")
        if c.chance(25):
            name = self.name("q")
            self.lines.append(f"{name}[t] = tanh({self.scalar(part, DEPTH)})")
            part.known["1"].append(f"{name}[t]")
        for name, size in names:
            old, new = f"{name}[t{sign}{lags[name]}]", self.squashed(part, size)
            gate = f"sigmoid({self.leaf(part, size)})"
            equation = c.one((new, new, f"{gate} * {old} + (1 - {gate}) * {new}", f"(1 - tau) * {old} + tau * {new}"))
            self.lines.append(f"{name}[t] = {equation}")
            part.known[size].append(f"{name}[t]")
        if carried:
            a, b = self.squashed(part, "H"), self.squashed(part, "K")
            self.lines.append(f"{matrix}[t] = 0.5 * {matrix}[t{sign}1] + outer({a}, {b})")
            part.matrices.append(f"{matrix}[t]")

    def inputs(self) -> list[tuple[str, str]]:
        """What comes in: names to be read, with their sizes."""
        c = self.choices
        self.head.append("input x : I" + c.one(("", "", "", " onehot")))
        found = [("x[t]", "I")]
        for percent, declared, read, size in OPTIONAL:
            if c.chance(percent):
                self.head.append(declared)
                found.append((read, size))
        return found

    def loss(self, part: Part) -> None:
        """What the network is trained for; without one it is a building block."""
        c = self.choices
        size = c.one([s for s in ("H", "K") if part.known[s]])
        shown = f"{self.param(f'O x {size}')} @ ({self.leaf(part, size)})"
        once = c.chance(12)
        y = "y" if once else "y[t]"
        target = lambda more: self.head.append(f"target y : O{' once' if once else ''}{more}")  # noqa: E731
        kind = c.below(9)
        if kind == 8:
            self.lines.append(f"z[t] = {shown}")
            self.head.append("output z")
            return
        if kind in (0, 6, 7):
            error = f"norm2({shown})"
        elif kind == 1:
            target("")
            error = c.one((f"squared_error({y}, {shown})", f"norm2({shown} - {y})"))
        elif kind == 2:
            target(c.one(("", " onehot", " where sum(y) == 1")))
            self.lines.append(f"yhat[t] = softmax({shown})")
            error = f"cross_entropy({y}, yhat[t])"
        elif kind == 3:
            target(c.one(("", " onehot")))
            error = f"cross_entropy_with_logits({y}, {shown})"
        elif kind == 4:
            target("")
            error = f"binary_cross_entropy({y}, sigmoid({shown}))"
        else:
            target("")
            error = f"dot(tanh({shown}), {y})"
        if c.chance(30):
            error = f"{error} + 0.3 * {self.scalar(part, 1)}"
        total = c.below(8)
        if total < 4:
            self.lines.append(f"loss[t] = {error}")
            return
        self.lines.append(f"e[t] = {error}")
        penalty = f"0.05 * norm2({next(iter(self.params))})"
        forms = ("sum(e[t])", f"mean(e[t]) + {penalty}", f"e[T-1] + {penalty}", "e[T-1] + 0.5 * e[0]")
        self.lines.append(f"loss = {forms[total - 4]}")


def made_up(choices: Choices, name: str = "random") -> str:
    """The text of a cell."""
    cell, forward, backward = Cell(choices), Part(), Part()
    inputs = cell.inputs()
    for text, size in inputs:
        forward.known[size].append(text)
        backward.known[size].append(text)
    both = choices.chance(25)
    if both:
        cell.states(backward, [("b", "H"), ("d", "K")][: choices.one((1, 2))], "+")
    if both and choices.chance(50):  # a forward state may look at a backward one at the same step
        for size in VECTORS:
            forward.known[size] += [n for n in backward.known[size] if n in ("b[t]", "d[t]")]
    cell.states(forward, [("h", "H"), ("s", "K"), ("c", "H")][: choices.one((1, 2, 2, 3))], "-")
    if both:  # what comes after both of them
        for size in VECTORS:
            forward.known[size] += [n for n in ("b[t]", "d[t]") if n in backward.known[size]]
            forward.known[size] = [n for n in forward.known[size] if n.endswith("[t]") or "[" not in n]
    cell.loss(forward)
    head = [f"cell {name}", *cell.head, "const tau = 0.3"]
    params = [f"param {name} : {shape}" if shape != "1" else f"param {name}" for name, shape in cell.params.items()]
    return "\n".join([*head, *params, *cell.lines]) + "\n"
