"""Which helper functions the generated code calls, and which they call themselves."""

from __future__ import annotations

# helper → the helpers that it calls itself; the bodies are in templates/c/helpers.c.j2
HELPERS: dict[str, tuple[str, ...]] = {
    "sigmoid": (),
    "relu": (),
    "leaky_relu": (),
    "elu": (),
    "gelu": (),
    "silu": ("sigmoid",),
    "softplus": (),
    "maximum": (),
    "minimum": (),
    "reciprocal": (),
    "power": (),
    "step": (),
    "sign": (),
    "largest": (),
    "spread": (),
    "softmax": ("largest", "spread"),
    "softmax_columns": ("largest", "spread"),
    "log_total": ("spread",),
    "log_softmax": ("largest", "log_total"),
    "log_softmax_columns": ("largest", "log_total"),
    "softmax_cross_entropy": ("largest", "log_total"),
    "softmax_cross_entropy_classes": ("largest", "log_total"),
    "sigmoid_cross_entropy": ("softplus",),
    "sigmoid_cross_entropy_classes": ("softplus",),
    "rows": (),
    "rows_transposed": (),
    "sums": (),
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
