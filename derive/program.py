"""A Program: ordered equations over matrix expressions, one time step written out.

The model as a user wrote it, its normal form, its adjoint, its tangent and the lowered form that
kernels are printed from are all Programs, so one interpreter, one printer and one proof engine
serve them all.

Axes.  A name is a sequence {t, b}, one value per sequence {b}, or shared by all {}; an expression
has the union of its parts' axes, narrower names broadcast, and only `SumOver` removes axes.
Boundary.  Outside 0 … T−1 a reference x[−k] (x[T−1+k] for a name that runs backward) is the k-th
boundary value where one is declared, else zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from sympy import Expr, MatrixExpr, MatrixSymbol, Rational, Symbol, Transpose

from derive.algebra.bound import Bound
from derive.algebra.build import transpose
from derive.algebra.nodes import Blocks, Delta, Node, SumOver, T, Timed, is_reference, t

SEQUENCE, ONCE, SHARED = frozenset("tb"), frozenset("b"), frozenset("")
GIVEN = ("input", "target", "param", "const", "initial", "cotangent", "direction")


@dataclass(frozen=True)
class Variable:
    """What a name stands for.

    Attributes:
        role: input, target, param, const, initial, cotangent or direction (given arrays); state,
            result, total, temporary, adjoint, carry or tangent (defined by an equation).
        shape: (rows, columns), numbers or polynomials in the sizes; a vector has one column.
        axes: which of t (steps) and b (sequences) it has.
        initial: the names of its boundary values, nearest first; None is a zero boundary.
        backward: the boundary lies after the last step.
        onehot: dense in equations, a class index in kernels; never differentiated.
        tex: the TeX name, if the user gave one.
        of: the name that an adjoint, carry, tangent, direction or boundary value belongs to.
    """

    name: str
    role: str
    shape: tuple[Expr, Expr]
    axes: frozenset[str]
    initial: tuple[str | None, ...] = ()
    backward: bool = False
    onehot: bool = False
    tex: str = ""
    of: str = ""

    @property
    def given(self) -> bool:
        return self.role in GIVEN

    @property
    def differentiable(self) -> bool:
        return self.role in ("input", "param", "initial") and not self.onehot

    @property
    def timed(self) -> bool:
        return "t" in self.axes


@dataclass(frozen=True)
class Assumption:
    """`sum(name) == value` or `name[lag] relation value`, as the cell file states it."""

    name: str
    measure: str  # "sum" or "entries"
    relation: str
    value: Rational
    text: str
    lag: int | None = None  # 1 for name[-1]: the assumption is on a boundary value


@dataclass(frozen=True)
class Program:
    """Equations by name, in an order in which they can be evaluated within a step."""

    name: str
    sizes: tuple[Symbol, ...]
    variables: Mapping[str, Variable]
    equations: Mapping[str, MatrixExpr]
    title: str = ""
    constants: Mapping[str, Rational] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    total: str = ""  # the name of the total loss, "" for a building block
    assumptions: tuple[Assumption, ...] = ()

    def __getitem__(self, name: str) -> Variable:
        return self.variables[name]

    def ref(self, name: str, offset: int = 0) -> MatrixExpr:
        """name[t + offset], or the plain name where it has no time."""
        v = self.variables[name]
        return Timed(name, t + offset, *v.shape) if v.timed else MatrixSymbol(name, *v.shape)

    def at(self, name: str, index: Expr) -> MatrixExpr:
        """name[index] for an absolute time."""
        return Timed(name, index, *self.variables[name].shape)

    def axes(self, e: MatrixExpr) -> frozenset[str]:
        """The axes of an expression: the union over its parts."""
        if is_reference(e):
            axes = self.variables[e.name].axes
            return axes - {"t"} if isinstance(e, Timed) and not e.index.has(t) else axes
        if isinstance(e, SumOver):
            return self.axes(e.arg) - set(e.axes)
        own = frozenset("t") if isinstance(e, Delta) and e.at.has(t) else SHARED
        return own.union(*(self.axes(a) for a in operands(e)))

    def roles(self, *roles: str) -> tuple[Variable, ...]:
        return tuple(v for v in self.variables.values() if v.role in roles)

    @property
    def states(self) -> tuple[Variable, ...]:
        return self.roles("state")

    @property
    def parameters(self) -> tuple[Variable, ...]:
        return self.roles("param")

    @property
    def numbers(self) -> dict[Symbol, Rational]:
        """The constants as they stand in coefficients, with their values."""
        return {Symbol(name, real=True): value for name, value in self.constants.items()}

    @property
    def least_steps(self) -> int:
        """The least T at which the steps that the equations name, h[3] or h[T-2], are in the sequence."""
        found = [0]
        for e in self.equations.values():
            for r in references(e):
                if isinstance(r, Timed) and not r.index.has(t):
                    c = int(r.index.subs(T, 0))
                    found.append(-c if r.index.has(T) else c + 1)
        return max(found)

    def assumes_sum_one(self, name: str) -> bool:
        """Do the components of `name` sum to one, by its declaration or an assumption?"""
        return self.variables[name].onehot or any(
            a.name == name and a.measure == "sum" and a.relation == "==" and a.value == 1 for a in self.assumptions
        )

    def live(self, wanted: Iterable[str]) -> set[str]:
        """The names that the wanted ones need, themselves included."""
        seen: set[str] = set()
        todo = list(wanted)
        while todo:
            name = todo.pop()
            if name in seen:
                continue
            seen.add(name)
            todo.extend(b for b in self.variables[name].initial if b)
            if name in self.equations:
                todo.extend(r.name for r in references(self.equations[name]))
        return seen

    def restrict(self, wanted: Iterable[str], given: bool = False) -> Program:
        """The program without the equations that none of the wanted names needs; all that is `given` may stay."""
        live = self.live(wanted)
        return replace(
            self,
            equations={n: e for n, e in self.equations.items() if n in live},
            variables={n: v for n, v in self.variables.items() if n in live or (given and v.given)},
        )


def operands(e: MatrixExpr) -> tuple[MatrixExpr, ...]:
    """The matrix operands of any node, SymPy's or ours."""
    if is_reference(e):
        return ()
    return e.matrices if isinstance(e, Node) else tuple(a for a in e.args if isinstance(a, MatrixExpr))


