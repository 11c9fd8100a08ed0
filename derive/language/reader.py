"""The pipeline: text → lines → tokens → statements → entries → equations → Program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from types import MappingProxyType

from lark import Token

from derive.errors import CellError, Diagnostic
from derive.language import syntax as s
from derive.language.assemble import assemble
from derive.language.declarations import Supposed, declare, declare_sizes
from derive.language.equations import define, read_equations
from derive.language.parse import parse
from derive.language.report import Problem, Report, Span
from derive.language.source import check_visible, lines_of
from derive.language.table import Entry, Table
from derive.language.tokens import MOST_NAMES, MOST_TOKENS, names_in, span_of, tokens_of
from derive.language.words import STATEMENTS
from derive.program import ONCE, SEQUENCE, SHARED, Builder, Program, Variable


@dataclass(frozen=True)
class Cell:
    """A cell file that was read: the user's own equations, what to warn of, and the text."""

    program: Program
    warnings: tuple[Diagnostic, ...]
    source: str


def read(text: str | bytes, file: str = "<text>") -> Cell:
    """Read a cell file.

    Args:
        text: the whole file; bytes must be UTF-8.
        file: what errors call it.

    Raises:
        CellError: with every error of the file, in its order.
    """
    lines = lines_of(text, file)
    report = Report(file, lines)
    table = Table(report)
    statements, faulty = _statements(lines, table)
    heading = _heading(statements, faulty, table)
    declare_sizes(statements, table)
    supposed: list[Supposed] = []
    for statement in statements:
        if isinstance(statement, s.Declaration):
            supposed.extend(declare(statement, table))
    equations = define(statements, table)
    if statements and not faulty and not equations.written and not equations.others and not report.errors:
        help = "say what each result or state is at step t, as in: h[t] = tanh(W @ h[t-1] + U @ x[t])"
        report.error("E0409", statements[0].span, "the cell has no equation", help)
    builder = Builder(_declared(heading, table))
    read_equations(equations, table, builder)
    outputs = [word for st in statements if isinstance(st, s.Outputs) for word in st.names]
    program = assemble(equations, supposed, outputs, table, builder)
    if report.errors or program is None:
        raise CellError(report.errors)
    return Cell(program, report.warnings, "\n".join(lines))


def _statements(lines: Sequence[str], table: Table) -> tuple[list[s.Statement], set[int]]:
    """One statement per line, and the faulty lines: reported, and nothing is asked of their names."""
    report = table.report
    faulty = check_visible(tuple(lines), report)
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            rows.append(tokens_of(line, number) if number not in faulty else [])
        except Problem as problem:
            report.take(problem)
            faulty.add(number)
            rows.append([])
    _check_limits([token for row in rows for token in row], report)
    statements = []
    for number, row in enumerate(rows, 1):
        try:
            statements.extend([parse(row)] if row else [])
        except Problem as problem:
            report.take(problem)
            faulty.add(number)
    for number in faulty:
        found = names_in(lines[number - 1])
        table.doubtful.update(found)
        if "=" in lines[number - 1] and not (found and found[0] in STATEMENTS):
            table.heads.add(found[0] if found else "")
    return statements, faulty


def _check_limits(tokens: Sequence[Token], report: Report) -> None:
    if len(tokens) > MOST_TOKENS:
        message = f"the text has more than {MOST_TOKENS:,} words and signs"
        report.error("E0105", span_of(tokens[MOST_TOKENS]), message, "split the model")
        raise CellError(report.errors)
    names: set[str] = set()
    for token in tokens:
        if token.type == "NAME":
            names.add(str(token))
            if len(names) > MOST_NAMES:
                message = f"the text has more than {MOST_NAMES} different names"
                report.error("E0106", span_of(token), message, "split the model, or use matrices")
                raise CellError(report.errors)


def _heading(statements: Sequence[s.Statement], faulty: set[int], table: Table) -> s.Heading | None:
    """The `cell` line: there, first and once."""
    report = table.report
    headings = [st for st in statements if isinstance(st, s.Heading)]
    for heading in headings:
        _check_cell_name(heading.name, report)
    help = 'the first statement is: cell NAME "title", as in: cell elman "Vanilla recurrent network"'
    for heading in headings[1:]:
        report.error("E0206", heading.span, "a second 'cell' line: a file holds one cell", "delete it")
    if not statements and not faulty:
        report.error("E0101", Span(1, 1), "the file holds no statement", help)
    elif not headings and statements and statements[0].span.line < min(faulty, default=inf):
        report.error("E0206", _start(statements[0]), "the 'cell' line is missing", help)
    elif headings and statements[0] is not headings[0]:
        report.error("E0206", headings[0].span, "the 'cell' line is not the first statement", "move it to the top")
    return headings[0] if headings else None


def _start(statement: s.Statement) -> Span:
    return replace(statement.span, width=1)


def _check_cell_name(word: s.Word, report: Report) -> None:
    """A cell's name becomes a prefix and a file name: the same rules, checked in a table of its own."""
    Table(report).add(Entry(word.name, "cell", word.span))


def _declared(heading: s.Heading | None, table: Table) -> Program:
    """A program without equations: the variables whose shape is known."""
    variables = {}
    for name, e in table.entries.items():
        if e.kind in ("input", "target", "param", "const", "state") and e.shape is not None:
            axes = SHARED if e.kind in ("param", "const") else ONCE if e.once else SEQUENCE
            variables[name] = Variable(name, e.kind, e.shape, axes, onehot=e.onehot, tex=e.tex)
    return Program(
        name=heading.name.name if heading else "",
        sizes=table.sizes(),
        variables=MappingProxyType(variables),
        equations=MappingProxyType({}),
        title=heading.title.text if heading and heading.title else "",
        constants=MappingProxyType({n: e.value for n, e in table.entries.items() if e.value is not None}),
    )
