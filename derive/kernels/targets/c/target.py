"""The C target: prepares statements for `templates/c`, which hold its syntax."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from sympy import Expr

from derive.algebra.functions import FUNCTIONS
from derive.algebra.nodes import B, T
from derive.kernels.entry import entry_points
from derive.kernels.lowering.codenames import CodeNames
from derive.kernels.lowering.schedule import schedule
from derive.kernels.options import Options
from derive.kernels.targets.c import workspace
from derive.kernels.targets.c.elements import times
from derive.kernels.targets.c.function import Function, Owned, Size
from derive.kernels.targets.c.interface import GIVES, Struct, parameters, structs
from derive.kernels.targets.c.numbers import TYPES, CCoefficients, literal, monomials
from derive.kernels.targets.c.words import member, reserved
from derive.kernels.targets.signature import Argument, arguments
from derive.render import render

LIBM = frozenset("tanh exp log sqrt sin cos fabs erf".split())
STATUSES = (
    ("ok", "all is well"),
    ("null_pointer", "an array that is needed, the workspace or a struct is NULL"),
    ("zero_size", "a size other than T and B is 0"),
    ("size_overflow", "the sizes overflow"),
    ("small_workspace", "the workspace is too small"),
    ("misaligned_workspace", "the workspace is not aligned for its type"),
    ("class_out_of_range", "a class index is out of range"),
)
TITLES = {
    "forward": "Loss, outputs and final states.",
    "value_and_grad": "Loss, outputs, final states, and the gradients of the loss by backpropagation through time.",
    "vjp": "Loss, outputs, final states, and the vector-Jacobian product with the given cotangents.",
}

# helper → the helpers that it calls itself; the bodies are in templates/c/helpers.c.j2
HELPERS: dict[str, tuple[str, ...]] = {
    "sigmoid": (),
    "relu": (),
    "leaky_relu": (),
    "elu": (),
    "gelu": (),
    "silu": ("sigmoid",),
    "softplus": (),
    "maximum": (),
    "minimum": (),
    "reciprocal": (),
    "power": (),
    "step": (),
    "sign": (),
    "largest": (),
    "spread": (),
    "softmax": ("largest", "spread"),
    "softmax_columns": ("largest", "spread"),
    "log_total": ("spread",),
    "log_softmax": ("largest", "log_total"),
    "log_softmax_columns": ("largest", "log_total"),
    "softmax_cross_entropy": ("largest", "log_total"),
    "softmax_cross_entropy_classes": ("largest", "log_total"),
    "sigmoid_cross_entropy": ("softplus",),
    "sigmoid_cross_entropy_classes": ("softplus",),
    "rows": (),
    "rows_transposed": (),
    "sums": (),
    "copy": (),
    "clear": (),
}


@dataclass(frozen=True)
class Module:
    """Everything that the two files of one kernel are printed from."""

    options: Options

    @cached_property
    def names(self) -> CodeNames:
        return CodeNames(self.options.normal, self.reserved)

    @property
    def cell(self) -> str:
        return self.options.normal.name

    @property
    def real(self) -> str:
        return TYPES[self.options.dtype]

    @cached_property
    def reserved(self) -> frozenset[str]:
        return reserved(self.cell, HELPERS)

    @cached_property
    def arguments(self) -> tuple[Argument, ...]:
        return arguments(self.options.normal, self.names)

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        """T, B and the cell's own sizes."""
        fixed = self.options.fixed
        keys = ["T", "B", *(s.name for s in self.options.normal.sizes)]
        codes = {"T": "T", "B": "B"}
        return tuple(Size(codes.get(k) or self.names[k], k, str(fixed.get(k, ""))) for k in keys)

    @property
    def free(self) -> tuple[Size, ...]:
        """The sizes that are told at the call."""
        return tuple(s for s in self.sizes if not s.fixed)

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        options = self.options
        plans = (schedule(e, options.normal, self.reserved) for e in entry_points(options.normal, options.wrt))
        return tuple(Function(plan, self.arguments, self.sizes) for plan in plans)

    @cached_property
    def structs(self) -> tuple[Struct, ...]:
        vjp = self.functions[-1]
        return tuple(structs(self.arguments, vjp.cotangents, vjp.results, bool(self.options.normal.total)))

    @cached_property
    def counts(self) -> list[Expr]:
        """The elements that a workspace has: the largest of these."""
        fixed = self.known
        return workspace.largest(
            [n.subs(fixed).expand() for n in workspace.alternatives(f.plan for f in self.functions)]
        )

    @property
    def known(self) -> dict[Expr, int]:
        """The sizes that are fixed, as symbols."""
        symbols = {**{s.name: s for s in self.options.normal.sizes}, "T": T, "B": B}
        return {symbols[k]: n for k, n in self.options.fixed.items()}

    @property
    def formula(self) -> str:
        """The bytes of a workspace, in the sizes."""
        return workspace.formula(self.counts, 8 if self.options.dtype == "float64" else 4)

    # texts

    def files(self) -> dict[str, str]:
        return {f"{self.cell}.h": self.header(), f"{self.cell}.c": self.source()}

    def header(self) -> str:
        options, normal = self.options, self.options.normal
        members = [member(s.key) for s in self.free]
        fields = [f for s in self.structs for f in s.fields]
        return render(
            "c/header.h.j2",
            **self.common,
            assumptions=[comment(a.text) for a in normal.assumptions],
            fixed=options.fixed,
            formula=self.formula,
            members=members,
            structs=self.structs,
            integers=any(f.classes for f in fields),
            complex_unit="I" in [*members, *(f.name for f in fields)],
            functions=[(f.name, TITLES[f.name], self.parameters(f.name)) for f in self.functions],
        )

    def source(self) -> str:
        functions = [self.function(f) for f in self.functions]
        return render(
            "c/source.c.j2",
            **self.common,
            helpers=helpers("\n".join(functions), self.cell),
            checks=self.checks(),
            functions=functions,
        )

    @cached_property
    def common(self) -> dict[str, object]:
        normal = self.options.normal
        return {
            "title": comment(normal.title or normal.name),
            "origin": comment(self.options.origin),
            "cell": self.cell,
            "real": self.real,
            "suffix": "" if self.real == "double" else "f",
            "statuses": STATUSES,
            **{name: self.literal(x) for name, x in (("zero", 0.0), ("half", 0.5), ("unit", 1.0))},
            "sqrt_half": self.literal(0.7071067811865476),
        }

    def literal(self, value: float) -> str:
        return literal(value, self.options.dtype)

    def parameters(self, function: str) -> str:
        """The parameters of a function, as its declaration has them."""
        found = []
        for kind, name in parameters(function, bool(self.free), self.structs, bool(self.options.normal.total)):
            if kind == "real":
                found.append(f"{self.real} *{name}")
            else:
                found.append(f"{'const ' * kind.startswith('const')}{self.cell}_{name} *{name}")
        return _lines([*found, "void *workspace", "size_t workspace_bytes"])

    def given(self) -> list[str]:
        """The structs that every function takes."""
        there = {s.name for s in self.structs}
        return [*(["sizes"] if self.free else []), *(n for n in ("params", "inputs", "initial") if n in there)]

    def function(self, f: Function) -> str:
        """The text of one function."""
        numbers = CCoefficients(f.plan.names, self.options.dtype)
        data = {**self.common, "number": numbers.text, "callable": self.callable}
        body = render("c/body.c.j2", **data, statements=f.statements)
        declarations = f.declarations(body)
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
        )

    def larger(self, counts: Sequence[str]) -> str:
        first, *rest = counts or [""]
        for n in rest:
            first = f"{self.cell}_larger({first}, {n})"
        return first

    def callable(self, function: str) -> str:
        """What is called for a function of the registry."""
        name = FUNCTIONS[function].code["c"]
        if name in LIBM:
            return name if self.real == "double" else f"{name}f"
        return f"{self.cell}_{name}"

    def checks(self) -> str:
        """The workspace's size and the checks that every function begins with."""
        fixed = self.known
        bound = monomials(workspace.extents(f.plan for f in self.functions).subs(fixed), self.names)
        counts = [monomials(n, self.names) for n in self.counts]
        terms = [*bound, *(term for n in counts for term in n)]
        arrays, indices, seen = [], [], set()
        for a in self.arguments:
            path = f"{GIVES[a.group]}->{member(a.key)}"
            if a.classes:
                indices.append((path, times(*a.shape), a.classes))
            if path not in seen:
                lags = max(x.lag for x in self.arguments if (x.group, x.key) == (a.group, a.key))
                arrays.append((path, times(str(max(lags, 1)), *a.shape)))
            seen.add(path)
        positive = [s.code for s in self.free if s.key not in ("T", "B")]
        texts = [*positive, *(count for _, count in arrays), *(x for index in indices for x in index)]
        used = set(re.findall(r"[A-Za-z_]\w*", " ".join(texts)))
        structs = [f"const {self.cell}_{name} *{name}" for name in self.given()]
        return render(
            "c/checks.c.j2",
            **self.common,
            members=bool(self.free),
            sizes=[(s.code, member(s.key), s.fixed) for s in self.sizes],
            minus=any(sign == "subtract" for sign, _, _ in terms),
            degree=max((len(sizes) for _, _, sizes in terms), default=0),
            counted={code for _, _, sizes in terms for code in sizes},
            bound=bound,
            counts=counts,
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


def helpers(text: str, cell: str) -> tuple[str, ...]:
    """The helpers that a text calls, those they call included, in a fixed order."""
    used = {name for name in HELPERS if f"{cell}_{name}(" in text}
    todo = list(used)
    while todo:
        for need in HELPERS[todo.pop()]:
            if need not in used:
                used.add(need)
                todo.append(need)
    return tuple(name for name in HELPERS if name in used)


def comment(text: str) -> str:
    """Free text that can stand in a comment."""
    text = text.replace("\\", "/")
    for sign, spaced in (("*/", "* /"), ("/*", "/ *"), ("??", "? ?")):
        while sign in text:
            text = text.replace(sign, spaced)
    return text


def files(options: Options) -> dict[str, str]:
    """The generated files, by name."""
    return Module(options).files()


def notes(options: Options) -> Iterable[str]:
    """What the caller should know of the files."""
    module = Module(options)
    return [f"{module.cell}: a workspace has {module.formula} bytes"]
