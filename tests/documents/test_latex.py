"""Expressions as LaTeX: a table, and a rule for every node."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sympy import HadamardProduct, Identity, MatAdd, MatMul, MatrixExpr, OneMatrix, Rational, Symbol, Transpose

import derive.algebra.bound
import derive.algebra.functions
from derive.algebra import build as b
from derive.algebra.bound import MatrixSum, OrderedProduct
from derive.algebra.functions import Apply, power
from derive.algebra.nodes import (
    Blocks,
    Concat,
    Delta,
    Diag,
    Jacobian,
    LogSoftmax,
    Loss,
    Node,
    Pad,
    Scale,
    SigmoidCrossEntropy,
    Slice,
    Softmax,
    SoftmaxCrossEntropy,
    StepGradient,
    SumOver,
    T,
    Timed,
    t,
)
from derive.algebra.writer import Writer
from derive.calculus.adjoint import adjoint
from derive.calculus.normal import normalise
from derive.documents.latex import MatrixPrinter, latex
from derive.errors import UnsupportedError
from derive.language import catalogue, read
from tests.algebra.samples import ALL, H, I, J, U, W, h, k, r, s, x, y, z

hp = Timed("h", t - 1, H)
one = OneMatrix(H, 1)
everywhere = b.broadcast(s, h.shape)
over_s = b.broadcast(Apply("reciprocal", s), h.shape)

TABLE: list[tuple[MatrixExpr, str]] = [
    (MatAdd(W * hp, U * x), "W h_{t-1} + U x_{t}"),
    (MatAdd(z, h, y), "z_{t} + h_{t} + y_{t}"),
    (b.subtract(h, b.scale(2, W * z)), "h_{t} - 2 W z_{t}"),
    (MatAdd(Scale(-1, h), z), "z_{t} - h_{t}"),
    (b.negative(b.add(h, z)), "-(h_{t} + z_{t})"),
    (b.subtract(one, b.hadamard(h, h)), r"\mathbf{1} - h_{t}^{\odot 2}"),
    (b.hadamard(z, h, h, y), r"z_{t} \odot h_{t}^{\odot 2} \odot y_{t}"),
    (b.hadamard(Apply("tanh", h), Apply("tanh", h)), r"\tanh^{2}(h_{t})"),
    (b.hadamard(W * h, z), r"(W h_{t}) \odot z_{t}"),
    (b.matmul(W, b.hadamard(h, z)), r"W (h_{t} \odot z_{t})"),
    (b.matmul(W, b.add(h, z)), "W (h_{t} + z_{t})"),
    (MatMul(W, Scale(-1, h)), "W (-h_{t})"),
    (b.matmul(Transpose(W), z), r"W^{\top} z_{t}"),
    (Transpose(b.add(W, W.T)), r"(W + W^{\top})^{\top}"),
    (b.scale(Rational(1, 2), h), r"\frac{1}{2} h_{t}"),
    (b.scale(Rational(1, 10), h), r"0.1\,h_{t}"),
    (b.scale(Rational(1, 3), h), r"\frac{1}{3} h_{t}"),
    (b.scale(2, h), "2 h_{t}"),
    (b.scale(1 / T, SumOver(h, "tb")), r"\frac{1}{T} \sum_{t=0}^{T-1} h_{t}"),
    (b.scale(H + I, h), "(H + I) h_{t}"),
    (b.scale(Symbol("tau"), h), r"\tau h_{t}"),
    (b.scale(Rational(1, 2), OneMatrix(1, 1)), r"\frac{1}{2}"),
    (OneMatrix(1, 1), "1"),
    (OneMatrix(1, H), r"\mathbf{1}^{\top}"),
    (OneMatrix(H, I), r"\mathbf{1}\mathbf{1}^{\top}"),
    (Identity(H), r"\mathbf{I}"),
    (b.hadamard(everywhere, h), r"s_{t}\,h_{t}"),
    (b.hadamard(h, everywhere, z), r"s_{t}\,h_{t} \odot z_{t}"),
    (b.hadamard(over_s, h), r"\frac{1}{s_{t}}\,h_{t}"),
    (everywhere, r"s_{t}\,\mathbf{1}"),
    (b.total(h), r"\mathbf{1}^{\top} h_{t}"),
    (b.hadamard(y, b.matmul(one, b.transpose(y), z)), r"(y_{t}^{\top} z_{t})\,y_{t}"),
    (b.hadamard(h, Apply("reciprocal", z)), r"h_{t} \oslash z_{t}"),
    (b.hadamard(h, Apply("reciprocal", z), y), r"h_{t} \odot y_{t} \oslash z_{t}"),
    (Apply("reciprocal", b.add(h, z)), r"\mathbf{1} \oslash (h_{t} + z_{t})"),
    (Apply("reciprocal", s), r"\frac{1}{s_{t}}"),
    (power(h, 3), r"h_{t}^{\odot 3}"),
    (power(s, 3), "s_{t}^{3}"),
    (power(Transpose(h), 2), r"(h_{t}^{\odot 2})^{\top}"),
    (power(Transpose(h), 3), r"(h_{t}^{\top})^{\odot 3}"),
    (power(b.add(h, z), 3), r"(h_{t} + z_{t})^{\odot 3}"),
    (Apply("sigmoid", b.add(h, z)), r"\sigma(h_{t} + z_{t})"),
    (Apply("leaky_relu", h, Rational(1, 100)), r"\operatorname{leaky\,relu}_{0.01}(h_{t})"),
    (Apply("maximum", h, z), r"\max(h_{t}, z_{t})"),
    (Softmax(h), r"\operatorname{softmax}(h_{t})"),
    (LogSoftmax(h), r"\log\operatorname{softmax}(h_{t})"),
    (Loss("cross_entropy", y, z), r"-y_{t}^{\top} \log z_{t}"),
    (Loss("squared_error", y, b.add(h, z)), r"\frac{1}{2} \lVert h_{t} + z_{t} - y_{t} \rVert^{2}"),
    (
        Loss("binary_cross_entropy", y, z),
        r"-y_{t}^{\top} \log z_{t} - (\mathbf{1} - y_{t})^{\top} \log(\mathbf{1} - z_{t})",
    ),
    (SoftmaxCrossEntropy(y, z, h), r"-y_{t}^{\top} \log\operatorname{softmax}(z_{t})"),
    (
        SigmoidCrossEntropy(y, z, h),
        r"y_{t}^{\top} \operatorname{softplus}(-z_{t}) + (\mathbf{1} - y_{t})^{\top} \operatorname{softplus}(z_{t})",
    ),
    (SumOver(b.outer(z, hp), "tb"), r"\sum_{t=0}^{T-1} z_{t} h_{t-1}^{\top}"),
    (SumOver(b.add(h, z), "t"), r"\sum_{t=0}^{T-1} (h_{t} + z_{t})"),
    (SumOver(b.add(h, z), "b"), "h_{t} + z_{t}"),
    (Delta(h, t, T - 1), r"[t = T-1]\,h_{t}"),
    (Concat(h, x), r"\begin{bmatrix} h_{t} \\ x_{t} \end{bmatrix}"),
    (Blocks(1, 2, W, U), r"\begin{bmatrix} W & U \end{bmatrix}"),
    (Slice(Timed("w", t, 2 * H), H, 2 * H), "[w_{t}]_{H:2 H}"),
    (Pad(x, H, H + I), r"\operatorname{pad}_{H:H + I}(x_{t})"),
    (Diag(b.subtract(one, h)), r"\operatorname{diag}(\mathbf{1} - h_{t})"),
    (StepGradient("W", 2, H, H), r"\frac{dL_{2}}{dW}"),
    (Jacobian(h, h.xreplace({t: t - 1}), "partial"), r"\frac{\partial h_{t}}{\partial h_{t-1}}"),
    (Jacobian(h, W, "immediate"), r"\frac{\partial^{+} h_{t}}{\partial \vec{W}}"),
    (MatrixSum(MatMul(J(k), h), k, 0, t), r"\sum_{k=0}^{t} J_{k} h_{t}"),
    (
        OrderedProduct(J(r), r, k + 1, t, "ascending"),
        r"\mathop{\overrightarrow{\prod}}\limits_{r=k+1}^{t} J_{r}",
    ),
    (
        MatMul(OrderedProduct(J(r), r, k + 1, t, "descending"), h),
        r"\left(\mathop{\overleftarrow{\prod}}\limits_{r=k+1}^{t} J_{r}\right) h_{t}",
    ),
]


@pytest.mark.parametrize(("e", "tex"), TABLE, ids=[row[1] for row in TABLE])
def test_latex(e: MatrixExpr, tex: str) -> None:
    assert latex(e) == tex


@pytest.mark.parametrize("e", ALL, ids=str)
def test_every_sample_prints_with_balanced_braces(e: MatrixExpr) -> None:
    tex = latex(e)
    assert tex
    assert tex.count("{") == tex.count("}")
    assert tex.count(r"\left") == tex.count(r"\right")


def concrete(cls: type[Node] = Node) -> Iterator[type[Node]]:
    """The node classes that expressions are made of: those that nothing of ours derives from."""
    own = [c for c in cls.__subclasses__() if c.__module__.startswith("derive.")]
    for c in own:
        yield from concrete(c)
    if not own:
        yield cls


def test_every_node_class_has_a_printer_rule() -> None:
    assert derive.algebra.bound
    assert derive.algebra.functions
    refuse = Writer.__dict__["write"].dispatcher.dispatch(object)
    no_tex = {c.__name__ for c in concrete() if not hasattr(MatrixPrinter, f"_print_{c.__name__}")}
    no_text = {c.__name__ for c in concrete() if Writer.__dict__["write"].dispatcher.dispatch(c) is refuse}
    assert not no_tex, f"add _print_… to derive.documents.latex.MatrixPrinter for {sorted(no_tex)}"
    assert not no_text, f"register a text in derive.algebra.writer for {sorted(no_text)}"


def test_a_node_without_a_rule_is_refused_by_name() -> None:
    class Strange(Node):
        shape = (H, H)

    with pytest.raises(UnsupportedError, match="_print_Strange"):
        latex(Strange())


def test_names_of_a_program_stand_for_what_they_are() -> None:
    program = adjoint(normalise(read(catalogue.text("stacked"), "x").program)).program
    dh, hidden = program.ref("dh1", 1), program.ref("h1")
    assert latex(b.matmul(program.ref("W_i1"), dh), program) == r"W_{i1} \frac{dL}{dh^1_{t+1}}"
    assert latex(Transpose(dh), program) == r"\left(\frac{dL}{dh^1_{t+1}}\right)^{\top}"
    assert latex(Transpose(hidden), program) == r"(h^1_{t})^{\top}"
    assert latex(HadamardProduct(hidden, hidden), program) == r"(h^1_{t})^{\odot 2}"
    assert latex(program.ref("h1_init1"), program) == "h^1_{-1}"
    assert latex(SumOver(program.ref("loss"), "tb"), program) == r"\sum_{t=0}^{T-1} L_{t}"
