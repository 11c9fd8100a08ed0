"""The gradients of a model as text, for terminals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from sympy import MatrixExpr

from derive.algebra.nodes import Blocks
from derive.algebra.text import lines, unicode_text
from derive.calculus.chain import READABLE
from derive.documents.fold import substitute
from derive.documents.latex import latex as latex_text
from derive.errors import UnsupportedError
from derive.kernels.entry import gradient_names
from derive.model.derivation import Derivation
from derive.model.model import Model
from derive.program import Program, references


@dataclass(frozen=True)
class Block:
    """One gradient: a heading, its equations, and the steps if they are wanted."""

    name: str
    heading: str
    equations: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([self.heading, *(f"  {line}" for e in self.equations for line in e.splitlines())])

    def as_json(self) -> dict[str, object]:
        return {"name": self.name, "heading": self.heading, "equations": list(self.equations)}


def blocks(
    model: Model,
    wrt: Iterable[str] = (),
    steps: bool = False,
    form: str | None = None,
    unroll: int | None = None,
    latex: bool = False,
) -> list[Block]:
    """What `derive show` prints: by default both forms of every gradient, the one that reads more easily first."""
    chosen = tuple(wrt) or gradient_names(model.normal)
    write = Writer(model.adjoint.program, frozenset(model.program.equations), latex)
    found: list[Block] = []
    for name in chosen:
        derivation = model.gradient(name)
        if unroll is not None:
            found += _if_possible(name, "unrolled", lambda d=derivation: _unrolled(d, write, unroll))  # type: ignore[misc]
            continue
        sums, recursion = list[Block](), list[Block]()
        if form in (None, "sum"):
            sums = _if_possible(name, "as a sum over steps", lambda d=derivation: _closed(d, write))  # type: ignore[misc]
        if form in (None, "recursion") or steps:
            recursion = [Block(name, f"dL/d{name} by recursion", tuple(_recursion(derivation, write, steps)))]
        found += recursion + sums if _of_several_states(derivation) else sums + recursion
    return found


def _of_several_states(derivation: Derivation) -> bool:
    """Is its one-step Jacobian a matrix of blocks?"""
    try:
        return any(d.right.has(Blocks) for d in derivation.closed_form.definitions)
    except UnsupportedError:
        return False


def _if_possible(name: str, what: str, make: Callable[[], Iterator[str]]) -> list[Block]:
    try:
        return [Block(name, f"dL/d{name} {what}", tuple(make()))]
    except UnsupportedError as error:
        return [Block(name, f"dL/d{name} {what}: {error}", ())]


@dataclass(frozen=True)
class Writer:
    """Equations as text, the values that the normal form names folded in where they are short.

    Args:
        program: the normal form, or one built on it.
        known: what the user's own equations define.
        latex: instead of a terminal's text.
    """

    program: Program
    known: frozenset[str]
    latex: bool = False

    @cached_property
    def folded(self) -> dict[str, MatrixExpr]:
        found: dict[str, MatrixExpr] = {}
        for name, e in self.program.equations.items():
            if self.program[name].role == "temporary" and name not in self.known:
                value = substitute(e, found)
                if sum(1 for _ in references(value)) <= READABLE:
                    found[name] = value
        return found

    def fold(self, e: MatrixExpr) -> MatrixExpr:
        return substitute(e, self.folded) if any(r.name in self.folded for r in references(e)) else e

    def equation(self, left: MatrixExpr, right: MatrixExpr) -> str:
        right = self.fold(right)
        if self.latex:
            return f"{latex_text(left, self.program)} = {latex_text(right, self.program)}"
        return "\n".join(lines(unicode_text(left, self.program), right, self.program))

    def definitions(self, names: Iterable[str]) -> Iterator[str]:
        """The equations of those names, and of what they read, that only the normal form has."""
        todo, seen = list(names), set[str]()
        while todo:
            name = todo.pop(0)
            if self.program[name].role == "temporary" and name not in self.known | seen:
                seen.add(name)
                e = self.program.equations[name]
                todo += self.read_by(e)
                yield f"{self.equation(self.program.ref(name), e)}    (a part of the equations)"

    def read_by(self, e: MatrixExpr) -> list[str]:
        """The names in an expression as it is shown."""
        return [r.name for r in references(self.fold(e))]


def _closed(derivation: Derivation, write: Writer) -> Iterator[str]:
    form = derivation.closed_form
    target = derivation.adjoint.program.ref(derivation.adjoint.cotangents[derivation.name])
    yield write.equation(target, form.compact)
    for definition in form.definitions:
        yield f"{write.equation(definition.left, definition.right)}    ({definition.reason.replace('`', '')})"


def _recursion(derivation: Derivation, write: Writer, steps: bool) -> Iterator[str]:
    for step in derivation.recursion:
        yield write.equation(step.left, step.right) + (f"    ({step.rule}: {step.reason})" if steps else "")
        if steps and len(step.parts) > 1:
            for part in step.parts:
                yield f"  from {part.source}, {part.rule}: {_text(write.fold(part.value), write)}"
    of = {cotangent: name for name, cotangent in derivation.adjoint.cotangents.items()}
    named = [of[s.left.name] for s in derivation.recursion if s.left.name in of]
    yield from write.definitions([*named, *(n for s in derivation.recursion for n in write.read_by(s.right))])


def _text(e: MatrixExpr, write: Writer) -> str:
    return latex_text(e, write.program) if write.latex else unicode_text(e, write.program)


def _unrolled(derivation: Derivation, write: Writer, last: int) -> Iterator[str]:
    for step in derivation.unrolled(last):
        yield write.equation(step.left, step.right)
