"""The derivation of a model as a document: which gradients, and what is written out."""

from __future__ import annotations

from collections.abc import Iterable

from derive.documents.paper import latex_document, paper_data
from derive.documents.reading import Section
from derive.errors import UnsupportedError
from derive.model.model import Model


def document(model: Model, wrt: Iterable[str] | None = None, unroll: int | None = None) -> str:
    """The LaTeX document of a model's derivation.

    Args:
        wrt: the gradients to derive, all by default.
        unroll: also write the contributions of steps 0 … unroll out over the hidden states.
    """
    chosen = model.restricted(wrt)
    more = _unrolled(chosen, wrt, unroll) if unroll is not None else ()
    return latex_document(paper_data(chosen.program, chosen.normal, chosen.adjoint, more))


def _unrolled(model: Model, wrt: Iterable[str] | None, last: int) -> Iterable[Section]:
    names = [v.name for v in model.normal.parameters if wrt is None or v.name in set(wrt)]
    for name in names:
        try:
            steps = model.gradient(name).unrolled(last)
        except UnsupportedError:
            continue
        yield Section(
            f"The first steps written out: {name}",
            f"What the first {last + 1} steps contribute to the gradient of `{name}`, one term for each path back.",
            steps,
        )
