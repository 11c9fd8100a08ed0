"""The texts of a C kernel; `templates/c` hold the syntax."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sympy import Expr

from derive.algebra.functions import FUNCTIONS
from derive.kernels.targets.c import workspace
from derive.kernels.targets.c.elements import times
from derive.kernels.targets.c.function import Function, Owned
from derive.kernels.targets.c.helpers import helpers
from derive.kernels.targets.c.interface import parameters
from derive.kernels.targets.c.module import Module
from derive.kernels.targets.c.numbers import CCoefficients, literal, monomials
from derive.kernels.targets.c.words import STATUSES, identifiers, member
from derive.render import render

Terms = Sequence[tuple[str, str, list[str]]]  # of a polynomial: add or subtract, the number, the sizes
LINE = 64  # bytes of a line of the cache, which two threads must not both write
LIBM = frozenset("log sqrt sin cos fabs erf".split())
TITLES = {
    "forward": "Loss, outputs and final states.",
    "value_and_grad": "Loss, outputs, final states, and the gradients of the loss by backpropagation through time.",
    "vjp": "Loss, outputs, final states, and the vector-Jacobian product with the given cotangents.",
    "advance": "Final states.",
}
AGAIN = """The same on a workspace whose last call was for one of these two, with the same parameters and sizes but for
   T and B: the packed weights are there still.  For streams, a step or a few at a time."""


@dataclass(frozen=True)
class Within:
    """What the size of a workspace is computed from where it holds those of another kernel.

    Attributes:
        size: of T and B the one that `lines` ask for.
        lines: definitions; that of `inner`, the bytes of a workspace of the other kernel, is the last.
        parts: are there `parts` of it?  Then each of them is in lines of the cache that are its own.
    """

    size: str
    lines: Sequence[str]
    parts: bool = False


@dataclass(frozen=True)
class Printer:
    """The texts of one kernel."""

    module: Module

    @property
    def functions(self) -> tuple[Function, ...]:
        """The functions whose statements are printed."""
        return self.module.functions

    def files(self) -> dict[str, str]:
        return {f"{self.module.cell}.h": self.header(), f"{self.module.cell}.c": self.source()}

    def header(self) -> str:
        options, normal = self.module.options, self.module.options.normal
        members = [member(s.key) for s in self.module.free]
        fields = [f for s in self.module.structs for f in s.fields]
        return render(
            "c/header.h.j2",
            **self.common,
            assumptions=[comment(a.text) for a in normal.assumptions],
            fixed=options.fixed,
            formula=self.formula,
            how=comment(options.how),
            threads=options.threads,
            members=members,
            structs=self.module.structs,
            integers=any(f.classes for f in fields),
            complex_unit="I" in [*members, *(f.name for f in fields)],
            functions=list(self.declared()),
        )

    def declared(self) -> Iterator[tuple[str, str, str]]:
        """The name, a description and the parameters of every function."""
        for f in self.module.functions:
            yield f.name, TITLES[f.name], self.parameters(f.name)
            if f.again:
                yield f"{f.name}_again", AGAIN, self.parameters(f.name)

    @property
    def formula(self) -> str:
        """The bytes of a workspace, in the sizes."""
        where, text = self.bytes({})
        return f"with {' and '.join(where)}, {text}" if where else text

    def bytes(self, known: Mapping[Expr, Expr]) -> tuple[list[str], str]:
        """The bytes of a workspace where some sizes are known, after what that text takes for granted."""
        return [], self.module.bytes(c.subs(known) for c in self.module.counts)

    def source(self) -> str:
        functions = [self.function(f) for f in self.module.functions]
        text = render(
            "c/source.c.j2",
            **self.common,
            helpers=helpers("\n".join(functions), self.module.cell),
            checks=self.checks(),
            functions=functions,
        )
        return re.sub(r"\n{3,}", "\n\n", text)

    @cached_property
    def common(self) -> dict[str, object]:
        normal = self.module.options.normal
        return {
            "title": comment(normal.title or normal.name),
            "origin": comment(self.module.options.origin),
            "cell": self.module.cell,
            "real": self.module.real,
            "suffix": "" if self.module.real == "double" else "f",
            "statuses": STATUSES,
            **{name: self.literal(x) for name, x in (("zero", 0.0), ("half", 0.5), ("unit", 1.0))},
            "lanes": 8 if self.module.real == "double" else 16,
            "cache_line": LINE,
            "sqrt_half": self.literal(0.7071067811865476),
        }

    def literal(self, value: float) -> str:
        return literal(value, self.module.options.dtype)

    def parameters(self, function: str) -> str:
        """The parameters of a function, as its declaration has them."""
        found = []
        for kind, name in self.parameter_list(function):
            if kind == "real":
                found.append(f"{self.module.real} *{name}")
            else:
                found.append(f"{'const ' * kind.startswith('const')}{self.module.cell}_{name} *{name}")
        return _lines([*found, "void *workspace", "size_t workspace_bytes"])

    def parameter_list(self, function: str) -> list[tuple[str, str]]:
        """(kind, name) of the parameters before the workspace."""
        total = bool(self.module.options.normal.total)
        return parameters(function, bool(self.module.free), self.module.structs, total)

    def given(self) -> list[str]:
        """The structs that every function takes."""
        there = {s.name for s in self.module.structs}
        return [*(["sizes"] if self.module.free else []), *(n for n in ("params", "inputs", "initial") if n in there)]

    def function(self, f: Function) -> str:
        """The text of one function."""
        numbers = CCoefficients(f.plan.names, self.module.options.dtype)
        data = {**self.common, "number": numbers.text, "callable": self.callable}
        body = render("c/body.c.j2", **data, statements=f.statements)
        declarations = f.declarations(body)
        needed = {w for d in declarations for w in d.words} | {c.struct or "loss" for c in f.copies} | set(self.given())
        taken = [name for _, name in self.parameter_list(f.name)]
        return render(
            "c/function.c.j2",
            **data,
            f=f,
            body=body,
            declarations=declarations,
            owns=bool(f.zeros) or any(isinstance(d, Owned) for d in declarations),
            one=any(getattr(d, "default", "") == "&one" for d in declarations),
            zero_count=self.larger(f.zeros),
            parameters=self.parameters(f.name),
            checked=", ".join([*self.given(), "workspace", "workspace_bytes"]),
            taken=taken,
            unused=[name for name in taken if name not in needed] + ["again"] * (f.again and not f.prepared),
        )

    def larger(self, counts: Sequence[str]) -> str:
        first, *rest = counts or [""]
        for n in rest:
            first = f"{self.module.cell}_larger({first}, {n})"
        return first

    def callable(self, function: str) -> str:
        """What is called for a function of the registry."""
        name = FUNCTIONS[function].code["c"]
        if name in LIBM:
            return name if self.module.real == "double" else f"{name}f"
        return f"{self.module.cell}_{name}"

    def terms(self, e: Expr) -> Terms:
        """The terms of a size polynomial, fixed sizes multiplied out where no number gets too large for that."""
        short = monomials(e.subs(self.module.known), self.module.names)
        small = all(int(n) < 2**31 for _, n, _ in short)
        return short if small else monomials(e, self.module.names)

    def checks(self) -> str:
        """The workspace's size and the checks that every function begins with."""
        plans = [f.plan for f in self.module.functions]
        counts = [self.terms(n) for n in workspace.alternatives(plans)]
        return self.checked(self.terms(workspace.extents(plans)), counts)

    def checked(self, bound: Terms, counts: Sequence[Terms], within: Within | None = None) -> str:
        """The text of the checks, for these polynomials."""
        terms = [*bound, *(term for n in counts for term in n)]
        given = [(f"{s.name}->{f.name}", f) for s in self.module.structs if s.name in self.given() for f in s.fields]
        arrays = [(path, times(*f.shape)) for path, f in given]
        indices = [(path, times(*f.shape), f.classes) for path, f in given if f.classes]
        positive = [s.code for s in self.module.free if s.key not in ("T", "B")]
        texts = [*positive, *(count for _, count in arrays), *(x for index in indices for x in index)]
        used = identifiers(" ".join(texts))
        structs = [f"const {self.module.cell}_{name} *{name}" for name in self.given()]
        return render(
            "c/checks.c.j2",
            **self.common,
            members=bool(self.module.free),
            sizes=[(s.code, member(s.key), s.fixed) for s in self.module.sizes],
            minus=any(sign == "subtract" for sign, _, _ in terms),
            degree=max((len(sizes) for _, _, sizes in terms), default=0),
            counted={code for _, _, sizes in terms for code in sizes} | ({within.size} if within else set()),
            bound=bound,
            counts=counts,
            within=within,
            parameters=_lines([*structs, "const void *workspace", "size_t workspace_bytes"]),
            pointers=[*self.given(), "workspace"],
            positive=positive,
            used=used,
            arrays=arrays,
            indices=indices,
        )


def _lines(parameters: Sequence[str]) -> str:
    """The parameters of a function, a few in a line."""
    rows = [""]
    for n, p in enumerate(parameters):
        text = p + ("," if n + 1 < len(parameters) else "")
        if len(rows[-1]) + len(text) > 90:
            rows.append("")
        rows[-1] += " " * bool(rows[-1]) + text
    return "\n    ".join(rows)


def comment(text: str) -> str:
    """Free text that can stand in a comment."""
    text = text.replace("\\", "/")
    for sign, spaced in (("*/", "* /"), ("/*", "/ *"), ("??", "? ?")):
        while sign in text:
            text = text.replace(sign, spaced)
    return text
