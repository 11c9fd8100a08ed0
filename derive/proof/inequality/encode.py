"""From the model's expressions to the terms of certificates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from sympy import Expr, HadamardProduct, Identity, MatAdd, MatMul, MatrixExpr, OneMatrix, Symbol, Transpose

from derive.algebra.bound import Bound, OrderedProduct
from derive.algebra.build import ones
from derive.algebra.functions import Apply
from derive.algebra.nodes import Diag, Gradient, Jacobian, Norm, Scale, SumOver, T, Timed, is_reference
from derive.algebra.text import unicode_text
from derive.errors import UnsupportedError
from derive.proof.inequality.affine import CONSTANT, Affine, affine
from derive.proof.inequality.terms import Term, written
from derive.proof.prove import Prover

Statement = dict[str, str | list[str]]


def jacobian_of(e: Jacobian) -> Jacobian:
    """The derivative itself, without the weight that makes a gradient of it."""
    return Jacobian(e.of, e.by, e.kind, *e.held)


class Encoder:
    """Writes expressions as terms.

    Args:
        numbers: the values of named constants.
        sizes: the symbols that stand for sizes.
    """

    def __init__(self, numbers: Mapping[Symbol, Expr], sizes: Iterable[Symbol]):
        self.numbers = numbers
        self.fixed = frozenset({*sizes, T})
        self._symbols = {str(s): s for s in self.fixed}

    def number(self, e: MatrixExpr) -> Term:
        """A nonnegative number, 1 × 1.

        Raises:
            UnsupportedError: it is made of more than norms, numbers, sums and products.
        """
        match e:
            case Norm():
                return ("norm", e.kind, self.matrix(e.arg))
            case OneMatrix() if e.shape == (1, 1):
                return ("num", "1")
            case Scale():
                return ("times", self._coefficient(e.coefficient), self.number(e.arg))
            case MatAdd():
                return ("plus", *map(self.number, e.args))
            case HadamardProduct() | MatMul():
                return ("times", *map(self.number, e.args))
            case Bound() if e.shape == (1, 1):
                head = "prod" if isinstance(e, OrderedProduct) else "sum"
                return (head, *self._range(e), self.number(e.body))
            case Apply() if e.name == "abs" and e.shape == (1, 1):
                return ("norm", "2", self.matrix(e.arg))
            case Apply() if e.name == "power" and e.numbers[0].is_Integer and e.numbers[0] > 0:
                return ("times", *[self.number(e.arg)] * int(e.numbers[0]))
        raise UnsupportedError("bounds are proved between norms, numbers, and sums and products of them")

    def _coefficient(self, c: Expr) -> Term:
        c = c.subs(self.numbers)
        if c.is_Rational and c >= 0:
            return ("num", written(Fraction(int(c.p), int(c.q))))
        if c.is_nonnegative and c.free_symbols <= self.fixed:
            return ("size", str(c))
        raise UnsupportedError("bounds are proved where nothing is subtracted")

    def matrix(self, e: MatrixExpr) -> Term:
        """A matrix; what no rule looks into as itself."""
        if is_reference(e):
            return ("ref", e.name, self.step(e.index) if isinstance(e, Timed) else None, *self._shape(e))
        match e:
            case Transpose():
                return ("T", self.matrix(e.arg))
            case Scale():
                c = e.coefficient.subs(self.numbers)
                if c.is_Rational:
                    return ("scale", written(Fraction(int(c.p), int(c.q))), self.matrix(e.arg))
            case MatMul():
                return ("mul", *map(self.matrix, e.args))
            case MatAdd():
                return ("add", *map(self.matrix, e.args))
            case HadamardProduct():
                return ("had", *map(self.matrix, e.args))
            case Diag() if e.arg.shape[1] == 1:
                return ("diag", self.matrix(e.arg))
            case Gradient() if e.of.shape[1] == 1 and e.by.shape[1] == 1:
                turned = ("T", self.matrix(jacobian_of(e)))
                return turned if e.weight == ones(1) else ("mul", turned, self.matrix(e.weight))
            case OneMatrix() if e.shape[0] == 1 != e.shape[1]:
                return ("T", self.matrix(ones(e.shape[1])))
            case Identity():
                return ("identity", str(e.shape[0]))
            case OrderedProduct():
                return ("prod", *self._range(e), e.direction, self.matrix(e.body))
            case Bound():
                return ("sum", *self._range(e), self.matrix(e.body))
        return self._opaque(e)

    def _range(self, e: Bound) -> tuple[str, Affine, Affine]:
        return self.index(e.index), self.step(e.low), self.step(e.high)

    def _opaque(self, e: MatrixExpr) -> Term:
        """What is told apart by its kind, its operands and all else that it is made of, by where that stands."""
        if e.has(SumOver):
            raise UnsupportedError("a sum over all steps binds its index")
        head, parts, steps = [type(e).__name__], list[Term](), list[Affine]()
        for place, a in enumerate(e.args):
            if isinstance(a, MatrixExpr):
                parts.append(self.matrix(a))
            elif a.free_symbols <= self.fixed:
                head.append(f"{place}:{type(a).__name__}:{a}")
            else:
                head.append(f"{place}:step")
                steps.append(self.step(a))
        return ("op", " ".join(head), *self._shape(e), tuple(parts), tuple(steps))

    @staticmethod
    def _shape(e: MatrixExpr) -> tuple[str, str]:
        rows, cols = e.shape
        return str(rows), str(cols)

    def step(self, e: Expr) -> Affine:
        """A step of the sequence, or how many factors there are.

        Raises:
            UnsupportedError: it is no integer combination of indices.
        """
        e = e.expand()
        pairs = {s: e.coeff(s) for s in e.free_symbols}
        constant = (e - sum(c * s for s, c in pairs.items())).expand()
        if not all(c.is_Integer for c in (*pairs.values(), constant)):
            raise UnsupportedError(f"the step {e} is no integer combination of indices")
        return affine({CONSTANT: int(constant), **{self.index(s): int(c) for s, c in pairs.items()}})

    def index(self, s: Symbol) -> str:
        """Its name, which no other symbol has."""
        if self._symbols.setdefault(str(s), s) != s or str(s).startswith("#"):
            raise UnsupportedError(f"two symbols are called {s}")
        return str(s)


def statement(prover: Prover, left: MatrixExpr, right: MatrixExpr, relation: str, assumed: Iterable[str]) -> Statement:
    """What a certificate says in words."""
    names, least = prover.subject.names, max(1, prover.agreement.least)
    return {
        "model": names.name,
        "left": unicode_text(left, names),
        "right": unicode_text(right, names),
        "relation": relation,
        "for": f"every T ≥ {least} and all sizes",
        "assumptions": list(assumed),
    }
