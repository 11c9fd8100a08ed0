"""MathML Core for pages: the documents' own TeX read as boxes, so that both outputs say the same.

One printer decides about order, parentheses and line breaks, the one for TeX.  What it writes is a
small language, and names given by users are in it too; this module reads all of it and nothing more.
(MathML Core, W3C Working Draft.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import Any

from sympy import MatrixExpr
from sympy.printing.mathml import MathMLPresentationPrinter

from derive.algebra.names import Notation
from derive.algebra.symbols import GREEK
from derive.documents.latex import MatrixPrinter
from derive.documents.letters import ACCENTS, ALPHABETS, BIG, FUNCTIONS, LETTERS, OPERATORS, SIZES, SPACES, SYMBOLS
from derive.errors import UnsupportedError
from derive.program import Program

_TOKEN = re.compile(r"\s+|\\[A-Za-z]+\*?|\\.|[0-9]+(?:\.[0-9]+)?|.", re.DOTALL)
CELL_ENDS = ("&", r"\\", r"\end")
APPLY = "<mo>&#x2061;</mo>"


class MathMLPrinter(MathMLPresentationPrinter):  # type: ignore[misc]
    """SymPy's printer for scalars; matrix expressions as the LaTeX of the documents has them."""

    def __init__(self, notation: Notation | None = None):
        super().__init__()
        self.tex = MatrixPrinter(notation)

    def doprint(self, expr: Any) -> str:
        if isinstance(expr, MatrixExpr):
            return mathml(self.tex.doprint(expr))
        return str(super().doprint(expr))


def math_element(tex: str, block: bool = False) -> str:
    """A whole <math> element."""
    display = ' display="block"' if block else ""
    return f"<math{display}>{mathml(tex)}</math>"


def aligned(equations: Iterable[tuple[MatrixExpr, MatrixExpr]], program: Program) -> str:
    """Equations below one another, for a notebook."""
    tex = MatrixPrinter(Notation(program.variables))
    cells = ((mathml(tex.doprint(a)), mathml(f"= {tex.doprint(c)}")) for a, c in equations)
    rows = "".join(
        f'<mtr><mtd style="text-align:right">{left}</mtd><mtd style="text-align:left">{right}</mtd></mtr>'
        for left, right in cells
    )
    return f'<math display="block"><mtable displaystyle="true" columnalign="right left">{rows}</mtable></math>'


def mathml(tex: str) -> str:
    """The TeX of a formula as the contents of a <math> element.

    Raises:
        UnsupportedError: there is TeX in it that our printers do not write.
    """
    return _Reader(tex).all()


