"""Expressions as text: the rule of every node, in the cell language's own syntax.

Terms and factors keep the order of `args`, but no sum begins with a minus that need not.  Parentheses
stand where the meaning needs them, and where `*` meets `@`: nobody should have to know which of the
two goes first.  What the language has no word for (sums over steps, ordered products, padding …)
reads like a call of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatchmethod
from typing import Any

from sympy import (
    Expr,
    HadamardProduct,
    Identity,
    MatAdd,
    MatMul,
    MatrixExpr,
    MatrixSymbol,
    OneMatrix,
    Symbol,
    Transpose,
    ZeroMatrix,
)

from derive.algebra.bound import MatrixSum, OrderedProduct
from derive.algebra.build import split
from derive.algebra.functions import Apply
from derive.algebra.level import Level, Written, parenthesised
from derive.algebra.names import index_tex
from derive.algebra.nodes import (
    NONEMPTY,
    Blocks,
    Concat,
    Delta,
    Detach,
    Diag,
    DiagPart,
    Entry,
    Gradient,
    Jacobian,
    Kronecker,
    LogSoftmax,
    Loss,
    Norm,
    Pad,
    Reshape,
    Scale,
    SigmoidCrossEntropy,
    Slice,
    Softmax,
    SoftmaxCrossEntropy,
    StepGradient,
    SumOver,
    Timed,
)
from derive.algebra.nodes.derivatives import KINDS
from derive.algebra.shapes import is_scalar
from derive.algebra.shorthand import column_of, decimal, factors, scalar_part, terms_of, total_part


class Writer:
    """Expression → (text, level).  `write` is the text of an array, `entry` that of an operand of an
    elementwise operation, where an array of equal entries is just its entry."""

    TIMES, ENTRYWISE, TRANSPOSED = " @ ", " * ", ".T"

    def root(self, e: MatrixExpr) -> str:
        """The text of a right side."""
        return (self.write(e) if isinstance(split(e)[1], OneMatrix) else self.entry(e))[0]

    def name(self, name: str, index: Any) -> Written:
        return (name if index is None else f"{name}[{index_tex(index)}]"), Level.ATOM

    def entry(self, e: MatrixExpr) -> Written:
        c, a = split(e)
        if isinstance(a, OneMatrix):
            return self.number(c)
        s = scalar_part(e)
        return self.write(e) if s is None else self.write(s)

    def call(self, name: str, *args: MatrixExpr | str) -> Written:
        inside = ", ".join(a if isinstance(a, str) else self.write(a)[0] for a in args)
        return f"{name}({inside})", Level.ATOM

    def number(self, c: Expr) -> Written:
        """A coefficient that stands alone."""
        return self.scaled(c, ("1", Level.ATOM))

    def scaled(self, c: Expr, body: Written) -> Written:
        """c·body: 0.5 * a, a / T, -a."""
        negative = c.could_extract_minus_sign()
        over, under = ("", "")
        c = -c if negative else c
        if decimal(c):
            over = decimal(c)
        else:
            over, under = (self.size(part, product=True) for part in c.as_numer_denom())
        out, level = body
        if over != "1":
            out = over if out == "1" else f"{over} * {parenthesised((out, self._beside(level)), Level.ENTRYWISE)}"
            level = level if out == over else Level.ENTRYWISE
        if under and under != "1":
            out = f"{parenthesised((out, self._beside(level)), Level.ENTRYWISE)} / {under}"
            level = Level.ENTRYWISE
        if not negative:
            return out, level
        return f"-{parenthesised((out, level), Level.ENTRYWISE)}", Level.MINUS

    @staticmethod
    def _beside(level: Level) -> Level:
        """The level of a text beside `*`: a matrix product needs parentheses there."""
        return Level.ADD if level == Level.PRODUCT else level

    @staticmethod
    def size(e: Expr, product: bool = False) -> str:
        """A size or a scalar: 4*H, H + I; in a product, what is not one factor gets parentheses."""
        shown = str(e.xreplace({NONEMPTY: Symbol("(T > 0)")}))
        return f"({shown})" if product and (e.is_Add or e.is_Mul) else shown

    @singledispatchmethod
    def write(self, e: Any) -> Written:
        raise TypeError(f"no text for {type(e).__name__}: register one in derive.algebra.writer")

    @write.register(Timed)
    def _(self, e: Timed) -> Written:
        return self.name(e.name, e.index)

    @write.register(MatrixSymbol)
    def _(self, e: MatrixSymbol) -> Written:
        return self.name(e.name, None)

    @write.register(StepGradient)
    def _(self, e: StepGradient) -> Written:
        return f"dL[{index_tex(e.index)}]/d{self.name(e.name, None)[0]}", Level.POWER

    @write.register(Jacobian)
    def _(self, e: Jacobian) -> Written:
        of_one = not isinstance(e, Gradient) or isinstance(e.weight, OneMatrix)
        weight = "" if of_one else f"({self.write(e.weight)[0]})·"
        text = f"{weight}{KINDS[e.kind]}{self.write(e.of)[0]}/{KINDS[e.kind][0]}{self.write(e.by)[0]}"
        held = ", ".join(self.write(a)[0] for a in e.held)
        return (f"({text} at fixed {held})", Level.ATOM) if held else (text, Level.POWER)

    @write.register(Entry)
    def _(self, e: Entry) -> Written:
        places = (e.row,) if e.arg.shape[1] == 1 else (e.row, e.col)
        return f"{parenthesised(self.write(e.arg), Level.ATOM)}[{','.join(map(index_tex, places))}]", Level.ATOM

    @write.register(Kronecker)
    def _(self, e: Kronecker) -> Written:
        return " ⊗ ".join(parenthesised(self.write(a), Level.POWER) for a in e.args), Level.ENTRYWISE

    @write.register(OneMatrix)
    def _(self, e: OneMatrix) -> Written:
        return ("1", Level.ATOM) if is_scalar(e.shape) else self.constant("ones", e)

    @write.register(ZeroMatrix)
    def _(self, e: ZeroMatrix) -> Written:
        return ("0", Level.ATOM) if is_scalar(e.shape) else self.constant("zeros", e)

    def constant(self, name: str, e: MatrixExpr) -> Written:
        rows, cols = e.shape
        if rows == 1:
            return f"{name}({self.size(cols)}){self.TRANSPOSED}", Level.ATOM
        return self.call(name, *(self.size(n) for n in (rows, cols)[: 1 if cols == 1 else 2]))

    @write.register(Identity)
    def _(self, e: Identity) -> Written:
        return self.call("identity", self.size(e.shape[0]))

    @write.register(MatAdd)
    def _(self, e: MatAdd) -> Written:
        column = column_of(e)
        if column is not None:
            return self.write(Transpose(column))
        first, *others = (self.entry(a) for a in terms_of(e))
        out = parenthesised(first, Level.MINUS)
        for shown, level in others:
            minus = level == Level.MINUS
            out += f" - {shown[1:]}" if minus else f" + {parenthesised((shown, level), Level.ENTRYWISE)}"
        return out, Level.ADD

    @write.register(Scale)
    def _(self, e: Scale) -> Written:
        return self.scaled(e.coefficient, self.write(e.arg) if isinstance(e.arg, OneMatrix) else self.entry(e.arg))

    @write.register(MatMul)
    def _(self, e: MatMul) -> Written:
        whole = total_part(e)
        if whole is not None:
            return self.call("sum", whole)
        args = factors(e)
        if len(args) == 1:
            return self.write(args[0])
        return self.TIMES.join(parenthesised(self.write(a), Level.POWER) for a in args), Level.PRODUCT

    @write.register(HadamardProduct)
    def _(self, e: HadamardProduct) -> Written:
        column = column_of(e)
        if column is not None:
            return self.write(Transpose(column))
        out = ""
        for a in e.args:
            if isinstance(a, Apply) and a.name == "reciprocal":
                out = f"{out or '1'} / {parenthesised(self.entry(a.arg), Level.ATOM)}"
            else:
                out += (self.ENTRYWISE if out else "") + parenthesised(self.entry(a), Level.POWER)
        return out, Level.ENTRYWISE

    @write.register(Transpose)
    def _(self, e: Transpose) -> Written:
        return parenthesised(self.write(e.arg), Level.ATOM) + self.TRANSPOSED, Level.ATOM

    @write.register(Apply)
    def _(self, e: Apply) -> Written:
        if e.name == "reciprocal":
            return f"1 / {parenthesised(self.entry(e.arg), Level.ATOM)}", Level.ENTRYWISE
        if e.name == "power":
            return f"{parenthesised(self.entry(e.arg), Level.ATOM)} ** {e.numbers[0]}", Level.POWER
        numbers = (self.number(n)[0] for n in e.numbers)
        return self.call(e.name, *(self.entry(a)[0] for a in e.matrices), *numbers)

    @write.register(Softmax)
    @write.register(LogSoftmax)
    @write.register(Detach)
    @write.register(Diag)
    @write.register(DiagPart)
    @write.register(Concat)
    @write.register(Norm)
    def _(self, e: Any) -> Written:
        return self.call(_CALLS[type(e)], *e.matrices)

    @write.register(Loss)
    def _(self, e: Loss) -> Written:
        return self.call(e.kind, e.target, e.prediction)

    @write.register(SoftmaxCrossEntropy)
    def _(self, e: SoftmaxCrossEntropy) -> Written:
        return self.call("cross_entropy_with_logits", e.target, e.logits)

    @write.register(SigmoidCrossEntropy)
    def _(self, e: SigmoidCrossEntropy) -> Written:
        return self.call("binary_cross_entropy", e.target, self.call("sigmoid", e.logits)[0])

    @write.register(SumOver)
    def _(self, e: SumOver) -> Written:
        return self.call(f"sum_{e.axes}", e.arg)

    @write.register(Delta)
    def _(self, e: Delta) -> Written:
        return f"({self.write(e.arg)[0]} if {index_tex(e.at)} == {index_tex(e.time)} else 0)", Level.ATOM

    @write.register(Slice)
    def _(self, e: Slice) -> Written:
        return self.call("slice", e.arg, self.size(e.low), self.size(e.high))

    @write.register(Pad)
    @write.register(Reshape)
    def _(self, e: Pad | Reshape) -> Written:
        return self.call(type(e).__name__.lower(), e.arg, *map(self.size, e.args[1:]))

    @write.register(Blocks)
    def _(self, e: Blocks) -> Written:
        rows = [e.matrices[i : i + e.block_cols] for i in range(0, len(e.matrices), e.block_cols)]
        return f"[{', '.join('[' + ', '.join(self.write(a)[0] for a in row) + ']' for row in rows)}]", Level.ATOM

    @write.register(MatrixSum)
    def _(self, e: MatrixSum) -> Written:
        return f"sum({e.index} = {e.low} .. {e.high}: {self.write(e.body)[0]})", Level.ATOM

    @write.register(OrderedProduct)
    def _(self, e: OrderedProduct) -> Written:
        first, last = (e.low, e.high) if e.direction == "ascending" else (e.high, e.low)
        return f"prod({e.index} = {first} .. {last}: {self.write(e.body)[0]})", Level.ATOM


_CALLS: Mapping[type, str] = {
    Norm: "norm",
    Softmax: "softmax",
    LogSoftmax: "log_softmax",
    Detach: "detach",
    Diag: "diag",
    DiagPart: "diagonal",
    Concat: "concat",
}
