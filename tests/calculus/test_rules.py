"""Every pullback and every pushforward against the entrywise derivative of explicit small matrices.

The oracle is SymPy's scalar derivative of one entry by one entry, at 40 digits: it shares nothing
with the rules but the entries of the nodes, which tests/algebra checks by hand.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from math import prod

import pytest
from sympy import (
    Expr,
    Float,
    HadamardProduct,
    Identity,
    Integer,
    MatAdd,
    MatMul,
    Matrix,
    MatrixExpr,
    MatrixSymbol,
    OneMatrix,
    Rational,
    Transpose,
    ZeroMatrix,
    exp,
    log,
)
from sympy.matrices.expressions.matexpr import MatrixElement

from derive.algebra import build as b
from derive.algebra.functions import FUNCTIONS, Apply
from derive.algebra.nodes import (
    Concat,
    Delta,
    Detach,
    Diag,
    DiagPart,
    LogSoftmax,
    Pad,
    Scale,
    SigmoidCrossEntropy,
    Slice,
    Softmax,
    SoftmaxCrossEntropy,
    SumOver,
    Timed,
    is_reference,
    t,
)
from derive.calculus.pullback import Contributions, pullback, rule_name
from derive.calculus.tangent import pushforward
from derive.errors import UnsupportedError
from derive.program import SEQUENCE, SHARED, Assumption, Program, Variable, references

DIGITS = 40
TOLERANCE = 1e-30  # of numbers of order one at 40 digits

a, c = MatrixSymbol("a", 3, 1), MatrixSymbol("c", 3, 1)  # vectors
u, v = MatrixSymbol("u", 2, 1), MatrixSymbol("v", 2, 1)
A, C = MatrixSymbol("A", 2, 3), MatrixSymbol("C", 2, 3)  # matrices
E, S = MatrixSymbol("E", 3, 2), MatrixSymbol("S", 3, 3)
s = MatrixSymbol("s", 1, 1)
Y2, Y3 = MatrixSymbol("Y2", 2, 1), MatrixSymbol("Y3", 3, 1)
p2, p3 = MatrixSymbol("p2", 2, 1), MatrixSymbol("p3", 3, 1)
P23, Y23 = MatrixSymbol("P23", 2, 3), MatrixSymbol("Y23", 2, 3)


def applications() -> Iterator[Apply]:
    for f in FUNCTIONS.values():
        for operands in ((a, c), (A, C)):
            numbers = (Integer(3),) if f.name == "power" else (Rational(1, 5),)
            yield Apply(f.name, *operands[: f.arity], *numbers[: f.parameters])


NODES: tuple[MatrixExpr, ...] = (
    MatAdd(a, c),
    MatAdd(A, Transpose(E), C),
    Scale(Rational(-3, 2), A),
    MatMul(A, a),
    MatMul(A, E, u),
    MatMul(A, S, E),
    MatMul(Transpose(E), S, a),
    MatMul(Transpose(a), S, c),  # a scalar
    MatMul(a, Transpose(u)),  # outer
    MatMul(E, u, OneMatrix(1, 4)),
    MatMul(OneMatrix(3, 1), s),  # a broadcast
    MatMul(OneMatrix(1, 2), A, OneMatrix(3, 1)),  # a total
    MatMul(Diag(u), A),
    MatMul(S, S, S),  # one operand three times
    HadamardProduct(a, c),
    HadamardProduct(A, C, Transpose(E)),
    HadamardProduct(A, A, A),
    HadamardProduct(a, MatMul(OneMatrix(3, 1), s)),
    Transpose(A),
    *applications(),
    Softmax(a),
    Softmax(A),
    LogSoftmax(a),
    LogSoftmax(E),
    SoftmaxCrossEntropy(Y3, a, p3),
    SoftmaxCrossEntropy(Y2, u, p2),
    SigmoidCrossEntropy(Y3, a, p3),
    SigmoidCrossEntropy(Y23, A, P23),
    Concat(a, u),
    Concat(A, S, C),
    Concat(u, u, a),
    Slice(a, 1, 3),
    Slice(S, 0, 2),
    Pad(u, 1, 4),
    Pad(A, 2, 5),
    Diag(a),
    DiagPart(S),
    Detach(A),
    OneMatrix(2, 3),
    ZeroMatrix(2, 3),
    Identity(3),
)
OWN_TEST = {
    SumOver: "removes axes: whole programs in test_adjoint and test_tangent",
    Delta: "changes axes: whole programs in test_adjoint and test_tangent",
}


def test_every_rule_has_a_sample() -> None:
    for rules in (pullback, pushforward):
        registered = {cls for cls in rules.registry if cls is not object}
        assert registered - {type(e) for e in NODES} <= set(OWN_TEST)
    assert {e.name for e in NODES if isinstance(e, Apply)} == set(FUNCTIONS)


# --- The oracle ----------------------------------------------------------------------------------


def program(*assumptions: Assumption) -> Program:
    names = {n for e in NODES for n in references(e)}
    variables = {n.name: Variable(n.name, "param", n.shape, SHARED) for n in names}
    return Program("rules", (), variables, {}, assumptions=assumptions)


def sum_is_one(name: str) -> Assumption:
    return Assumption(name, "sum", "==", Rational(1), f"sum({name}) == 1")


@cache
def explicit(e: MatrixExpr) -> Matrix:
    """The entries as scalars; those of the fused losses, which have none, are written out here."""
    if isinstance(e, SoftmaxCrossEntropy):
        y, z = explicit(e.target), explicit(e.logits)
        total = sum(exp(x) for x in z)
        return Matrix([[-sum(p * (x - log(total)) for p, x in zip(y, z, strict=True))]])
    if isinstance(e, SigmoidCrossEntropy):
        y, z = explicit(e.target), explicit(e.logits)
        return Matrix([[sum(p * log(1 + exp(-x)) + (1 - p) * log(1 + exp(x)) for p, x in zip(y, z, strict=True))]])
    if isinstance(e, MatMul):  # factor by factor: SymPy's own entry of a product goes through Sum
        return prod((explicit(x) for x in e.args[1:]), start=explicit(e.args[0]))
    if isinstance(e, MatAdd):
        return sum((explicit(x) for x in e.args[1:]), explicit(e.args[0]))
    if isinstance(e, Scale):
        return e.coefficient * explicit(e.arg)
    return Matrix(e.as_explicit())


def values_of(names: set[MatrixExpr], seed: int = 1) -> dict[Expr, Float]:
    """A positive number of 40 digits for every entry: inside every domain, off every kink."""
    rng = random.Random(seed)
    ordered = sorted(names, key=str)
    return {e: Float(Rational(rng.randrange(200, 1500), 997), DIGITS) for n in ordered for e in n.as_explicit()}


def companions(node: MatrixExpr, values: dict[Expr, Float]) -> None:
    """p = softmax(z) or sigmoid(z), as the normal form builds it."""
    if isinstance(node, (SoftmaxCrossEntropy, SigmoidCrossEntropy)):
        z = explicit(node.logits)
        for i in range(z.rows):
            for j in range(z.cols):
                p = 1 / (1 + exp(-z[i, j]))
                if isinstance(node, SoftmaxCrossEntropy):
                    p = exp(z[i, j]) / sum(exp(x) for x in z[:, j])
                values[node.companion[i, j]] = p.xreplace(values).evalf(DIGITS)


def number(e: Expr, values: Mapping[Expr, Float]) -> Float:
    return e.xreplace(dict(values)).evalf(DIGITS)


def close(got: Expr, true: Expr) -> bool:
    return bool(abs(got - true) <= TOLERANCE * max(1, abs(true)))


class Case:
    """A node at a point: its operands, values, an output of its own name and the entries' derivatives."""

    def __init__(self, node: MatrixExpr, seed: int = 1, target_sums_to_one: bool = False):
        self.node = node
        self.names = set(references(node))
        if isinstance(node, (SoftmaxCrossEntropy, SigmoidCrossEntropy)):
            self.names -= {node.companion}
        self.y, self.g = (MatrixSymbol(n, *node.shape) for n in ("out", "g"))
        self.dots = {n: MatrixSymbol(f"{n.name}_dot", *n.shape) for n in self.names}
        self.values = values_of(self.names | {self.g} | set(self.dots.values()), seed)
        if target_sums_to_one:
            total = sum(self.values[e] for e in node.target.as_explicit())
            for e in node.target.as_explicit():
                self.values[e] /= total
        companions(node, self.values)
        entries = explicit(node)
        self.values |= {
            self.y[i, j]: number(entries[i, j], self.values) for i in range(entries.rows) for j in range(entries.cols)
        }

    def slope(self, i: int, j: int, by: MatrixElement) -> Float:
        if isinstance(self.node, Detach):
            return Integer(0)
        return number(explicit(self.node)[i, j].diff(by), self.values)

    def places(self) -> list[tuple[int, int]]:
        return [(i, j) for i in range(int(self.node.shape[0])) for j in range(int(self.node.shape[1]))]

    def cotangent(self, by: MatrixElement) -> Float:
        return sum((self.values[self.g[p]] * self.slope(*p, by) for p in self.places()), Integer(0))

    def tangent(self, place: tuple[int, int]) -> Float:
        terms = (
            self.slope(*place, e) * self.values[self.dots[n][e.i, e.j]] for n in self.names for e in n.as_explicit()
        )
        return sum(terms, Integer(0))


