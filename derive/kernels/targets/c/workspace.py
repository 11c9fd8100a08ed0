"""How much memory a function works in, as polynomials in the sizes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sympy import Add, Expr, Integer, Mul, Poly, S

from derive.algebra.nodes import B, T
from derive.kernels.lowering.schedule import Schedule
from derive.kernels.lowering.trees import Buffer
from derive.program import Program, Variable


def rows(b: Buffer) -> Expr:
    """The rows along T, padding included; 1 for an array without steps."""
    return T + b.before + b.after if b.steps else S.One


def count(b: Buffer) -> Expr:
    """The elements of an array."""
    components = S.One if b.onehot else Mul(*b.extents)
    return rows(b) * (B if b.batch else S.One) * components


def owned(plan: Schedule) -> tuple[Buffer, ...]:
    """The arrays that lie in the workspace, in their order there."""
    return tuple(b for b in plan.buffers if not b.given and not b.view)


def cotangent_counts(plan: Schedule) -> list[Expr]:
    """The sizes of the cotangents that may be left out: one array of zeros serves them all."""
    given = [b for b in plan.buffers if b.given and plan.program[b.name].role == "cotangent"]
    return list(dict.fromkeys(count(b) for b in given if b.name != plan.entry.loss_cotangent))


def needed(plan: Schedule) -> Expr:
    """The elements in the workspace of one function, without the zeros."""
    return Add(*(count(b) for b in owned(plan))).expand()


def extents(plans: Iterable[Schedule]) -> Expr:
    """A bound on every size and offset that the code computes, and on all arrays together."""
    parts: dict[Expr, None] = {T: None, B: None}
    for plan in plans:
        for b in plan.buffers:
            parts |= dict.fromkeys((count(b), rows(b), Mul(*b.extents)))
    return Add(*parts).expand()


def given(model: Program) -> Expr:
    """More than the elements of any array of the caller's, and than T and B."""
    arrays = [v for v in model.variables.values() if v.given or v.name in model.outputs]
    return Add(T, B, *(elements(v, () if v.onehot else v.shape) for v in arrays)).expand()


def elements(v: Variable, shape: Iterable[Expr]) -> Expr:
    """The elements of a variable's array, of this shape without the axes."""
    return Mul(*((T,) * ("t" in v.axes)), *((B,) * ("b" in v.axes)), *shape)


def largest(counts: Sequence[Expr]) -> list[Expr]:
    """Those that no other is at least as large as, whatever the sizes."""
    kept: list[Expr] = []
    for c in dict.fromkeys(counts):
        if any(_dominates(k, c) for k in kept):
            continue
        kept = [k for k in kept if not _dominates(c, k)] + [c]
    return kept


def _dominates(a: Expr, c: Expr) -> bool:
    difference = (a - c).expand()
    return bool(difference == 0) or all(term.is_nonnegative for term in Add.make_args(difference))


def alternatives(plans: Iterable[Schedule]) -> list[Expr]:
    """The elements that a workspace has: the largest of these, and none is superfluous."""
    counts: list[Expr] = []
    for plan in plans:
        counts += [(needed(plan) + zeros).expand() for zeros in cotangent_counts(plan) or [S.Zero]]
    return largest(counts)


def formula(counts: Sequence[Expr], itemsize: int) -> str:
    """The bytes, as a person reads them and C computes them: grouped by T and B, powers as products."""
    texts = [re.sub(r"(\w+)\*\*(\d+)", lambda m: "*".join([m[1]] * int(m[2])), _grouped(c)) for c in counts]
    most = texts[0] if len(texts) == 1 else f"max({', '.join(texts)})"
    return f"{itemsize} * ({most})"


def _grouped(c: Expr) -> str:
    """T*B*(…) + B*(…) + …"""
    if c.is_number:
        return str(Integer(c))
    parts = []
    for (t, b), rest in _by_powers(c):
        factor = "*".join(["T"] * t + ["B"] * b)
        parts.append(f"{factor}*({rest})" if factor and rest.is_Add else str(rest * T**t * B**b))
    return " + ".join(parts)


def _by_powers(c: Expr) -> list[tuple[tuple[int, int], Expr]]:
    found = Poly(c, T, B).terms()
    return sorted(((powers, rest.expand()) for powers, rest in found), key=lambda x: x[0], reverse=True)
