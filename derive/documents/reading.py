"""A derivation as a reader wants it: helper names folded away, a reason for each step, sections.

Reasons are plain text.  A name in backquotes stands for its symbol (`h[t-1]`), and @name for the
number of the equation that defines it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sympy import HadamardProduct, MatAdd, MatMul, MatrixExpr, Transpose

from derive.algebra import build as b
from derive.algebra.bound import Bound
from derive.algebra.functions import Apply
from derive.algebra.nodes import Blocks, Detach, FusedLoss, LogSoftmax, Scale, Softmax, Timed, is_reference, t
from derive.calculus.adjoint import Adjoint, Step
from derive.calculus.chain import Chain, readable
from derive.calculus.pullback import rule_name
from derive.errors import UnsupportedError
from derive.program import Program, Variable, operands, rebuild, references


@dataclass(frozen=True)
class Section:
    """A heading, a paragraph, and equations with their reasons: before each, or `beside` it where they are short."""

    title: str
    intro: str = ""
    steps: tuple[Step, ...] = ()
    beside: bool = False


def substitute(e: MatrixExpr, values: Mapping[str, MatrixExpr]) -> MatrixExpr:
    """Names replaced by expressions at step t; what becomes a nested sum or product is flattened."""
    if is_reference(e):
        value = values.get(e.name)
        return e if value is None else value.xreplace({t: e.index}) if isinstance(e, Timed) else value
    if isinstance(e, Bound):
        return e.func(substitute(e.body, values), *e.args[1:])
    if not operands(e):
        return e
    scalar = b.broadcast_scalar(e)
    if scalar is not None:  # in one piece: flattened, its sum would be one over a matrix
        return b.broadcast(substitute(scalar, values), e.shape)
    parts = [substitute(a, values) for a in operands(e)]
    join = {MatAdd: b.add, HadamardProduct: b.hadamard, MatMul: b.matmul}.get(e.func)
    if isinstance(e, Blocks):
        return Blocks(e.block_rows, e.block_cols, *parts)
    return join(*parts) if join else rebuild(e, parts)


IN_PLACE = (Apply, Softmax, LogSoftmax, FusedLoss, Detach)


def helpers(program: Program, shown: Container[str] = ()) -> dict[str, MatrixExpr]:
    """The temporaries better read in place: a function of named values, such as tanh(c[t]), and h[T-1].

    With `shown`, the names that have an equation of their own in the document, every other temporary.
    """
    found: dict[str, MatrixExpr] = {}
    for name, e in program.equations.items():
        in_place = isinstance(e, IN_PLACE) or is_reference(e) or (shown and name not in shown)
        if program[name].role == "temporary" and in_place:
            found[name] = substitute(e, found)
    return found


def fold_program(normal: Program) -> dict[str, MatrixExpr]:
    """The equations of a normal form with the helpers in place."""
    values = helpers(normal)
    return {n: substitute(e, values) for n, e in normal.equations.items() if n not in values}


def folded(steps: Sequence[Step], adjoint: Adjoint, normal: Program) -> dict[str, MatrixExpr]:
    """The helpers of an adjoint program, and those of their adjoints that are used at most once."""
    values = helpers(adjoint.program, normal.equations)
    uses = Counter(r.name for s in steps for r in references(s.right))
    right = {s.left.name: s.right for s in steps}
    for name in [adjoint.cotangents[n] for n in reversed(values) if n in adjoint.cotangents]:
        if uses[name] <= 1 and name in right:
            values[name] = substitute(right[name], values)
    return values


class Reasons:
    """Why an adjoint is what it is: where its variable is used, and by which rules."""

    def __init__(self, normal: Program, adjoint: Adjoint):
        self.normal, self.seeds = normal, adjoint.seeds
        self.uses: dict[str, dict[tuple[str, int | None], str]] = {}
        for name, e in fold_program(normal).items():
            if name not in adjoint.cotangents:
                continue
            for r, parent in _with_parents(e, e):
                offset = r.offset if isinstance(r, Timed) else 0
                later = None if offset is None else -offset
                self.uses.setdefault(r.name, {}).setdefault((name, later), rule_name(parent))

    def of(self, name: str) -> str:
        """The reason of the adjoint of `name`; "" where nothing uses it."""
        v = self.normal[name]
        if v.role == "initial":
            return self._boundary(v)
        uses, symbol = self.uses.get(name, {}), f"{name}[t]" if v.timed else name
        given = self._given(name, symbol)
        if not uses:
            return "The loss itself." if v.role == "total" else given
        times = sorted({d for _, d in uses}, key=lambda d: (d is None, abs(d or 0)))
        where = [self._at(d, [n for n, later in uses if later == d]) for d in times]
        used = f"`{symbol}` is used {' and, '.join(where)} ({listed(_rules(uses.values()))})."
        return f"{used} {given}".rstrip()

    def _given(self, name: str, symbol: str) -> str:
        seed = self.seeds.get(name)
        if not seed:
            return ""
        index = "[t]" if symbol.endswith("]") else ""
        return f"What a larger network passes back to `{symbol}` is given as `{seed}{index}`."

    @staticmethod
    def _at(later: int | None, names: Iterable[str]) -> str:
        numbers = f"in {listed([f'@{n}' for n in names])}"
        if later is None:
            return f"at a single step, {numbers}"
        count = f"{_COUNTS[abs(later)]} step{'s' if abs(later) > 1 else ''}"
        return f"{count} {'later' if later > 0 else 'earlier'}, {numbers}" if later else numbers

    def short(self, name: str) -> str:
        """The reason in a few words, to stand beside an equation."""
        uses = self.uses.get(name, {})
        numbers = listed([f"@{n}" for n in dict.fromkeys(n for n, _ in uses)]) if uses else ""
        return f"by {numbers}, {listed(_rules(uses.values()))}" if uses else "it is used nowhere"

    def _boundary(self, v: Variable) -> str:
        owner = self.normal[v.of]
        k = owner.initial.index(v.name) + 1
        users = [n for (n, later) in self.uses.get(v.of, {}) if later is None or abs(later) >= k]
        if not users:
            return ""
        edge = "after the last step" if owner.backward else "before the first step"
        return f"`{v.name}` is the state {edge}, read in {listed([f'@{n}' for n in dict.fromkeys(users)])}."


def _with_parents(e: MatrixExpr, parent: MatrixExpr) -> Iterator[tuple[MatrixExpr, MatrixExpr]]:
    """Every reference with the node whose rule passes a gradient to it."""
    if is_reference(e):
        yield e, parent
    for a in (e.target, e.logits) if isinstance(e, FusedLoss) else operands(e):
        silent = isinstance(e, (Scale, Transpose)) or (isinstance(e, MatAdd) and not is_reference(a))
        yield from _with_parents(a, parent if silent and parent is not e else e)


def _rules(names: Iterable[str]) -> list[str]:
    return [n for n in dict.fromkeys(names) if n != "chain rule"] or ["sum"]


_COUNTS = "no one two three four five six seven eight".split()


def listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def sections(normal: Program, adjoint: Adjoint) -> tuple[Section, ...]:
    """The derivation of every gradient: the recursion, the gradients it leads to, and their closed forms."""
    why = Reasons(normal, adjoint)
    of = {cotangent: name for name, cotangent in adjoint.cotangents.items()}
    roles = {"param": PARAMETERS, "input": GIVEN, "initial": GIVEN}
    found: dict[str, list[Step]] = {RECURSION: [], PARAMETERS: [], GIVEN: []}
    steps = readable(adjoint)
    values = folded(steps, adjoint, normal)
    for s in steps:
        if s.left.name in values:
            continue
        name = of.get(s.left.name, "")
        title = roles.get(normal[name].role, RECURSION) if name else RECURSION
        reason = s.reason if not name else why.short(name) if title == PARAMETERS else why.of(name)
        found[title].append(replace(s, right=substitute(s.right, values), reason=reason))
    made = [Section(title, INTROS[title], tuple(x), title == PARAMETERS) for title, x in found.items() if x]
    closed = closed_forms(normal, adjoint, values)
    return (*made, *([closed] if closed.steps else []))


RECURSION = "Backward through time"
PARAMETERS = "The gradients of the parameters"
GIVEN = "The gradients of the inputs and the initial states"
CLOSED = "The same gradients as sums over steps"
INTROS = {
    RECURSION: "The gradient of the loss with respect to a value is the sum of what comes back from every equation "
    "that uses the value. Time runs the other way; a gradient at a step outside the sequence is zero.",
    PARAMETERS: "A parameter is the same at every step, so its gradient is a sum over the steps.",
    GIVEN: "They are needed where the network is a part of a larger one.",
    CLOSED: "Unfolding the recursion writes a gradient as a double sum: over the steps `j` whose loss it is, and "
    "over the steps `k` at which the parameter acted. The ordered product carries the one back to the other.",
}


def closed_forms(normal: Program, adjoint: Adjoint, values: Mapping[str, MatrixExpr]) -> Section:
    """The parameters' gradients with the recursion unfolded, where that has a form worth reading."""
    chain = Chain(adjoint)
    gradients: list[Step] = []
    definitions: dict[str, Step] = {}
    for v in normal.parameters:
        if v.name not in adjoint.cotangents:
            continue
        try:
            form = chain.closed_form(v.name)
        except UnsupportedError:
            continue
        left = adjoint.program.ref(adjoint.cotangents[v.name])
        gradients.append(Step(left, substitute(form.compact, values), "closed form", ""))
        for d in form.definitions:
            reason = f"`{d.left.name}[t]`: {d.reason}."
            definitions[d.left.name] = replace(d, right=substitute(d.right, values), reason=reason)
    ordered = sorted(definitions.values(), key=lambda s: (s.left.shape[0] != s.left.shape[1], s.left.shape[1] != 1))
    return Section(CLOSED, INTROS[CLOSED], (*gradients, *ordered))
