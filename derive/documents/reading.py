"""The recursion and the gradients as sections: a reason for each equation, in an order that can be read."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain, groupby

from sympy import MatAdd, MatrixExpr, Transpose

from derive.algebra.bound import MatrixSum
from derive.algebra.nodes import FusedLoss, Scale, Timed, is_reference
from derive.calculus.adjoint import Adjoint, Step
from derive.calculus.chain import TO, Chain
from derive.calculus.recursion import readable
from derive.documents.content import Equation, Equations, Paragraph, Section
from derive.documents.fold import fold_program, folded, substitute
from derive.documents.rules import rule_title
from derive.documents.words import listed, number_word, sentence
from derive.errors import UnsupportedError
from derive.program import Program, Variable, operands, references


class Reasons:
    """Why an adjoint is what it is: where its variable is used, and by which rules."""

    def __init__(self, normal: Program, adjoint: Adjoint):
        self.normal, self.seeds = normal, adjoint.seeds
        self.uses: dict[str, dict[tuple[str, int | None], list[str]]] = {}
        for name, e in fold_program(normal).items():
            if name not in adjoint.cotangents:
                continue
            for r, rules in _with_rules(e):
                offset = r.offset if isinstance(r, Timed) else 0
                later = None if offset is None else -offset
                known = self.uses.setdefault(r.name, {}).setdefault((name, later), [])
                known += (rule for rule in rules if rule not in known)

    def of(self, name: str) -> str:
        """The reason of the adjoint of `name`; "" where nothing uses it."""
        v = self.normal[name]
        if v.role == "initial":
            return self._boundary(v)
        uses, symbol = self.uses.get(name, {}), f"{name}[t]" if v.timed else name
        given = self._given(name, symbol)
        if not uses:
            return "The loss itself:" if v.role == "total" else given
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
        count = f"{number_word(abs(later))} step{'s' if abs(later) > 1 else ''}"
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


def _with_rules(e: MatrixExpr, above: tuple[str, ...] = ()) -> Iterator[tuple[MatrixExpr, tuple[str, ...]]]:
    """Every reference with the rules that pass a gradient to it, from the last one to be applied."""
    if is_reference(e):
        yield e, above or ("sum",)
    for a in (e.target, e.logits) if isinstance(e, FusedLoss) else operands(e):
        sign = isinstance(e, Scale) and e.coefficient == -1
        silent = sign or isinstance(e, Transpose) or (isinstance(e, MatAdd) and not is_reference(a))
        yield from _with_rules(a, above if silent else (rule_title(e), *above))


def _rules(names: Iterable[Iterable[str]]) -> list[str]:
    return [n for n in dict.fromkeys(chain.from_iterable(names)) if n != "chain rule"] or ["sum"]


def sections(normal: Program, adjoint: Adjoint, told: Container[str] = ()) -> Iterator[Section]:
    """The recursion, the gradients it leads to, and those parameters' sums over steps that are not `told` already."""
    values = folded(readable(adjoint), adjoint, normal)
    yield from _recursion(normal, adjoint, values)
    yield from _closed_forms(normal, adjoint, values, told)


def _recursion(normal: Program, adjoint: Adjoint, values: Mapping[str, MatrixExpr]) -> Iterator[Section]:
    why = Reasons(normal, adjoint)
    of = {cotangent: name for name, cotangent in adjoint.cotangents.items()}
    found: dict[str, list[Equation]] = {RECURSION: [], PARAMETERS: [], GIVEN: []}
    for s in readable(adjoint):
        if s.left.name in values:
            continue
        name = of.get(s.left.name, "")
        title = ROLES.get(normal[name].role, RECURSION) if name else RECURSION
        reason = s.reason if not name else why.short(name) if title == PARAMETERS else why.of(name)
        right = _in_order(substitute(s.right, values), normal, of)
        found[title].append(Equation(s.left, (right,), f"d:{name or s.left.name}", reason))
    for title, equations in found.items():
        if equations:
            blocks = [Equations(tuple(equations))] if title == PARAMETERS else map(_reason_first, equations)
            yield Section(title, (Paragraph(INTROS[title]), *blocks))


