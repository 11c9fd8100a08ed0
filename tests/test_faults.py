"""Break the code on purpose: each fault must be seen by the numeric check, and by which column of it.

The faults are the classic ones of backpropagation through time.  Each replaces one rule by a wrong
one; the table says which gradients of which cell show it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sympy import MatMul

from derive.algebra import build as b
from derive.algebra.functions import FUNCTIONS
from derive.calculus import adjoint as adjoint_module
from derive.calculus.pullback import pullback
from derive.kernels.gradcheck import check
from derive.model import load
from tests.faults import ROOT, TESTS, faults

Patch = pytest.MonkeyPatch


def dropped_carry(patch: Patch) -> None:
    """dh[t] without what comes from t+1."""
    original: Callable[..., None] = adjoint_module._Reverse._accumulate
    patch.setattr(adjoint_module._Reverse, "_accumulate", lambda self, name, carries: original(self, name, {}))


def untransposed(patch: Patch) -> None:
    """W for Wᵀ."""

    def rule(node: Any, y: Any, g: Any, program: Any) -> Any:
        left, *rest = node.args
        square = left.shape[0] == left.shape[1] and len(rest) == 1
        wrong = left if square else b.transpose(left)
        return [(left, b.matmul(g, b.transpose(rest[-1]))), (rest[-1], b.matmul(wrong, g))]

    _replace_rule(MatMul, rule)


def shifted_state(patch: Patch) -> None:
    """h[t] for h[t−1] in dW."""

    def rule(node: Any, y: Any, g: Any, program: Any) -> Any:
        from derive.algebra.nodes import Timed, t

        left, right = node.args
        late = Timed(right.name, t, *right.shape) if isinstance(right, Timed) else right
        return [(left, b.matmul(g, b.transpose(late))), (right, b.matmul(b.transpose(left), g))]

    _replace_rule(MatMul, rule)


def wrong_order(patch: Patch) -> None:
    """x gᵀ, transposed to fit, for g xᵀ where W is square: a product in the wrong order."""

    def rule(node: Any, y: Any, g: Any, program: Any) -> Any:
        left, right = node.args
        square = left.shape[0] == left.shape[1]
        outer = b.matmul(right, b.transpose(g)) if square else b.matmul(g, b.transpose(right))
        return [(left, outer), (right, b.matmul(b.transpose(left), g))]

    _replace_rule(MatMul, rule)


def slope_of_the_argument(patch: Patch) -> None:
    """1 − z² for 1 − tanh²(z)."""
    entry = FUNCTIONS["tanh"]
    wrong = type(entry)(**{**vars(entry), "slopes": (lambda z, y: b.subtract(b.ones(*z.shape), b.hadamard(z, z)),)})
    patch.setitem(FUNCTIONS, "tanh", wrong)


def unnormalised_softmax(patch: Patch) -> None:
    """p − y where the target does not sum to one: p (1ᵀy) − y is meant."""
    patch.setattr("derive.program.Program.assumes_sum_one", lambda self, name: True)


def no_boundary(patch: Patch) -> None:
    """Boundary values get no gradient."""
    original: Callable[..., None] = adjoint_module._Reverse._initials

    def nothing(self: Any, name: Any, carries: Any) -> None:
        original(self, name, {})

    patch.setattr(adjoint_module._Reverse, "_initials", nothing)


def _register(node: Any, rule: Any) -> None:
    register: Any = pullback.register
    register(node)(rule)


def _replace_rule(node: Any, rule: Callable[..., Any]) -> None:
    original: Callable[..., Any] = pullback.dispatch(node)

    def dispatching(n: Any, y: Any, g: Any, program: Any) -> Any:
        plain = len(n.args) == 2 and all(a.is_symbol or hasattr(a, "name") for a in n.args)
        return rule(n, y, g, program) if plain else original(n, y, g, program)

    _register(node, dispatching)


@pytest.fixture(autouse=True)
def restore():  # type: ignore[no-untyped-def]
    """singledispatch has no undo: put MatMul's rule back after each fault."""
    original = pullback.dispatch(MatMul)
    yield
    _register(MatMul, original)


FAULTS = [
    (dropped_carry, "elman", {"W", "U", "x"}, {"V"}),
    (untransposed, "elman", {"W", "U", "x", "h"}, {"V"}),
    (shifted_state, "elman", {"W"}, {"V", "U", "x", "h"}),
    (wrong_order, "elman", {"W"}, {"V", "U", "x", "h"}),
    (slope_of_the_argument, "elman", {"W", "U", "x", "h"}, {"V"}),
    (slope_of_the_argument, "lstm", {"W_f", "U_f", "x", "h", "c"}, set()),
    (no_boundary, "lstm", {"h", "c"}, {"W_f", "x"}),
    (unnormalised_softmax, "autonomous", {"W", "V"}, set()),
]


@pytest.mark.parametrize(("fault", "cell", "seen", "blind"), FAULTS, ids=[f"{f.__name__}-{c}" for f, c, *_ in FAULTS])
def test_a_fault_is_seen(
    fault: Callable[[Patch], None], cell: str, seen: set[str], blind: set[str], monkeypatch: Patch
) -> None:
    from tests.cells import model

    fault(monkeypatch)
    report = check(model(cell).compile(), sets=1)
    wrong = {n for n, error in report.gradients.items() if not error <= 1e-12}
    assert not report.ok
    assert seen <= wrong
    assert not blind & wrong


def test_without_a_fault_all_is_well() -> None:
    assert check(load("elman").compile(), sets=1).ok


TEXT_FAULTS = [  # the same, in the generated text
    ("dh_carry[t + 1]", "0.0"),
    ("np.dot(dz_h[t], W, out=dh_carry[t])", "np.dot(dz_h[t], W.T, out=dh_carry[t])"),
    ("h[0:T].reshape", "h[1:T + 1].reshape"),
    ("h[0] = h_init1", "h[0] = 0.0"),
    ("out=dV)", "out=dV); dV *= 1 + 1e-9"),
    ("dh_carry[T] = 0.0", "dh_carry[T] = 1e-6"),
]


@pytest.mark.parametrize(("right", "wrong"), TEXT_FAULTS, ids=[f[0] for f in TEXT_FAULTS])
def test_a_fault_in_the_kernel_is_seen(right: str, wrong: str) -> None:
    import dataclasses

    from derive.kernels.targets.numpy.loaded import Module

    kernel = load("elman").compile()
    assert right in kernel.source
    broken = dataclasses.replace(kernel, backend=Module("elman", kernel.source.replace(right, wrong), ()))
    assert not check(broken, sets=1).ok


def test_what_the_listed_faults_replace_is_there() -> None:
    """`python -m tests.faults` puts each into a copy and runs the tests, which takes long."""
    listed = list(faults())
    assert len(listed) >= 60
    assert {f.room for f in listed} == set(TESTS)
    for f in listed:
        assert (ROOT / f.file).read_text("utf-8").count(f.old) == 1, f.says
        assert f.new != f.old
