"""The textbook's chain: its landmarks in the recorded steps, for two networks by the same code; wrong steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest
from sympy import Expr, Integer, MatrixExpr

import derive
from derive.algebra import Jacobian, Kronecker, MatrixSum, OrderedProduct, T, apply, diag, hadamard, matmul, ones, power
from derive.algebra import build as b
from derive.algebra.nodes import SumOver
from derive.calculus import textbook as tb
from derive.calculus.adjoint import Step
from derive.calculus.chain import Chain
from derive.calculus.hidden import Hidden
from derive.calculus.local import jacobian
from derive.calculus.textbook import Textbook
from derive.errors import UnsupportedError
from derive.language import catalogue
from derive.proof.equation import check_equation
from derive.proof.verdict import Status

OTHER = """
cell other
dims N, M, K
input u : M
target d : K
state s : N
param A : N x N
param G : N x M
param C : K x N
s[t] = sigmoid(A @ s[t-1] + G @ u[t])
out[t] = C @ s[t]
loss[t] = squared_error(d[t], out[t])
"""


@dataclass
class Network:
    """One network with one state, and what its names are."""

    model: derive.Model
    state: str
    trunk: tuple[str, ...]
    inner: str  # the parameter of the state
    outer: str  # that of the input
    head: str  # that of the output
    given: str

    def at(self, name: str, index: Expr | int) -> MatrixExpr:
        return self.model.symbol(name, index)

    def slope(self, index: Expr) -> MatrixExpr:
        """diag of the activation's slope, in terms of the state."""
        s = self.at(self.state, index)
        one = ones(s.shape[0])
        return diag(b.subtract(one, power(s, 2)) if self.model.name == "elman" else hadamard(s, b.subtract(one, s)))

    def steps(self, name: str, last: int = 2) -> list[Step]:
        return list(book(self.model, name).steps(last))


def book(model: derive.Model, name: str) -> Textbook:
    chain = Chain(model.adjoint)
    derivation = model.gradient(name)
    hidden = Hidden.of(model.program, name)
    return Textbook(hidden, model.normal, (derivation.symbol, derivation.expression), (chain.j, chain.k, chain.m))


NETWORKS = [
    Network(derive.load("elman"), "h", ("loss", "yhat", "h"), "W", "U", "V", "x"),
    Network(derive.parse(OTHER), "s", ("loss", "out", "s"), "A", "G", "C", "u"),
]
BOTH = pytest.mark.parametrize("net", NETWORKS, ids=["elman", "other"])


def of_rule(steps: Sequence[Step], rule: str) -> list[Step]:
    return [s for s in steps if s.rule == rule]


def one(steps: Sequence[Step], rule: str) -> Step:
    (found,) = of_rule(steps, rule)
    return found


@BOTH
@pytest.mark.parametrize("role", ["inner", "outer"])
def test_the_landmarks_of_a_parameter_of_the_state(net: Network, role: str) -> None:
    name = getattr(net, role)
    steps, hidden = net.steps(name, 3), Hidden.of(net.model.program, name)
    j, k, m = book(net.model, name).indices
    parameter, s = net.model.symbol(name), net.state

    def head(index: Expr | int) -> list[MatrixExpr]:
        return [Jacobian(net.at(a, index), net.at(c, index), "partial") for a, c in pairwise(net.trunk)]

    def back(index: Expr | int) -> MatrixExpr:
        return Jacobian(net.at(s, index), net.at(s, index - 1), "partial")

    def acts(index: Expr | int) -> MatrixExpr:
        return Jacobian(net.at(s, index), parameter, "immediate")

    def total(index: Expr | int) -> MatrixExpr:
        return Jacobian(net.at("loss", index), parameter, "total")

    whole = Jacobian(net.model.symbol("L"), parameter, "total")
    assert (hidden.state, hidden.trunk) == (s, net.trunk)
    # the sum over time, and the first losses path by path
    first = one(steps, tb.SUM)
    assert (first.left, first.right) == (whole, MatrixSum(total(j), j, 0, T - 1))
    for i, step in enumerate(of_rule(steps, tb.PATHS)):
        terms = [matmul(*head(i), *(back(n) for n in range(i, stop, -1)), acts(stop)) for stop in range(i, -1, -1)]
        assert (step.left, step.right) == (total(i), b.add(*terms))
    assert len(of_rule(steps, tb.PATHS)) == 4
    # (11), (12) with its instance, and (13)
    between = Jacobian(net.at(s, j), net.at(s, k), "total")
    over = one(steps, tb.HIDDEN)
    assert (over.left, over.right) == (total(j), MatrixSum(matmul(*head(j), between, acts(k)), k, 0, j))
    product = one(steps, tb.PRODUCT)
    descending = OrderedProduct(back(m), m, k + 1, j, "descending")
    assert (product.left, product.right) == (between, descending)
    written = one(steps, tb.WRITTEN)
    assert written.left == Jacobian(net.at(s, 3), net.at(s, 0), "total")
    assert written.right == matmul(back(3), back(2), back(1))
    put = MatrixSum(matmul(*head(j), descending, acts(k)), k, 0, j)
    assert (one(steps, tb.SUBSTITUTION).left, one(steps, tb.SUBSTITUTION).right) == (total(j), put)
    # then the total loss, (14), and (13) in its derivative, (15)
    loss = one(steps, tb.LOSS)
    assert (loss.left, loss.right) == (net.model.symbol("L"), MatrixSum(net.at("loss", j), j, 0, T - 1))
    assert (one(steps, tb.WHOLE).left, one(steps, tb.WHOLE).right) == (whole, MatrixSum(put, j, 0, T - 1))
    # the terms one by one
    terms_ = {s_.left: s_.right for s_ in of_rule(steps, tb.TERM)}
    assert terms_[back(m)] == matmul(net.slope(m), net.model.symbol(net.inner))
    source = net.at(s, k - 1) if role == "inner" else net.at(net.given, k)
    assert terms_[acts(k)] == Kronecker(net.slope(k), b.transpose(source))
    assert matmul(*head(j)) in terms_
    # the gradient in the shape of the parameter
    last = one(steps, tb.LAYOUT)
    assert (last.left, last.right) == (net.model.gradient(name).symbol, net.model.gradient(name).expression)


