"""What formulas are worth: numbers, and matrix expressions of known shape; how the two combine.

A number is a SymPy scalar of numbers, sizes and T.  Where operands do not conform the reading is dropped.
"""

from __future__ import annotations

from itertools import count
from typing import TypeAlias

from sympy import Expr, Identity, Integer, MatMul, MatrixExpr, Rational, S, Symbol, Transpose

from derive.algebra import build as b
from derive.algebra.bound import OrderedProduct
from derive.algebra.functions import HIGHEST_POWER, Apply, power
from derive.algebra.nodes import Gradient, Jacobian, Reshape, Softmax, T
from derive.algebra.shapes import is_scalar, same, shape_text
from derive.claims.reading.lengths import ENTRIES, PRODUCT, met, settled
from derive.claims.reading.readings import Choices, Misfit
from derive.errors import ShapeError

Value: TypeAlias = "Expr | MatrixExpr"


def is_array(v: Value) -> bool:
    return isinstance(v, MatrixExpr)


def shape_of(v: Value) -> tuple[Expr, Expr]:
    return v.shape if isinstance(v, MatrixExpr) else (S.One, S.One)


def is_single(v: Value) -> bool:
    return not isinstance(v, MatrixExpr) or bool(is_scalar(v.shape))


def is_column(v: Value) -> bool:
    return isinstance(v, MatrixExpr) and not is_scalar(v.shape) and bool(v.shape[1] == 1)


def is_row(v: Value) -> bool:
    return isinstance(v, MatrixExpr) and not is_scalar(v.shape) and bool(v.shape[0] == 1)


def is_vector(v: Value) -> bool:
    return is_column(v) or is_row(v)


def is_square(v: Value) -> bool:
    return isinstance(v, MatrixExpr) and bool(same(v.shape, (v.shape[1], v.shape[0]))) and not is_scalar(v.shape)


def as_array(v: Value) -> MatrixExpr:
    """A number as a 1×1 matrix."""
    return v if isinstance(v, MatrixExpr) else b.scale(v, b.ones(1))


def diagonal(v: Value) -> MatrixExpr:
    """A vector as a diagonal matrix."""
    if is_single(v):
        return as_array(v)
    if not is_vector(v):
        raise Misfit(f"diag of a matrix, {shape_text(shape_of(v))}")
    return b.diag(v if is_column(v) else b.transpose(v))


def negative(v: Value) -> Value:
    return b.negative(v) if isinstance(v, MatrixExpr) else -v


def transposed(v: Value) -> Value:
    return b.transpose(v) if isinstance(v, MatrixExpr) else v


def add(x: Value, y: Value, choices: Choices, at: int) -> Value:
    """x + y; a number is added to each entry, a vector to a square matrix on its diagonal where diag is left out."""
    if not isinstance(x, MatrixExpr) and not isinstance(y, MatrixExpr):
        return x + y
    x, y = _alike(x, y, choices)
    if choices.resort and is_single(x) != is_single(y):
        x, y = (_spread(x, y, choices), y) if is_single(x) else (x, _spread(y, x, choices))
    if isinstance(x, MatrixExpr) and isinstance(y, MatrixExpr):
        x, y = met(x, y, ENTRIES)
    if not same(shape_of(x), shape_of(y)):
        raise Misfit(f"a sum of {shape_text(shape_of(x))} and {shape_text(shape_of(y))}", at)
    return b.add(as_array(x), as_array(y))


def _alike(x: Value, y: Value, choices: Choices) -> tuple[Value, Value]:
    """The operands of a sum, or the sides of an equation, with what is understood written out."""
    for _ in range(2):
        x, y = y, x
        if not isinstance(x, MatrixExpr) and isinstance(y, MatrixExpr) and not is_scalar(y.shape):
            if x == 0 or not is_square(y):
                x = b.scale(x, b.ones(*y.shape)) if x != 0 else b.zeros(y.shape)
            elif choices.resort:
                options = {"a multiple of I": Identity(y.shape[0]), "added to every entry": b.ones(*y.shape)}
                x = b.scale(x, choices.seldom("a number beside a square matrix is", options))
        if choices.resort and is_vector(x) and is_square(y) and _length(as_array(x)) == shape_of(y)[0]:
            x = diagonal(x)
    return x, y


