"""Expressions as text: a table, the round trip through the reader, and a rule for every node."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from sympy import HadamardProduct, MatAdd, MatMul, MatrixExpr, MatrixSymbol, OneMatrix, Rational, Transpose, sqrt

from derive.algebra import build as b
from derive.algebra.bound import MatrixSum, OrderedProduct
from derive.algebra.functions import Apply, power
from derive.algebra.nodes import Delta, Loss, Scale, SigmoidCrossEntropy, SoftmaxCrossEntropy, SumOver, T, Timed, t
from derive.algebra.text import lines, text, unicode_name, unicode_text
from derive.calculus.adjoint import adjoint
from derive.calculus.normal import normalise
from derive.language import catalogue, read
from tests.algebra.samples import ALL, H, I, J, U, W, h, k, r, s, x, y, z

hp = Timed("h", t - 1, H)
one = OneMatrix(H, 1)
everywhere = b.broadcast(s, h.shape)

TABLE: list[tuple[MatrixExpr, str, str]] = [
    (MatAdd(W * hp, U * x), "W @ h[t-1] + U @ x[t]", "W h[t-1] + U x[t]"),
    (MatAdd(z, h, y), "z[t] + h[t] + y[t]", "z[t] + h[t] + y[t]"),
    (b.subtract(h, W * z), "h[t] - W @ z[t]", "h[t] - W z[t]"),
    (b.negative(W * z), "-W @ z[t]", "-W z[t]"),
    (b.negative(b.add(h, z)), "-(h[t] + z[t])", "-(h[t] + z[t])"),
    (b.add(b.negative(h), b.negative(z)), "-h[t] - z[t]", "-h[t] - z[t]"),
    (MatAdd(h, MatAdd(y, z)), "h[t] + (y[t] + z[t])", "h[t] + (y[t] + z[t])"),
    (b.hadamard(z, b.subtract(one, b.hadamard(h, h))), "z[t] * (1 - h[t] * h[t])", "z[t] ⊙ (1 - h[t] ⊙ h[t])"),
    (b.hadamard(W * h, z), "(W @ h[t]) * z[t]", "(W h[t]) ⊙ z[t]"),
    (b.matmul(W, b.hadamard(h, z)), "W @ (h[t] * z[t])", "W (h[t] ⊙ z[t])"),
    (b.matmul(W, b.add(h, z)), "W @ (h[t] + z[t])", "W (h[t] + z[t])"),
    (MatMul(W, Scale(-1, h)), "W @ (-h[t])", "W (-h[t])"),
    (b.matmul(Transpose(W), z), "W.T @ z[t]", "Wᵀ z[t]"),
    (Transpose(b.add(W, W.T)), "(W + W.T).T", "(W + Wᵀ)ᵀ"),
    (b.outer(z, hp), "z[t] @ h[t-1].T", "z[t] h[t-1]ᵀ"),
    (b.scale(Rational(1, 2), h), "0.5 * h[t]", "0.5 * h[t]"),
    (b.scale(Rational(1, 1000), h), "0.001 * h[t]", "0.001 * h[t]"),
    (b.scale(Rational(-3, 2), W * h), "-1.5 * (W @ h[t])", "-1.5 * (W h[t])"),
    (b.scale(Rational(2, 3), h), "2 * h[t] / 3", "2 * h[t] / 3"),
    (b.scale(1 / H, b.total(h)), "sum(h[t]) / H", "sum(h[t]) / H"),
    (b.scale(1 / sqrt(2), h), "sqrt(2) * h[t] / 2", "sqrt(2) * h[t] / 2"),
    (b.scale(H + I, h), "(H + I) * h[t]", "(H + I) * h[t]"),
    (b.add(b.scale(Rational(1, 2), one), h), "0.5 + h[t]", "0.5 + h[t]"),
    (b.scale(Rational(1, 2), one), "0.5 * ones(H)", "0.5 * ones(H)"),
    (everywhere, "s[t]", "s[t]"),
    (b.hadamard(everywhere, h), "s[t] * h[t]", "s[t] ⊙ h[t]"),
    (b.add(h, everywhere), "h[t] + s[t]", "h[t] + s[t]"),
    (b.matmul(W, everywhere), "W @ ones(H) @ s[t]", "W ones(H) s[t]"),
    (b.total(h), "sum(h[t])", "sum(h[t])"),
    (b.total(W), "sum(W)", "sum(W)"),
    (b.hadamard(z, b.matmul(one, b.total(y))), "z[t] * sum(y[t])", "z[t] ⊙ sum(y[t])"),
    (b.hadamard(y, b.matmul(one, b.transpose(y), z)), "y[t] * (y[t].T @ z[t])", "y[t] ⊙ (y[t]ᵀ z[t])"),
    (b.ones(1, H), "ones(H).T", "ones(H)ᵀ"),
    (OneMatrix(1, 1), "1", "1"),
    (b.hadamard(h, Apply("reciprocal", z)), "h[t] / z[t]", "h[t] / z[t]"),
    (Apply("reciprocal", b.add(h, z)), "1 / (h[t] + z[t])", "1 / (h[t] + z[t])"),
    (power(h, 3), "h[t] ** 3", "h[t] ** 3"),
    (power(b.add(h, z), 3), "(h[t] + z[t]) ** 3", "(h[t] + z[t]) ** 3"),
    (Apply("leaky_relu", h, Rational(1, 100)), "leaky_relu(h[t], 0.01)", "leaky_relu(h[t], 0.01)"),
    (Apply("tanh", b.subtract(one, h)), "tanh(1 - h[t])", "tanh(1 - h[t])"),
    (Loss("cross_entropy", y, z), "cross_entropy(y[t], z[t])", "cross_entropy(y[t], z[t])"),
    (
        SoftmaxCrossEntropy(y, z, h),
        "cross_entropy_with_logits(y[t], z[t])",
        "cross_entropy_with_logits(y[t], z[t])",
    ),
    (
        SigmoidCrossEntropy(y, z, h),
        "binary_cross_entropy(y[t], sigmoid(z[t]))",
        "binary_cross_entropy(y[t], sigmoid(z[t]))",
    ),
    (SumOver(b.outer(z, hp), "tb"), "sum_tb(z[t] @ h[t-1].T)", "Σ_t z[t] h[t-1]ᵀ"),
    (SumOver(b.add(h, z), "t"), "sum_t(h[t] + z[t])", "Σ_t (h[t] + z[t])"),
    (SumOver(h, "b"), "sum_b(h[t])", "h[t]"),
    (Delta(h, t, T - 1), "(h[t] if t == T-1 else 0)", "[t = T-1] h[t]"),
    (MatrixSum(MatMul(J(k), h), k, 0, t), "sum(k = 0 .. t: J[k] @ h[t])", "Σ{k=0…t} J[k] h[t]"),
    (OrderedProduct(J(r), r, k + 1, t, "ascending"), "prod(r = k + 1 .. t: J[r])", "∏{r=k+1→t} J[r]"),
    (OrderedProduct(J(r), r, k + 1, t, "descending"), "prod(r = t .. k + 1: J[r])", "∏{r=t→k+1} J[r]"),
]


@pytest.mark.parametrize(("e", "plain", "fancy"), TABLE, ids=[row[1] for row in TABLE])
def test_text(e: MatrixExpr, plain: str, fancy: str) -> None:
    assert text(e) == plain
    assert unicode_text(e) == fancy


@pytest.mark.parametrize("e", ALL, ids=str)
def test_every_node_has_a_text(e: MatrixExpr) -> None:
    for shown in (text(e), unicode_text(e)):
        assert shown
        assert shown.count("(") == shown.count(")")
        assert "Matrix" not in shown


@pytest.mark.parametrize("name", catalogue.names())
def test_the_text_of_an_equation_reads_back_as_the_same_expression(name: str) -> None:
    source = catalogue.text(name)
    program = read(source, name).program

    def rewritten(found: re.Match[str]) -> str:
        left = found[1]
        shown = "L" if left == "loss" and left not in program.equations else left
        right = re.sub(r"^sum_b\((.*)\)$", r"\1", text(program.equations[shown]))
        return f"{left}{found[2] or ''} = {right}".replace("sum_tb", "sum")

    again, count = re.subn(r"(?m)^(\w+)(\[t\])?\s*=[^#\n]*?(?=\s+as\b|\s*#|$)", rewritten, source)
    assert count >= 2
    assert read(again, name).program.equations == program.equations


def test_adjoints_boundary_values_and_the_total_have_their_own_names() -> None:
    program = adjoint(normalise(read(catalogue.text("bidirectional"), "x").program)).program
    shown = {n: unicode_text(program.ref(n), program) for n in program.variables}
    assert shown["dh"] == "dL/dh[t]"
    assert shown["dW_h"] == "dL/dW_h"
    assert shown["h_init1"] == "h[-1]"
    assert shown["dg_init1"] == "dL/dg[T]"
    assert shown["L"] == "L"
    assert unicode_text(Transpose(program.ref("dh")), program) == "(dL/dh[t])ᵀ"


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Gamma_f", "Γ_f"), ("yhat", "ŷ"), ("lambda1", "λ1"), ("W_xh", "W_xh"), ("z_htilde", "z_h̃"), ("varphi", "varphi")],
)
def test_names_in_unicode(name: str, shown: str) -> None:
    assert unicode_name(name) == shown


def test_long_right_sides_are_broken_before_signs_and_aligned() -> None:
    e = MatAdd(*(MatrixSymbol(f"W_{n}", H, H) * h for n in range(8)))
    rows = lines("z[t]", e, width=40)
    assert all(len(row) <= 40 for row in rows)
    assert len(rows) > 1
    assert all(row.lstrip().startswith("+ W_") for row in rows[1:])
    assert "".join(" ".join(rows).split()) == "".join(f"z[t] = {unicode_text(e)}".split())


def test_a_product_is_broken_where_no_sign_is() -> None:
    e = HadamardProduct(*(Timed(f"gate_{n}", t, H) for n in range(9)))
    assert all(len(row) <= 50 for row in lines("z[t]", e, width=50))


def test_the_text_imports_no_numpy() -> None:
    code = (
        "import sys, derive.algebra.text, derive.algebra.names, derive.documents.paper; print('numpy' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
