r"""Trees back to LaTeX, in the claim's own notation."""

from __future__ import annotations

from derive.claims.text.parse import CLOSES
from derive.claims.text.tree import Accent, Font, Fraction, Group, Leaf, Matrix, Node, Root, Row, Scripted

COMMANDS = ("symbol", "op", "rel")
LARGE = {"(": (r"\left(", r"\right)"), "[": (r"\left[", r"\right]"), "{": (r"\left\{", r"\right\}")}
SPACES = {"quad": r"\quad ", "qquad": r"\qquad "}


def to_tex(row: Row) -> str:
    """The LaTeX of a row."""
    text = ""
    for node in row:
        piece = _node(node)
        glued = piece[:1].isalpha() and text[-1:].isalpha() and _ends_in_command(text)
        text += (" " if glued else "") + piece
    return text


def quoted(row: Row) -> str:
    """The same among words, between dollars: a page sets it, a terminal leaves them out."""
    return f"${to_tex(row).strip()}$" if row else "none"


def _ends_in_command(text: str) -> bool:
    letters = len(text) - len(text.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    return len(text) > letters and text[len(text) - letters - 1] == "\\"


def _node(node: Node) -> str:
    match node:
        case Leaf():
            return _leaf(node)
        case Scripted(base, sub, sup, primes):
            tex = _node(base) if not isinstance(base, Fraction) else f"{{{_node(base)}}}"
            tex += "'" * primes
            tex += f"_{_script(sub)}" if sub is not None else ""
            return tex + (f"^{_script(sup)}" if sup is not None else "")
        case Group("", row):
            return f"{{{to_tex(row)}}}"
        case Group("|" | "‖" as bar, row):
            mark = "|" if bar == "|" else r"\|"
            return f"{mark}{to_tex(row)}{mark}"
        case Group("<", row):
            return rf"\langle {to_tex(row)}\rangle "
        case Group(open_, row):
            left, right = (open_, CLOSES[open_]) if open_ != "{" else (r"\{", r"\}")
            if any(isinstance(n, (Fraction, Matrix)) or _is_large(n) for n in row):
                left, right = LARGE[open_]
            return f"{left}{to_tex(row)}{right}"
        case Fraction(top, bottom):
            return rf"\frac{{{to_tex(top)}}}{{{to_tex(bottom)}}}"
        case Root(row):
            return rf"\sqrt{{{to_tex(row)}}}"
        case Accent(name, row):
            return rf"\{name}{{{to_tex(row)}}}"
        case Font(name, row):
            return rf"\{name}{{{to_tex(row)}}}"
        case Matrix(rows, _, cases):
            lines = r" \\ ".join(" & ".join(map(to_tex, cells)) for cells in rows)
            name = "cases" if cases else "bmatrix"
            return rf"\begin{{{name}}} {lines} \end{{{name}}}"
    raise TypeError(type(node).__name__)


def _is_large(node: Node) -> bool:
    base = node.base if isinstance(node, Scripted) else node
    return isinstance(base, Leaf) and base.text in ("sum", "prod", "bigodot")


def _script(row: Row) -> str:
    tex = to_tex(row)
    return tex if len(tex) == 1 else f"{{{tex}}}"


def _leaf(leaf: Leaf) -> str:
    if leaf.kind == "word":
        return rf"\operatorname{{{leaf.text}}}" if leaf.text.isalpha() else rf"\text{{{leaf.text}}}"
    if leaf.kind == "ones":
        return r"\mathbf{1}"
    if leaf.kind == "dots":
        return r"\cdots "
    if leaf.kind == "sep":
        return SPACES.get(leaf.text, leaf.text)
    if leaf.kind in COMMANDS and leaf.text.isalpha():
        return f"\\{leaf.text}" + (" " if leaf.kind != "symbol" else "")
    return leaf.text.replace("_", r"\_")