def _spread(x: Value, y: Value, choices: Choices) -> Value:
    """A scalar of the model beside a vector or a matrix: added to every entry, a_t - μ_t, or a multiple of I."""
    question, options = "a number beside a square matrix is", {"a multiple of I": True, "added to every entry": False}
    one = is_square(y) and choices.seldom(question, options)
    return _times_scalar(x, Identity(shape_of(y)[0]) if one else b.ones(*shape_of(y)))


def sides(x: Value, y: Value, choices: Choices) -> tuple[MatrixExpr, MatrixExpr]:
    """Both sides of an equation."""
    x, y = _alike(x, y, choices)
    if _holds_entries(x, y):
        x = Reshape(x, *shape_of(y))
    elif _holds_entries(y, x):
        y = Reshape(y, *shape_of(x))
    if isinstance(x, MatrixExpr) and isinstance(y, MatrixExpr):
        x, y = met(x, y, ENTRIES)
    settled(x, y)
    if not same(shape_of(x), shape_of(y)):
        raise Misfit(f"the left side is {shape_text(shape_of(x))}, the right side {shape_text(shape_of(y))}", 1_000_000)
    return as_array(x), as_array(y)


def _holds_entries(x: Value, y: Value) -> bool:
    """Is x a vector of the entries of a matrix y?"""
    if not is_vector(x) or not isinstance(y, MatrixExpr) or 1 in y.shape:
        return False
    return bool((_length(as_array(x)) - _length(y)).expand() == 0)


def matrix_product(x: Value, y: Value, choices: Choices, at: int) -> Value:
    """x y as matrices; a scalar multiplies anything."""
    if not isinstance(x, MatrixExpr) or not isinstance(y, MatrixExpr):
        return _times_number(x, y)
    if is_scalar(x.shape) or is_scalar(y.shape):
        return _times_scalar(x, y)
    x, y = met(x, y, PRODUCT)
    if same((x.shape[1], S.One), (y.shape[0], S.One)):
        return b.matmul(x, y)
    if choices.resort:
        if is_column(x) and _is_jacobian(y) and same((x.shape[0], S.One), (y.shape[0], S.One)):
            return b.matmul(b.transpose(x), y)  # ∂L/∂a ∂a/∂W, whichever way ∂L/∂a lies
        # diag left out:
        if is_vector(x) and same((y.shape[0], S.One), (_length(x), S.One)) and not is_vector(y):
            return b.matmul(diagonal(x), y)
        if is_vector(y) and same((x.shape[1], S.One), (_length(y), S.One)) and not is_vector(x):
            return b.matmul(x, diagonal(y))
    raise Misfit(f"a product of {shape_text(x.shape)} and {shape_text(y.shape)}", at)


def _is_jacobian(v: MatrixExpr) -> bool:
    inner = v.arg if isinstance(v, Transpose) else v
    return isinstance(inner, Jacobian) and not isinstance(inner, Gradient)


def _length(v: MatrixExpr) -> Expr:
    return v.shape[0] * v.shape[1]


def _times_number(x: Value, y: Value) -> Value:
    if isinstance(x, MatrixExpr):
        return b.scale(y, x)
    return b.scale(x, y) if isinstance(y, MatrixExpr) else x * y


def _times_scalar(x: MatrixExpr, y: MatrixExpr) -> MatrixExpr:
    s, m = (x, y) if is_scalar(x.shape) else (y, x)
    if is_scalar(m.shape):
        return b.hadamard(s, m)
    if m.shape[1] == 1 and m is x:
        return b.matmul(m, s)
    if m.shape[0] == 1 and m is y:
        return b.matmul(s, m)
    return b.hadamard(b.broadcast(s, m.shape), m)


def elementwise(x: Value, y: Value, at: int) -> Value:
    """x ⊙ y."""
    if is_single(x) or is_single(y):
        return _times_scalar(as_array(x), as_array(y)) if is_array(x) and is_array(y) else _times_number(x, y)
    x, y = met(as_array(x), as_array(y), ENTRIES)
    if not same(shape_of(x), shape_of(y)):
        raise Misfit(f"an elementwise product of {shape_text(shape_of(x))} and {shape_text(shape_of(y))}", at)
    return b.hadamard(x, y)


def outer(x: Value, y: Value, at: int) -> Value:
    """x yᵀ of two vectors, however they lie."""
    if is_single(x) or is_single(y):
        return _times_number(x, y) if not (is_array(x) and is_array(y)) else _times_scalar(as_array(x), as_array(y))
    if not (is_vector(x) and is_vector(y)):
        raise Misfit(f"an outer product of {shape_text(shape_of(x))} and {shape_text(shape_of(y))}", at)
    return b.matmul(x if is_column(x) else b.transpose(x), b.transpose(y) if is_column(y) else y)