@BOTH
def test_a_parameter_behind_the_state_has_one_way_back(net: Network) -> None:
    steps = net.steps(net.head)
    out = net.trunk[1]
    for i, step in enumerate(of_rule(steps, tb.PATHS)):
        edge = Jacobian(net.at("loss", i), net.at(out, i), "partial")
        assert step.right == matmul(edge, Jacobian(net.at(out, i), net.model.symbol(net.head), "immediate"))
    assert not of_rule(steps, tb.PRODUCT)
    assert one(steps, tb.LAYOUT).right == net.model.gradient(net.head).expression


@BOTH
@pytest.mark.parametrize("role", ["inner", "outer", "head"])
def test_every_step_holds(net: Network, role: str) -> None:
    name = getattr(net, role)
    indices = book(net.model, name).indices
    found = {s.rule: check_equation(net.model.prover, s.left, s.right, indices) for s in net.steps(name, 3)}
    assert {v.status for v in found.values()} == {Status.PROVED, Status.CHECKED}
    assert found[tb.LAYOUT].status is Status.PROVED
    assert all(v.instances for v in found.values())


@pytest.mark.parametrize("cell", catalogue.names())
def test_every_step_of_the_catalogue_holds(cell: str) -> None:
    model = derive.load(cell)
    checked = 0
    for v in model.normal.parameters:
        try:
            textbook = book(model, v.name)
        except UnsupportedError:
            continue
        for s in textbook.steps():
            verdict = check_equation(model.prover, s.left, s.right, textbook.indices)
            assert verdict.status in (Status.PROVED, Status.CHECKED), (s.left, s.right)
            checked += 1
    assert checked > 8 or cell == "rnn_classifier"  # its loss is no sum over steps


# --- Wrong steps are seen -------------------------------------------------------------------------


@BOTH
def test_a_total_derivative_for_the_immediate_one_is_refuted(net: Network) -> None:
    """The commonest mistake: dh_k/dW where ∂⁺h_k/∂W is meant counts paths twice."""
    textbook = book(net.model, net.inner)
    step = one(list(textbook.steps()), tb.HIDDEN)
    k = textbook.k
    right = step.right.xreplace(
        {textbook.hidden.last(k): Jacobian(net.at(net.state, k), textbook.hidden.parameter, "total")}
    )
    assert right != step.right
    assert check_equation(net.model.prover, step.left, right, textbook.indices).status is Status.REFUTED


@BOTH
@pytest.mark.parametrize("rule", [tb.PRODUCT, tb.SUBSTITUTION, tb.WHOLE, tb.TERMS])
def test_the_product_in_the_other_order_is_refuted(net: Network, rule: str) -> None:
    textbook = book(net.model, net.inner)
    step = one(list(textbook.steps()), rule)
    (product,) = step.right.atoms(OrderedProduct)
    turned = OrderedProduct(product.body, product.index, product.low, product.high, "ascending")
    right = step.right.xreplace({product: turned})
    assert check_equation(net.model.prover, step.left, right, textbook.indices).status is Status.REFUTED


@BOTH
def test_a_way_left_out_is_refuted(net: Network) -> None:
    textbook = book(net.model, net.inner)
    step = of_rule(list(textbook.steps()), tb.PATHS)[2]
    right = b.add(*step.right.args[:-1])
    assert check_equation(net.model.prover, step.left, right, textbook.indices).status is Status.REFUTED