def pulled(case: Case, rules: Program) -> dict[MatrixExpr, MatrixExpr]:
    """The cotangent of every reference, by the rules: compound operands are walked down."""
    totals: dict[MatrixExpr, MatrixExpr] = {}

    def walk(contributions: Contributions) -> None:
        for operand, value in contributions:
            assert tuple(value.shape) == tuple(operand.shape)
            if is_reference(operand):
                totals[operand] = b.add(totals[operand], value) if operand in totals else value
            else:
                walk(pullback(operand, operand, value, rules))

    walk(pullback(case.node, case.y, case.g, rules))
    return totals


each_node = pytest.mark.parametrize("node", NODES, ids=str)


@each_node
def test_pullback(node: MatrixExpr) -> None:
    for seed in (1, 2):
        case = Case(node, seed)
        totals = pulled(case, program())
        assert set(totals) <= case.names
        for name in case.names:
            got = explicit(totals.get(name, ZeroMatrix(*name.shape)))
            for e in name.as_explicit():
                assert close(number(got[e.i, e.j], case.values), case.cotangent(e)), e


@each_node
def test_pushforward(node: MatrixExpr) -> None:
    def dot(r: MatrixExpr) -> MatrixExpr:
        return case.dots.get(r, ZeroMatrix(*r.shape))

    for seed in (1, 2):
        case = Case(node, seed)
        result = pushforward(node, case.y, dot, program())
        assert tuple(result.shape) == tuple(node.shape)
        got = explicit(result)
        for place in case.places():
            assert close(number(got[place], case.values), case.tangent(place)), place