def inner(x: Value, y: Value, at: int) -> Value:
    """The scalar product of two vectors, however they lie."""
    if is_vector(x) and is_vector(y):
        first, second = met(_column(x), _column(y), ENTRIES)
        if same(first.shape, second.shape):
            return b.matmul(b.transpose(first), second)
    raise Misfit(f"a scalar product of {shape_text(shape_of(x))} and {shape_text(shape_of(y))}", at)


def _column(v: Value) -> MatrixExpr:
    array = as_array(v)
    return array if is_column(array) else b.transpose(array)


def divided(x: Value, y: Value, at: int) -> Value:
    """x / y, elementwise where y is a vector."""
    if not isinstance(y, MatrixExpr):
        if y == 0:
            raise Misfit("a division by zero", at)
        return b.scale(1 / y, x) if isinstance(x, MatrixExpr) else x / y
    if is_square(y):
        raise Misfit("a division by a matrix", at)
    over = Apply("reciprocal", y)
    return elementwise(x, over, at) if isinstance(x, MatrixExpr) else b.scale(x, over)


_NAMES = count()
LONGEST, MOST_FACTORS = 3000, 256  # bits of a number, factors of a power


def _digits(v: Expr) -> int:
    """The bits of its longest number."""
    return max((max(int(n.p).bit_length(), int(n.q).bit_length()) for n in v.atoms(Rational)), default=1)


def _factors(v: MatrixExpr) -> int:
    return len(v.args) if isinstance(v, MatMul) else 1


def raised(v: Value, exponent: Expr, at: int) -> Value:
    """A power: of a square matrix as a product, of anything else elementwise."""
    if exponent.is_Integer and not -HIGHEST_POWER <= int(exponent) <= HIGHEST_POWER:
        raise Misfit(f"a power of {exponent}", at)
    _check_power(v, exponent, at)
    if not isinstance(v, MatrixExpr):
        return v**exponent
    if exponent.is_Integer and not is_square(v):
        return power(v, int(exponent))
    if exponent.is_Integer and int(exponent) >= 0:
        if _factors(v) * int(exponent) > MOST_FACTORS:
            raise Misfit(f"a product of more than {MOST_FACTORS} factors", at)
        return b.matmul(*[v] * int(exponent)) if int(exponent) else Identity(v.shape[0])
    if exponent.is_Integer:
        raise Misfit("an inverse of a matrix", at)
    index = Symbol(f"r{next(_NAMES)}", integer=True)
    if is_square(v) or is_single(v):
        return OrderedProduct(v, index, Integer(1), exponent, "ascending")
    repeated = OrderedProduct(diagonal(v), index, Integer(1), exponent, "ascending")
    column = b.matmul(repeated, b.ones(repeated.shape[0]))
    return column if is_column(v) else b.transpose(column)


def each_raised(v: Value, exponent: Expr, at: int) -> Value:
    """A power of each entry."""
    if not exponent.is_Integer or not 1 <= int(exponent) <= HIGHEST_POWER:
        raise Misfit(f"an elementwise power of {exponent}", at)
    _check_power(v, exponent, at)
    return power(v, int(exponent)) if isinstance(v, MatrixExpr) else v**exponent


def _check_power(v: Value, exponent: Expr, at: int) -> None:
    """Of a number, or of the number in front of an array.

    Raises:
        Misfit: it would be too long.
    """
    c = b.split(v)[0] if isinstance(v, MatrixExpr) else v
    if exponent.is_Integer and _digits(c) * abs(int(exponent)) > LONGEST:
        raise Misfit("a number of more than a thousand digits", at)


def applied(name: str, v: Value, at: int) -> MatrixExpr:
    """A function of an array, entry by entry; softmax of a vector."""
    v = as_array(v)
    if name == "softmax":
        if is_row(v):
            return Transpose(Softmax(b.transpose(v)))
        if not is_column(v):
            raise Misfit(f"softmax of a matrix, {shape_text(v.shape)}", at)
        return Softmax(v)
    try:
        return Apply(name, v)
    except ShapeError as error:
        raise Misfit(str(error), at) from None


def uses_steps(v: Value) -> bool:
    return T in v.free_symbols
