"""`loss = …`: the total, term by term, over steps and sequences.

A term that varies over the sequences is summed over them; one that does not, a penalty on a
parameter, counts once.  Products are therefore multiplied out first.
"""

from __future__ import annotations

from itertools import cycle

from sympy import Integer, MatrixExpr

from derive.algebra import build as b
from derive.algebra.nodes import SumOver, T
from derive.algebra.shapes import is_scalar, shape_text
from derive.language import syntax as s
from derive.language.expressions import Translator
from derive.language.report import Span
from derive.language.table import Entry
from derive.language.timing import DEEPEST_LAG, Time
from derive.language.values import Run, Value, as_array, is_array

_MOST_FACTORS = 20_000
Term = tuple[Value, Span]


class TotalTranslator(Translator):
    """Reads the right side of `loss = …`: `sum` and `mean` run over time, and steps have numbers."""

    def total(self, body: s.Node) -> MatrixExpr | None:
        """The sum of the terms over what each varies with."""
        found = self.terms(body)
        if found is None or not self.fits([v for v, _ in found], body.span):
            return None
        summed = [self._over_sequences(as_array(v), span) for v, span in found]
        return None if any(term is None for term in summed) else b.add(*summed)

    def terms(self, node: s.Node) -> list[Term] | None:
        """The additive terms of an expression, products and quotients multiplied out."""
        match node:
            case s.Sum(terms=signed):
                parts = [(sign, self.terms(term)) for sign, term in signed]
                if any(terms is None for _, terms in parts):
                    return None
                return [(_signed(sign, v), span) for sign, terms in parts for v, span in terms or ()]
            case s.Negative(arg=arg):
                inner = self.terms(arg)
                return None if inner is None else [(_signed(-1, v), node.span) for v, _ in inner]
            case s.Product(first=first, rest=rest) if all(op != "@" for op, _ in rest):
                return self._multiplied_out(first, rest)
        v = self.value(node)
        return None if v is None else [(v, node.span)]

    def _multiplied_out(self, first: s.Node, rest: tuple[tuple[str, s.Node], ...]) -> list[Term] | None:
        """The terms of a product: every term of each factor with every one of the others."""
        runs: list[Run] | None = [Run()]
        span = first.span
        for op, operand in (("*", first), *rest):
            span = first.span.to(operand.span)
            factors = self.terms(operand) if op == "*" else self._single(operand)
            if runs is None or factors is None:
                runs = None
                continue
            if len(runs) * len(factors) * (len(rest) + 1) > _MOST_FACTORS:
                message = f"multiplied out the loss has more than {_MOST_FACTORS:,} factors"
                self.error("E0107", operand.span, message, "give a factor a name of its own, or sum it first")
                return None
            runs = [run.copy() for run in runs for _ in factors] if len(factors) > 1 else runs
            pairs = zip(runs, cycle(factors), strict=False)
            if not all(self.multiply(run, op, v, span, operand.span) for run, (v, _) in pairs):
                runs = None
        return None if runs is None else [(run.value(), span) for run in runs]

    def _single(self, node: s.Node) -> list[Term] | None:
        v = self.value(node)
        return None if v is None else [(v, node.span)]

    def _over_sequences(self, term: MatrixExpr, span: Span) -> MatrixExpr | None:
        if not is_scalar(term.shape):
            help = "reduce it: sum(sum(a[t])) sums over time, then over the components"
            self.error("E0307", span, f"the loss is a scalar, this is {shape_text(term.shape)}", help)
            return None
        axes = self.axes(term)
        if "t" in axes:
            help = "sum it over time, sum(e[t]), or take the last step, e[T-1]"
            self.error("E0509", span, "this term of the loss has a value at every step", help)
            return None
        return SumOver(term, "b") if "b" in axes else term

    def axes(self, e: MatrixExpr) -> frozenset[str]:
        return self.builder.view().axes(e)

    def reduce(self, node: s.Call, mean: bool) -> Value | None:
        """Over time where the argument has it, else over the components."""
        a = self.array(node.args[0])
        if a is None or "t" not in self.axes(a):
            return None if a is None else self.over_components(a, mean)
        total = SumOver(a, "t")
        return b.scale(1 / T, total) if mean else total

    def absolute(self, node: s.Name, entry: Entry, time: Time) -> MatrixExpr | None:
        inside = -DEEPEST_LAG <= time.offset < 0 if time.anchor else 0 <= time.offset < DEEPEST_LAG
        if not inside:
            help = f"the last step is {node.name}[T-1], the first {node.name}[0]"
            message = f"[{time}] is none of the steps [T-1] ... [T-{DEEPEST_LAG}] and [0] ... [{DEEPEST_LAG - 1}]"
            self.error("E0507", node.span, message, help)
            return None
        if entry.shape is None or entry.name not in self.builder.variables:
            return None
        return self.builder.view().at(entry.name, T + time.offset if time.anchor else Integer(time.offset))


def _signed(sign: int, v: Value) -> Value:
    return b.scale(sign, v) if is_array(v) else sign * v
