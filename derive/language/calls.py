"""Function calls: how many arguments each takes, what they must be, what it becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from sympy import Integer, MatrixExpr

from derive.algebra import build as b
from derive.algebra.functions import FUNCTIONS, Apply, Function, power
from derive.algebra.losses import LOSSES
from derive.algebra.nodes import Concat, Detach, Diag, LogSoftmax, Loss, Slice, Softmax, is_reference
from derive.algebra.shapes import is_scalar, same, shape_text
from derive.language import coefficients
from derive.language import syntax as s
from derive.language.report import did_you_mean
from derive.language.sizes import at_least, size_of
from derive.language.values import Value, as_array, is_array, stretch, text_of
from derive.language.words import ELSEWHERE, FUNCTION_NAMES, LOSSES_ELSEWHERE

if TYPE_CHECKING:
    from derive.language.expressions import Translator

Handler = Callable[["Translator", s.Call], "Value | None"]
_MANY = 20_000


def call(tr: Translator, node: s.Call) -> Value | None:
    """The value of name(arguments)."""
    name = node.function
    if name not in FUNCTION_NAMES and (name in tr.table.entries or name in tr.table.doubtful):
        _called_name(tr, node)
        return None
    name = "sigmoid" if name == "sigma" else name
    if name not in SIGNATURES:
        _check_arguments(tr, node)
        tr.error("E0405", node.head, f"unknown function '{name}'", _instead(name))
        return None
    signature, least, most, handler = SIGNATURES[name]
    if not least <= len(node.args) <= most:
        _check_arguments(tr, node)
        count = f"{len(node.args)} argument{'' if len(node.args) == 1 else 's'}"
        tr.error("E0406", node.span, f"'{name}' does not take {count}", f"write {signature}")
        return None
    return handler(tr, node)


def _instead(name: str) -> str:
    """What may have been meant by a function that is none of ours."""
    word = name.lower().replace("_", "")
    if word in ELSEWHERE:
        return f"{name}(a) is written {ELSEWHERE[word]}"
    if word in LOSSES_ELSEWHERE:
        return f"write {LOSSES_ELSEWHERE[word]}, the target first"
    every = f"the functions are {', '.join(sorted(FUNCTION_NAMES))}"
    return "; ".join(filter(None, [did_you_mean(name, FUNCTION_NAMES), every]))


def _check_arguments(tr: Translator, node: s.Call) -> None:
    """Find the errors inside the arguments of a call that has no value."""
    for arg in node.args:
        tr.value(arg, row=True)


def _called_name(tr: Translator, node: s.Call) -> None:
    """An array with parentheses behind it: a product without its sign, or a time in the wrong brackets."""
    times = [a for a in node.args for n in s.names(a) if n.name in ("t", "T")]
    if not times:
        _check_arguments(tr, node)
    if node.function not in tr.table.entries:
        return
    tr.table.used.add(node.function)
    help = f"a product is written {node.function} @ (...) or {node.function} * (...)"
    help = f"a time stands in brackets: {node.function}[t]" if times else help
    tr.error("E0407", node.head, f"'{node.function}' is not a function", help)


def _arrays(tr: Translator, node: s.Call) -> list[MatrixExpr] | None:
    """All arguments as arrays; a number is a 1×1 array.  None if one is hidden by an error."""
    values = [tr.array(arg) for arg in node.args]
    return None if any(v is None for v in values) else [v for v in values if v is not None]


def _elementwise(function: Function, tr: Translator, node: s.Call) -> Value | None:
    values = [tr.value(arg) for arg in node.args]
    for arg, v in list(zip(node.args, values, strict=True))[function.arity :]:
        if v is not None and (is_array(v) or not coefficients.is_number(v, tr.constants)):
            help = "a number such as 0.01, or a const with a value"
            tr.error("E0303", arg.span, f"the slope of {function.name} must be a number", help)
            return None
    if any(v is None for v in values):
        return None
    arrays = [as_array(v) for v in values[: function.arity]]
    shape = next((a.shape for a in arrays if not is_scalar(a.shape)), arrays[0].shape)
    for arg, a in zip(node.args, arrays, strict=False):
        if not (is_scalar(a.shape) or same(a.shape, shape)):
            message = f"'{function.name}' needs equal shapes, got {shape_text(shape)} and {shape_text(a.shape)}"
            tr.error("E0301", arg.span, message)
            return None
    stretched = [stretch(v, shape) for v in values[: function.arity]]
    return Apply(function.name, *stretched, *values[function.arity :])


def _equal_shapes(tr: Translator, node: s.Call) -> list[MatrixExpr] | None:
    """The two arguments of a call that needs equal shapes."""
    arrays = _arrays(tr, node)
    if arrays is not None and not same(arrays[0].shape, arrays[1].shape):
        got = f"{shape_text(arrays[0].shape)} and {shape_text(arrays[1].shape)}"
        tr.error("E0301", node.span, f"'{node.function}' needs equal shapes, got {got}")
        return None
    return arrays


def _loss(kind: str, tr: Translator, node: s.Call) -> Value | None:
    arrays = _equal_shapes(tr, node)
    if arrays is not None and kind != "squared_error" and _is_target(tr, arrays[1]) and not _is_target(tr, arrays[0]):
        shown = f"{kind}(target, {'logits' if LOSSES[kind].logits else 'probabilities'})"
        message = f"a target is the second argument of '{kind}', whose logarithm is taken"
        tr.report.warn("W0104", node.span, message, f"the order is {shown}")
    return None if arrays is None else Loss(kind, *arrays)


def _is_target(tr: Translator, a: MatrixExpr) -> bool:
    return is_reference(a) and a.name in tr.table.entries and tr.table.entries[a.name].kind == "target"


def _dot(tr: Translator, node: s.Call) -> Value | None:
    arrays = _equal_shapes(tr, node)
    return None if arrays is None else b.dot(*arrays)


def _norm2(tr: Translator, node: s.Call) -> Value | None:
    a = tr.array(node.args[0])
    if a is None or not tr.may_double(a, node.span):
        return None
    return power(a, 2) if is_scalar(a.shape) else b.dot(a, a)


def _sum(tr: Translator, node: s.Call) -> Value | None:
    return tr.reduce(node, mean=False)


def _mean(tr: Translator, node: s.Call) -> Value | None:
    return tr.reduce(node, mean=True)


def _unary(build: Callable[[MatrixExpr], MatrixExpr], tr: Translator, node: s.Call) -> Value | None:
    a = tr.array(node.args[0])
    return None if a is None else build(a)


def _vector(tr: Translator, arg: s.Node, function: str, help: str = "") -> MatrixExpr | None:
    """An argument that must be a column vector."""
    a = tr.array(arg)
    if a is not None and a.shape[1] != 1:
        tr.error("E0303", arg.span, f"'{function}' takes vectors, got {text_of(a)}", help)
        return None
    return a


def _diag(tr: Translator, node: s.Call) -> Value | None:
    a = _vector(tr, node.args[0], "diag", "diag(a) is the matrix with a on its diagonal")
    return None if a is None else a if is_scalar(a.shape) else Diag(a)


def _outer(tr: Translator, node: s.Call) -> Value | None:
    vectors = [_vector(tr, arg, "outer", "outer(a, b) is the matrix a b.T") for arg in node.args]
    return None if any(v is None for v in vectors) else b.outer(*vectors)


def _concat(tr: Translator, node: s.Call) -> Value | None:
    arrays = _arrays(tr, node)
    if arrays is None:
        return None
    for arg, a in zip(node.args, arrays, strict=True):
        if not same((a.shape[1], a.shape[1]), (arrays[0].shape[1],) * 2):
            got = f"{shape_text(arrays[0].shape)} and {shape_text(a.shape)}"
            help = "concat stacks along the first axis"
            tr.error("E0303", arg.span, f"'concat' needs equal numbers of columns, got {got}", help)
            return None
    return Concat(*arrays)


def _slice(tr: Translator, node: s.Call) -> Value | None:
    a = tr.array(node.args[0])
    low, high = (size_of(arg, tr.table, bound=True) for arg in node.args[1:])
    if a is None or low is None or high is None:
        return None
    rows = a.shape[0]
    if at_least(low, 0) and at_least((high - low).expand(), 1) and at_least((rows - high).expand(), 0):
        return Slice(a, low, high)
    message = f"the rows {low} to {high} are not inside {text_of(a)} for all sizes"
    help = f"the bounds are half-open: 0 <= lo < hi <= {rows}, whatever the sizes are"
    tr.error("E0306", node.args[1].span.to(node.args[2].span), message, help)
    return None


def _filled(make: Callable[[Value, Value], MatrixExpr], tr: Translator, node: s.Call) -> Value | None:
    sizes = [size_of(arg, tr.table) for arg in node.args]
    if any(size is None for size in sizes):
        return None
    rows, cols = [*sizes, Integer(1)][:2]
    return make(rows, cols)


def _entry(signature: str, least: int, most: int, handler: Handler) -> tuple[str, int, int, Handler]:
    return signature, least, most, handler


def _signature(function: Function) -> str:
    names = ("a", "b")[: function.arity] + ("slope",) * function.parameters
    return f"{function.name}({', '.join(names)})"


SIGNATURES: Mapping[str, tuple[str, int, int, Handler]] = {
    **{
        f.name: _entry(_signature(f), f.arity + f.parameters, f.arity + f.parameters, partial(_elementwise, f))
        for f in FUNCTIONS.values()
        if f.public
    },
    **{k: _entry(f"{k}(target, {'logits' if e.logits else 'a'})", 2, 2, partial(_loss, k)) for k, e in LOSSES.items()},
    "sum": _entry("sum(a)", 1, 1, _sum),
    "mean": _entry("mean(a)", 1, 1, _mean),
    "dot": _entry("dot(a, b)", 2, 2, _dot),
    "norm2": _entry("norm2(a)", 1, 1, _norm2),
    "softmax": _entry("softmax(a)", 1, 1, partial(_unary, Softmax)),
    "log_softmax": _entry("log_softmax(a)", 1, 1, partial(_unary, LogSoftmax)),
    "detach": _entry("detach(a)", 1, 1, partial(_unary, Detach)),
    "concat": _entry("concat(a, b, ...)", 2, _MANY, _concat),
    "slice": _entry("slice(a, lo, hi)", 3, 3, _slice),
    "outer": _entry("outer(a, b)", 2, 2, _outer),
    "diag": _entry("diag(a)", 1, 1, _diag),
    "ones": _entry("ones(H)", 1, 2, partial(_filled, b.ones)),
    "zeros": _entry("zeros(H)", 1, 2, partial(_filled, lambda rows, cols: b.zeros((rows, cols)))),
}
