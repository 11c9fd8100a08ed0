"""The statements and expressions of a cell file as plain data, each with its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sympy import Rational

from derive.language.report import Span


@dataclass(frozen=True)
class Node:
    """An expression; `depth` counts brackets, signs and changes of operator, the measure of nesting."""

    span: Span
    depth: int


@dataclass(frozen=True)
class Number(Node):
    value: Rational
    text: str


@dataclass(frozen=True)
class Name(Node):
    """A name, and the time in its brackets if it has any."""

    name: str
    index: Node | None


@dataclass(frozen=True)
class Sum(Node):
    """Terms with their signs, +1 or -1."""

    terms: tuple[tuple[int, Node], ...]


@dataclass(frozen=True)
class Product(Node):
    """A chain of `@`, `*` and `/`, read from left to right."""

    first: Node
    rest: tuple[tuple[str, Node], ...]


@dataclass(frozen=True)
class Negative(Node):
    arg: Node


@dataclass(frozen=True)
class Power(Node):
    base: Node
    exponent: Node


@dataclass(frozen=True)
class Transposed(Node):
    arg: Node


@dataclass(frozen=True)
class Call(Node):
    function: str
    head: Span
    args: tuple[Node, ...]


def children(node: Node) -> tuple[Node, ...]:
    """The operands of an expression; a time index is no operand."""
    match node:
        case Sum(terms=terms):
            return tuple(term for _, term in terms)
        case Product(first=first, rest=rest):
            return (first, *(operand for _, operand in rest))
        case Negative(arg=arg) | Transposed(arg=arg):
            return (arg,)
        case Power(base=base, exponent=exponent):
            return (base, exponent)
        case Call(args=args):
            return args
    return ()


def names(node: Node) -> Iterator[Name]:
    """Every name in an expression, from left to right."""
    todo = [node]
    while todo:
        node = todo.pop()
        if isinstance(node, Name):
            yield node
        todo.extend(reversed(children(node)))


@dataclass(frozen=True)
class Word:
    """A name where it is declared or listed."""

    name: str
    span: Span


@dataclass(frozen=True)
class Text:
    """A title or a TeX name."""

    text: str
    span: Span


@dataclass(frozen=True)
class Condition:
    left: Node
    relation: str
    right: Node
    span: Span


@dataclass(frozen=True)
class Clause:
    """What follows the shape of a declaration: once, onehot, `= number`, `as "…"`, `where …`."""

    kind: str
    span: Span
    value: Node | None = None
    tex: Text | None = None
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Statement:
    span: Span


@dataclass(frozen=True)
class Heading(Statement):
    """`cell NAME "title"`."""

    name: Word
    title: Text | None


@dataclass(frozen=True)
class Dims(Statement):
    names: tuple[Word, ...]


@dataclass(frozen=True)
class Declaration(Statement):
    kind: str
    names: tuple[Word, ...]
    shape: tuple[Node, ...]
    clauses: tuple[Clause, ...]


@dataclass(frozen=True)
class Outputs(Statement):
    names: tuple[Word, ...]


@dataclass(frozen=True)
class Equation(Statement):
    name: Word
    index: Node | None
    body: Node
    tex: Text | None
