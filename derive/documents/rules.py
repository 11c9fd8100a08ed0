"""The rules of differentiation that a derivation uses, printed from the pullbacks that applied them."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from functools import singledispatch

from sympy import HadamardProduct, Integer, MatAdd, MatMul, MatrixExpr, MatrixSymbol, OneMatrix, Symbol, Transpose

from derive.algebra import build as b
from derive.algebra.functions import Apply
from derive.algebra.names import Notation
from derive.algebra.nodes import (
    Concat,
    Diag,
    DiagPart,
    FusedLoss,
    LogSoftmax,
    Pad,
    Scale,
    Slice,
    Softmax,
    SoftmaxCrossEntropy,
    Timed,
)
from derive.algebra.shapes import is_scalar
from derive.algebra.shorthand import scalar_part, total_part
from derive.calculus.pullback import pullback, rule_name
from derive.documents.claims import claim
from derive.documents.content import Rule
from derive.documents.latex import MatrixPrinter
from derive.program import SHARED, Program, Variable, operands

n, m = Symbol("n", integer=True, positive=True), Symbol("m", integer=True, positive=True)
A, a, c, s = MatrixSymbol("A", n, m), MatrixSymbol("a", n, 1), MatrixSymbol("c", n, 1), MatrixSymbol("s", 1, 1)
INNER, WIDE = MatrixSymbol("b", m, 1), MatrixSymbol("B", m, n)


def rules(program: Program, active: Container[str]) -> list[Rule]:
    """One rule for each kind of node in the equations of the active names, in the order of first use."""
    found: dict[str, Rule] = {}
    for e in (e for name, e in program.equations.items() if name in active):
        for node in _nodes(e):
            sample = generic(node)
            if sample is not None:
                rule = _rule(sample, program)
                found.setdefault(rule.definition, rule)
    return list(found.values())


def _nodes(e: MatrixExpr) -> Iterator[MatrixExpr]:
    yield e
    if scalar_part(e) is None and total_part(e) is None:
        for x in operands(e):
            yield from _nodes(x)


@singledispatch
def generic(node: MatrixExpr) -> MatrixExpr | None:
    """The same operation on letters that stand for anything; None for what has no rule of its own."""
    return None


@generic.register
def _(node: MatAdd) -> MatrixExpr:
    return MatAdd(a, c)


@generic.register
def _(node: HadamardProduct) -> MatrixExpr:
    return HadamardProduct(a, c)


@generic.register
def _(node: MatMul) -> MatrixExpr | None:
    if scalar_part(node) is not None:
        return b.broadcast(s, (n, Integer(1)))
    if total_part(node) is not None:
        return b.total(a)
    if sum(not isinstance(x, OneMatrix) for x in node.args) < 2:
        return None
    if is_scalar(node.shape):
        return b.dot(a, c)
    return b.matmul(A, INNER) if node.shape[1] == 1 else b.matmul(A, WIDE)


@generic.register
def _(node: Scale) -> MatrixExpr | None:
    return None if node.coefficient == -1 else Scale(Symbol("gamma"), a)


@generic.register(Softmax)
@generic.register(LogSoftmax)
@generic.register(Diag)
def _(node: MatrixExpr) -> MatrixExpr:
    return node.func(a)


@generic.register
def _(node: DiagPart) -> MatrixExpr:
    return DiagPart(MatrixSymbol("A", n, n))


@generic.register
def _(node: Concat) -> MatrixExpr:
    return Concat(a, INNER)


@generic.register
def _(node: Slice) -> MatrixExpr:
    return Slice(a, Symbol("p", integer=True), Symbol("q", integer=True))


@generic.register
def _(node: Pad) -> MatrixExpr:
    return Pad(a, Symbol("p", integer=True), m)


@generic.register
def _(node: Apply) -> MatrixExpr:
    return Apply(node.name, *(a, c)[: node.function.arity], *node.numbers)


@generic.register
def _(node: FusedLoss) -> MatrixExpr:
    return node  # with its own names: the rule depends on what is assumed of the target


def _rule(sample: MatrixExpr, program: Program) -> Rule:
    own = dict(program.variables) if isinstance(sample, FusedLoss) else {}
    name = "ell" if own else "Y" if 1 not in sample.shape else "y"
    letters = {v: Variable(v, "result", sample.shape, SHARED) for v in ("A", "B", "a", "b", "c", "s", name)}
    names = {**letters, **own, name: letters[name]}
    adjoints = {v: Variable(f"d{v}", "adjoint", sample.shape, SHARED, of=v) for v in names}
    printer = MatrixPrinter(Notation({**names, **{f"d{v}": x for v, x in adjoints.items()}}))
    y, g = MatrixSymbol(name, *sample.shape), MatrixSymbol(f"d{name}", *sample.shape)
    pairs = [_untransposed(x, h) for x, h in pullback(sample, y, g, program)]
    return Rule(
        rule_title(sample).capitalize(),
        f"{printer.doprint(y)} = {printer.doprint(sample)}",
        tuple(f"{printer.doprint(_adjoint(x))} = {printer.doprint(h)}" for x, h in pairs if _moves(x, own)),
        f", {note}" if (note := _note(sample, program)) else "",
        claim(sample, program),
    )


def rule_title(sample: MatrixExpr) -> str:
    """The name of a rule; the products that have a name of their own by that."""
    if scalar_part(sample) is not None:
        return "broadcast"
    if total_part(sample) is not None:
        return "sum of the components"
    return "inner product" if isinstance(sample, MatMul) and is_scalar(sample.shape) else rule_name(sample)


def _untransposed(x: MatrixExpr, h: MatrixExpr) -> tuple[MatrixExpr, MatrixExpr]:
    return (x.arg, b.transpose(h)) if isinstance(x, Transpose) else (x, h)


def _moves(x: MatrixExpr, own: Mapping[str, Variable]) -> bool:
    return not own or own[x.name].role != "target"


def _adjoint(x: MatrixExpr) -> MatrixExpr:
    name = f"d{x.name}"
    return Timed(name, x.index, *x.shape) if isinstance(x, Timed) else MatrixSymbol(name, *x.shape)


def _note(sample: MatrixExpr, program: Program) -> str:
    if isinstance(sample, SoftmaxCrossEntropy) and program.assumes_sum_one(sample.target.name):
        return "since the components of the target sum to one"
    if isinstance(sample, Apply) and not sample.function.smooth:
        return "where the slope at a kink counts as 0"
    return ""