class _Reader:
    def __init__(self, tex: str):
        self.tokens = [x for x in _TOKEN.findall(tex) if not x.isspace()]
        self.at = 0

    def all(self) -> str:
        row = self.row(())
        if self.at < len(self.tokens):
            raise UnsupportedError(f"TeX that is not balanced, at {self.tokens[self.at]}")
        return row

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        if not token:
            raise UnsupportedError("TeX that ends too early")
        self.at += 1
        return token

    def expect(self, token: str) -> None:
        found = self.take()
        if found != token:
            raise UnsupportedError(f"TeX with {found} where {token} is expected")

    def row(self, ends: tuple[str, ...]) -> str:
        """Everything up to one of the ends, or to the end of the formula or group."""
        out = list[str]()
        while self.peek() and self.peek() not in (*ends, "}"):
            if out and (self.peek() in _NAMES or self.peek()[1:] in FUNCTIONS) and _OPERAND.search(out[-1]):
                out.append(_space(r"\,"))  # W diag(h)
            out.append(self.scripted())
        return "".join(out)

    def group(self) -> str:
        """An argument: one token, or a group as one box."""
        if self.peek() != "{":
            return self.atom()[0]
        self.take()
        inner = self.row(())
        self.expect("}")
        return inner if _is_one(inner) else f"<mrow>{inner}</mrow>"

    def raw(self) -> str:
        """An argument as text."""
        self.expect("{")
        text = ""
        while self.peek() != "}":
            text += self.take()
        self.take()
        return text

    def scripted(self) -> str:
        base, kind = self.atom()
        if self.peek() == r"\limits":
            self.take()
        sub = sup = primes = bracket = ""
        while self.peek() in ("_", "^", "'"):
            sign = self.take()
            if sign == "'":
                primes += "′"
            elif sign == "_":
                sub = self.group()
            else:
                sup = self.group()
        if primes:
            sup = f"<mrow><mo>{primes}</mo>{sup}</mrow>" if sup else f"<mo>{primes}</mo>"
        under, over, both = ("munder", "mover", "munderover") if kind == "big" else ("msub", "msup", "msubsup")
        if kind == "sized" and (sub or sup):  # what has scripts is not stretched: they stand beside a strut
            bracket, base = base, STRUT
        if sub and sup:
            base = f"<{both}>{base}{sub}{sup}</{both}>"
        elif sub or sup:
            base = f"<{under}>{base}{sub}</{under}>" if sub else f"<{over}>{base}{sup}</{over}>"
        if kind == "sized":
            return bracket + base if sub or sup else base
        if kind != "function" or not self.peek():
            return base
        return base + APPLY + ("" if self.peek() in ("(", r"\left", r"\Bigl") else _space(r"\,"))

    def atom(self) -> tuple[str, str]:
        """One box, and its kind: a big operator, the name of a function, or a bracket of a given size."""
        token = self.take()
        special = _SPECIAL.get(token)
        if special:
            return special(self, token), _KINDS.get(token, "")
        if token == "{":
            self.at -= 1
            return self.group(), ""
        if token in BIG:
            return f'<mo movablelimits="false">{BIG[token]}</mo>', "big"
        if token[1:] in FUNCTIONS:
            return f'<mi mathvariant="normal">{token[1:]}</mi>', "function"
        return self.simple(token), ""

    def simple(self, token: str) -> str:
        if token in OPERATORS or token in "=+/*:,;.!|<>∂":
            return f"<mo>{escape(OPERATORS.get(token, token))}</mo>"
        if token in SYMBOLS:
            return f'<mi mathvariant="normal">{SYMBOLS[token]}</mi>'
        if token in SPACES:
            return _space(token)
        if token in "()[]":
            return f'<mo stretchy="false">{token}</mo>'
        if token[0].isdigit():
            return f"<mn>{token}</mn>"
        if token.isalpha():
            return f"<mi>{token}</mi>"
        if token[:1] == "\\" and (token[1:] in LETTERS or token[1:] in GREEK):
            letter = LETTERS.get(token[1:]) or GREEK[token[1:]]
            return f'<mi mathvariant="normal">{letter}</mi>' if token[1].isupper() else f"<mi>{letter}</mi>"
        if token in (r"\{", r"\}", r"\_", r"\%", r"\&", r"\#", r"\$"):
            return f"<mo>{escape(token[1:])}</mo>"
        raise UnsupportedError(f"no MathML for {token}: add it to derive.documents.mathml")

    # Commands with arguments

    def fraction(self, token: str) -> str:
        above, below = self.group(), self.group()
        wide = ' displaystyle="true"' if token == r"\dfrac" else ""
        return f"<mfrac{wide}>{above}{below}</mfrac>"

    def root(self, token: str) -> str:
        return f"<msqrt>{self.group()}</msqrt>"

    def accent(self, token: str) -> str:
        return f'<mover accent="true">{self.group()}<mo>{ACCENTS[token]}</mo></mover>'

    def underline(self, token: str) -> str:
        return f"<munder>{self.group()}<mo>_</mo></munder>"

    def word(self, token: str) -> str:
        return self.styled(lambda text: f'<mi mathvariant="normal">{escape(text)}</mi>')

    def alphabet(self, token: str) -> str:
        letters = ALPHABETS[token]
        return self.styled(lambda text: "".join(f"<mi>{letters.get(c, escape(c))}</mi>" for c in text))

    def styled(self, write: Callable[[str], str]) -> str:
        """A word in another alphabet; what is more than a word keeps its own."""
        if self.peek() != "{":
            return write(self.take())
        end = self.tokens.index("}", self.at) if "}" in self.tokens[self.at :] else self.at
        word = self.tokens[self.at + 1 : end]
        if not all(x.isalnum() or x in "-*." for x in word):
            return self.group()
        self.at = end + 1
        return write("".join(word))

    def mathop(self, token: str) -> str:
        return self.group()

    def fenced(self, token: str) -> str:
        left = self.take()
        inner = self.row((r"\right",))
        self.expect(r"\right")
        return f"<mrow>{_fence(left)}{inner}{_fence(self.take())}</mrow>"

    def sized(self, token: str) -> str:
        size = SIZES[token]
        return f'<mo minsize="{size}" maxsize="{size}">{_bracket(self.take())}</mo>'

    def matrix(self, token: str) -> str:
        kind = self.raw()
        if kind != "bmatrix":
            raise UnsupportedError(f"no MathML for the environment {kind}")
        rows, cells = [], []
        while self.peek() != r"\end":
            cells.append(f"<mtd>{self.row(CELL_ENDS)}</mtd>")
            if self.peek() == "&":
                self.take()
            elif self.peek() == r"\\":
                self.take()
                self.gap()
                rows.append("".join(cells))
                cells = []
        rows.append("".join(cells))
        self.take()
        self.raw()
        table = "".join(f"<mtr>{row}</mtr>" for row in rows)
        return f"<mrow><mo>[</mo><mtable>{table}</mtable><mo>]</mo></mrow>"

    def gap(self) -> None:
        """The space behind a row: \\\\[6pt]."""
        if self.peek() == "[" and "".join(self.tokens[self.at : self.at + 5]).startswith("[6pt]"):
            while self.take() != "]":
                pass

    def ignored(self, token: str) -> str:
        return ""