@BOTH
def test_a_slope_left_out_is_refuted(net: Network) -> None:
    textbook = book(net.model, net.inner)
    m = textbook.m
    left = textbook.hidden.hidden(m)
    right = net.model.symbol(net.inner)
    assert check_equation(net.model.prover, left, right, textbook.indices).status is Status.REFUTED


# --- What the chain is not for --------------------------------------------------------------------

REFUSED = {
    "lstm": ("W_f", "more than one state"),
    "rnn_classifier": ("W", "no sum over steps"),
    "bidirectional": ("W_h", "more than one state"),
}


@pytest.mark.parametrize("cell", REFUSED)
def test_other_networks_are_refused_with_the_reason(cell: str) -> None:
    name, reason = REFUSED[cell]
    with pytest.raises(UnsupportedError, match=reason):
        Hidden.of(derive.load(cell).program, name)


@pytest.mark.parametrize(
    ("equations", "reason"),
    [
        ("h[t] = tanh(A @ h[t-2] + x[t])\nloss[t] = norm2(h[t])", "not read one step later"),
        ("h[t] = tanh(A @ h[t-1] + x[t])\nloss[t] = norm2(h[t] - h[t-1])", "outside the recurrence"),
        ("h[t] = tanh(A @ h[t-1] + x[t])\nloss[t] = norm2(A @ h[t])", "on the state and behind it"),
    ],
)
def test_other_recurrences_are_refused_with_the_reason(equations: str, reason: str) -> None:
    text = f"cell c\ndims H\ninput x : H\nstate h : H\nparam A : H x H\n{equations}\n"
    with pytest.raises(UnsupportedError, match=reason):
        Hidden.of(derive.parse(text).program, "A")


def test_a_mean_over_steps_stands_in_front() -> None:
    text = OTHER.replace(
        "loss[t] = squared_error(d[t], out[t])", "e[t] = squared_error(d[t], out[t])\nloss = mean(e[t])"
    )
    model = derive.parse(text)
    textbook = book(model, "A")
    step = one(list(textbook.steps()), tb.SUM)
    assert check_equation(model.prover, step.left, step.right, textbook.indices).status is Status.CHECKED
    for s in textbook.steps():
        assert check_equation(model.prover, s.left, s.right, textbook.indices).status in (Status.PROVED, Status.CHECKED)


# --- Local Jacobians ------------------------------------------------------------------------------


def test_what_all_ways_share_stands_in_front() -> None:
    program = derive.load("gru").program
    found = jacobian(program, "h", program.ref("W_z"))
    assert isinstance(found, Kronecker), "one term: g ∘ h[t-1] and g ∘ h̃[t] are gathered"


def test_a_parameter_that_is_transposed() -> None:
    head = "cell c\ndims H\ninput x : H\nstate h : H\nparam A : H x H\n"
    model = derive.parse(f"{head}h[t] = tanh(A.T @ h[t-1] + x[t])\nloss[t] = norm2(h[t])\n")
    textbook = book(model, "A")
    assert of_rule(list(textbook.steps()), tb.TERMS), "there is a Kronecker product for it"
    for s in textbook.steps():
        assert check_equation(model.prover, s.left, s.right, textbook.indices).status in (Status.PROVED, Status.CHECKED)


def test_a_network_without_a_state_has_short_chains() -> None:
    text = "cell c\ndims H\ninput x : H\nparam A : H x H\nz[t] = tanh(A @ x[t])\nloss[t] = norm2(z[t])\n"
    model = derive.parse(text)
    textbook = book(model, "A")
    assert isinstance(model.program.equations["L"], SumOver)
    assert textbook.hidden.paths(4) == [(("loss", 4), ("z", 4), ("A", None))]
    assert [s.left for s in of_rule(list(textbook.steps()), tb.PATHS)] == [
        Jacobian(model.symbol("loss", Integer(i)), model.symbol("A"), "total") for i in range(3)
    ]


def test_what_only_the_field_denies_is_not_called_wrong() -> None:
    """The field knows functions by their listed relations: exp(a + c) = exp(a) exp(c) is none of them."""
    net = NETWORKS[0]
    textbook = book(net.model, "W")
    edge = textbook.hidden.hidden(textbook.m)
    a, c = net.at("h", 0), net.at("h", 1)
    left = matmul(diag(apply("exp", b.add(a, c))), edge)
    right = matmul(diag(hadamard(apply("exp", a), apply("exp", c))), edge)
    assert check_equation(net.model.prover, left, right, textbook.indices).status is Status.OPEN
    wrong = check_equation(net.model.prover, left, edge, textbook.indices)
    assert wrong.status is Status.REFUTED
    assert wrong.counterexample is not None
