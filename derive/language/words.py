"""The words of the language: statements, functions, reserved names, Greek letters, TeX commands."""

from __future__ import annotations

import re
from collections.abc import Mapping

from derive.algebra.functions import FUNCTIONS
from derive.algebra.losses import LOSSES

DECLARATIONS = ("input", "target", "state", "param", "const")
STATEMENTS = ("cell", "dims", *DECLARATIONS, "output")
CLAUSES = ("once", "onehot", "as", "where", "and")
KEYWORDS: Mapping[str, str] = {w: w.upper() for w in (*STATEMENTS, *CLAUSES)} | dict.fromkeys(DECLARATIONS, "KIND")

REDUCTIONS = ("sum", "mean", "dot", "norm2")
ARRAYS = ("softmax", "log_softmax", "concat", "slice", "outer", "diag", "ones", "zeros", "detach")
ELEMENTWISE = tuple(name for name, f in FUNCTIONS.items() if f.public)
FUNCTION_NAMES = frozenset((*ELEMENTWISE, *REDUCTIONS, *ARRAYS, *LOSSES))
ELSEWHERE: Mapping[str, str] = {  # functions that other libraries have, as they are written here
    "cat": "concat(a, b)",
    "clip": "minimum(maximum(a, 0), 1)",
    "concatenate": "concat(a, b)",
    "cosh": "(exp(a) + exp(-a)) / 2",
    "hardsigmoid": "minimum(maximum(a / 6 + 0.5, 0), 1)",
    "hardtanh": "minimum(maximum(a, -1), 1)",
    "logistic": "sigmoid(a)",
    "matmul": "W @ a",
    "max": "maximum(a, b)",
    "min": "minimum(a, b)",
    "mish": "a * tanh(softplus(a))",
    "multiply": "a * b",
    "pow": "a ** 2",
    "relu6": "minimum(relu(a), 6)",
    "sinh": "(exp(a) - exp(-a)) / 2",
    "softsign": "a / (1 + abs(a))",
    "square": "a ** 2",
    "swish": "silu(a)",
    "tan": "sin(a) / cos(a)",
    "transpose": "W.T",
}

LOSSES_ELSEWHERE: Mapping[str, str] = {  # of a target y
    "bce": "binary_cross_entropy(y, p)",
    "ce": "cross_entropy(y, p)",
    "crossentropyloss": "cross_entropy_with_logits(y, a)",
    "mse": "squared_error(y, a)",
    "mseloss": "squared_error(y, a)",
    "nll": "cross_entropy(y, p)",
}

LONGEST_NAME = 32
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*")

_PYTHON = """False None True and as assert async await break class continue def del elif else except finally for
from global if import in is lambda nonlocal not or pass raise return try while with yield"""
_C = """alignas alignof asm auto bool break case char const constexpr continue default do double else enum extern
false float for goto if inline int long nullptr register restrict return short signed sizeof static static_assert
struct switch thread_local true typedef typeof typeof_unqual union unsigned void volatile while"""
_CXX = """and and_eq bitand bitor catch char8_t char16_t char32_t class co_await co_return co_yield compl concept
const_cast consteval constinit decltype delete dynamic_cast explicit export friend mutable namespace new noexcept
not not_eq operator or or_eq private protected public reinterpret_cast requires static_cast template this throw try
typeid typename using virtual wchar_t xor xor_eq"""
_OWN = {
    "t": "the time step",
    "T": "the number of steps",
    "B": "the number of sequences",
    "L": "the total loss",
    "loss": "the loss",
}
KEYWORDS_OF: Mapping[str, frozenset[str]] = {
    "Python": frozenset(_PYTHON.split()),
    "C": frozenset(_C.split()),
    "C++": frozenset(_CXX.split()),
}

_GREEK = """alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon
phi chi psi omega""".split()
_VARIANTS = {"ς": "sigma", "ϵ": "epsilon", "ϑ": "theta", "ϕ": "phi", "ϖ": "pi", "ϱ": "rho", "ϰ": "kappa", "µ": "mu"}
GREEK: Mapping[str, str] = {
    **dict(zip("αβγδεζηθικλμνξοπρστυφχψω", _GREEK, strict=True)),
    **dict(zip("ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ", (w.capitalize() for w in _GREEK), strict=True)),
    **_VARIANTS,
    "\N{OHM SIGN}": "Omega",
}


def ascii_name(text: str) -> str:
    """A name with its Greek letters spelled out: Γ_f is Gamma_f."""
    return "".join(GREEK.get(c, c) for c in text)


def malformed(name: str) -> str:
    """Why an identifier is no name of the language; "" if it is one."""
    foreign = sorted({c for c in name if not (c.isascii() and (c.isalnum() or c == "_"))})
    if foreign:
        return f"{' '.join(foreign)} is no letter of this language: names are ASCII letters, digits, '_' and Greek"
    if not _NAME.fullmatch(name):
        return "a name is a letter, then letters and digits, with single '_' between parts"
    if len(name) > LONGEST_NAME:
        return f"a name has at most {LONGEST_NAME} characters, this one has {len(name)}"
    return ""


def reserved(name: str, size: bool = False) -> str:
    """What a name is reserved for; "" if it is free."""
    if name in _OWN:
        return _OWN[name]
    if size and name == "x":
        return "the separator of shapes, as in H x I"
    if name in KEYWORDS:
        return "a word of this language"
    if name in FUNCTION_NAMES:
        return "a function of this language"
    for language, words in KEYWORDS_OF.items():
        if name in words:
            return f"a keyword of {language}"
    return ""
