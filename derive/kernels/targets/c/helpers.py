"""Which helper functions the generated code calls, and which they call themselves."""

from __future__ import annotations

# helper → the helpers that it calls itself; the bodies are in templates/c/helpers.c.j2 and vector.c.j2
HELPERS: dict[str, tuple[str, ...]] = {
    "exponential": (),
    "exp": ("exponential",),
    "exp_below": ("exponential",),
    "tanh": ("exponential",),
    "sigmoid": ("exp_below",),
    "relu": (),
    "leaky_relu": (),
    "elu": (),
    "gelu": (),
    "silu": ("sigmoid",),
    "log1p": (),
    "softplus": ("exp_below", "log1p"),
    "maximum": (),
    "minimum": (),
    "reciprocal": (),
    "power": (),
    "step": (),
    "sign": (),
    "largest": (),
    "spread": ("exp",),
    "row_top": (),
    "row_sum": (),
    "row_total": ("exp",),
    "shifted": ("row_top", "exp"),
    "softmax": ("shifted", "row_sum"),
    "softmax_with_loss": ("shifted", "row_sum", "row_top"),
    "softmax_with_loss_classes": ("shifted", "row_sum", "row_top"),
    "softmax_columns": ("largest", "spread"),
    "log_total": ("spread",),
    "log_softmax": ("row_top", "row_total"),
    "log_softmax_columns": ("largest", "log_total"),
    "softmax_cross_entropy": ("row_top", "row_total"),
    "softmax_cross_entropy_classes": ("row_top", "row_total"),
    "sigmoid_cross_entropy": ("softplus",),
    "sigmoid_cross_entropy_classes": ("softplus",),
    "lanes": (),
    "tiles": ("lanes",),
    "line": ("tiles",),
    "product": ("line",),
    "place": ("lanes",),
    "pack": ("place",),
    "pack_turned": ("place",),
    "sums": ("tiles",),
    "steps": (),
    "copy": (),
    "clear": (),
}


def helpers(text: str, cell: str) -> tuple[str, ...]:
    """The helpers that a text calls, those they call included, in a fixed order."""
    used = {name for name in HELPERS if f"{cell}_{name}(" in text}
    todo = list(used)
    while todo:
        for need in HELPERS[todo.pop()]:
            if need not in used:
                used.add(need)
                todo.append(need)
    return tuple(name for name in HELPERS if name in used)