@each_node
def test_pushforward_of_what_does_not_move_is_zero(node: MatrixExpr) -> None:
    assert pushforward(node, node, lambda r: b.zeros(r.shape), program()) == b.zeros(node.shape)


def test_a_target_that_sums_to_one_shortens_the_rule() -> None:
    node = SoftmaxCrossEntropy(Y3, a, p3)
    rules = program(sum_is_one("Y3"))
    case = Case(node, target_sums_to_one=True)
    totals = pulled(case, rules)
    assert totals[a] == b.hadamard(b.broadcast(case.g, a.shape), b.subtract(p3, Y3))
    for e in a.as_explicit():
        assert close(number(explicit(totals[a])[e.i, 0], case.values), case.cotangent(e))
    moved = pushforward(node, case.y, lambda r: case.dots[a] if r == a else b.zeros(r.shape), rules)
    alone = sum(case.slope(0, 0, e) * case.values[case.dots[a][e.i, 0]] for e in a.as_explicit())
    assert close(number(explicit(moved)[0, 0], case.values), alone)


def test_a_one_hot_target_sums_to_one() -> None:
    variables = {"Y3": Variable("Y3", "target", Y3.shape, SEQUENCE, onehot=True)}
    rules = Program("rules", (), variables, {})
    (_, value), _ = pullback(SoftmaxCrossEntropy(Y3, a, p3), s, s, rules)
    assert value == b.hadamard(b.broadcast(s, a.shape), b.subtract(p3, Y3))


def test_the_oracle_sees_a_transposed_rule() -> None:
    node = MatMul(A, S, E)
    case = Case(node)

    def wrong(e: MatMul, y: MatrixExpr, g: MatrixExpr, rules: Program) -> Contributions:
        right = pullback(e, y, g, rules)
        return [(S, b.transpose(right[1][1])), right[0], right[2]]  # Sᵀ for S

    found = dict(wrong(node, case.y, case.g, program()))
    got = explicit(found[S])
    assert not all(close(number(got[e.i, e.j], case.values), case.cotangent(e)) for e in S.as_explicit())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda e: pullback(e, e, e, program()), r"no pullback for Blank: register one in derive\.calculus\.pullback"),
        (
            lambda e: pushforward(e, e, lambda r: r, program()),
            r"no pushforward for Blank: register one in derive\.calculus\.tangent",
        ),
    ],
)
def test_a_node_without_a_rule_says_where_it_goes(call: Callable[[MatrixExpr], object], message: str) -> None:
    class Blank(Detach.__base__):  # type: ignore[misc, name-defined]
        pass

    with pytest.raises(UnsupportedError, match=message):
        call(Blank(a))


def test_rules_have_names_for_readers() -> None:
    plain = {OneMatrix, ZeroMatrix, Identity, Detach}
    for node in NODES:
        assert (rule_name(node) == "chain rule") == (type(node) in plain)
    assert rule_name(Apply("tanh", a)) == "slope of tanh"


def test_time_of_an_operand_does_not_matter() -> None:
    now, before = Timed("h", t, 3), Timed("h", t - 1, 3)
    g = Timed("g", t, 3)
    assert pullback(HadamardProduct(now, before), a, g, program()) == [
        (now, HadamardProduct(g, before)),
        (before, HadamardProduct(g, now)),
    ]
