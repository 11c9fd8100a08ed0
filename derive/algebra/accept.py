"""Formulas written by hand, with SymPy's own operators, in the project's nodes.

SymPy turns a ⊙ a into a power of its own, keeps numbers inside products and does not compare sizes
that are symbols; here each becomes the node that every rule knows, and sizes are compared.
"""

from __future__ import annotations

from functools import singledispatch

from sympy import (
    Add,
    Expr,
    HadamardPower,
    HadamardProduct,
    Identity,
    Integer,
    MatAdd,
    MatMul,
    MatPow,
    MatrixExpr,
    Mul,
    NumberSymbol,
    OneMatrix,
    Pow,
    Rational,
    S,
    Symbol,
    Transpose,
    ZeroMatrix,
    preorder_traversal,
)
from sympy.matrices.expressions.special import GenericIdentity, GenericZeroMatrix

from derive.algebra import build as b
from derive.algebra.bound import Bound, OrderedProduct
from derive.algebra.functions import HIGHEST_POWER, Apply, power
from derive.algebra.losses import LOSSES
from derive.algebra.nodes import (
    Blocks,
    DiagPart,
    Entry,
    Gradient,
    Jacobian,
    Kronecker,
    Loss,
    Node,
    Scale,
    StepGradient,
    is_reference,
)
from derive.algebra.shapes import same, shape_text
from derive.errors import ShapeError, UnsupportedError

MOST_FACTORS = 256  # of a power written out
LONGEST_NUMBER = 3322  # bits


@singledispatch
def accept(e: MatrixExpr) -> MatrixExpr:
    """The formula in the project's nodes.

    Raises:
        ShapeError: operands do not conform.
        UnsupportedError: there is no node for a part of it.
    """
    if is_reference(e):
        return e
    raise UnsupportedError(f"formulas have no {type(e).__name__}: use what derive.algebra offers")


@accept.register(Jacobian)
def _(e: Jacobian) -> MatrixExpr:
    if not all(map(is_reference, (e.of, e.by, *e.held))):
        raise UnsupportedError("a derivative is of one quantity by another, not of a formula")
    if not isinstance(e, Gradient):
        return e
    if not same(e.of.shape, e.weight.shape):
        raise ShapeError(f"{shape_text(e.of.shape)} is weighted by {shape_text(e.weight.shape)}")
    return Gradient(e.of, e.by, accept(e.weight), e.kind, *e.held)


@accept.register(StepGradient)
@accept.register(OneMatrix)
@accept.register(ZeroMatrix)
@accept.register(Identity)
def _(e: MatrixExpr) -> MatrixExpr:
    return e


@accept.register(Kronecker)
def _(e: Kronecker) -> MatrixExpr:
    return Kronecker(*map(accept, e.args))


@accept.register(GenericZeroMatrix)
@accept.register(GenericIdentity)
def _(e: MatrixExpr) -> MatrixExpr:
    raise UnsupportedError("an empty sum or product of SymPy's has no shape: use derive.algebra")


@accept.register(MatAdd)
def _(e: MatAdd) -> MatrixExpr:
    return b.add(*map(accept, e.args))


@accept.register(MatMul)
def _(e: MatMul) -> MatrixExpr:
    numbers = [a for a in e.args if not isinstance(a, MatrixExpr)]
    c = S.One
    for number in numbers:
        _known(number)
        c *= number
    return b.scale(c, b.matmul(*(accept(a) for a in e.args if isinstance(a, MatrixExpr))))


@accept.register(HadamardProduct)
def _(e: HadamardProduct) -> MatrixExpr:
    return b.hadamard(*map(accept, e.args))


@accept.register(HadamardPower)
def _(e: HadamardPower) -> MatrixExpr:
    return power(accept(e.base), _whole(e.exp))


