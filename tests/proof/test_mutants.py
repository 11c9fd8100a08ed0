"""At least forty single faults in each form, one by one: refuted or ill-formed, never proved."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sympy import HadamardProduct, MatAdd, MatMul, MatrixExpr, Transpose

from derive.algebra import build as b
from derive.algebra.bound import Bound, MatrixSum, OrderedProduct
from derive.algebra.nodes import Scale, Timed, is_reference
from derive.errors import DeriveError
from derive.model import Model
from derive.proof.budget import Budget
from derive.proof.verdict import Status
from tests.proof.mutants import places, put
from tests.proof.writings import WRITINGS
from tests.tools import some

FORMS = (
    "elman W: column",
    "elman W: row",
    "elman W: split",
    "elman U: input_weights",
    "lstm W_f: one_sum",
    "residual W: product_of_sums",
)


def single_faults(e: MatrixExpr, model: Model) -> Iterator[tuple[str, MatrixExpr]]:
    """Every fault of a kind that books make, each at every place where it can be made."""
    for path, part in places(e):
        for what, new in _faults(part, model):
            try:
                made = put(e, path, new)
            except DeriveError:
                continue  # operands that do not conform: ill-formed as soon as it is written
            if made != e:
                yield f"{what} at {'.'.join(map(str, path))}", made


def _faults(part: MatrixExpr, model: Model) -> Iterator[tuple[str, MatrixExpr]]:
    if is_reference(part) and part.shape[0] == part.shape[1] and part.shape[0] != 1:
        yield "transposed", b.transpose(part)
    if isinstance(part, Transpose):
        yield "not transposed", part.arg
    if isinstance(part, Timed):
        for d in (-1, 1):
            yield f"time {d:+d}", Timed(part.name, part.index + d, *part.shape)
        for other in ("h", "x", "y", "yhat", "f", "c", "o"):
            v = model.normal.variables.get(other)
            if v is not None and v.shape == part.shape and other != part.name and v.timed:
                yield f"{other} for {part.name}", Timed(other, part.index, *part.shape)
    if isinstance(part, Bound):
        for low, high in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            yield (
                f"bounds {low:+d}, {high:+d}",
                part.func(part.body, part.index, part.low + low, part.high + high, *part.args[4:]),
            )
    if isinstance(part, OrderedProduct):
        other = "descending" if part.direction == "ascending" else "ascending"
        yield "turned", OrderedProduct(part.body, part.index, part.low, part.high, other)
    if isinstance(part, MatMul):
        for i, a in enumerate(part.args):
            if a.shape[0] == a.shape[1] and len(part.args) > 1:
                yield f"without factor {i}", b.matmul(*part.args[:i], *part.args[i + 1 :])
            if i and a.shape == part.args[i - 1].shape and a.shape[0] == a.shape[1]:
                yield (
                    f"factors {i - 1}, {i} exchanged",
                    b.matmul(*part.args[: i - 1], a, part.args[i - 1], *part.args[i + 1 :]),
                )
    if isinstance(part, Scale):
        yield "sign", b.scale(-part.coefficient, part.arg)
    if isinstance(part, (MatAdd, HadamardProduct)):
        for i in range(len(part.args)):
            rest = [a for n, a in enumerate(part.args) if n != i]
            yield f"without part {i}", (b.add if isinstance(part, MatAdd) else b.hadamard)(*rest)
    if not isinstance(part, (MatrixSum, Bound)) and part.shape[1] == 1:
        yield "doubled", b.scale(2, part)


@pytest.mark.parametrize("form", some(FORMS, [*FORMS][::2]))
def test_no_fault_is_proved_and_every_one_that_differs_is_refuted(form: str) -> None:
    model, left, right = WRITINGS[form]()
    agreement = model.prover.agreement
    faults = dict(single_faults(right, model))
    assert len(faults) >= 40, len(faults)
    equivalent = []
    for what, wrong in faults.items():
        verdict = model.prove(left, wrong)
        if verdict.status is Status.ILL_FORMED:
            continue
        different = any(
            agreement.differ(left, wrong, n, agreement.sizes(shift), Budget()) for n, shift in ((3, 0), (4, 1))
        )
        if different:
            assert verdict.status is Status.REFUTED, (what, str(verdict))
            assert verdict.counterexample is not None
        else:
            equivalent.append(what)
            assert verdict.status is Status.PROVED, (what, str(verdict))
    assert set(equivalent) == EQUIVALENT.get(form, set()), equivalent


# Faults that are none, by the convention that values outside the sequence are zero (ŷ[-1], ŷ[T], x[-1]).
_BEYOND = {"bounds -1, +0 at ", "bounds +0, +1 at "}
EQUIVALENT = {
    "elman W: column": {*_BEYOND, "bounds -1, +0 at 0"},
    "elman W: row": {"bounds -1, +0 at 0", "bounds +0, +1 at 0", "bounds -1, +0 at 0.0"},
    "elman W: split": {*_BEYOND, "bounds -1, +0 at 0.1"},
    "elman U: input_weights": {*_BEYOND, "bounds -1, +0 at 0"},
    "lstm W_f: one_sum": _BEYOND,
    "residual W: product_of_sums": {*_BEYOND, "bounds -1, +0 at 0"},
}
