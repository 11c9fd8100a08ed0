"""Expressions of the text to matrix expressions, every shape checked and every broadcast explicit.

A value is a matrix expression, or a coefficient: a SymPy scalar of numbers, sizes and constants.
None is a value that an error hides; whatever hangs on it is None too and causes no further error.
"""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Add, Expr, Integer, MatrixExpr, S

from derive.algebra import build as b
from derive.algebra.functions import HIGHEST_POWER, Apply, power
from derive.algebra.nodes import is_reference
from derive.algebra.shapes import Shape, is_scalar, same, shape_text
from derive.language import coefficients
from derive.language import syntax as s
from derive.language.calls import call
from derive.language.declarations import literal
from derive.language.references import References
from derive.language.report import Span
from derive.language.table import Table
from derive.language.values import Measure, Run, Value, as_array, is_array, stretch, text_of
from derive.program import Builder


class Translator(References):
    """Turns the expressions of one cell into matrix expressions; errors go to the report."""

    def __init__(self, table: Table, builder: Builder):
        super().__init__(table, builder)
        self.constants = table.constants()
        self.measure = Measure()

    def value(self, node: s.Node, row: bool = False) -> Value | None:
        """The value of an expression; `row` says that a transposed vector may stand here."""
        v: Value | None
        match node:
            case s.Number(value=number):
                return number
            case s.Name():
                return self.name(node)
            case s.Sum():
                v = self.sum(node)
            case s.Product():
                v = self.product(node, row)
            case s.Negative(arg=arg):
                v = self.value(arg, row)
                v = None if v is None else b.negative(v) if is_array(v) else -v
            case s.Power():
                v = self.power(node)
            case s.Transposed():
                v = self.transposed(node, row)
            case s.Call():
                v = call(self, node)
            case _:  # a new kind of node
                raise TypeError(f"no rule reads {type(node).__name__}")
        if v is not None and is_array(v) and self.small(b.split(v)[0], node.span) is None:
            return None
        return v if self.fits([v], node.span) else None

    def fits(self, values: Sequence[Value | None], span: Span) -> bool:
        """Is an expression made of these small enough for everything that walks over it?"""
        return self.measure.fits(*values) or self._too_large(span)

    def may_double(self, a: MatrixExpr, span: Span) -> bool:
        """May an operand be written twice, as in a * a for a ** 2?"""
        return self.measure.may_double(a) or self._too_large(span)

    def _too_large(self, span: Span) -> bool:
        help = "give a part of it a name of its own: an equation for each"
        self.error("E0107", span, "written out the expression is too large or too deep", help)
        return False

    def array(self, node: s.Node) -> MatrixExpr | None:
        v = self.value(node)
        return None if v is None else as_array(v)

    def small(self, c: Expr, span: Span) -> Expr | None:
        """A coefficient that may be carried on, else an error."""
        if why := coefficients.fault(c):
            self.error("E0108", span, f"this number cannot be used: {why}")
            return None
        return c

    def reduce(self, node: s.Call, mean: bool) -> Value | None:
        """sum(a) or mean(a): over all components."""
        a = self.array(node.args[0])
        return None if a is None else self.over_components(a, mean)

    def over_components(self, a: MatrixExpr, mean: bool) -> MatrixExpr:
        rows, cols = a.shape
        return b.scale(1 / (rows * cols), b.total(a)) if mean else b.total(a)

    def sum(self, node: s.Sum) -> Value | None:
        values = [(sign, self.value(term), term.span) for sign, term in node.terms]
        arrays = [(v, span) for _, v, span in values if v is not None and is_array(v)]
        wide = [(v, span) for v, span in arrays if not is_scalar(v.shape)]
        for v, span in wide[1:]:
            if not same(v.shape, wide[0][0].shape):
                message = f"'+' and '-' need equal shapes, got {text_of(wide[0][0])} and {text_of(v)}"
                self.error("E0301", span, message, "a scalar or a number is added to every component")
                return None
        if any(v is None for _, v, _ in values) or not self.fits([v for _, v, _ in values], node.span):
            return None
        signed = [(sign, v) for sign, v, _ in values if v is not None]
        if not arrays:
            return self.small(Add(*(sign * v for sign, v in signed)), node.span)
        shape = wide[0][0].shape if wide else (S.One, S.One)
        return b.add(*(b.scale(sign, stretch(v, shape)) for sign, v in signed))

    def product(self, node: s.Product, row: bool) -> Value | None:
        operators = [op for op, _ in node.rest]
        if "*" in operators and "@" in operators:
            help = "they bind equally, from left to right, as in Python; write r * (W @ h) or (r * W) @ h"
            self.report.warn("W0102", node.span, "'*' and '@' are mixed without parentheses", help)
        run, hidden = Run(), False
        for i, (op, operand) in enumerate((("", node.first), *node.rest)):
            after = operators[i] if i < len(operators) else "@" if row else ""
            beside = op == "@" or (after == "@" and (op == "" or (op == "*" and not run.factors)))
            v = self.value(operand, row=beside)
            hidden = hidden or v is None
            if hidden or v is None:
                continue
            span = node.first.span.to(operand.span)
            hidden = not self.multiply(run, op or "*", v, span, operand.span)
        return run.value() if not hidden and self.fits(run.factors, node.span) else None

    def multiply(self, run: Run, op: str, v: Value, span: Span, operand: Span) -> bool:
        """One more factor, or one reported: `span` is that of the product so far."""
        if op == "@":
            if not self._inner_fits(run, v, span):
                return False
            run.dot(v)
            return True
        if is_array(v) and not (is_scalar(run.shape) or is_scalar(v.shape) or same(run.shape, v.shape)):
            message = f"'{op}' needs equal shapes, got {shape_text(run.shape)} and {text_of(v)}"
            self.error("E0301", span, message, "the matrix product is '@', the elementwise product is '*'")
            return False
        if op == "/":
            inverse = self.reciprocal(v, operand)
            if inverse is None:
                return False
            v = inverse
        run.times(v)
        return self.small(run.coefficient, span) is not None

    def _inner_fits(self, run: Run, v: Value, span: Span) -> bool:
        if not run.factors or not is_array(v):
            what = f"{'a number' if not run.factors else shape_text(run.shape)} and {text_of(v)}"
            self.error("E0302", span, f"'@' multiplies arrays, got {what}", "a number multiplies with '*'")
            return False
        left, right = run.shape, v.shape
        if same((left[1], S.One), (right[0], S.One)):
            return True
        message = f"'@' needs matching inner sizes, got {shape_text(left)} and {shape_text(right)}"
        help = _product_help(left, right)
        alone = run.factors[0] if len(run.factors) == 1 else None
        if alone is not None and is_reference(alone) and same((left[0], S.One), (right[0], S.One)) and left[1] != 1:
            help += f", or declare {alone.name} : {left[1]} x {left[0]}"
        self.error("E0302", span, message, help)
        return False

    def reciprocal(self, v: Value, span: Span) -> Value | None:
        """1 / v, elementwise; a scalar is inverted before it is broadcast."""
        if b.is_zero(v) if is_array(v) else coefficients.is_zero(v, self.constants):
            self.error("E0604", span, "a division by zero")
            return None
        return Apply("reciprocal", v) if is_array(v) else 1 / v

    def power(self, node: s.Power) -> Value | None:
        v, n = self.value(node.base), literal(node.exponent)
        if n is None or not n.is_Integer or abs(n) > HIGHEST_POWER:
            help = "a square root is sqrt(a), any other power exp(p * log(a))"
            message = f"a power is a whole number from -{HIGHEST_POWER} to {HIGHEST_POWER}"
            self.error("E0209", node.exponent.span, message, help)
            return None
        if v is None:
            return None
        if is_array(v):
            if abs(n) == 2 and not self.may_double(v, node.span):
                return None
            raised = power(v, abs(int(n)))
            return raised if n >= 0 else self.reciprocal(raised, node.base.span)
        base = v if n >= 0 else self.reciprocal(v, node.base.span)
        return None if base is None else self.small(base ** Integer(abs(n)), node.span)

    def transposed(self, node: s.Transposed, row: bool) -> Value | None:
        v = self.value(node.arg, row=isinstance(node.arg, s.Transposed))
        if v is None or not is_array(v):
            return v
        if v.shape[1] == 1 and v.shape[0] != 1 and not row:
            help = "a.T @ b is a scalar; outer(a, b) is the matrix a b.T; no equation needs a row vector"
            message = f"the transpose of {text_of(v)} stands only directly under '@'"
            self.error("E0305", node.span, message, help)
            return None
        return b.transpose(v)


def _product_help(left: Shape, right: Shape) -> str:
    if is_scalar(left) or is_scalar(right):
        return "a scalar multiplies with '*'"
    turned = same((left[0], S.One), (right[0], S.One))
    if left[1] == 1 and turned:
        return "transpose the left operand, as in W.T @ h" + (", or multiply with '*'" if same(left, right) else "")
    if left[1] == 1:
        return "the columns of the left operand are the rows of the right one; outer(a, b) is the matrix a b.T"
    fits = f"{shape_text(left)} multiplies {shape_text((left[1], S.One))}"
    return f"{fits}; transposed, as in W.T @ h, it gives {shape_text((left[1], right[1]))}" if turned else fits
