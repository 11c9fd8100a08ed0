"""Equations as expressions of PyTorch or JAX, the way a person writes them for arrays whose last axes are components.

A vector of n is [.., n], a scalar [.., 1], a matrix [.., r, c]; the leading axes are those of the context: sequences
within a step, steps and sequences outside.  Weights have none.  `W @ h[t]` becomes `h @ W.t()`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import singledispatch

from sympy import Add, Expr, HadamardProduct, Identity, MatAdd, MatMul, MatrixExpr, OneMatrix, Transpose, ZeroMatrix

from derive.algebra import build
from derive.algebra.functions import Apply
from derive.algebra.nodes import (
    Concat,
    Detach,
    Diag,
    DiagPart,
    LogSoftmax,
    Scale,
    SigmoidCrossEntropy,
    Slice,
    Softmax,
    SoftmaxCrossEntropy,
    is_reference,
)
from derive.errors import UnsupportedError
from derive.kernels.lowering.codenames import CodeNames, Coefficients
from derive.kernels.written import products
from derive.kernels.written.codes import ATOM, PRODUCT, SUM, Code, Numbers
from derive.kernels.written.dialects import Dialect
from derive.program import Program, operands


@dataclass(frozen=True)
class Writer:
    """Writes the expressions of one program.

    Attributes:
        reference: the text of a reference, by the layout of the peer.
        numbers: how coefficients are written: by default as if T were at least 1.
        steps: whether the leading axes are steps and sequences; sequences alone within a step.
    """

    program: Program
    names: CodeNames
    dialect: Dialect
    like: str
    reference: Callable[[MatrixExpr], str]
    steps: bool = False
    numbers: type[Coefficients] = Numbers

    def __call__(self, e: MatrixExpr) -> str:
        """An expression in its full shape, with the leading axes that it has itself."""
        return self.full(e).text

    def value(self, name: str) -> str:
        """The right side of a name's equation, with the leading axes of the name."""
        e = self.program.equations[name]
        v, text = self.program[name], self.full(e).text
        return text if self.program.axes(e) >= v.axes else self.expand(text, e, v.axes)

    def full(self, e: MatrixExpr) -> Code:
        """In its full shape: what is only broadcast elsewhere is written out."""
        code = write(e, self)
        if code.full:
            return code
        return Code(f"{self.phrase('ones', shape=self.shape(e))} * {code.at(ATOM)}", PRODUCT)

    def atom(self, e: MatrixExpr) -> str:
        return self.full(e).at(ATOM)

    def phrase(self, name: str, *parts: str, **named: str) -> str:
        return self.dialect[name].format(*parts, like=self.like, **named)

    def size(self, e: Expr) -> str:
        return self.names.size(e)

    def number(self, e: Expr) -> str:
        """A coefficient."""
        e = e.subs(self.program.numbers)
        text = self.numbers(self.names).text(e)
        return f"({text})" if isinstance(e, Add) else text

    def shape(self, e: MatrixExpr) -> str:
        """The numbers of the components' axes."""
        return ", ".join(self.size(n) for n in (e.shape if e.shape[1] != 1 else e.shape[:1]))

    def expand(self, text: str, e: MatrixExpr, axes: frozenset[str]) -> str:
        lead = ["T"] * ("t" in axes and self.steps) + ["B"] * ("b" in axes)
        return self.phrase("expand", text, shape=", ".join([*lead, self.shape(e)]))

    def batched(self, e: MatrixExpr) -> bool:
        return bool(self.program.axes(e))


@singledispatch
def write(e: MatrixExpr, to: Writer) -> Code:
    """The text of an expression."""
    if is_reference(e):
        v = to.program[e.name]
        text = to.reference(e)
        return Code(to.phrase("onehot", text, shape=to.size(v.shape[0])) if v.onehot else text)
    raise UnsupportedError(f"no text of {to.dialect.name} for {type(e).__name__}")


@write.register(OneMatrix)
def _(e: OneMatrix, to: Writer) -> Code:
    return Code("1.0", full=False)


@write.register(ZeroMatrix)
def _(e: ZeroMatrix, to: Writer) -> Code:
    return Code(to.phrase("zeros", shape=to.shape(e)))


@write.register(Identity)
def _(e: Identity, to: Writer) -> Code:
    return Code(to.phrase("eye", shape=to.size(e.shape[0])))


@write.register(MatAdd)
def _(e: MatAdd, to: Writer) -> Code:
    text, full = "", False
    for a in operands(e):
        negative = isinstance(a, Scale) and a.coefficient.could_extract_minus_sign() and bool(text)
        code = write(build.negative(a) if negative else a, to)
        text += f" {'-' if negative else '+'} {code.at(PRODUCT)}" if text else code.text
        full |= code.full
    return Code(text, SUM, full)