def _space(token: str) -> str:
    return f'<mspace width="{SPACES[token]}"/>'


def _bracket(token: str) -> str:
    return {r"\{": "{", r"\}": "}", ".": "", r"\lVert": "‖", r"\rVert": "‖"}.get(token, escape(token))


def _fence(token: str) -> str:
    return f"<mo>{_bracket(token)}</mo>" if token != "." else ""


def _is_one(inner: str) -> bool:
    """Is it a single element already?"""
    return bool(re.fullmatch(r"<m[ino](?: [^>]*)?>[^<]*</m[ino]>", inner))


_OPERAND = re.compile(r"(?:</m(?:i|n|sub|sup|subsup|frac|row|over)>|<mo[^>]*>[)\]]</mo>)$")
STRUT = '<mspace height="1.3em" depth="0.5em"/>'  # as tall as a bracket of this size
_NAMES = (r"\operatorname", r"\operatorname*")
_KINDS = {r"\mathop": "big", **dict.fromkeys(_NAMES, "function"), **dict.fromkeys(SIZES, "sized")}
_SPECIAL: Mapping[str, Callable[[_Reader, str], str]] = {
    **dict.fromkeys((r"\frac", r"\dfrac", r"\tfrac"), _Reader.fraction),
    r"\sqrt": _Reader.root,
    **dict.fromkeys(ACCENTS, _Reader.accent),
    r"\underline": _Reader.underline,
    **dict.fromkeys((r"\operatorname", r"\operatorname*", r"\mathrm", r"\text", r"\mathit"), _Reader.word),
    **dict.fromkeys(ALPHABETS, _Reader.alphabet),
    r"\mathop": _Reader.mathop,
    r"\left": _Reader.fenced,
    **dict.fromkeys(SIZES, _Reader.sized),
    r"\begin": _Reader.matrix,
    **dict.fromkeys((r"\displaystyle", r"\limits", r"\notag", "&"), _Reader.ignored),
}