def _reason_first(e: Equation) -> Equations:
    """An equation with its reason before it, as a sentence, not beside it."""
    return Equations((replace(e, beside=""),), sentence(e.beside))


def _in_order(e: MatrixExpr, normal: Program, of: Mapping[str, str]) -> MatrixExpr:
    """A sum with the terms of the same step first, and those of each step in the order of the equations."""
    names = list(normal.equations)

    def place(term: MatrixExpr) -> tuple[int, int]:
        backs = [r for r in references(term) if of.get(r.name) in normal.equations]
        if not backs:
            return (0, -1)
        offset = backs[0].offset if isinstance(backs[0], Timed) else 0
        return (abs(offset or 0), names.index(of[backs[0].name]))

    return MatAdd(*sorted(e.args, key=place)) if isinstance(e, MatAdd) else e


RECURSION = "Backward through time"
PARAMETERS = "The gradients of the parameters"
GIVEN = "The gradients of the inputs and the initial states"
CLOSED = "The same gradients as sums over steps"
ROLES = {"param": PARAMETERS, "input": GIVEN, "initial": GIVEN}
INTROS = {
    RECURSION: "The gradient of the loss with respect to a value is the sum of what comes back from every equation "
    "that uses the value. The equations are evaluated against the direction of time; nothing comes back from a step "
    "outside the sequence.",
    PARAMETERS: "A parameter is the same at every step, so its gradient is a sum over the steps.",
    GIVEN: "These gradients are needed where the network is a part of a larger one.",
    CLOSED: "Unfolding the recursion writes a gradient as a double sum: over the steps `j` whose loss it is, and "
    "over the steps `k` at which the parameter acted. The ordered product carries the one back to the other. The "
    "recursion finds the same numbers in one pass over the steps, the double sum only in about $T^2$ terms.",
}


INTRO_SINGLE = "Unfolding the recursion writes a gradient as a sum over the steps at which the parameter acted."


def _double(e: Equation) -> bool:
    """Is it a sum over the steps of the losses, and over those at which the parameter acted?"""
    return any(isinstance(s.body, MatrixSum) for right in e.rights for s in right.atoms(MatrixSum))


def _closed_forms(
    normal: Program, adjoint: Adjoint, values: Mapping[str, MatrixExpr], told: Container[str]
) -> Iterator[Section]:
    """The parameters' gradients with the recursion unfolded, where that has a form worth reading."""
    forms = Chain(adjoint)
    gradients: list[Equation] = []
    named: dict[str, Step] = {}
    for v in normal.parameters:
        if v.name not in adjoint.cotangents or v.name in told:
            continue
        try:
            form = forms.closed_form(v.name)
        except UnsupportedError:
            continue
        left = adjoint.program.ref(adjoint.cotangents[v.name])
        shown = substitute(form.compact, values)
        gradients.append(Equation(left, (shown,), f"s:{v.name}", meaning=form.expression))
        named |= {d.left.name: d for d in form.definitions}
    if gradients:
        words = INTROS[CLOSED] if any(_double(e) for e in gradients) else INTRO_SINGLE
        blocks = (Paragraph(words), Equations(tuple(gradients)))
        yield Section(CLOSED, (*blocks, *definitions(named.values(), values)))


def definitions(steps: Iterable[Step], values: Mapping[str, MatrixExpr]) -> Iterator[Equations]:
    """What the symbols of sums over steps stand for."""
    ordered = sorted(steps, key=lambda s: (s.left.shape[0] != s.left.shape[1], s.left.shape[1] != 1))
    for reason, alike in groupby(ordered, key=lambda s: s.reason.partition(TO)[0]):
        found = list(alike)
        names = listed([f"`{d.left.name}[t]`" for d in found])
        targets = listed([d.reason.partition(TO)[2] for d in found])
        shown = (Equation(d.left, (substitute(d.right, values),), f"s:{d.left.name}", defines=True) for d in found)
        yield Equations(tuple(shown), f"{names}: {reason}{TO if targets else ''}{targets}.")
