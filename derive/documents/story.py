"""The sentences between the equations of a textbook derivation, and its figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from sympy import MatrixExpr

from derive.algebra.names import Notation
from derive.algebra.nodes import Kronecker
from derive.calculus.adjoint import Step
from derive.calculus.hidden import Hidden
from derive.calculus.textbook import (
    HIDDEN,
    LAYOUT,
    LOSS,
    PATHS,
    PRODUCT,
    STEP,
    SUBSTITUTION,
    SUM,
    TERM,
    TERMS,
    WHOLE,
    WRITTEN,
    Textbook,
)
from derive.documents.content import Block, Equation, Equations, Figure, Paragraph, Section
from derive.documents.fold import substitute
from derive.documents.latex import MatrixPrinter
from derive.documents.unrolled import ways
from derive.documents.words import listed, number_word

THREE = Section(
    "Three kinds of derivative",
    (
        Paragraph(
            "A loss depends on a parameter in many ways at once, and a formula has to say which of them it counts. "
            "Three signs keep them apart."
        ),
        Paragraph(
            "The total derivative $d$ counts every way, through all steps. "
            "The partial derivative $\\partial$ is that of one equation as it is printed, "
            "all else in it held fixed. "
            "The immediate derivative $\\partial^{+}$ counts every way within one step: values of other steps are "
            "held fixed, except for the one by which one differentiates. Where one equation is all that lies "
            "between the two, $\\partial^{+}$ and $\\partial$ are the same."
        ),
    ),
)
ROWS = (
    "In what follows the Jacobian of a vector has a row for each of its entries and a column for each entry of what it "
    "is differentiated by, and the derivative of a loss is a row: factors stand in the order in which one goes back. "
    "The gradient, in the shape of what is differentiated by, comes at the end. "
)
ARROW = (
    "An arrow says that the entries of a matrix are taken one after another, row by row: $\\vec{{{0}}}$ is a column."
)


def three_derivatives(program_parameters: Iterable[str], notation: Notation) -> Section:
    """What d, ∂ and ∂⁺ mean, once for the whole document."""
    matrices = list(program_parameters)
    layout = ROWS + (ARROW.format(notation.tex(matrices[0])) if matrices else "")
    return replace(THREE, blocks=(*THREE.blocks, Paragraph(layout)))


class Story:
    """One parameter's derivation as a section of a document.

    Args:
        values: what the names that the model does not have stand for.
    """

    def __init__(self, textbook: Textbook, notation: Notation, values: Mapping[str, MatrixExpr], last: int = 2):
        self.textbook, self.notation, self.values, self.last = textbook, notation, values, last
        self.printer = MatrixPrinter(notation)
        self.hidden: Hidden = textbook.hidden
        self.name, self.state = self.hidden.name, self.hidden.state
        self.j, self.k, self.m = (str(i) for i in textbook.indices)
        self.steps = list(self._chains(textbook.steps(last)))

    @staticmethod
    def _chains(steps: Iterable[Step]) -> Iterator[list[Step]]:
        """Steps with the same left side one after another are one chain of equalities."""
        chain: list[Step] = []
        for s in steps:
            if chain and (s.left != chain[-1].left or s.rule != chain[-1].rule):
                yield chain
                chain = []
            chain.append(s)
        if chain:
            yield chain

    def label(self, key: str) -> str:
        return f"{self.name}:{key}"

    def section(self) -> Section:
        title = f"The gradient with respect to `{self.name}`, step by step"
        return Section(title, tuple(self._blocks()))

    def _blocks(self) -> Iterator[Block]:
        counts: dict[str, int] = {}
        for chain in self.steps:
            rule = chain[0].rule
            n = counts[rule] = counts.get(rule, 0) + 1
            words = self._words(rule, n - 1, chain)
            if words:
                yield Paragraph(words)
            key = f"{rule}{n}".replace(" ", "-")
            rights = tuple(substitute(s.right, self.values) for s in chain)
            left, meaning = chain[0].left, self.textbook.gradient[1] if rule == LAYOUT else None
            yield Equations((Equation(left, rights, self.label(key), defines=rule == LOSS, meaning=meaning),))
            if rule == PATHS and n == self.last + 1 and self.state:
                yield self._figure()

    def _words(self, rule: str, n: int, chain: list[Step]) -> str:
        sentence = {
            SUM: self._sum,
            PATHS: lambda: self._path(n),
            STEP: self._one_step,
            HIDDEN: self._over_states,
            PRODUCT: self._product,
            WRITTEN: lambda: f"For `{self.j}` = 3 and `{self.k}` = 0 this is",
            SUBSTITUTION: lambda: f"Substituting {self._ref(PRODUCT)} into {self._ref(HIDDEN)} gives",
            LOSS: lambda: "The total loss is",
            WHOLE: self._whole,
            TERM: lambda: self._term(n, chain),
            TERMS: lambda: f"With all of these, {self._ref(WHOLE)} becomes",
            LAYOUT: self._layout,
        }[rule]
        return sentence()

    def _ref(self, rule: str, n: int = 1) -> str:
        return f"@{{{self.label(f'{rule}{n}'.replace(' ', '-'))}}}"

    def _d(self, sign: str, of: str, by: str | None = None) -> str:
        """A derivative by the parameter, or by another name, as marked prose."""
        arrow = "\\" if by is None and 1 not in self.hidden.parameter.shape else ""
        return f"`{sign}{of}/{sign[0]}{arrow}{by or self.name}`"

    def _sum(self) -> str:
        return (
            "The loss is a sum over the steps, so its derivative is the sum of what the loss of each step contributes:"
        )

    def _path(self, n: int) -> str:
        loss, between = f"`{self.hidden.loss}[{n}]`", self.hidden.trunk[1:]
        if n == 0:
            by_way = listed([f"`{name}[0]`" for name in between])
            where = f" by way of {by_way}" if between else ""
            rule = "The chain rule multiplies the derivatives on the way:"
            return f"The loss {loss} depends on `{self.name}`{where}. {rule}"
        if not self.state:
            return f"From {loss} there is one way back as well:" if n == 1 else f"And so it is for {loss}:"
        s = self.state
        if n == 1:
            return (
                f"From {loss} there are two ways back: `{s}[1]` is computed with `{self.name}`, and it is computed "
                f"from `{s}[0]`, which is no constant, but was computed with `{self.name}` in its turn:"
            )
        return (
            f"From {loss} there are {number_word(n + 1)} ways back, one for each hidden state from `{s}[{n}]` "
            f"to `{s}[0]`:"
        )

    def _figure(self) -> Figure:
        steps = [*range(min(self.last, 2) + 1), self.j]
        graphs = tuple(ways(self.hidden, step, self.notation) for step in steps)
        caption = (
            f"The ways back to `{self.name}` from the losses of the first steps, and from that of any step `{self.j}`. "
            "Each way is one term, each arrow one factor."
        )
        return Figure(graphs, caption, self.label("ways"))

    def _one_step(self) -> str:
        s = self.state
        return (
            f"It goes on like this, since `{self.name}` is the same at every step: it acts on `{s}[{self.j}]` "
            f"directly, and through `{s}[{self.j}-1]`, on which it acted before:"
        )

    def _over_states(self) -> str:
        s, between = self.state, self._d("d", f"{self.state}[{self.j}]", f"{self.state}[{self.k}]")
        return (
            f"Put into itself until `{s}[-1]` is reached, which does not depend on `{self.name}`, "
            f"{self._ref(STEP)} gives any step `{self.j}` a term for each hidden state `{s}[{self.k}]`. "
            f"The total derivative {between} stands for what lies between the two states; it is the identity "
            f"for `{self.k}` = `{self.j}`:"
        )

    def _product(self) -> str:
        s = self.state
        return (
            f"From `{s}[{self.j}]` back to `{s}[{self.k}]` the chain rule goes step by step, and the later step stands "
            "on the left:"
        )

    def _whole(self) -> str:
        if not self.state:
            return f"Any step contributes in this way, and {self._ref(SUM)} becomes"
        return (
            f"so that, by {self._ref(SUM)} and {self._ref(SUBSTITUTION)}, there are two sums: over the steps "
            f"`{self.j}` whose loss it is, and over the hidden states `{self.k}` on which `{self.name}` acted:"
        )

    def _term(self, n: int, chain: list[Step]) -> str:
        start = "Now the factors, one by one. " if n == 0 else ""
        left = chain[0].left
        if left.is_MatMul:
            if "sums to one" in chain[0].reason:
                return f"{start}Their product is simpler than either, as the components of the target sum to one:"
            return f"{start}Their product is"
        if len(chain) > 1:
            return f"{start}Differentiating the equation of `{left.of.name}[{left.of.index}]` gives, first in full,"
        if left.by != self.hidden.parameter:
            between = self.state and left.of.name == self.state
            return f"{start}From one state back to the one before it," if between else start
        if 1 in left.by.shape:
            return f"{start}Where the parameter acts,"
        rows, cols = (self.printer.doprint(n) for n in left.shape)
        cols = f"({cols})" if " " in cols else cols
        factor = f"{start}Where the parameter acts, the factor has the shape ${rows} \\times {cols}$"
        if not chain[-1].right.has(Kronecker):
            return f"{factor}:"
        return (
            f"{factor}. The entry $rs$ of `{self.name}` meets entry $s$ of the vector that `{self.name}` is multiplied "
            "by, and acts on entry $r$ of the product alone:"
        )

    def _layout(self) -> str:
        if self.hidden.parameter.shape == (1, 1):
            return "So the gradient is"
        if self.hidden.parameter.shape[0] == 1:
            return "This row has the shape of the parameter. It is the gradient:"
        if self.hidden.parameter.shape[1] == 1:
            sign = self._d("d", self.hidden.program.total)
            return f"This is a row. Its transpose is the gradient, a column; from here on {sign} stands for that:"
        return (
            f"This is a row, with an entry for each entry of `{self.name}`. Written row by row into a matrix, the "
            "entries of a row $a^{\\top} (A \\otimes u^{\\top})$ are $A^{\\top} a\\, u^{\\top}$, and transposed "
            "factors stand in the other order. So the gradient is"
        )
