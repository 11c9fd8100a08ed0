"""Expressions of the text to matrix expressions, every shape checked and every broadcast explicit.

A value is a matrix expression, or a coefficient: a SymPy scalar of numbers, sizes and constants.
None is a value that an error hides; whatever hangs on it is None too and causes no further error.
"""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Add, Expr, Integer, MatrixExpr, S

from derive.algebra import build as b
from derive.algebra.functions import Apply, power
from derive.algebra.nodes import T
from derive.algebra.shapes import Shape, is_scalar, same, shape_text
from derive.language import coefficients
from derive.language import syntax as s
from derive.language.calls import call
from derive.language.declarations import literal
from derive.language.report import Report, Span
from derive.language.table import KIND_TEXT, Entry, Table
from derive.language.timing import DEEPEST_LAG, Time, time_of
from derive.language.values import Measure, Run, Value, as_array, is_array, stretch, text_of
from derive.language.words import FUNCTION_NAMES, KEYWORDS
from derive.program import Builder

_NOT_A_VALUE = {
    "t": ("'t' is the time step, not a number", "declare an input that carries it, as in: input time : 1"),
    "B": ("the number of sequences never appears in a cell", "equations speak of one sequence"),
    "L": ("the total loss is no value to go on with", "it is what the gradients are taken of"),
    "loss": ("the loss is no value to go on with", "name the expression: e[t] = ..., loss[t] = e[t]"),
}


class Translator:
    """Turns the expressions of one cell into matrix expressions; errors go to the report."""

    def __init__(self, table: Table, builder: Builder):
        self.table, self.builder = table, builder
        self.report: Report = table.report
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
            case _:
                raise TypeError(f"no rule reads {type(node).__name__}")
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

    def error(self, code: str, span: Span, message: str, help: str = "") -> None:
        """Report; the value of the faulty expression is None."""
        self.report.error(code, span, message, help)

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

    # Names

    def name(self, node: s.Name) -> Value | None:
        if node.name == "T" and node.index is None:
            return T
        entry = self.table.entries.get(node.name)
        if entry is None or entry.kind == "loss":
            self._no_value(node)
            return None
        self.table.used.add(node.name)
        if entry.kind in ("size", "number"):
            return entry.symbol if self._untimed(node, entry) else None
        if entry.shape is None or node.name not in self.builder.variables:
            return None
        return self._reference(node, entry)

    def _no_value(self, node: s.Name) -> None:
        if node.name in self.table.doubtful:
            return
        if node.name in _NOT_A_VALUE:
            self.error("E0407", node.span, *_NOT_A_VALUE[node.name])
            return
        if node.name in FUNCTION_NAMES:
            help = f"write {node.name}(...)"
            self.error("E0407", node.span, f"'{node.name}' is a function and needs its arguments", help)
            return
        if node.name in KEYWORDS:
            self.error("E0407", node.span, f"'{node.name}' is a word of this language")
            return
        self.table.get(node.name, node.span)
        return

    def _untimed(self, node: s.Name, entry: Entry) -> bool:
        if node.index is None:
            return True
        what = "one value for the whole sequence" if entry.once else KIND_TEXT[entry.kind]
        message = f"'{entry.name}' is {what} and has no time"
        self.error("E0505", node.span, message, f"write {entry.name}")
        return False

    def _reference(self, node: s.Name, entry: Entry) -> MatrixExpr | None:
        if not entry.timed:
            return self.builder.ref(entry.name) if self._untimed(node, entry) else None
        time = time_of(node.index)
        if time is None:
            help = f"a time is [t], [t-1], [t+1], and in 'loss = ...' [T-1] or [0]: {entry.name}[t]"
            self.error("E0208", node.index.span if node.index else node.span, "this is no time", help)
            return None
        if time.anchor != "t":
            return self.absolute(node, entry, time)
        if entry.kind == "state":
            self._check_state(node, time)
        elif time.offset:
            self._check_present(node, entry, time)
            return self.builder.ref(entry.name)
        return self.builder.ref(entry.name, time.offset)

    def _check_state(self, node: s.Name, time: Time) -> None:
        if node.index is None:
            help = f"write {node.name}[t-1] for the value of the step before, {node.name}[t] for this step's"
            self.error("E0505", node.span, f"the state '{node.name}' needs a time", help)
        elif abs(time.offset) > DEEPEST_LAG:
            message = f"a state is read at most {DEEPEST_LAG} steps away, not {abs(time.offset)}"
            help = "carry the value in a second state"
            self.error("E0506", node.span, message, help)

    def _check_present(self, node: s.Name, entry: Entry, time: Time) -> None:
        what = KIND_TEXT[entry.kind]
        if time.offset > 0:
            message = f"a look into the future: '{node.name}' is {what}, read at [{time}]"
            help = "only a state that runs backward in time is read at [t+1]"
            self.error("E0502", node.span, message, help)
            return
        assert entry.shape is not None
        shape = " x ".join(str(n) for n in entry.shape if n != 1) or "1"
        p = next(p for p in ("p", "q", "past", f"{node.name}_past") if p not in self.table.entries)
        help = f"write 'state {p} : {shape}' and '{p}[t] = {node.name}[t]', then read {p}[{time}]"
        if entry.kind == "result":
            help = f"declare it as a state: state {node.name} : {shape}"
        self.error("E0501", node.span, f"only states have a past, and '{node.name}' is {what}", help)
        return

    def absolute(self, node: s.Name, entry: Entry, time: Time) -> MatrixExpr | None:
        """name[T-1] or name[0]: only the total loss knows these."""
        help = "an equation says what holds at every step t; the last step is read in 'loss = ...' only"
        self.error("E0507", node.span, f"'{node.name}[{time}]' is one step of the sequence", help)
        return None

    # Operators

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
        self.error("E0302", span, message, _product_help(left, right))
        return False

    def reciprocal(self, v: Value, span: Span) -> Value | None:
        """1 / v, elementwise; a scalar is inverted before it is broadcast."""
        if is_array(v):
            return Apply("reciprocal", v)
        if coefficients.is_zero(v, self.constants):
            self.error("E0604", span, "a division by zero")
            return None
        return 1 / v

    def power(self, node: s.Power) -> Value | None:
        v, n = self.value(node.base), literal(node.exponent)
        if n is None or not n.is_Integer or abs(n) > coefficients.HIGHEST_POWER:
            help = "a square root is sqrt(a), any other power exp(p * log(a))"
            message = f"a power is a whole number from -{coefficients.HIGHEST_POWER} to {coefficients.HIGHEST_POWER}"
            self.error("E0209", node.exponent.span, message, help)
            return None
        if v is None:
            return None
        if is_array(v):
            if abs(n) == 2 and not self.may_double(v, node.span):
                return None
            raised = power(v, abs(int(n)))
            return raised if n >= 0 else Apply("reciprocal", raised)
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
    if same((left[0], S.One), (right[0], S.One)):
        return "transpose the left operand, as in W.T @ h" + (", or multiply with '*'" if same(left, right) else "")
    return "the columns of the left operand are the rows of the right one"