@write.register(HadamardProduct)
def _(e: HadamardProduct, to: Writer) -> Code:
    codes = [write(a, to) for a in operands(e)]
    first, *rest = codes  # a * b @ c is (a * b) @ c
    return Code(" * ".join([first.at(PRODUCT), *(c.at(ATOM) for c in rest)]), PRODUCT, any(c.full for c in codes))


@write.register(Scale)
def _(e: Scale, to: Writer) -> Code:
    code = write(e.arg, to)
    if e.coefficient == -1:
        return Code(f"-{code.at(PRODUCT)}", SUM, code.full)
    number = to.number(e.coefficient)
    minus = number.startswith("-")
    return Code(f"{number} * {code.at(ATOM)}", SUM if minus else PRODUCT, code.full)


@write.register(MatMul)
def _(e: MatMul, to: Writer) -> Code:
    scalar = build.broadcast_scalar(e)
    if scalar is None or e.shape[0] == 1 or len(e.args) == 1:
        return _product(e.args, to)
    code = to.full(scalar)
    if e.shape[1] != 1:
        code = Code(to.phrase("column", code.at(ATOM)))
    return replace(code, full=False)


def _product(factors: Sequence[MatrixExpr], to: Writer) -> Code:
    text, level = products.product(factors, to)
    return Code(text, level)


@write.register(Transpose)
def _(e: Transpose, to: Writer) -> Code:
    inner = to.atom(e.arg)
    if e.arg.shape[1] == 1:
        return Code(to.phrase("row", inner))
    return Code(to.phrase("unrow" if e.arg.shape[0] == 1 else "transpose", inner))


@write.register(Apply)
def _(e: Apply, to: Writer) -> Code:
    args = [to.full(a) for a in e.matrices]
    numbers = [str(int(n)) if n.is_Integer else to.number(n) for n in e.numbers]
    pattern = e.function.code.get(to.dialect.name)
    if pattern is None:
        raise UnsupportedError(f"no text of {to.dialect.name} for the function {e.name}")
    text = pattern.format(*(c.text for c in args), *numbers, like=to.like)
    return Code(text, SUM if text.startswith("-") else ATOM)


def _along(name: str, e: MatrixExpr, to: Writer) -> Code:
    axis = "-1" if e.shape[1] == 1 else "-2"
    return Code(to.phrase(name, to.full(e.arg).text, axis=axis))


@write.register(Softmax)
def _(e: Softmax, to: Writer) -> Code:
    return _along("softmax", e, to)


@write.register(LogSoftmax)
def _(e: LogSoftmax, to: Writer) -> Code:
    return _along("log_softmax", e, to)


@write.register(SoftmaxCrossEntropy)
def _(e: SoftmaxCrossEntropy, to: Writer) -> Code:
    axes = to.program.axes(e)
    y, z = _spread(e.target, axes, to), _spread(e.logits, axes, to)
    classes = is_reference(e.target) and to.program[e.target.name].onehot
    name = "cross_entropy classes"
    if not classes or name not in to.dialect.phrases:
        name = "cross_entropy"
    if classes:
        y = to.reference(e.target)
        if to.steps and "t" in axes and "t" not in to.program.axes(e.target):
            y = to.phrase("expand", y, shape="T, B")
    text = to.phrase(name, y, z)
    return Code(text, SUM if text.startswith("-") else ATOM)


@write.register(SigmoidCrossEntropy)
def _(e: SigmoidCrossEntropy, to: Writer) -> Code:
    axes = to.program.axes(e)
    return Code(to.phrase("binary_cross_entropy", _spread(e.target, axes, to), _spread(e.logits, axes, to)))


def _spread(e: MatrixExpr, axes: frozenset[str], to: Writer) -> str:
    """With all these axes: losses do not broadcast."""
    text = to.atom(e)
    return text if to.program.axes(e) == axes else to.expand(text, e, axes)


@write.register(Concat)
def _(e: Concat, to: Writer) -> Code:
    axes = to.program.axes(e)
    parts = [to.full(a).text if to.program.axes(a) == axes else to.expand(to.atom(a), a, axes) for a in operands(e)]
    return Code(to.phrase("concat" if e.shape[1] == 1 else "concat rows", ", ".join(parts)))


@write.register(Slice)
def _(e: Slice, to: Writer) -> Code:
    rows = f"{to.size(e.low)}:{to.size(e.high)}"
    return Code(f"{to.atom(e.arg)}[..., {rows}]" if e.shape[1] == 1 else f"{to.atom(e.arg)}[..., {rows}, :]")


@write.register(Diag)
def _(e: Diag, to: Writer) -> Code:
    return Code(to.phrase("diag", to.atom(e.arg), shape=to.size(e.shape[0])))


@write.register(DiagPart)
def _(e: DiagPart, to: Writer) -> Code:
    return Code(to.phrase("diagonal", to.full(e.arg).text))


@write.register(Detach)
def _(e: Detach, to: Writer) -> Code:
    return Code(to.phrase("detach", to.atom(e.arg)))
