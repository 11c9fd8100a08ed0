"""One line to one statement: tokens, the grammar, and what to say where they do not fit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedToken, v_args
from sympy import Integer, Rational

from derive.language import syntax as s
from derive.language.report import Problem, Span, did_you_mean, one_of
from derive.language.tokens import DEEPEST, span_of, too_deep
from derive.language.words import CLAUSES, DECLARATIONS, STATEMENTS

_MOST_DIGITS = 40
_NUMBER = re.compile(r"([0-9]*)\.?([0-9]*)(?:[eE]([+-]?[0-9]+))?")


def parse(tokens: Sequence[Token]) -> s.Statement:
    """The statement that the tokens of a line make; raise Problem at the first fault."""
    _check_statement(tokens)
    parser = _grammar().parse_interactive()
    try:
        for token in tokens:
            parser.feed_token(token)
        statement: s.Statement = parser.feed_eof(tokens[-1])  # type: ignore[no-untyped-call]
    except UnexpectedToken as error:
        accepts = frozenset(parser.accepts())  # type: ignore[no-untyped-call]
        raise _syntax_error(error.token, accepts, tokens) from None
    return replace(statement, span=span_of(tokens[0]).to(span_of(tokens[-1])))


@cache
def _grammar() -> Lark:
    text = files(__package__).joinpath("grammar.lark").read_text("utf-8")
    return Lark(text, parser="lalr", transformer=_Reader(), maybe_placeholders=True)


def rational(text: str, span: Span) -> Rational:
    """The exact value of a number literal, built from integers."""
    found = _NUMBER.fullmatch(text)
    assert found, text
    whole, fraction, exponent = found.group(1), found.group(2), found.group(3) or "0"
    digits = (whole + fraction).lstrip("0")
    if len(digits) > _MOST_DIGITS or len(exponent) > 5:
        raise Problem("E0108", span, f"the number has more than {_MOST_DIGITS} digits or a huge exponent")
    shift = int(exponent) - len(fraction)
    if not digits:
        return Rational(0)
    value = Integer(int(digits)) * Rational(10) ** max(-400, min(400, shift))
    if not Rational(10) ** -300 <= value <= Rational(10) ** 300:
        raise Problem("E0108", span, "the number is outside 1e-300 ... 1e300, the range of floating point")
    return value


@v_args(inline=True)
class _Reader(Transformer[Token, Any]):
    """Builds the statement while the line is parsed; runs without recursion."""

    def heading(self, _: Token, name: Token, title: Token | None) -> s.Heading:
        return s.Heading(span_of(name), _word(name), _text(title) if title else None)

    def dims(self, head: Token, names: tuple[s.Word, ...]) -> s.Dims:
        return s.Dims(span_of(head), names)

    def outputs(self, head: Token, names: tuple[s.Word, ...]) -> s.Outputs:
        return s.Outputs(span_of(head), names)

    def declaration(self, kind: Token, names: tuple[s.Word, ...], *rest: Any) -> s.Declaration:
        shape = next((part for part in rest if isinstance(part, tuple)), ())
        clauses = tuple(part for part in rest if isinstance(part, s.Clause))
        return s.Declaration(span_of(kind), str(kind), names, shape, clauses)

    def equation(self, name: Token, index: s.Node | None, _: Token, body: s.Node, tex: Any) -> s.Equation:
        return s.Equation(span_of(name), _word(name), index, body, tex[1] if tex else None)

    def words(self, *tokens: Token) -> tuple[s.Word, ...]:
        return tuple(_word(t) for t in tokens if t.type == "NAME")

    def shape(self, *parts: Any) -> tuple[s.Node, ...]:
        return tuple(p for p in parts if isinstance(p, s.Node))

    def value(self, equals: Token, node: s.Node) -> s.Clause:
        return s.Clause("value", span_of(equals).to(node.span), value=node)

    def flag(self, word: Token) -> s.Clause:
        return s.Clause(str(word), span_of(word))

    def tex(self, head: Token, text: Token) -> tuple[Span, s.Text]:
        return span_of(head).to(span_of(text)), _text(text)

    def tex_clause(self, tex: tuple[Span, s.Text]) -> s.Clause:
        return s.Clause("as", tex[0], tex=tex[1])

    def where(self, head: Token, *parts: Any) -> s.Clause:
        conditions = tuple(p for p in parts if isinstance(p, s.Condition))
        return s.Clause("where", span_of(head).to(conditions[-1].span), conditions=conditions)

    def condition(self, left: s.Node, relation: Token, right: s.Node) -> s.Condition:
        return s.Condition(left, str(relation), right, left.span.to(right.span))

    def sum(self, first: s.Node, *rest: Any) -> s.Sum:
        terms = [(1, first)]
        for sign, term in zip(rest[::2], rest[1::2], strict=True):
            terms.append((1 if sign.type == "PLUS" else -1, term))
        return s.Sum(first.span.to(terms[-1][1].span), max(t.depth for _, t in terms), tuple(terms))

    def product(self, first: s.Node, *rest: Any) -> s.Product:
        pairs = tuple(
            ("*" if op.type == "STAR" else str(op), operand) for op, operand in zip(rest[::2], rest[1::2], strict=True)
        )
        matrix = [op == "@" for op, _ in pairs]
        switches = sum(a != b for a, b in pairwise(matrix))
        span = first.span.to(pairs[-1][1].span)
        depth = max(first.depth, *(operand.depth for _, operand in pairs))
        return s.Product(span, _depth(depth + switches, span), first, pairs)

    def negative(self, sign: Token, arg: s.Node) -> s.Negative:
        span = span_of(sign).to(arg.span)
        return s.Negative(span, _depth(arg.depth + 1, span), arg)

    def positive(self, sign: Token, arg: s.Node) -> s.Node:
        return replace(arg, span=span_of(sign).to(arg.span))

    def power(self, base: s.Node, _: Token, exponent: s.Node) -> s.Power:
        span = base.span.to(exponent.span)
        return s.Power(span, _depth(max(base.depth, exponent.depth + 1), span), base, exponent)

    def transposed(self, arg: s.Node, mark: Token) -> s.Transposed:
        span = arg.span.to(span_of(mark))
        return s.Transposed(span, _depth(arg.depth + 1, span), arg)

    def number(self, token: Token) -> s.Number:
        return s.Number(span_of(token), 0, rational(token, span_of(token)), str(token))

    def name(self, token: Token, index: s.Node | None) -> s.Name:
        span = span_of(token)
        return s.Name(span.to(index.span) if index else span, 0, str(token), index)

    def index(self, left: Token, node: s.Node, right: Token) -> s.Node:
        return replace(node, span=span_of(left).to(span_of(right)))

    def group(self, left: Token, node: s.Node, right: Token) -> s.Node:
        span = span_of(left).to(span_of(right))
        return replace(node, span=span, depth=_depth(node.depth + 1, span))

    def call(self, name: Token, _: Token, args: tuple[s.Node, ...] | None, right: Token) -> s.Call:
        span = span_of(name).to(span_of(right))
        depth = _depth(1 + max((a.depth for a in args or ()), default=0), span)
        return s.Call(span, depth, str(name), span_of(name), args or ())

    def arguments(self, *parts: Any) -> tuple[s.Node, ...]:
        return tuple(p for p in parts if isinstance(p, s.Node))


def _word(token: Token) -> s.Word:
    return s.Word(str(token), span_of(token))


def _text(token: Token) -> s.Text:
    return s.Text(token[1:-1], span_of(token))


def _depth(depth: int, span: Span) -> int:
    if depth > DEEPEST:
        raise too_deep(span)
    return depth


def _check_statement(tokens: Sequence[Token]) -> None:
    """A line that starts with a name and does not go on like an equation is no statement."""
    first, second = tokens[0], tokens[1] if len(tokens) > 1 else None
    if first.type in ("KIND", "DIMS", "OUTPUT", "CELL"):
        if second is not None and second.type in ("EQUALS", "LBRACKET"):
            raise _reserved(first)
        return
    if first.type != "NAME":
        return
    if second is None or second.type in ("NAME", "KIND", "COLON", "COMMA", "STRING", "NUMBER"):
        statements = f"a statement is {one_of((*STATEMENTS, 'an equation name[t] = ...'))}"
        guess = did_you_mean(first, STATEMENTS)
        if not guess and second is not None and second.type in ("COLON", "COMMA"):
            guess = f"a declaration starts with {one_of(DECLARATIONS)}"
        raise Problem("E0204", span_of(first), f"no statement starts with '{first}'", guess or statements)


def _reserved(token: Token) -> Problem:
    help = f"choose another name, for instance {token}_1"
    return Problem("E0403", span_of(token), f"'{token}' is a word of this language, not a name", help)


_OPERATORS = ("PLUS", "MINUS", "STAR", "AT", "SLASH", "POWER", "TRANSPOSE")
_WORDS = {
    "NAME": "a name",
    "NUMBER": "a number",
    "STRING": 'a text in "..."',
    "LPAR": "'('",
    "RPAR": "')'",
    "LBRACKET": "'['",
    "RBRACKET": "']'",
    "EQUALS": "'='",
    "COLON": "':'",
    "COMMA": "','",
    "RELATION": "a relation such as ==",
    "X": "'x' and the columns",
    "AS": "'as'",
    "WHERE": "'where'",
    "AND": "'and'",
    "ONCE": "'once'",
    "ONEHOT": "'onehot'",
    "MINUS": "'-'",
    "PLUS": "'+'",
    "$END": "the end of the line",
}


def _expected(accepts: frozenset[str]) -> str:
    """What could stand here, in words."""
    words, left = [], set(accepts)
    if {"NAME", "NUMBER", "LPAR"} <= left:
        words.append("an expression")
        left -= {"NAME", "NUMBER", "LPAR", "PLUS", "MINUS"}
    if left.issuperset(_OPERATORS[:5]):
        words.append("an operator")
        left -= set(_OPERATORS)
    words.extend(text for kind, text in _WORDS.items() if kind in left)
    return one_of(words) if words else "nothing more"


def _syntax_error(token: Token, accepts: frozenset[str], tokens: Sequence[Token]) -> Problem:
    last = tokens[-1]
    if token.type == "$END":
        span = Span(last.line or 0, last.end_column or 0)
        return Problem("E0202", span, f"the line ends too early; expected {_expected(accepts)}")
    span, found = span_of(token), f"unexpected '{token}'"
    declaration = tokens[0].type == "KIND"
    if "NAME" in accepts and (token in STATEMENTS or token in CLAUSES):
        return _reserved(token)
    if token.type == "RELATION" and "EQUALS" in accepts:
        return Problem("E0202", span, found, "an equation is written with one '='")
    if token.type == "EQUALS" and "RELATION" in accepts:
        return Problem("E0202", span, found, "an assumption is written with ==")
    if token.type in ("NAME", "NUMBER", "LPAR") and accepts.issuperset(_OPERATORS[:5]):
        return _missing_operator(token, span, accepts, declaration)
    if token.type == "COMMA" and "X" in accepts:
        return Problem("E0202", span, found, "rows and columns are separated by 'x', as in H x I")
    if token.type == "X":
        help = "a shape is a size, or two with 'x' between them: rows x columns"
        return Problem("E0202", span, found, help)
    if token.type == "LBRACKET":
        return Problem("E0202", span, found, "an index stands right after a name, once: h[t-1]")
    return Problem("E0202", span, f"{found}; expected {_expected(accepts)}")


def _missing_operator(token: Token, span: Span, accepts: frozenset[str], declaration: bool) -> Problem:
    """Two operands side by side: in an expression an operator is missing, in a declaration rather a word."""
    if declaration and token.type == "NAME" and (guess := did_you_mean(token, CLAUSES)):
        return Problem("E0202", span, f"unexpected '{token}'", guess)
    if "X" in accepts:
        return Problem("E0202", span, f"unexpected '{token}'", "rows and columns are separated by 'x', as in H x I")
    if str(token) in ("if", "else"):
        help = "there is no conditional; a choice is a mask among the inputs: m[t] * a[t] + (1 - m[t]) * b[t]"
        return Problem("E0202", span, f"unexpected '{token}'", help)
    help = "the matrix product is '@', the elementwise product '*'; a product is never left out"
    return Problem("E0205", span, f"an operator is missing before '{token}'", help)