@accept.register(MatPow)
def _(e: MatPow) -> MatrixExpr:
    n = _whole(e.exp)
    if n < 0:
        raise UnsupportedError("formulas have no inverse of a matrix")
    base = accept(e.base)
    if n * (len(base.args) if isinstance(base, MatMul) else 1) > MOST_FACTORS:
        raise UnsupportedError(f"a power of more than {MOST_FACTORS} factors")
    return b.matmul(*([base] * n)) if n else Identity(e.shape[0])


def _whole(exponent: object) -> int:
    if not isinstance(exponent, Integer) or abs(int(exponent)) > HIGHEST_POWER:
        raise UnsupportedError(f"a power must be a whole number of at most {HIGHEST_POWER}, not {exponent}")
    return int(exponent)


@accept.register(Transpose)
def _(e: Transpose) -> MatrixExpr:
    return b.transpose(accept(e.arg))


@accept.register(Apply)
def _(e: Apply) -> MatrixExpr:
    arguments = [accept(a) for a in e.matrices]
    for n in e.numbers:
        _known(n)
    if e.name == "power":
        return power(arguments[0], _whole(e.numbers[0]))
    return Apply(e.name, *arguments, *e.numbers)


@accept.register(Scale)
def _(e: Scale) -> MatrixExpr:
    _known(e.coefficient)
    return b.scale(e.coefficient, accept(e.arg))


def _known(number: Expr) -> None:
    """Refuse a number that nothing here tells from its neighbours: 0.1, infinity, H!, H to the power of a million."""
    for x in preorder_traversal(number):
        if isinstance(x, Rational):
            if max(x.p.bit_length(), x.q.bit_length()) > LONGEST_NUMBER:
                raise UnsupportedError("a number of more than a thousand digits")
        elif isinstance(x, Pow):
            if not x.exp.is_Rational or abs(x.exp) > HIGHEST_POWER:
                raise UnsupportedError(f"a power must be a number of at most {HIGHEST_POWER}, not {x.exp}")
        elif not isinstance(x, (Symbol, NumberSymbol, Add, Mul)):
            raise UnsupportedError(f"{x} is no number that is known exactly")


@accept.register(Blocks)
def _(e: Blocks) -> MatrixExpr:
    cells = len(e.matrices) == e.block_rows * e.block_cols and e.matrices
    rows, cols = range(e.block_rows), range(e.block_cols)
    if not cells or not all(
        same((e.block(i, j).shape), (e.block(i, 0).shape[0], e.block(0, j).shape[1])) for i in rows for j in cols
    ):
        raise ShapeError("the blocks of a block matrix do not fit together")
    return Blocks(e.block_rows, e.block_cols, *map(accept, e.matrices))


@accept.register(Bound)
def _(e: Bound) -> MatrixExpr:
    return e.func(accept(e.body), *e.args[1:])


@accept.register(OrderedProduct)
def _(e: OrderedProduct) -> MatrixExpr:
    body = accept(e.body)
    _square("the factor of an ordered product", body)
    return OrderedProduct(body, *e.args[1:])


@accept.register(Entry)
def _(e: Entry) -> MatrixExpr:
    return Entry(accept(e.arg), e.row, e.col)


@accept.register(DiagPart)
def _(e: DiagPart) -> MatrixExpr:
    arg = accept(e.arg)
    _square("what has a diagonal", arg)
    return DiagPart(arg)


@accept.register(Loss)
def _(e: Loss) -> MatrixExpr:
    if e.kind not in LOSSES:
        raise UnsupportedError(f"there is no loss {e.kind}: it is one of {', '.join(LOSSES)}")
    return Loss(e.kind, accept(e.target), accept(e.prediction))


def _square(what: str, e: MatrixExpr) -> None:
    if not same(e.shape, (e.shape[1], e.shape[0])):
        raise ShapeError(f"{what} must be square, got {shape_text(e.shape)}")


@accept.register(Node)
def _(e: Node) -> MatrixExpr:
    if is_reference(e):
        return e
    return e.func(*(accept(a) if isinstance(a, MatrixExpr) else a for a in e.args))
