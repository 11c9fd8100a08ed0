"""What a fifth adversary found: lengths that got lost, what vanishes at T = 3, dL/dh[-1], zeros of one-hot vectors."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
from sympy import Identity, MatrixExpr, Rational, Symbol, ZeroMatrix, symbols

import derive
from derive.algebra import MatrixSum, OrderedProduct, T, apply, diag, hadamard, matmul, ones, power, transpose
from derive.algebra import build as b
from derive.algebra.nodes import Blocks, Pad, Scale, t
from derive.errors import ShapeError
from derive.proof.automaton.equality import decide
from derive.proof.automaton.weighted import Equal
from derive.proof.budget import Budget
from derive.proof.checker import CertificateError, check, digest
from derive.proof.equation import check_equation
from derive.proof.field.galois import PRIME
from derive.proof.verdict import Status
from derive.proof.words.expand import first_difference
from derive.proof.words.items import NotInClass
from tests.proof.elman import E, H, W, h, x

j, k, m = symbols("j k m", integer=True)


def refuses(cell: derive.Model, left: MatrixExpr, right: MatrixExpr) -> bool:
    """Do the automata, asked alone, not call the sides equal?"""
    try:
        return not isinstance(decide(cell.prover.reader, left, right, 1, False, Budget(20)).result, Equal)
    except NotInClass:
        return True


TWO = derive.parse(
    "cell c\ndims H, I\ninput x : I\nstate h : H\nparam U : H x I\nparam W : H x H\n"
    "h[t] = tanh(U @ x[t] + W @ h[t-1])\nloss[t] = norm2(h[t])\n"
)


def rows_of_ones(first: bool) -> MatrixExpr:
    """H x' or I x', as a row of ones times a product of blocks."""
    n, i = TWO.symbol("h").shape[0], TWO.symbol("x").shape[0]
    d = diag(TWO.symbol("x", m))
    body = Blocks(2, 2, ZeroMatrix(n, n), matmul(ones(n, i), d), ZeroMatrix(i, n), matmul(ones(i, i), d))
    left = (ones(1, n), ZeroMatrix(1, i)) if first else (ZeroMatrix(1, n), ones(1, i))
    right = Blocks(2, 1, ZeroMatrix(n, i), Identity(i))
    return matmul(Blocks(1, 2, *left), OrderedProduct(body, m, k, k, "ascending"), right)


@pytest.mark.parametrize("low", [0, 3, 5])
def test_the_length_of_ones_that_only_a_block_tells(low: int) -> None:
    left, right = (MatrixSum(rows_of_ones(first), k, low, T - 1) for first in (True, False))
    assert TWO.prove(left, right).status is Status.REFUTED
    assert refuses(TWO, left, right)
    reader = TWO.prover.reader
    with pytest.raises(NotInClass):
        first_difference(reader, reader.read(left), reader.read(right), 3, False, lambda: None)


@pytest.mark.parametrize("low", [0, 2, 3])
def test_ones_in_a_product_before_a_cotangent_are_no_more_factors(low: int) -> None:
    cell = derive.parse(
        "cell c\ndims H\ninput x : H\nstate h : H\nparam A, F, C : H x H\n"
        "h[t] = tanh(sum(F) * (C.T @ h[t-1]) + x[t])\nloss[t] = 0.5*norm2(h[t]) + 0*sum(A)\n"
    )
    n, A, F, C = cell.symbol("h").shape[0], *map(cell.symbol, "AFC")
    one, row = ones(n, 1), ones(1, n)
    slope = diag(b.subtract(one, power(cell.symbol("h", k + 1), 2)))
    run = OrderedProduct(matmul(A, C, one, row, F), m, k, k, "ascending")
    left = MatrixSum(matmul(slope, cell.cotangent("h", k + 1), row, run, one), k, low, T - 2)
    inner = b.subtract(matmul(one, row, A, cell.cotangent("h", k)), matmul(one, row, A, cell.symbol("h", k)))
    right = MatrixSum(inner, k, low, T - 1)
    assert refuses(cell, left, right)
    assert cell.prove(left, right).status is Status.REFUTED


def test_a_factor_that_vanishes_at_three_steps_hides_nothing() -> None:
    assert E.prove(Scale(T - 3, x(0)), Scale(T - 3, Scale(2, x(0)))).status is Status.REFUTED
    vanishing = 1
    for q in range(2, 30):
        vanishing *= H - q
    verdict = E.prove(Scale(vanishing, x(0)), Scale(vanishing, Scale(2, x(0))))
    assert (verdict.status, verdict.reason) == (Status.OPEN, "a coefficient is zero at all the sizes that were tried")


def test_the_field_is_asked_later_where_times_are_two_steps_from_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    left, right = MatrixSum(h(k), k, 3, T - 1), MatrixSum(h(k + 3), k, 0, T - 4)
    assert E.prove(left, right).status is Status.PROVED
    found = decide(E.prover.reader, left, right, 0, False, Budget())
    monkeypatch.setattr("derive.proof.case.decide", lambda *_: found)  # were the automata wrong …
    assert E.prove(left, MatrixSum(Scale(2, h(k)), k, 3, T - 1)).status is Status.REFUTED


@pytest.mark.parametrize("factor", [PRIME, 2**192 - 2**64 - 1])
def test_large_numbers_are_asked_of_real_ones_at_every_instance(factor: int) -> None:
    left = MatrixSum(Scale(factor, x(k)), k, 3, T - 1)
    assert E.prove(left, Scale(0, left)).status is Status.REFUTED
    assert E.prove(Scale(factor * (T - 3), x(0)), Scale(0, x(0))).status is Status.REFUTED


def test_a_sum_over_zeros_of_one_hot_vectors() -> None:
    cell = derive.parse(
        "cell c\ndims H\ninput o : H onehot\ninput x : H\nstate h : H\nh[t] = x[t]\nm[t] = maximum(h[t] + o[t], h[t])\n"
        "loss[t] = sum(m[t]) + 0*sum(h[t-1])\n"
    )
    one = ones(cell.symbol("h").shape[0])
    for low in (0, 3):
        left, right = MatrixSum(cell.cotangent("h", k), k, low, T - 1), MatrixSum(one, k, low, T - 1)
        assert cell.prove(left, right).status is Status.REFUTED


def test_one_hot_vectors_where_a_function_has_a_kink_or_no_value() -> None:
    cell = derive.parse(
        "cell c\ndims H\ninput o : H onehot\ninput x : H\nstate h : H\nh[t] = tanh(x[t] + o[t] + h[t-1])\n"
        "loss[t] = norm2(h[t])\n"
    )
    o, one = (lambda i: cell.symbol("o", i)), ones(cell.symbol("h").shape[0])
    z = b.add(o(0), o(1), o(2), Scale(-3, one))
    assert cell.prove(b.add(apply("step", z), apply("step", b.negative(z))), one).status is Status.REFUTED
    r = apply("reciprocal", o(k))
    left = MatrixSum(hadamard(o(k), r, cell.symbol("x", k)), k, 0, T - 1)
    for sides in (
        (left, MatrixSum(cell.symbol("x", k), k, 0, T - 1)),
        (MatrixSum(hadamard(o(k), r), k, 0, T - 1), Scale(T, one)),
    ):
        verdict = cell.prove(*sides)
        assert (verdict.status, verdict.reason[:14]) == (Status.OPEN, "no real values")


def test_nothing_is_checked_that_no_real_values_show() -> None:
    cell = derive.parse(
        "cell c\ndims H\ninput x, u : H\nstate h : H\nh[t] = x[t] + u[t] + 0*h[t-1]\n"
        "z[t] = exp(h[t]) - exp(x[t]) * exp(u[t])\nm[t] = relu(z[t]) - relu(-z[t])\nloss[t] = sum(m[t])\n"
    )
    assert cell.prove(cell.cotangent("z", t), ones(cell.symbol("h").shape[0])).status is Status.OPEN


@pytest.mark.parametrize(
    ("stated", "bound", "sign"), [("y <= 0.1", Rational(1, 10), 1), ("y >= 0.4", Rational(2, 5), -1)]
)
def test_no_counterexample_breaks_an_assumption(stated: str, bound: Rational, sign: int) -> None:
    cell = derive.parse(
        f"cell c\ndims H, O\ninput x : H\ntarget y : O where {stated} and sum(y) == 1\nstate h : H\nparam V : O x H\n"
        "h[t] = tanh(x[t] + h[t-1])\nyhat[t] = softmax(V @ h[t])\nloss[t] = dot(y[t], yhat[t])\n"
    )
    y = cell.symbol("y", 0)
    rest = b.scale(sign, b.subtract(Scale(bound, ones(*y.shape)), y))
    assert cell.prove(apply("abs", rest), rest).status is Status.OPEN


def test_what_is_divided_by_is_not_cancelled_unseen() -> None:
    v = matmul(W, ones(H))
    for base in (T - 1, H - 1):
        assert E.prove(Scale(1 / base, Scale(base, v)), v).status is Status.OPEN
    assert E.prove(Scale(1 / (H + 1), Scale(H + 1, v)), v).status is Status.PROVED
    cell = derive.parse(
        "cell c\ndims H\ninput x : H\nparam v : H\nstate h : H\nh[t] = tanh(x[t] + v + h[t-1])\nloss[t] = norm2(h[t])\n"
    )
    w = cell.symbol("v")
    verdict = cell.prove(hadamard(apply("power", Scale(T, w), -1), Scale(T, w)), ones(w.shape[0]))
    assert (verdict.status, verdict.least) == (Status.CHECKED, 1)  # w may be zero: no proof covers that


def test_the_gradient_of_an_initial_state_has_one_value() -> None:
    before, start = E.cotangent("h", -1), E.gradient("h").symbol
    assert E.prove(before, b.zeros(before.shape)).status is Status.REFUTED
    assert E.prove(before, start).status is Status.PROVED
    assert E.prove(before, matmul(transpose(W), E.cotangent("z_h", 0))).status is Status.PROVED
    shifted = MatrixSum(E.cotangent("h", k - 1), k, 0, T - 1)
    inside = MatrixSum(E.cotangent("h", k), k, 0, T - 2)
    assert E.prove(shifted, inside).status is Status.REFUTED
    assert E.prove(shifted, b.add(inside, before)).status is Status.CHECKED
    late = MatrixSum(E.cotangent("h", k + 1), k, 0, T - 1)  # nothing comes back from step T
    assert E.prove(late, MatrixSum(E.cotangent("h", k), k, 1, T - 1)).status is Status.PROVED


def test_the_gradient_before_a_state_that_starts_at_zero_is_not_zero() -> None:
    cell = derive.parse(
        "cell c\ndims H\ninput x : H\nstate h : H = 0\nparam W : H x H\nh[t] = tanh(W @ h[t-1] + x[t])\n"
        "loss[t] = norm2(h[t])\n"
    )
    before = cell.cotangent("h", -1)
    assert refuses(cell, before, b.zeros(before.shape))
    assert cell.prove(before, b.zeros(before.shape)).status is Status.REFUTED


def test_the_gradient_after_the_end_of_a_state_that_runs_backward() -> None:
    cell = derive.load("bidirectional")
    after, start = cell.cotangent("g", T), cell.gradient("g").symbol
    assert cell.prove(after, start).status is Status.PROVED
    assert cell.prove(cell.cotangent("g", -1), b.zeros(after.shape)).status is Status.PROVED


def test_a_cell_with_one_size_is_asked_at_two() -> None:
    cell = derive.parse("cell a\ndims H\ninput x : H\nstate h : H\nh[t] = tanh(x[t] + h[t-1])\nloss[t] = norm2(h[t])\n")
    assert len({tuple(i.sizes.items()) for i in cell.prove(cell.symbol("h", 0), cell.symbol("h", 0)).instances}) == 2


def test_a_constant_is_no_index() -> None:
    cell = derive.parse(
        "cell leak\ndims H\nconst a = 0.9\ninput x : H\nstate h : H\nh[t] = a*h[t-1] + tanh(x[t])\n"
        "loss[t] = norm2(h[t])\n"
    )
    side = Scale(Symbol("a", real=True), cell.symbol("x", 0))
    assert check_equation(cell.prover, side, side, (j, k, m)).status is Status.PROVED


def test_odd_input_is_refused_with_a_word() -> None:
    for make in (
        lambda: Pad(h(0), -1, H),
        lambda: Blocks(H, 1, W),
        lambda: MatrixSum(x(0), "k", 0, 1),  # type: ignore[arg-type]
        lambda: MatrixSum(x(k), k + 1, 0, 1),
    ):
        with pytest.raises(ShapeError):
            make()
    for call in (
        lambda: E.prove(x(0), x(0), seconds="a"),  # type: ignore[arg-type]
        lambda: E.prove(x(0), x(0), seconds=float("nan")),
        lambda: E.paper(unroll=-1),
        lambda: E.paper(unroll=200),
        lambda: E.symbol("x", 1.5),  # type: ignore[arg-type]
        lambda: E.symbol([]),  # type: ignore[arg-type]
        lambda: E.cotangent("h", "k"),  # type: ignore[arg-type]
    ):
        with pytest.raises(derive.InputError):
            call()


def test_a_certificate_of_endless_fractions_or_without_assumptions() -> None:
    proof = json.loads(E.prove(h(0), h(0)).certificate or "")
    endless = dict(proof)
    states = proof["left"]["states"] + proof["right"]["states"]
    numbers = [Fraction(1, 10**990 + n) for n in range(1, 80)]
    endless["basis"] = [[[0, 1]] for _ in numbers]
    endless["coordinates"] = {**proof["coordinates"], "start": [[i, str(f)] for i, f in enumerate(numbers)]}
    endless["digest"] = digest(endless)
    assert states >= 1
    with pytest.raises(CertificateError, match="denominator"):
        check(json.dumps(endless))
    silent = {**proof, "claim": {**proof["claim"], "assumptions": "none"}}
    silent["digest"] = digest(silent)
    with pytest.raises(CertificateError, match="assum"):
        check(json.dumps(silent))


STEP = "cell c\ndims H\ninput x : H\nstate h : H\nparam W : H x H\nh[t] = tanh(W @ h[t-1] + x[t])\n"


@pytest.mark.parametrize(("loss", "least"), [("sum(h[3])", 4), ("sum(h[1])", 2), ("sum(h[T-2])", 2)])
def test_a_model_that_names_a_step_says_nothing_of_fewer(loss: str, least: int) -> None:
    cell = derive.parse(f"{STEP}loss = {loss}\n")
    verdict = cell.gradient("W").prove()
    assert verdict.status in (Status.PROVED, Status.CHECKED)
    assert verdict.least == least
    after = cell.cotangent("h", T)
    assert cell.prove(after, b.zeros(after.shape)).least == least
    wrong = cell.prove(cell.gradient("W").symbol, Scale(2, cell.gradient("W").expression))
    assert wrong.status is Status.REFUTED
    assert wrong.counterexample is not None
    assert least == wrong.counterexample.T


def test_a_name_that_is_read_at_one_step_only() -> None:
    cell = derive.parse(
        "cell c\ndims H\ninput x : H\nstate h : H\nh[t] = tanh(h[t-1] + x[t])\nm[t] = h[t] * x[t]\nloss = sum(m[T-2])\n"
    )
    dm = lambda i: cell.cotangent("m", i)  # noqa: E731
    whole, one = MatrixSum(dm(k), k, 0, T - 1), ones(cell.symbol("h").shape[0])
    for left, right in ((whole, dm(T - 2)), (whole, one), (dm(T - 2), one), (dm(-1), b.zeros(one.shape))):
        verdict = cell.prove(left, right)
        assert verdict.status in (Status.PROVED, Status.CHECKED)
        assert verdict.least == 2


def test_a_factor_of_steps_and_sizes_hides_nothing() -> None:
    e, factor = hadamard(E.cotangent("h", 0), E.cotangent("h", 0)), Rational(1)
    for i in E.prove(e, e).instances:
        factor *= (T - i.T) ** 2 + (H - i.sizes["H"]) ** 2
    assert E.prove(Scale(factor, e), Scale(factor, Scale(2, e))).status is Status.OPEN
