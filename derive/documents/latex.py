r"""Expressions as LaTeX.

Terms and factors keep the order of `args`, except that a scalar factor of an elementwise product
stands in front and its divisors at the end.  The batch is not in the equations that a reader sees:
a sum over steps and sequences prints as the sum over steps, one over sequences as its body.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from math import prod

from sympy import (
    Expr,
    HadamardProduct,
    Integer,
    MatAdd,
    MatMul,
    MatrixExpr,
    MatrixSymbol,
    OneMatrix,
    Rational,
    Symbol,
    ZeroMatrix,
)

from derive.algebra.bound import MatrixSum, OrderedProduct
from derive.algebra.functions import Apply
from derive.algebra.names import Notation, index_tex, tex_name
from derive.algebra.nodes import (
    NONEMPTY,
    Blocks,
    Concat,
    Delta,
    Detach,
    Diag,
    DiagPart,
    Jacobian,
    Kronecker,
    LogSoftmax,
    Node,
    Pad,
    Scale,
    Slice,
    Softmax,
    SumOver,
    Timed,
)
from derive.algebra.shapes import is_scalar
from derive.algebra.shorthand import column_of, decimal, factors, scalar_part, terms_of
from derive.algebra.symbols import has_superscript
from derive.documents.levels import Level, level, parentheses
from derive.documents.losses import LOG_SOFTMAX, LossPrinter
from derive.documents.quotients import DerivativePrinter
from derive.errors import UnsupportedError
from derive.program import Program


def latex(e: MatrixExpr, program: Program | None = None) -> str:
    """The TeX of one expression, with the names of a program."""
    return MatrixPrinter(Notation(program.variables if program else {})).doprint(e)


def aligned(equations: Iterable[tuple[MatrixExpr, MatrixExpr]], program: Program) -> str:
    """Equations below one another, for a notebook."""
    rows = (f"{latex(left, program)} &= {latex(right, program)}" for left, right in equations)
    return r"$\displaystyle \begin{aligned} " + r" \\ ".join(rows) + r" \end{aligned}$"


def stacked(rows: Iterable[str]) -> str:
    cells = [row.replace(r"\frac{dL", r"\dfrac{dL") for row in rows]
    gap = r" \\[6pt] " if any(r"\dfrac" in row for row in cells) else r" \\ "
    return r"\begin{bmatrix} " + gap.join(cells) + r" \end{bmatrix}"


def is_reciprocal(e: MatrixExpr) -> bool:
    return isinstance(e, Apply) and e.name == "reciprocal"


def _number_first(e: MatrixExpr) -> tuple[Expr, MatrixExpr]:
    """The positive numbers among the factors of a product, which stand in front of it, and the product without them."""
    if not isinstance(e, MatMul) or scalar_part(e) is not None:
        return Integer(1), e
    pulled = [a for a in e.args if isinstance(a, Scale) and not a.coefficient.could_extract_minus_sign()]
    rest = [a.arg if a in pulled else a for a in e.args]
    return prod((a.coefficient for a in pulled), start=Integer(1)), MatMul(*rest, evaluate=False) if pulled else e


class MatrixPrinter(LossPrinter, DerivativePrinter):
    """SymPy's printer for numbers and sizes, our own rules for every matrix expression."""

    def __init__(self, notation: Notation | None = None):
        super().__init__({})
        self.notation = notation or Notation()

    def column_of(self, e: MatrixExpr) -> MatrixExpr | None:
        """The column whose transpose a row is printed as, if it is."""
        return column_of(e)

    def level(self, e: MatrixExpr) -> Level:
        if self.column_of(e) is not None:
            return Level.POWER
        if isinstance(e, (Timed, MatrixSymbol)):
            return Level.POWER if self.notation.is_fraction(e.name) else Level.ATOM
        return level(e)

    def inside(self, e: MatrixExpr, lowest: Level) -> str:
        """An operand, in parentheses where it holds together less than its place needs."""
        tex = self._print(e)
        return tex if self.level(e) >= lowest else parentheses(tex)

    def raised(self, e: MatrixExpr, power: str) -> str:
        """e to a power or transposed; a name's own superscript is kept apart from it."""
        if isinstance(e, Apply) and e.function.arity == 1 and not e.numbers and power in ("2", r"\odot 2"):
            return self.call(f"{e.function.tex}^{{2}}", e.arg)
        tex = self.inside(e, Level.ATOM)
        if isinstance(e, (Timed, MatrixSymbol)) and has_superscript(tex):
            tex = f"({tex})"  # braces would not do: TeX sees through them where they hold one accent
        return f"{tex}^{{{power}}}"

    def call(self, function: str, *args: MatrixExpr) -> str:
        return function + parentheses(", ".join(self._print(a) for a in args))

    def _print_Node(self, e: Node) -> str:
        raise UnsupportedError(f"no TeX for {type(e).__name__}: add _print_{type(e).__name__} to MatrixPrinter")

    # Names and constants

    def _print_Timed(self, e: Timed) -> str:
        return self.notation.tex(e.name, e.index)

    def _print_MatrixSymbol(self, e: MatrixSymbol) -> str:
        return self.notation.tex(e.name)

    def _print_Kronecker(self, e: Kronecker) -> str:
        return r" \otimes ".join(self.inside(a, Level.POWER) for a in e.args)

    def _print_Symbol(self, e: Symbol, style: str = "plain") -> str:
        return "[T > 0]" if e == NONEMPTY else tex_name(e.name)

    def _print_Rational(self, e: Rational) -> str:
        return (decimal(e) if e.q % 5 == 0 else "") or super()._print_Rational(e)

    def _print_OneMatrix(self, e: OneMatrix) -> str:
        rows, cols = e.shape
        column, row = (r"\mathbf{1}" if rows != 1 else ""), (r"\mathbf{1}^{\top}" if cols != 1 else "")
        return column + row or "1"

    def _print_ZeroMatrix(self, e: MatrixExpr) -> str:
        return "0"

    def _print_Identity(self, e: MatrixExpr) -> str:
        return r"\mathbf{I}"

    # Sums and products

    def terms(self, e: MatrixExpr) -> list[str]:
        """The terms of a sum, each but the first with its sign in front."""
        first, *others = (self.inside(a, Level.MINUS) for a in (terms_of(e) if isinstance(e, MatAdd) else [e]))
        return [first, *(f"- {a[1:]}" if a.startswith("-") else f"+ {a}" for a in others)]

    def _print_MatAdd(self, e: MatAdd) -> str:
        column = self.column_of(e)
        if column is not None:
            return self.raised(column, r"\top")
        return " ".join(self.terms(e))

    def _print_Scale(self, e: Scale) -> str:
        number, arg = _number_first(e.arg)
        c, e = e.coefficient * number, Scale(e.coefficient, arg)
        minus = not c.is_Add and c.could_extract_minus_sign()  # 1 - α stays as it was written
        return f"-{self._times(-c, e.arg)}" if minus else self._times(c, e.arg)

    def _times(self, c: Expr, a: MatrixExpr) -> str:
        factor = parentheses(self._print(c)) if c.is_Add else self._print(c)
        if isinstance(a, OneMatrix) and is_scalar(a.shape):
            return factor
        tex = self.inside(a, Level.SUM)
        apart = "." in factor or tex.startswith(r"\mathbf{1}")
        return tex if c == 1 else factor + (r"\," if apart else " ") + tex

    def _print_MatMul(self, e: MatMul) -> str:
        s = scalar_part(e)
        if s is not None:
            return rf"{self.inside(s, Level.POWER)}\,{self._print(OneMatrix(*e.shape))}"
        number, bare = _number_first(e)
        if number != 1:
            return self._print_Scale(Scale(number, bare))
        *others, last = factors(e)
        lowest = Level.SUM if others and isinstance(last, (MatrixSum, OrderedProduct, SumOver)) else Level.PRODUCT
        return " ".join([*(self._beside(a) for a in others), self.inside(last, lowest)])

    def _beside(self, a: MatrixExpr) -> str:
        """A factor before another one; the bars of two fractions must not look like one."""
        return self.inside(a, Level.PRODUCT) + (r"\," if isinstance(a, Jacobian) else "")

    def _print_HadamardProduct(self, e: HadamardProduct) -> str:
        column = self.column_of(e)
        if column is not None:
            return self.raised(column, r"\top")
        over = [a for a in e.args if not is_reciprocal(a)]
        under = [a.arg for a in e.args if is_reciprocal(a)]
        if is_scalar(e.shape):
            return self._quotient(over, under)
        scalars = [s for a in over if (s := scalar_part(a)) is not None]
        arrays = self._powers([a for a in over if scalar_part(a) is None], r"\odot ", Level.POWER)
        divisors = self._powers(under, r"\odot ", Level.POWER)
        tex = r" \odot ".join(arrays) or r"\mathbf{1}"
        if divisors:
            tex += r" \oslash " + (divisors[0] if len(divisors) == 1 else parentheses(r" \odot ".join(divisors)))
        return r"\,".join([*(self.inside(s, Level.POWER) for s in scalars), tex])

    def _powers(self, args: list[MatrixExpr], sign: str, lowest: Level) -> list[str]:
        """The factors of a commutative product, equal neighbours as a power."""
        runs = [(a, len(list(same))) for a, same in groupby(args)]
        return [self.inside(a, lowest) if n == 1 else self.raised(a, f"{sign}{n}") for a, n in runs]

    def _quotient(self, over: list[MatrixExpr], under: list[MatrixExpr]) -> str:
        """A product of scalars over a product of scalars."""
        top, bottom = (r"\,".join(self._powers(args, "", Level.PRODUCT)) for args in (over, under))
        return rf"\frac{{{top or 1}}}{{{bottom}}}" if under else top

    def _print_Transpose(self, e: MatrixExpr) -> str:
        return self.raised(e.arg, r"\top")

    # Functions and losses

    def _print_Apply(self, e: Apply) -> str:
        if e.name == "reciprocal":
            return self._print_HadamardProduct(HadamardProduct(e, evaluate=False))
        if e.name == "power":
            return self.raised(e.arg, ("" if is_scalar(e.shape) else r"\odot ") + str(e.numbers[0]))
        numbers = ",".join(self._print(n) for n in e.numbers)
        return self.call(e.function.tex + (f"_{{{numbers}}}" if numbers else ""), *e.matrices)

    def _print_Softmax(self, e: Softmax) -> str:
        return self.call(r"\operatorname{softmax}", e.arg)

    def _print_LogSoftmax(self, e: LogSoftmax) -> str:
        return self.call(LOG_SOFTMAX, e.arg)

    def _print_Detach(self, e: Detach) -> str:
        return self.call(r"\operatorname{detach}", e.arg)

    # Parts

    def _print_Concat(self, e: Concat) -> str:
        return stacked(self._print(a) for a in e.args)

    def _print_Blocks(self, e: Blocks) -> str:
        rows = (" & ".join(self._cell(e.block(i, j)) for j in range(e.block_cols)) for i in range(e.block_rows))
        return stacked(rows)

    def _cell(self, e: MatrixExpr) -> str:
        """A block; of zeros, nothing else may tell the shape."""
        rows, cols = e.shape
        return rf"0_{{{self._print(rows)} \times {self._print(cols)}}}" if isinstance(e, ZeroMatrix) else self._print(e)

    def _print_Slice(self, e: Slice) -> str:
        return parentheses(self._print(e.arg), "[", "]") + f"_{{{self._print(e.low)}:{self._print(e.high)}}}"

    def _print_Pad(self, e: Pad) -> str:
        rows = f"{self._print(e.low)}:{self._print((e.low + e.arg.shape[0]).expand())}"
        return self.call(rf"\operatorname{{pad}}_{{{rows}}}", e.arg)

    def _print_Diag(self, e: Diag) -> str:
        return self.call(r"\operatorname{diag}", e.arg)

    def _print_DiagPart(self, e: DiagPart) -> str:
        return self.call(r"\operatorname{diagonal}", e.arg)

    # Steps

    def _print_SumOver(self, e: SumOver) -> str:
        return self._print(e.arg) if e.axes == "b" else self._big(r"\sum_{t=0}^{T-1}", e.arg)

    def _print_MatrixSum(self, e: MatrixSum) -> str:
        return self._big(rf"\sum_{{{index_tex(e.index)}={index_tex(e.low)}}}^{{{index_tex(e.high)}}}", e.body)

    def _print_OrderedProduct(self, e: OrderedProduct) -> str:
        arrow = "overrightarrow" if e.direction == "ascending" else "overleftarrow"
        limits = f"_{{{index_tex(e.index)}={index_tex(e.low)}}}^{{{index_tex(e.high)}}}"
        return self._big(rf"\mathop{{\{arrow}{{\prod}}}}\limits{limits}", e.body)

    def _big(self, sign: str, body: MatrixExpr) -> str:
        return f"{sign} {self.inside(body, Level.SUM)}"

    def _print_Delta(self, e: Delta) -> str:
        return rf"[{index_tex(e.at)} = {index_tex(e.time)}]\,{self.inside(e.arg, Level.PRODUCT)}"
