"""LaTeX mathematics → tree: Lark for tokens, arguments, scripts and brackets, then what needs a look around."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedInput, v_args

from derive.claims.text.tree import Accent, Font, Fraction, Group, Leaf, Matrix, Node, Root, Row, Scripted, is_leaf
from derive.errors import DeriveError

LONGEST, DEEPEST = 8_000, 40
FORBIDDEN = re.compile(
    r"\\(input|include|write|immediate|read|openin|openout|def|edef|gdef|xdef|let|futurelet|newcommand|renewcommand"
    r"|catcode|csname|expandafter|special|href|url|loop|directlua|shell|usepackage)(?![A-Za-z])|\^\^"
)
SYMBOLS = frozenset(
    """alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi varpi rho
    varrho sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi
    Omega ell hbar infty star partial nabla top intercal sum prod bigodot tanh sinh cosh exp log ln sin cos tan max
    min det sup inf ker dim lim arg deg tr diag star Re Im emptyset forall exists bot dagger prime""".split()
)
FONTS = {
    "bf": "mathbf", "rm": "mathrm", "it": "mathit", "sf": "mathsf", "tt": "mathtt", "cal": "mathcal",
    "bfseries": "mathbf", "itshape": "mathit",
}  # fmt: skip
BRACES = {"underbrace": "sub", "overbrace": "sup"}  # over or under a row, and where its caption stands
CLOSES = {"(": ")", "[": "]", "{": "}", "<": ">"}
_BRACKETS = {
    r"\{": "{", r"\}": "}", r"\lbrace": "{", r"\rbrace": "}", r"\langle": "<", r"\rangle": ">",
    r"\lbrack": "[", r"\rbrack": "]",
}  # fmt: skip


LET = r"a line before it can say what it is: `% derive: let \delta_t = dL/dz[t]`; on the command line, -d 'let ...'"


class LatexError(DeriveError):
    """What cannot be read; `at` counts characters from the start of the text, `width` those it concerns."""

    def __init__(self, message: str, at: int, width: int = 1, help: str = ""):
        self.message, self.at, self.width, self.help = message, at, width, help
        super().__init__(message)


def parse(tex: str) -> Row:
    """The row of nodes that a formula prints.

    Raises:
        LatexError: it is not in the language; where, and why.
    """
    _check(tex)
    try:
        return _parser().parse(tex)  # type: ignore[return-value]
    except UnexpectedInput as error:
        raise _fault(tex, error) from None
    except RecursionError:
        raise LatexError("it is nested too deeply", 0) from None


def _check(tex: str) -> None:
    if len(tex) > LONGEST:
        raise LatexError(f"a formula of more than {LONGEST} characters", LONGEST)
    found = FORBIDDEN.search(tex)
    if found:
        raise LatexError(f"{found.group()} is a command of TeX, no mathematics", found.start(), len(found.group()))
    depth = 0
    for at, c in enumerate(tex):
        depth += (c in "{([") - (c in "})]")
        if depth > DEEPEST:
            raise LatexError(f"brackets are nested more than {DEEPEST} deep", at)


def _fault(tex: str, error: UnexpectedInput) -> LatexError:
    at = error.pos_in_stream if error.pos_in_stream is not None and error.pos_in_stream >= 0 else len(tex.rstrip())
    token = getattr(error, "token", None)
    shown = str(token) if token else tex[at : at + 1]
    if not shown or shown == "$END" or getattr(token, "type", "") == "$END":
        message = "the formula ends before it is complete: a bracket or an argument is missing"
        return LatexError(message, len(tex.rstrip()))
    return LatexError(f"{shown} is not expected here", at, max(1, len(shown)))


@cache
def _parser() -> Lark:
    text = files(__package__).joinpath("latex.lark").read_text("utf-8")
    return Lark(text, parser="lalr", transformer=_Builder(), maybe_placeholders=False)


@v_args(inline=True)
class _Builder(Transformer[Token, Any]):
    """Builds nodes while the text is parsed."""

    def LETTER(self, t: Token) -> Leaf:
        return Leaf("letter", str(t), t.start_pos or 0)

    def DIGIT(self, t: Token) -> Leaf:
        return Leaf("number", str(t), t.start_pos or 0)

    def SYMBOL(self, t: Token) -> Leaf:
        name = t[1:]
        if name not in SYMBOLS:
            raise LatexError(
                f"unknown command {t}", t.start_pos or 0, len(t), "a macro of yours? define it in the file"
            )
        return Leaf("symbol", name, t.start_pos or 0)

    def WORD(self, t: Token) -> Leaf:
        return Leaf("word", " ".join(t[t.index("{") + 1 : -1].split()), t.start_pos or 0)

    def DOTS(self, t: Token) -> Leaf:
        return Leaf("dots", "…", t.start_pos or 0)

    def UNDERSCORE(self, t: Token) -> Leaf:
        return Leaf("letter", "_", t.start_pos or 0)

    def SWITCH(self, t: Token) -> Leaf:
        return Leaf("switch", FONTS[t[1:]], t.start_pos or 0)

    def OP(self, t: Token) -> Leaf:
        return Leaf("op", t.removeprefix("\\"), t.start_pos or 0)

    def REL(self, t: Token) -> Leaf:
        return Leaf("rel", t.removeprefix("\\"), t.start_pos or 0)

    def SEP(self, t: Token) -> Leaf:
        return Leaf("sep", t.removeprefix("\\"), t.start_pos or 0)

    def BAR(self, t: Token) -> Leaf:
        return Leaf("bar", "‖" if t in (r"\|", r"\Vert", r"\lVert", r"\rVert") else "|", t.start_pos or 0)

    def row(self, *nodes: Node) -> Row:
        return _joined(nodes)

    def sub(self, row: Row) -> tuple[str, Row]:
        return "sub", _as_row(row)

    def sup(self, row: Row) -> tuple[str, Row]:
        return "sup", _as_row(row)

    def prime(self, t: Token) -> tuple[str, int]:
        return "primes", len(t) if t.startswith("'") else 1

    def scripted(self, base: Node, *scripts: tuple[str, Any]) -> Node:
        found: dict[str, Any] = {}
        if isinstance(base, Font) and base.name in BRACES:  # with what is written at the brace, it says nothing
            scripts = tuple(s for s in scripts if s[0] != BRACES[base.name])
            base = Group("(" if _is_sum(base.row) else "", base.row, base.at)
        for kind, value in scripts:
            if kind == "primes":
                found[kind] = found.get(kind, 0) + value
            elif kind in found:
                where = "super" if kind == "sup" else "sub"
                raise LatexError(f"two {where}scripts on one symbol", base.at, 1, "use braces")
            elif kind == "sup" and _is_prime(value):
                found["primes"] = found.get("primes", 0) + 1
            else:
                found[kind] = value
        return Scripted(base, **found) if found else base

    def group(self, row: Row) -> Group:
        return Group("", _switched(row), row[0].at if row else 0)

    def conditions(self, head: Token, first: Row, *rest: Any) -> Group:
        r"""\substack: one condition below the other, as if there were commas between them."""
        row = list(first)
        for mark, cell in zip(rest[::2], rest[1::2], strict=True):
            row += [Leaf("sep", ",", mark.start_pos or 0), *cell]
        return Group("", tuple(row), head.start_pos or 0)

    def paren(self, open_: Token, row: Row, close: Token) -> Group:
        left, right = _BRACKETS.get(open_, str(open_)), _BRACKETS.get(close, str(close))
        if CLOSES[left] != right:
            raise LatexError(f"{open_} is closed by {close}", close.start_pos or 0, len(close))
        return Group(left, row, open_.start_pos or 0)

    def frac(self, head: Token, top: Any, bottom: Any) -> Fraction:
        return Fraction(_as_row(top), _as_row(bottom), head.start_pos or 0)

    def root(self, head: Token, row: Any) -> Root:
        return Root(_as_row(row), head.start_pos or 0)

    def accent(self, head: Token, row: Any) -> Node:
        name = head[1:].removeprefix("wide").rstrip("*")
        if head.type in ("FONT", "BRACE"):
            return Font(name, _as_row(row), head.start_pos or 0)
        return Accent({"overline": "bar"}.get(name, name), _as_row(row), head.start_pos or 0)

    def matrix(self, head: Token, first: Row, *rest: Any) -> Matrix:
        rows: list[list[Row]] = [[first]]
        for mark, cell in zip(rest[:-1:2], rest[1::2], strict=True):
            if mark == "&":
                rows[-1].append(cell)
            else:
                rows.append([cell])
        if len(rows) > 1 and rows[-1] == [()]:
            rows.pop()  # a last \\ opens no row
        return Matrix(tuple(map(tuple, rows)), head.start_pos or 0, "cases}" in head)


def _is_sum(row: Row) -> bool:
    """Does a brace hold several terms together?"""
    return any(is_leaf(x, "op", "+", "-") for x in row[1:]) and not any(is_leaf(x, "rel") for x in row)


def _switched(row: Row) -> Row:
    r"""{\bf x}: what stands behind the command is in another alphabet."""
    at = next((k for k, x in enumerate(row) if isinstance(x, Leaf) and x.kind == "switch"), None)
    if at is None:
        return row
    switch = row[at]
    assert isinstance(switch, Leaf)
    return (*row[:at], Font(switch.text, _switched(row[at + 1 :]), switch.at))


def _as_row(x: Any) -> Row:
    """An argument: the row in its braces, or the one token."""
    if isinstance(x, Group) and x.open == "":
        return x.row
    if isinstance(x, Token):
        return (Leaf("symbol", "prime", x.start_pos or 0),)
    return (x,)


def _is_prime(row: Row) -> bool:
    return len(row) == 1 and isinstance(row[0], Leaf) and row[0].text == "prime"


def _joined(nodes: Iterable[Node]) -> Row:
    """Digits of one number and letters of one identifier (dh\\_prev) joined, bars paired."""
    return _paired(_numbers(nodes))


def _numbers(nodes: Iterable[Node]) -> list[Node]:
    found: list[Node] = []
    for node in nodes:
        before = found[-1] if found else None
        head = node.base if isinstance(node, Scripted) else node
        if isinstance(before, Leaf) and isinstance(head, Leaf):
            close = before.at + len(before.text) == head.at
            digits = before.kind == "number" and close and (head.kind == "number" or _is_point(before, head))
            if digits or _same_word(before, head):
                kind = before.kind if digits else "letter"
                whole = Leaf(kind, before.text + head.text, before.at)
                found[-1] = Scripted(whole, node.sub, node.sup, node.primes) if isinstance(node, Scripted) else whole
                continue
            if before.text.endswith(".") and is_leaf(head, "sep", ".") and not isinstance(node, Scripted):  # 1..T
                found[-1] = _without_point(before) if before.kind == "number" else Leaf("sep", ",", before.at)
                found.append(Leaf("dots", "…", head.at))
                continue
        found.append(node)
    return [_without_point(x) for x in found]


def _is_point(before: Leaf, head: Leaf) -> bool:
    return head.kind == "sep" and head.text == "." and "." not in before.text


def _same_word(before: Leaf, head: Leaf) -> bool:
    """dh\\_raw: letters and digits around an escaped underscore are one identifier."""
    if before.kind != "letter":
        return False
    if head.kind == "number":
        return before.text.endswith("_")
    return head.text == "_" or (head.kind == "letter" and "_" in before.text)


def _without_point(node: Node) -> Node:
    if isinstance(node, Leaf) and node.kind == "number" and node.text.endswith("."):
        return Leaf("number", node.text[:-1], node.at)
    return node


def _paired(nodes: list[Node]) -> Row:
    """Bars in pairs of one kind, from the left."""
    found: list[Node] = []
    at = 0
    while at < len(nodes):
        node = nodes[at]
        if isinstance(node, Leaf) and node.kind == "bar":
            end = next((i for i in range(at + 1, len(nodes)) if _closes(nodes[i], node.text)), None)
            if end is None:
                raise LatexError(f"{node.text} has no partner", node.at)
            inner = Group(node.text, tuple(nodes[at + 1 : end]), node.at)
            last = nodes[end]
            found.append(Scripted(inner, last.sub, last.sup, last.primes) if isinstance(last, Scripted) else inner)
            at = end
        else:
            found.append(node)
        at += 1
    return tuple(found)


def _closes(node: Node, bar: str) -> bool:
    head = node.base if isinstance(node, Scripted) else node
    return isinstance(head, Leaf) and head.kind == "bar" and head.text == bar
