"""The laws of expressions: rebuilding, equality, substitution, pickling, shapes."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest
from sympy import (
    Identity,
    MatAdd,
    MatMul,
    MatrixExpr,
    MatrixSymbol,
    Symbol,
    Transpose,
    ZeroMatrix,
    exp,
    log,
    symbols,
)

from derive.algebra.functions import Apply
from derive.algebra.nodes import (
    Blocks,
    Concat,
    Delta,
    Diag,
    DiagPart,
    LogSoftmax,
    Loss,
    Pad,
    Scale,
    SigmoidCrossEntropy,
    Slice,
    Softmax,
    SoftmaxCrossEntropy,
    SumOver,
    T,
    Timed,
    is_reference,
    t,
)
from derive.errors import ShapeError
from derive.program import operands, rebuild
from tests.algebra.samples import ALL, SAMPLES, H, I, M, U, W, h, x, y, z
from tests.test_house import node_classes

ABSTRACT = {"Unary", "FusedLoss", "Bound"}


def test_every_node_class_has_a_sample() -> None:
    missing = {c.__name__ for c in node_classes()} - {c.__name__ for c in SAMPLES} - ABSTRACT
    assert not missing, f"no sample in tests/algebra/samples.py for {sorted(missing)}"


def test_samples_are_of_their_class() -> None:
    assert all(type(e) is cls for cls, group in SAMPLES.items() for e in group)


each_sample = pytest.mark.parametrize("e", ALL, ids=str)


@each_sample
def test_args_rebuild_the_node(e: MatrixExpr) -> None:
    again = e.func(*e.args)
    assert again == e
    assert hash(again) == hash(e)
    assert again.shape == e.shape


@each_sample
def test_pickling(e: MatrixExpr) -> None:
    again = pickle.loads(pickle.dumps(e))  # noqa: S301 - our own bytes
    assert again == e
    assert hash(again) == hash(e)
    assert str(again) == str(e)


@each_sample
def test_operands_rebuild_the_node(e: MatrixExpr) -> None:
    if is_reference(e) or type(e).__name__ in ("Blocks", "MatrixSum", "OrderedProduct"):
        return  # none, or never in a program
    assert rebuild(e, operands(e)) == e


@each_sample
def test_a_size_can_be_fixed(e: MatrixExpr) -> None:
    fixed = e.subs({H: 4, I: 3})
    assert tuple(fixed.shape) == tuple(n.subs({H: 4, I: 3}) for n in e.shape)
    assert not {H, I} & fixed.free_symbols


@each_sample
def test_equal_only_to_itself(e: MatrixExpr) -> None:
    assert sum(other == e for other in ALL) == 1
    assert e != e.T or e.T is e


def test_names_are_texts_and_scalars_are_never_text() -> None:
    build: list[Callable[[], object]] = [
        lambda: Timed("h", "t-1", H),
        lambda: Scale("1/2", h),
        lambda: Slice(h, "0", 1),
        lambda: Apply("power", h, "2"),
    ]
    for make in build:
        with pytest.raises(TypeError):
            make()


# --- Time and substitution -----------------------------------------------------------------------


def test_time_is_an_argument_of_a_reference() -> None:
    previous = Timed("h", t - 1, H)
    assert previous.subs(t, 3) == Timed("h", 2, H)
    assert previous.offset == -1
    assert Timed("h", t, H).offset == 0
    assert Timed("h", T - 1, H).offset is None
    assert previous.free_symbols == {t, H}
    assert MatMul(W, previous).subs(t, T - 1) == MatMul(W, Timed("h", T - 2, H))


def test_xreplace_unrolls() -> None:
    def step(index: int) -> MatrixExpr:
        return Apply("tanh", MatAdd(MatMul(U, Timed("x", index, I)), MatMul(W, Timed("h", index - 1, H))))

    last = step(3)
    for index in (2, 1):
        last = last.xreplace({Timed("h", index, H): step(index)})
    assert last.atoms(Timed) == {Timed("x", 3, I), Timed("x", 2, I), Timed("x", 1, I), Timed("h", 0, H)}
    inner = last.args[1].args[1].args[1]  # tanh(U x + W inner)
    assert inner.args[1].args[1].args[1] == step(1)


@pytest.mark.parametrize(
    ("e", "by"),
    [(Apply("tanh", W), W), (MatMul(W, Softmax(MatMul(W, h))), W), (Softmax(h), t), (Scale(2, Diag(h)), t)],
    ids=str,
)
def test_sympys_matrix_derivative_is_refused(e: MatrixExpr, by: object) -> None:
    with pytest.raises(TypeError, match=r"derive\.calculus"):
        e.diff(by)


# --- Shapes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("e", "shape"),
    [
        (Concat(h, x), (H + I, 1)),
        (Concat(W, W), (2 * H, H)),
        (Slice(Timed("a", t, 4 * H), H, 3 * H), (2 * H, 1)),
        (Pad(x, H, H + I), (H + I, 1)),
        (Diag(x), (I, I)),
        (DiagPart(W), (H, 1)),
        (Loss("squared_error", M, M), (1, 1)),
        (SumOver(M, "tb"), (H, I)),
        (Delta(M, t, T - 1), (H, I)),
        (Blocks(2, 2, W, U, ZeroMatrix(I, H), Identity(I)), (H + I, H + I)),
        (Softmax(M), (H, I)),
    ],
    ids=str,
)
def test_shapes(e: MatrixExpr, shape: tuple[object, object]) -> None:
    assert tuple(e.shape) == shape


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Apply("maximum", h, x), "a vector of H and a vector of I"),
        (lambda: Apply("tanh", h, z), r"tanh takes 1 array\(s\) and 0 number\(s\)"),
        (lambda: Apply("leaky_relu", h), r"leaky_relu takes 1 array\(s\) and 1 number\(s\)"),
        (lambda: Loss("cross_entropy", x, h), "cross_entropy needs equal shapes"),
        (lambda: SoftmaxCrossEntropy(h, z, x), "SoftmaxCrossEntropy needs equal shapes"),
        (lambda: SigmoidCrossEntropy(x, z, h), "SigmoidCrossEntropy needs equal shapes"),
        (lambda: Concat(h, M), "concat needs equal shapes"),
        (lambda: Diag(M), "diag takes a column vector, not a matrix of H x I"),
        (lambda: Slice(h, 0, H + 1), "slice 0:H [+] 1 is empty or leaves a vector of H"),
        (lambda: Slice(h, 2, 2), "is empty"),
        (lambda: Slice(h, -1, 1), "leaves a vector of H"),
    ],
)
def test_shapes_that_do_not_conform(build: Callable[[], object], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        build()


@pytest.mark.parametrize("build", [lambda: SumOver(h, "x"), lambda: SumOver(h, "bt")])
def test_axes_are_checked(build: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="axes are t, b or tb"):
        build()


# --- Entries: the oracle of the other tests, so checked by hand ----------------------------------

a, b = MatrixSymbol("a", 2, 1), MatrixSymbol("b", 3, 1)
A, S3 = MatrixSymbol("A", 2, 3), MatrixSymbol("S", 3, 3)


def entries(e: MatrixExpr) -> list[list[object]]:
    return [[e[i, j] for j in range(int(e.shape[1]))] for i in range(int(e.shape[0]))]


@pytest.mark.parametrize(
    ("e", "rows"),
    [
        (Scale(3, a), [[3 * a[0, 0]], [3 * a[1, 0]]]),
        (Concat(a, b), [[a[0, 0]], [a[1, 0]], [b[0, 0]], [b[1, 0]], [b[2, 0]]]),
        (Slice(b, 1, 3), [[b[1, 0]], [b[2, 0]]]),
        (Pad(a, 1, 4), [[0], [a[0, 0]], [a[1, 0]], [0]]),
        (Diag(a), [[a[0, 0], 0], [0, a[1, 0]]]),
        (DiagPart(S3), [[S3[0, 0]], [S3[1, 1]], [S3[2, 2]]]),
        (Delta(a, 2, 2), [[a[0, 0]], [a[1, 0]]]),
        (Delta(a, 2, 3), [[0], [0]]),
        (Softmax(a), [[exp(a[i, 0]) / (exp(a[0, 0]) + exp(a[1, 0]))] for i in range(2)]),
        (LogSoftmax(a), [[a[i, 0] - log(exp(a[0, 0]) + exp(a[1, 0]))] for i in range(2)]),
        (Softmax(A), [[exp(A[i, j]) / (exp(A[0, j]) + exp(A[1, j])) for j in range(3)] for i in range(2)]),
        (
            Blocks(2, 2, A, a, S3, ZeroMatrix(3, 1)),
            [
                [A[0, 0], A[0, 1], A[0, 2], a[0, 0]],
                [A[1, 0], A[1, 1], A[1, 2], a[1, 0]],
                *([S3[i, 0], S3[i, 1], S3[i, 2], 0] for i in range(3)),
            ],
        ),
        (Apply("exp", a), [[exp(a[0, 0])], [exp(a[1, 0])]]),
        (Transpose(A), [[A[0, 0], A[1, 0]], [A[0, 1], A[1, 1]], [A[0, 2], A[1, 2]]]),
    ],
    ids=str,
)
def test_entries(e: MatrixExpr, rows: list[list[object]]) -> None:
    assert entries(e) == rows


def test_entries_of_a_product_with_a_diagonal() -> None:
    # SymPy asks a factor of a product for its entry at a symbolic index: no answer may be silently 0
    assert entries(MatMul(Diag(a), A)) == [[a[i, 0] * A[i, j] for j in range(3)] for i in range(2)]
    assert entries(MatMul(S3, Diag(b))) == [[S3[i, j] * b[j, 0] for j in range(3)] for i in range(3)]
    with pytest.raises(TypeError):
        entries(MatMul(S3, Pad(a, 1, 3)))


def test_softmax_of_a_symbolic_size_has_entries() -> None:
    n = symbols("n", integer=True, positive=True)
    p = Softmax(MatrixSymbol("z", n, 1))
    assert p.subs(n, 2) == Softmax(MatrixSymbol("z", 2, 1))
    assert p[Symbol("i", integer=True, nonnegative=True), 0].subs(n, 2).doit().free_symbols


def test_text_of_expressions() -> None:
    assert str(MatAdd(Scale(-1, Timed("h", t - 1, H)), Softmax(z))) == "-1*h[t - 1] + softmax(z[t])"
    assert str(Loss("cross_entropy", y, z)) == "cross_entropy(y[t], z[t])"
    assert str(Delta(h, t, T - 1)) == "[t = T - 1]*h[t]"
