"""What a paper says before it derives: the symbols, the conventions that it uses, the assumptions."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import HadamardProduct, Integer, OneMatrix

from derive.algebra.bound import OrderedProduct
from derive.algebra.functions import FUNCTIONS
from derive.algebra.names import index_tex
from derive.algebra.nodes import (
    Blocks,
    Delta,
    Detach,
    Diag,
    DiagPart,
    Kronecker,
    LogSoftmax,
    Pad,
    SigmoidCrossEntropy,
    Slice,
    Softmax,
    SoftmaxCrossEntropy,
    T,
    t,
)
from derive.documents.content import Table
from derive.documents.latex import MatrixPrinter
from derive.documents.words import listed
from derive.program import Assumption, Program, Variable

MEANINGS = {
    "input": "input",
    "target": "target, given data",
    "state": "hidden state",
    "param": "parameter",
    "const": "constant",
    "initial": "initial state",
    "result": "computed from these",
    "total": "the total loss",
}


def symbols(program: Program, printer: MatrixPrinter) -> Table:
    """Symbols with shape and meaning, names of one meaning and shape together."""
    groups: dict[tuple[str, str], list[str]] = {}
    for v in sorted(program.variables.values(), key=lambda v: list(MEANINGS).index(v.role)):
        groups.setdefault((_shape(v, printer), _meaning(v, program)), []).append(_symbol(v, printer))
    for name, value in program.constants.items():
        groups["1", f"constant, ${printer.doprint(value)}$"] = [printer.notation.tex(name)]
    rows = ((f"${', '.join(names)}$", f"${shape}$", meaning) for (shape, meaning), names in groups.items())
    return Table(("symbol", "shape", "meaning"), tuple(rows))


def _symbol(v: Variable, printer: MatrixPrinter) -> str:
    return printer.notation.tex(v.name, t if v.timed else None)


def _shape(v: Variable, printer: MatrixPrinter) -> str:
    rows, cols = (printer.doprint(n) for n in v.shape)
    return "1" if rows == cols == "1" else rows if cols == "1" else rf"{rows} \times {cols}"


def _meaning(v: Variable, program: Program) -> str:
    if v.name == "loss":
        return "the loss of one step"
    words = "output" if v.name in program.outputs and v.role == "result" else MEANINGS[v.role]
    if v.onehot:
        words += ", one-hot"
    if v.role in ("input", "target") and not v.timed:
        words += ", one for the whole sequence"
    return f"{words}, backward in time" if v.backward else words


ALWAYS = (
    "Time runs over the steps $t = 0, 1, \\dots, T-1$. Vectors are columns. An empty sum is zero.",
    "The gradient $dL/dA$ has the shape of $A$; its entry $rs$ is the total derivative of $L$ by $A_{rs}$.",
    "The equations are those of one sequence. For several sequences, the gradients of parameters are summed over them.",
)
_ARROWS = (
    "An arrow over $\\prod$ points to where the index grows: $\\overrightarrow{\\prod}_{m=1}^{3} A_m = A_1 A_2 A_3$ "
    "and $\\overleftarrow{\\prod}_{m=1}^{3} A_m = A_3 A_2 A_1$. An empty product is the identity $\\mathbf{I}$."
)
NOTED = ("step", "sign", "reciprocal", "power")  # these have a sentence or a sign of their own
WITH_LOG: set[type | str] = {SoftmaxCrossEntropy, SigmoidCrossEntropy, LogSoftmax}
SOMETIMES: tuple[tuple[type | str, str], ...] = (
    (Softmax, "$\\operatorname{softmax}(a)$ is $e^{a}$ divided by the sum of its entries."),
    (HadamardProduct, "$a \\odot b$ multiplies entry by entry, and $a^{\\odot 2}$ is $a \\odot a$."),
    ("reciprocal", "$a \\oslash b$ divides entry by entry."),
    (OneMatrix, "$\\mathbf{1}$ is a vector of ones, of the length that its place needs."),
    (Diag, "$\\operatorname{diag}(a)$ is the diagonal matrix with the entries of $a$."),
    (DiagPart, "$\\operatorname{diagonal}(A)$ is the diagonal of $A$ as a vector."),
    (Slice, "$[a]_{p:q}$ are the rows $p, \\dots, q-1$ of $a$, counted from 0."),
    (Pad, "$\\operatorname{pad}_{p:q}(a)$ has the rows of $a$ as its rows $p, \\dots, q-1$; its other rows are zero."),
    (Blocks, "$[A]_{rs}$ is the block in row $r$ and column $s$ of a block matrix."),
    (Delta, "$[i = j]$ is 1 if $i = j$ and 0 otherwise."),
    (Detach, "$\\operatorname{detach}(a)$ is $a$, counted as a constant: no gradient passes through it."),
    ("step", "$\\operatorname{step}$ is 1 for positive entries and 0 for the others."),
    ("sign", "$\\operatorname{sign}$ is 1, 0 or $-1$, as the entry is positive, zero or negative."),
    (OrderedProduct, _ARROWS),
    (Kronecker, "$A \\otimes B$ is the Kronecker product: the block in its place $rs$ is $A_{rs} B$."),
)


def conventions(program: Program, used: set[type | str], printer: MatrixPrinter) -> tuple[str, ...]:
    """The sentences that the equations shown need."""
    sometimes = (words for what, words in SOMETIMES if what in used)
    long_enough = (f"The sequence has at least {program.least_steps} steps.",) if program.least_steps > 1 else ()
    return (*ALWAYS[:1], *long_enough, *_ends(program, printer), *ALWAYS[1:], *_elementwise(used), *sometimes)


def _elementwise(used: set[type | str]) -> Iterator[str]:
    """Which functions act on a vector entry by entry."""
    found = [f for name, f in FUNCTIONS.items() if name in used and f.arity == 1 and name not in NOTED]
    names = [f"${f.tex}$" for f in found] + ([r"$\log$"] if used & WITH_LOG and "log" not in used else [])
    if names:
        verb = "acts" if len(names) == 1 else "act"
        sigmoid = "; $\\sigma(a) = 1 / (1 + e^{-a})$" if "sigmoid" in used else ""
        yield f"{listed(names)} {verb} entry by entry{sigmoid}."


def _ends(program: Program, printer: MatrixPrinter) -> Iterator[str]:
    """What the states are before the first step, or after the last one."""
    given = [f"${printer.notation.tex(v.name)}$" for v in program.roles("initial")]
    if given:
        verb = "is a given initial value" if len(given) == 1 else "are given initial values"
        yield f"{', '.join(given)} {verb}."
    zero = [
        f"${printer.notation.tex(v.name, T if v.backward else Integer(-1))}$"
        for v in program.states
        if not any(v.initial)
    ]
    if zero:
        yield f"{', '.join(zero)} {'is' if len(zero) == 1 else 'are'} zero."


def assumptions(program: Program, printer: MatrixPrinter) -> tuple[str, ...]:
    """What the model states about its data."""
    onehot = [f"${_symbol(v, printer)}$ is one-hot" for v in program.variables.values() if v.onehot]
    return (*onehot, *(_assumption(a, program, printer) for a in program.assumptions))


_RELATIONS = {"==": "=", "<=": r"\le", ">=": r"\ge", "!=": r"\ne"}


def _assumption(a: Assumption, program: Program, printer: MatrixPrinter) -> str:
    v, value = program[a.name], printer.doprint(a.value)
    relation = _RELATIONS.get(a.relation, a.relation)
    if a.measure == "sum":
        ones = "" if v.shape == (1, 1) else r"\mathbf{1}^{\top} "
        return f"${ones}{_symbol(v, printer)} {relation} {value}$"
    index = -a.lag if a.lag else t
    symbol = printer.notation.tex(a.name, index_tex(index) if v.timed else None)
    return f"${symbol} {relation} {value}$ in every entry"
