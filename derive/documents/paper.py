"""The derivation of a model as a document: what it says, in which order."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass

from sympy import HadamardProduct, MatMul, MatrixExpr, preorder_traversal

from derive.algebra.functions import Apply
from derive.algebra.names import Notation
from derive.algebra.nodes import FusedLoss, SoftmaxCrossEntropy, Timed
from derive.calculus.adjoint import Adjoint
from derive.calculus.chain import Chain
from derive.calculus.closed import ClosedForm
from derive.calculus.recursion import readable
from derive.calculus.textbook import Textbook
from derive.documents.content import Block, Document, Equation, Equations, Figure, Items, Paragraph, Rules, Section
from derive.documents.fold import fold_program, folded, helpers, substitute
from derive.documents.latex import MatrixPrinter
from derive.documents.preliminaries import assumptions, conventions, symbols
from derive.documents.reading import definitions, sections
from derive.documents.rules import rules
from derive.documents.story import Story, three_derivatives
from derive.documents.unrolled import network
from derive.documents.words import listed
from derive.errors import UnsupportedError
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
    given = helpers(data.adjoint.program, data.program.equations)
    chains = [Story(c, notation, given, data.last).section() for c in data.chains]
    normal = fold_program(data.normal)
    shown = [*_right_sides([*chains, *derived]), *normal.values(), *data.program.equations.values()]
    yield Section("The model", tuple(_model(data.program, printer, _kinds(shown))))
    if any(c.hidden.state for c in data.chains):
        matrices = [c.hidden.name for c in data.chains if 1 not in c.hidden.parameter.shape]
        yield three_derivatives(matrices, notation)
    yield from chains
    yield Section("One operation at a time", tuple(_operations(data, normal)))
    yield from derived
    same = list(_same(data, values, {e.label for s in derived for e in s.equations()}))
    if same:
        yield Section("Why the recursion and the sums are the same", tuple(same))


def _model(program: Program, printer: MatrixPrinter, kinds: set[type | str]) -> Iterator[Block]:
    yield Paragraph("At step `t` the network computes")
    yield Equations(tuple(_definitions(program, program.equations, "m:")))
    yield Paragraph("with the following symbols.")
    yield symbols(program, printer)
    if any(program[n].timed for n in program.equations):
        caption = (
            "The network unrolled in time. An arrow leads from a value to one that is computed from it. "
            "Values in between and the states before the first step are left out."
        )
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
    for name, e in normal.items():
        if isinstance(e, FusedLoss) and not isinstance(data.program.equations.get(name), FusedLoss):
            inner = "softmax" if isinstance(e, SoftmaxCrossEntropy) else "sigmoid"
            alone = ""
            if isinstance(e.companion, Timed):  # it has a name
                alone = f"; `{e.companion.name}` is then an output on which no other equation depends"
            yield Paragraph(
                f"Here @{name} takes the place of @{{m:{name}}}, so that the {inner} and the logarithm are "
                f"differentiated together{alone}."
            )
    needed = rules(data.normal, {v.of for v in data.adjoint.program.roles("adjoint")})
    if needed:
        fused = any(isinstance(e, FusedLoss) for e in normal.values())
        yield Paragraph(
            "An equation $y = f(a)$ passes the gradient of its left side back to what stands on its right. "
            "The model needs these rules; in each of them"
            f"{', except for that of the loss,' if fused else ''} the letters are its own."
        )
        yield Rules(tuple(needed))


def _arriving(chain: Chain, cotangent: str) -> ClosedForm | None:
    """What arrives at a state as one sum; None where a loss that is read beside it makes several of it."""
    try:
        return chain.arriving(cotangent)
    except UnsupportedError:
        return None


def _same(data: PaperData, values: Mapping[str, MatrixExpr], known: Container[str]) -> Iterator[Block]:
    """The recursion unfolded, for the state of each derivation path by path; what is `known` is not said again."""
    chain, shown, told = Chain(data.adjoint), set[str](), list[str]()
    for c in data.chains:
        name, state = c.hidden.name, c.hidden.state
        new = data.adjoint.cotangents[state] if state else ""
        form = _arriving(chain, new) if state and state not in shown else None
        if state and state not in shown and form is None:
            continue
        if form is not None:
            shown.add(state)
            inside = listed([f"@{{d:{n}}}" for n in _between(data, new, new)])
            yield Paragraph(
                f"Put into one another, {inside} lead from the gradient of `{state}` at one step to that at the step "
                f"before. Unfolded from step `t` on, they collect what comes back from the losses of step `t` and of "
                "all later ones:"
            )
            right, left = substitute(form.compact, values), data.adjoint.program.ref(new)
            yield Equations((Equation(left, (right,), f"u:{state}", meaning=form.expression),))
            yield from (x for x in definitions(form.definitions, values) if x.items[0].label not in known)
            between = [f"@{{d:{n}}}" for n in _between(data, data.adjoint.cotangents[name], new)]
            by = f" by way of {listed(between)}" if between else ""
            yield Paragraph(
                f"Put into @{{d:{name}}}{by}, with `t` called `{c.k}` and the sums in the other order, this is "
                f"@{{{name}:layout1}}: each pair of steps `{c.k}` and `{c.j}` is counted once, here by `{c.k}` first "
                f"and there by `{c.j}`."
            )
        else:
            told.append(f"@{{d:{name}}} becomes @{{{name}:layout1}}")
    if shown and told:
        yield Paragraph(f"In the same way {listed(told)}.")


def _between(data: PaperData, start: str, end: str) -> list[str]:
    """The names whose gradients lead from one to another, without the first, unless it is where they end."""
    of = {new: name for name, new in data.adjoint.cotangents.items()}
    reads = {s.left.name: {r.name for r in references(s.right)} for s in readable(data.adjoint)}
    ahead, todo = set[str](), [start]
    while todo:  # what the first is computed from, up to the last
        name = todo.pop()
        new = reads.get(name, set()) - ahead
        ahead |= new
        todo += new - {end}
    behind, todo = set[str](), [end]
    while todo:  # and what the last goes into
        name = todo.pop()
        new = {n for n in (*ahead, start) if name in reads.get(n, ()) and n not in behind}
        behind |= new
        todo += new
    found = behind if start == end else behind - {start, end}
    return [of[name] for name in reads if name in found and name in of]


def _right_sides(found: Iterable[Section]) -> Iterator[MatrixExpr]:
    for section in found:
        yield from (right for e in section.equations() for right in e.rights)


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