def references(e: MatrixExpr) -> Iterator[MatrixExpr]:
    """Every reference in an expression, left to right, repeats included."""
    if is_reference(e):
        yield e
    for a in operands(e):
        yield from references(a)


def at_own_time(r: MatrixExpr) -> bool:
    """Is the reference at the time of the equation it stands in?"""
    return not isinstance(r, Timed) or r.offset == 0


def rebuild(e: MatrixExpr, new: Iterable[MatrixExpr]) -> MatrixExpr:
    """The same node on other operands."""
    if isinstance(e, Bound):
        raise TypeError("sums and products over an index have no place in a program")
    if isinstance(e, Blocks):
        return Blocks(e.block_rows, e.block_cols, *new)
    if isinstance(e, Transpose):
        return transpose(*new)
    replacement = iter(new)
    return e.func(*(next(replacement) if isinstance(a, MatrixExpr) else a for a in e.args))


class Builder:
    """Extends a program equation by equation, naming operands by value."""

    def __init__(self, base: Program):
        self.base = base
        self._sizes = {s.name for s in base.sizes}
        self.variables: dict[str, Variable] = dict(base.variables)
        self.equations: dict[str, MatrixExpr] = dict(base.equations)
        self._known: dict[MatrixExpr, MatrixExpr] = {
            e: self.ref(n) for n, e in base.equations.items() if self.variables[n].axes == base.axes(e)
        }

    def program(self, **changes: object) -> Program:
        return replace(
            self.base,
            variables=MappingProxyType(dict(self.variables)),
            equations=MappingProxyType(dict(self.equations)),
            **changes,  # type: ignore[arg-type]
        )

    def view(self) -> Program:
        """The program as it stands; cheap, for questions about axes."""
        return replace(self.base, variables=self.variables, equations=self.equations)

    def ref(self, name: str, offset: int = 0) -> MatrixExpr:
        v = self.variables[name]
        return Timed(name, t + offset, *v.shape) if v.timed else MatrixSymbol(name, *v.shape)

    def fresh(self, base: str) -> str:
        """`base`, or base_2, base_3 … where a variable, a size or a constant has that name."""
        taken = self._sizes | set(self.base.constants)
        name, n = base, 1
        while name in self.variables or name in taken:
            n += 1
            name = f"{base}_{n}"
        return name

    def declare(self, variable: Variable) -> Variable:
        if variable.name in self.variables:
            raise ValueError(f"{variable.name} is declared twice")
        self.variables[variable.name] = variable
        return variable

    def define(self, name: str, e: MatrixExpr) -> MatrixExpr:
        """Add the equation of a declared name."""
        if name in self.equations:
            raise ValueError(f"{name} is defined twice")
        self.equations[name] = e
        if self.variables[name].axes == self.view().axes(e):
            self._known.setdefault(e, self.ref(name))
        return self.ref(name)

    def name(self, e: MatrixExpr, hint: str) -> MatrixExpr:
        """A reference that stands for `e`: an existing one of the same value, or a new temporary."""
        if is_reference(e) and (not isinstance(e, Timed) or e.offset is not None):
            return e
        if e not in self._known:
            name = self.fresh(hint)
            self.declare(Variable(name, "temporary", e.shape, self.view().axes(e)))
            self.define(name, e)
        return self._known[e]
