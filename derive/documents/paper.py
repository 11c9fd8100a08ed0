"""The derivation of a model as a document: what it says, in which order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sympy import HadamardProduct, MatMul, MatrixExpr, preorder_traversal

from derive.algebra.functions import Apply
from derive.algebra.names import Notation
from derive.calculus.adjoint import Adjoint
from derive.calculus.chain import Chain, readable
from derive.calculus.textbook import Textbook
from derive.documents.content import Block, Document, Equation, Equations, Figure, Items, Paragraph, Rules, Section
from derive.documents.fold import fold_program, folded, substitute
from derive.documents.latex import MatrixPrinter
from derive.documents.preliminaries import assumptions, conventions, symbols
from derive.documents.reading import sections
from derive.documents.rules import rules
from derive.documents.story import Story, three_derivatives
from derive.documents.unrolled import network
from derive.program import Program, references

FULL = 4  # a chain for each of so many parameters, else for the first one that a state is multiplied by


@dataclass(frozen=True)
class PaperData:
    """What a paper is made of.

    Attributes:
        program: the model as the user wrote it.
        normal: its normal form, on which the derivation works.
        adjoint: the recursion.
        chains: the parameters that are derived path by path.
        last: the last loss that is written out path by path.
    """

    program: Program
    normal: Program
    adjoint: Adjoint
    chains: tuple[Textbook, ...] = ()
    last: int = 2


def document(data: PaperData) -> Document:
    """The document, its equations not yet marked."""
    program = data.program
    return Document(program.title or program.name, tuple(_sections(data)))


def _sections(data: PaperData) -> Iterator[Section]:
    notation = Notation(data.adjoint.program.variables)
    printer = MatrixPrinter(notation)
    values = folded(readable(data.adjoint), data.adjoint, data.normal)
    derived = list(sections(data.normal, data.adjoint, {c.hidden.name for c in data.chains}))
    chains = [Story(c, notation, values, data.last).section() for c in data.chains]
    normal = fold_program(data.normal)
    shown = [*_right_sides([*chains, *derived]), *normal.values()]
    yield Section("The model", tuple(_model(data.program, printer, _kinds(shown))))
    if any(c.hidden.state for c in data.chains):
        matrices = [c.hidden.name for c in data.chains if 1 not in c.hidden.parameter.shape]
        yield three_derivatives(matrices, notation)
    yield from chains
    yield Section("One operation at a time", tuple(_operations(data, normal)))
    yield from derived
    same = list(_same(data, values))
    if same:
        yield Section("Why the recursion and the sums are the same", tuple(same))


def _model(program: Program, printer: MatrixPrinter, kinds: set[type | str]) -> Iterator[Block]:
    yield Paragraph("At step `t` the network computes")
    yield Equations(tuple(_definitions(program, program.equations, "m:")))
    yield Paragraph("with the following symbols.")
    yield symbols(program, printer)
    if any(program[n].timed for n in program.equations):
        caption = "The network unrolled in time. A value is computed from those that an arrow comes from."
        yield Figure((network(program, printer.notation),), caption, "unrolled")
    yield Items("Conventions", conventions(program, kinds, printer))
    stated = assumptions(program, printer)
    if stated:
        yield Items("Assumed of the data", (f"{'; '.join(stated)}.",))


def _definitions(program: Program, equations: Mapping[str, MatrixExpr], prefix: str) -> Iterator[Equation]:
    return (Equation(program.ref(n), (e,), f"{prefix}{n}", defines=True) for n, e in equations.items())


def _operations(data: PaperData, normal: Mapping[str, MatrixExpr]) -> Iterator[Block]:
    yield Paragraph(
        "The chain rule is applied to equations that do one thing each. Intermediate results get names of their own:"
    )
    yield Equations(tuple(_definitions(data.normal, normal, "n:")))
    listed = rules(data.normal, {v.of for v in data.adjoint.program.roles("adjoint")})
    if listed:
        yield Paragraph(
            "An equation $y = f(a)$ passes the gradient of its left side back to what stands on its right. "
            "The model needs these rules; in each of them the letters are its own."
        )
        yield Rules(tuple(listed))


def _same(data: PaperData, values: Mapping[str, MatrixExpr]) -> Iterator[Block]:
    """The recursion unfolded, for the state of each derivation path by path."""
    chain, shown = Chain(data.adjoint), set[str]()
    for c in data.chains:
        name, state = c.hidden.name, c.hidden.state
        if not state:
            continue
        if state not in shown:
            shown.add(state)
            new = data.adjoint.cotangents[state]
            yield Paragraph(
                f"The recursion of `{state}[t]`, unfolded from step `t` on, collects what comes back from the losses "
                f"of step `t` and of all later ones:"
            )
            right = substitute(chain.arriving(new), values)
            yield Equations((Equation(data.adjoint.program.ref(new), (right,), f"u:{state}"),))
        yield Paragraph(
            f"Put into @{{d:{name}}}, with `t` called `{c.k}` and the sums in the other order, this is "
            f"@{{{name}:layout1}}: each pair of steps `{c.k}` and `{c.j}` is counted once, here by `{c.k}` first and "
            f"there by `{c.j}`."
        )


def _right_sides(found: Iterable[Section]) -> Iterator[MatrixExpr]:
    for section in found:
        for block in section.blocks:
            if isinstance(block, Equations):
                yield from (right for e in block.items for right in e.rights)


def _kinds(shown: Iterable[MatrixExpr]) -> set[type | str]:
    """The kinds of nodes that the document shows, functions by name."""
    return {n.name if isinstance(n, Apply) else type(n) for e in shown for n in preorder_traversal(e)}


def told(chains: Iterable[Textbook]) -> tuple[Textbook, ...]:
    """The parameters worth a derivation path by path: all of a few, else one that the state is multiplied by."""
    every = sorted(chains, key=lambda c: not c.hidden.state or not _acts_on_state(c))
    if len(every) <= FULL:
        return tuple(every) if any(c.hidden.state for c in every) else ()
    return tuple(c for c in every if c.hidden.state and 1 not in c.hidden.parameter.shape)[:1]


def _acts_on_state(c: Textbook) -> bool:
    """Is the parameter multiplied by the state of the step before?"""
    earlier = c.hidden.program.ref(c.hidden.state, -1)
    nodes = (n for e in c.hidden.program.equations.values() for n in preorder_traversal(e))
    products = (set(references(n)) for n in nodes if isinstance(n, (MatMul, HadamardProduct)))
    return any({c.hidden.parameter, earlier} <= found for found in products)
