"""Lines to tokens, with the limits on their number and nesting."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

from lark import Token

from derive.language.report import Problem, Span
from derive.language.source import describe
from derive.language.words import KEYWORDS, ascii_name

MOST_TOKENS, MOST_NAMES, DEEPEST = 20_000, 512, 64

_PATTERNS = {
    "SPACE": r"[ \t]+|\#.*",
    "STRING": r'"[^"]*"',
    "NUMBER": r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?",
    "TRANSPOSE": r"\.[ \t]*T(?![^\Wᵀ])|ᵀ",
    "NAME": r"[^\W\dᵀ][^\Wᵀ]*",
    "POWER": r"\*\*",
    "RELATION": r"==|<=|>=|<|>",
    "EQUALS": r"=",
    "PLUS": r"\+",
    "MINUS": r"-",
    "STAR": r"[*⊙×]",
    "AT": r"@",
    "SLASH": r"/",
    "LPAR": r"\(",
    "RPAR": r"\)",
    "LBRACKET": r"\[",
    "RBRACKET": r"\]",
    "COMMA": r",",
    "COLON": r":",
}
_TOKEN = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _PATTERNS.items()))
_MEMBER = re.compile(r"(?:\.\w+)*\.(?P<name>\w{1,32})\s*\(")  # np.tanh(
_CLOSES = {")": "(", "]": "["}
_CURE: Mapping[str, str] = {
    **dict.fromkeys("−–—", "the minus sign is '-'"),
    **dict.fromkeys("·∘•∗", "the elementwise product is '*'"),
    **dict.fromkeys("“”'‘’", 'a title or TeX name stands between two "'),
    **dict.fromkeys("{}", "a time index stands in brackets, as in h[t-1]; braces are used in TeX names only"),
    '"': 'a title or TeX name stands between two "',
    "^": "a power is written a ** 2, a transpose W.T",
    ".": "the matrix product is '@', the elementwise product is '*'; the transpose is written W.T",
    ";": "one statement per line",
    "≤": "write <=",
    "≥": "write >=",
    "≠": "the relations are == <= >= < >",
    "!": "the relations are == <= >= < >",
    "&": "several assumptions are joined by 'and'",
    "\u00a0": "type an ordinary space",
}


def tokens_of(line: str, number: int) -> list[Token]:
    """The tokens of one line, names in their ASCII spelling, columns those of the text."""
    tokens, at = [], 0
    while at < len(line):
        found = _TOKEN.match(line, at)
        if not found:
            raise _unexpected(line, number, at)
        kind, text, at = str(found.lastgroup), found.group(), found.end()
        if kind == "NAME":
            text = ascii_name(text)
            kind = KEYWORDS.get(text, kind)
        if kind != "SPACE":
            tokens.append(Token(kind, text, line=number, column=found.start() + 1, end_column=at + 1))
    _check_brackets(tokens)
    return _shape_separators(_sigmoids(tokens))


def _sigmoids(tokens: list[Token]) -> list[Token]:
    """σ( is the function sigmoid, σ alone the name sigma."""
    result = list(tokens)
    for i, (token, after) in enumerate(pairwise(tokens)):
        width = (token.end_column or 0) - (token.column or 0)
        if token == "sigma" and width == 1 and after.type == "LPAR":
            result[i] = Token.new_borrow_pos("NAME", "sigmoid", token)
    return result


def names_in(line: str) -> list[str]:
    """Every name on a line, however broken: what a faulty line may have meant to declare or use."""
    return [ascii_name(m.group()) for m in _TOKEN.finditer(line) if m.lastgroup == "NAME"]


def span_of(token: Token) -> Span:
    column = token.column or 1
    return Span(token.line or 0, column, (token.end_column or column + 1) - column)


def _unexpected(line: str, number: int, at: int) -> Problem:
    c = line[at]
    message = "a '\"' is not closed" if c == '"' else f"unexpected character {describe(c)}"
    called = _MEMBER.match(line, at)
    cure = f"functions stand without a module: {called['name']}(...)" if called else _CURE.get(c, "")
    return Problem("E0201", Span(number, at + 1), message, cure)


def _check_brackets(tokens: list[Token]) -> None:
    """Brackets must pair, and nest at most DEEPEST deep."""
    stack: list[Token] = []
    for token in tokens:
        if token.type in ("LPAR", "LBRACKET"):
            stack.append(token)
            if len(stack) > DEEPEST:
                raise too_deep(span_of(token))
        elif token.type in ("RPAR", "RBRACKET"):
            if not stack or stack[-1] != _CLOSES[token]:
                found = f"'{token}' closes nothing" if not stack else f"'{token}' does not close '{stack[-1]}'"
                raise Problem("E0203", span_of(token), found, "every bracket has its partner, on the same line")
            stack.pop()
    if stack:
        help = "a statement ends with its line; close the bracket before"
        raise Problem("E0203", span_of(stack[-1]), f"'{stack[-1]}' is not closed", help)


def too_deep(span: Span) -> Problem:
    help = "give a part of it a name of its own: an equation for each"
    return Problem("E0107", span, f"the expression is nested deeper than {DEEPEST}", help)


def _shape_separators(tokens: list[Token]) -> list[Token]:
    """In a declaration, between ':' and the next clause, `x` and `×` separate rows and columns."""
    if not tokens or tokens[0].type != "KIND":
        return tokens
    result, shape = [], False
    for token in tokens:
        if token.type == "COLON":
            shape = True
        elif token.type in ("EQUALS", "ONCE", "ONEHOT", "AS", "WHERE", "RELATION"):
            shape = False
        width = (token.end_column or 0) - (token.column or 0)
        separator = shape and (token == "×" or (token.type == "NAME" and token == "x" and width == 1))
        result.append(Token.new_borrow_pos("X", token, token) if separator else token)
    return result
